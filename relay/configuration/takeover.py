"""What `[takeover]` must be to take the other center's journal over: a pair, a database, and one process that has it.

Owns the checks that need only the file. It must never ask the database. The traps: the copy is not this center's own journal,
nor this center's key; and of several workers one would have the other's journal and the rest would take its repeats for new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from relay.configuration.acks import needs_of, setting_of
from relay.configuration.lines import Path
from relay.configuration.regions import Wrong
from relay.handoversettings import TakeoverSettings
from relay.needs import AckClass, Need
from relay.settings import Settings

_WHERE = ("takeover", "dsn")
_EXAMPLE = "postgresql://relay@127.0.0.1:5433/relay"


def check_takeover(settings: Settings) -> Iterator[Wrong]:
    """Everything that keeps the other center from being taken over, or lets it be taken over wrongly."""
    takeover, journal = settings.takeover, settings.journal
    if settings.pair.peer is None and "own_look_ms" in takeover.model_fields_set:
        yield Wrong(
            ("takeover", "own_look_ms"),
            "no other center is named that could take this one over: the core is not asked",
            '[pair] with peer = "osaka"',
            is_warning=True,
        )
    if takeover.dsn is None:
        unused = sorted(takeover.model_fields_set - {"dsn", "own_look_ms"})
        if unused:
            yield Wrong(
                ("takeover", unused[0]),
                "no copy of the other center's journal is named",
                f'dsn = "{_EXAMPLE}"',
                is_warning=True,
            )
        return
    if settings.pair.peer is None:
        yield Wrong(_WHERE, "no other center is named whose journal it could be", '[pair] with peer = "osaka"')
    parts = urlsplit(takeover.dsn)
    if parts.scheme not in ("postgresql", "postgres") or not parts.netloc.rpartition("@")[2] or not parts.path.strip("/"):
        yield Wrong(_WHERE, "not the address of a PostgreSQL database", _EXAMPLE)
    if ":" in parts.netloc.rpartition("@")[0] or re.search(r"(^|&)(ssl)?password=", parts.query):
        yield Wrong(
            _WHERE,
            "a password does not belong into this file",
            "put it into a credential and name that in takeover.password_credential; then replace the password",
        )
    is_own = journal.engine == "postgresql" and (journal.dsn, journal.schema_name) == (takeover.dsn, takeover.schema_name)
    if is_own:
        yield Wrong(_WHERE, "this is this center's own journal", "the server here that copies the other center's")
    if settings.pair.journal_standby is not None and Need.LOCAL in needs_of(settings.pair)[AckClass.OUTWARD]:
        yield Wrong(
            ("pair", setting_of(AckClass.OUTWARD)),
            "what was sent by this disk alone still waits on the copy, and whoever takes over sends it again",
            '["local+peer"]',
        )
    if settings.relay.workers > 1:
        yield Wrong(
            ("relay", "workers"),
            "one worker would have the other center's journal, and the rest would take its repeats for new",
            "1, or no [takeover]",
        )


def takeover_credentials(takeover: TakeoverSettings) -> Iterator[tuple[Path, str]]:
    """Every credential that the table names, with the path of the setting."""
    yield ("takeover", "key_credential"), takeover.key_credential
    for number, older in enumerate(takeover.older_key_credentials):
        yield ("takeover", "older_key_credentials", number), older
    if takeover.password_credential is not None:
        yield ("takeover", "password_credential"), takeover.password_credential
