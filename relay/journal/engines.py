"""Which engine keeps the journal: the one place that makes it from the configuration.

Owns the choice. It must never know a record. The trap: asyncpg is installed only where it is wanted (extra `postgresql`), so
nothing of that engine is imported until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

from protocols.vocabulary import Secret
from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.keytable import Identity
from relay.journal.source import Source, SqliteSource
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from relay.journal.postgres.engine import PostgresJournal

Engine: TypeAlias = Union[SqliteJournal, "PostgresJournal"]


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
) -> Engine:
    """Open the journal of `settings` and begin its next incarnation. `secret` reads a credential, `older_keys` are
    those that rows may still name, `identity` is whose journal it has to be. Raises JournalUnusable."""
    if settings.engine == "sqlite":
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
        None if settings.password_credential is None else secret(settings.password_credential),
        call_soon_threadsafe=call_soon_threadsafe,
        clock=clock,
        metrics=metrics,
        on_failed=on_failed,
        older_keys=older_keys,
        identity=identity,
    )


def open_source(settings: JournalSettings, secret: Callable[[str], Secret]) -> Source:
    """A connection for people's questions, beside a running relay. Raises JournalUnusable."""
    if settings.engine == "sqlite":
        return SqliteSource(settings.path)
    try:
        from relay.journal.postgres.source import PostgresSource
    except ModuleNotFoundError as error:
        raise _missing() from error
    return PostgresSource(settings, None if settings.password_credential is None else secret(settings.password_credential))


def _missing() -> JournalUnusable:
    return JournalUnusable(
        "The journal is kept by PostgreSQL, but its driver is not installed.",
        "Install the extra beside the relay: pip install 'relay-center[postgresql]'.",
    )
