"""A journal on PostgreSQL as people read it: one connection that cannot write, on the server that writes or else on any.

Owns that connection and a loop of its own, for programs that have none. It must never know a question. The trap: a standby
may be behind, and a server that was replaced may be wrong, so the one that writes is asked first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from protocols.vocabulary import Secret
from relay.errors import JournalUnusable
from relay.journal.keyring import KeyRing
from relay.journal.postgres import schema
from relay.journal.postgres.door import BadRecord, Connection, Lost, Refused, connect, servers
from relay.journal.postgres.group import numbered
from relay.journal.postgres.keytable import prove_keys
from relay.journal.rows import Cell
from relay.journal.source import SourceDamaged
from relay.settings import JournalSettings

STATEMENT_TIMEOUT_MS: Final = 600_000
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r'"
)
Result = TypeVar("Result")


class PostgresSource:
    def __init__(self, settings: JournalSettings, password: Secret | None) -> None:
        """Raises JournalUnusable."""
        self._schema = settings.schema_name
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)  # the thread's own loop, if any, stays
        try:
            self._connection = self._run(_open(settings, password))
            self.place = f"{self._connection.server} {self._schema}"
            version = self._run(schema.version_of(self._connection, self._schema))
        except BaseException:
            self._runner.close()
            raise
        if version != len(schema.migrations()):
            self.close()
            there = f"has version {version}" if version else "is not there"
            raise JournalUnusable(
                f"The journal {self.place} {there}, this program reads version {len(schema.migrations())}.",
                "Start the relay of this version once, which makes or migrates it, or use the program that wrote it.",
            )

    def all(self, sql: str, parameters: Sequence[Cell] = ()) -> list[Any]:
        return self._run(self._connection.rows(numbered(sql), *parameters))

    def prove_key(self, keys: KeyRing) -> None:
        self._run(prove_keys(self._connection, self._schema, keys))

    def key_id(self) -> str:
        rows = self.all("SELECT key_id FROM key_check")
        if not rows:
            raise SourceDamaged("it names no key")
        return str(rows[0][0])

    def sizes(self) -> tuple[int, int]:
        return int(self.all(_SIZE, (self._schema,))[0][0]), 0

    def check(self) -> list[str]:
        """Nothing: pages and indexes are checked with the server's own tools (docs/install.md)."""
        return []

    def notes(self) -> list[str]:
        """Nothing: the server's autovacuum keeps room for new rows by itself (docs/install.md)."""
        return []

    def close(self) -> None:
        self._run(self._connection.close())
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            return self._runner.run(work)
        except Lost as error:
            raise JournalUnusable(f"The journal's server is away: {error}.", "Start it, and ask again.") from error
        except (Refused, BadRecord) as error:
            raise SourceDamaged(str(error)) from error


async def _open(settings: JournalSettings, password: Secret | None) -> Connection:
    try:
        named = servers(settings.dsn)
    except ValueError as error:
        raise JournalUnusable(f"journal.dsn cannot be read: {error}.", "See docs/install.md.") from error
    problem: Exception = Lost("nothing was tried")
    for mode in ("read-write", "any"):
        for server in named:
            try:
                connection = await connect(
                    server,
                    settings.dsn,
                    password,
                    schema.reading_session(settings, STATEMENT_TIMEOUT_MS, writable=mode == "read-write"),
                    connect_s=settings.connect_timeout_ms / 1000,
                    patience_s=STATEMENT_TIMEOUT_MS / 1000,
                    session=mode,
                )
                await connection.run("SET default_transaction_read_only = on")
                return connection
            except (Lost, Refused) as error:
                problem = error
    raise schema.unusable(problem, named)
