"""The PostgreSQL engine in a test: a real server, a schema of the test's own, a loop that the test turns by hand.

Owns `PostgresRig` (a `Rig` of journal_suite.py) and the connection that breaks on demand. A full disk is a right that the
server takes away; a failed sync is a commit whose connection breaks while another relay takes the journal over.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from protocols.vocabulary import Secret
from relay.journal.keytable import Identity
from relay.journal.port import JournalState
from relay.journal.postgres.door import Connection, Lost
from relay.journal.postgres.engine import PostgresJournal
from relay.journal.shared import Share
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.support.pgserver import PostgresServer
from tests.support.sqliterig import KEY, RigClock, TurnedLoop

COMMIT_MS = 8_000  # the longest there may be: a disk that four servers share may need a second or two for one sync
_numbers = itertools.count(1)


class BreakingConnection:
    """A connection that breaks at the next statement starting with `statement`: before it is sent, or after it was done."""

    def __init__(self, real: Connection, statement: str, *, after: bool) -> None:
        self.real = real
        self.statement = statement
        self.after = after
        self.broken = 0

    async def rows(self, sql: str, *parameters: object) -> list[Any]:
        await self._break_at(sql, lambda: self.real.rows(sql, *parameters))
        return await self.real.rows(sql, *parameters)

    async def run(self, sql: str) -> None:
        await self._break_at(sql, lambda: self.real.run(sql))
        await self.real.run(sql)

    async def _break_at(self, sql: str, work: Any) -> None:
        if sql.startswith(self.statement) and not self.broken:
            self.broken += 1
            if self.after:
                await work()
            self.real.cut()
            raise Lost("injected")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class PostgresRig:
    def __init__(self, server: PostgresServer, **settings: Any) -> None:
        self.server = server
        self.schema = f"test_{next(_numbers)}"
        self.clock = RigClock()
        self.loop = TurnedLoop()
        self.metrics = Metrics()
        self.failures: list[str] = []
        self.settings = JournalSettings(
            engine="postgresql",
            **{"dsn": server.dsn, "schema_name": self.schema, "commit_timeout_ms": COMMIT_MS, **settings},
        )
        self.journal = self.open()

    def open(
        self,
        password: Secret | None = None,
        *,
        key: bytes = KEY,
        older: Sequence[bytes] = (),
        identity: Identity | None = None,
        share: Share | None = None,
    ) -> PostgresJournal:
        return PostgresJournal(
            self.settings,
            key,
            password,
            call_soon_threadsafe=self.loop.call_soon_threadsafe,
            clock=self.clock,
            metrics=self.metrics,
            on_failed=self.failures.append,
            older_keys=older,
            identity=identity,
            share=share,
        )

    def sql(self, statement: str) -> str:
        return self.server.sql(f"SET search_path = {self.schema}; {statement}")

    def settle(self) -> None:
        while self.journal.waiting_count():
            self.loop.turn()

    def turn_until(self, state: JournalState) -> None:
        while self.journal.state is not state:
            self.loop.turn()

    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.open()

    def crash(self) -> None:
        """The process dies: its connections end without a word. (What it has settled is on the server.)"""
        writer = self.journal._writer
        connection = writer._connection
        if connection is not None and not writer._loop.is_closed():
            writer._loop.call_soon_threadsafe(connection.cut)
        self.journal.close()
        self.journal = self.open()

    def inject(self, statement: str, *, after: bool = False) -> BreakingConnection:
        writer = self.journal._writer
        assert writer._connection is not None
        breaking = BreakingConnection(writer._connection, statement, after=after)
        writer._connection = breaking  # type: ignore[assignment]  # as much of a connection as the writer uses
        return breaking

    def set_full(self, full: bool) -> None:
        if full:
            self.sql("REVOKE UPDATE ON owner FROM relay")
            return
        self.sql("GRANT UPDATE ON owner TO relay")
        self.turn_until(JournalState.WRITABLE)

    def fail_sync(self) -> None:
        self.inject("SELECT * FROM write_group")
        self.take_over()

    def take_over(self) -> None:
        """As another relay does when it opens the journal."""
        self.sql("UPDATE owner SET incarnation = incarnation + 1")

    def later(self, by_ms: int) -> None:
        self.clock.passed_ms += by_ms

    def end(self) -> None:
        self.journal.close()
        self.sql(f"DROP SCHEMA {self.schema} CASCADE")
