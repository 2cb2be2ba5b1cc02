"""Which engine keeps the journal: the one place that makes it from the configuration.

Owns the choice. It must never know a record. The traps: asyncpg is installed only where it is wanted (extra `postgresql`), so
nothing of that engine is imported until it is asked for; and people's tools only read, beside a running relay, so what writes
is imported by who opens a journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

from protocols.vocabulary import Secret
from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal import reveal_rows
from relay.journal.adopt import adopt
from relay.journal.audit import Reveal
from relay.journal.keytable import Identity
from relay.journal.shared import Share
from relay.journal.source import Source, SqliteSource

if TYPE_CHECKING:
    from relay.journal.postgres.copy import PostgresCopy
    from relay.journal.postgres.engine import PostgresJournal
    from relay.journal.sqlite import SqliteJournal
    from relay.settings import JournalSettings
    from relay.telemetry.metrics import Metrics

Engine: TypeAlias = Union["SqliteJournal", "PostgresJournal"]


def open_journal(
    settings: JournalSettings,
    key: bytes,
    secret: Callable[[str], Secret],
    *,
    call_soon_threadsafe: Callable[[Callable[[], None]], object],
    clock: Clock,
    metrics: Metrics,
    on_failed: Callable[[str], None] | None = None,
    older_keys: Sequence[bytes] = (),
    identity: Identity | None = None,
    share: Share | None = None,
) -> Engine:
    """Open the journal of `settings` and begin its next incarnation. `secret` reads a credential, `older_keys` are
    those that rows may still name, `identity` is whose journal it has to be, `share` which of several workers opens it; None
    where there is one. Raises JournalUnusable."""
    if settings.engine == "sqlite":
        if share is not None:
            raise JournalUnusable("A file has one writer: several workers need a server.", 'journal.engine = "postgresql"')
        from relay.journal.sqlite import SqliteJournal

        return SqliteJournal.open(
            settings,
            key,
            call_soon_threadsafe=call_soon_threadsafe,
            clock=clock,
            metrics=metrics,
            on_failed=on_failed,
            older_keys=older_keys,
            identity=identity,
        )
    try:
        from relay.journal.postgres.engine import PostgresJournal
    except ModuleNotFoundError as error:
        raise _missing() from error
    return PostgresJournal(
        settings,
        key,
        _password(settings, secret),
        call_soon_threadsafe=call_soon_threadsafe,
        clock=clock,
        metrics=metrics,
        on_failed=on_failed,
        older_keys=older_keys,
        identity=identity,
        share=share,
    )


def open_copy(
    settings: JournalSettings,
    key: bytes,
    older_keys: Sequence[bytes],
    password: Secret | None,
    identity: Identity,
    promote_command: Sequence[str],
    *,
    call_soon_threadsafe: Callable[[Callable[[], None]], object],
    clock: Clock,
) -> PostgresCopy:
    """The copy of another center's journal, whose it is: `identity`. Raises JournalUnusable."""
    try:
        from relay.journal.postgres.copy import PostgresCopy
    except ModuleNotFoundError as error:
        raise _missing() from error
    return PostgresCopy(
        settings, key, older_keys, password, identity, promote_command, call_soon_threadsafe=call_soon_threadsafe, clock=clock
    )


def open_source(settings: JournalSettings, secret: Callable[[str], Secret]) -> Source:
    """A connection for people's questions, beside a running relay. Raises JournalUnusable."""
    if settings.engine == "sqlite":
        return SqliteSource(settings.path)
    try:
        from relay.journal.postgres.source import PostgresSource
    except ModuleNotFoundError as error:
        raise _missing() from error
    return PostgresSource(settings, _password(settings, secret))


def record_alone(settings: JournalSettings, secret: Callable[[str], Secret], reveal: Reveal) -> None:
    """Write a record of a reveal without a relay, durably. Raises JournalUnusable."""
    if settings.engine == "sqlite":
        reveal_rows.record_alone(settings.path, reveal)
        return
    try:
        from relay.journal.postgres import alone
    except ModuleNotFoundError as error:
        raise _missing() from error
    alone.record_alone(settings, _password(settings, secret), reveal)


def adopt_journal(
    settings: JournalSettings, secret: Callable[[str], Secret], mine: Identity, who: str, why: str, at_ms: int
) -> Identity | None:
    """Make another relay's journal `mine`, durably, with a person's signature. Returns whose it was. Raises JournalUnusable."""
    if settings.engine == "sqlite":
        return adopt(settings.path, mine, who, why, at_ms)
    try:
        from relay.journal.postgres import alone
    except ModuleNotFoundError as error:
        raise _missing() from error
    return alone.adopt(settings, _password(settings, secret), mine, who, why)


def place_of(settings: JournalSettings) -> str:
    """Where the journal of these settings is, for people and for comparing: without the user."""
    if settings.engine == "sqlite":
        return settings.path
    return f"{settings.dsn.rpartition('@')[2]} {settings.schema_name}"


def is_same_place(settings: JournalSettings, place: str) -> bool:
    """Whether `place`, made by `place_of`, is where the journal of `settings` is."""
    if settings.engine != "sqlite":
        return place == place_of(settings)
    try:
        return os.path.samefile(place, settings.path)
    except OSError:
        return False


def _password(settings: JournalSettings, secret: Callable[[str], Secret]) -> Secret | None:
    return None if settings.password_credential is None else secret(settings.password_credential)


def _missing() -> JournalUnusable:
    return JournalUnusable(
        "The journal is kept by PostgreSQL, but its driver is not installed.",
        "Install the extra beside the relay: pip install 'relay-center[postgresql]'.",
    )
