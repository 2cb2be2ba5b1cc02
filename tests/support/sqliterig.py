"""The SQLite engine in a test: its loop is a queue that the test turns by hand, its faults are raised where SQLite raises.

Owns `SqliteRig` (a `Rig` of journal_suite.py) and the connection that fails on demand. Faults of a real disk are in
tests/support/powercut; here the engine's answer to SQLite's error codes is what counts.
"""

from __future__ import annotations

import queue
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from relay.clock import SystemClock
from relay.journal.port import JournalState
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.support.journal_suite import T0_MS

KEY = bytes(range(32))
PATIENCE_S = 30.0


class RigClock(SystemClock):
    """`passed_ms` is time that has passed, `set_by_ms` is what somebody did to the clock."""

    def __init__(self) -> None:
        self.passed_ms = 0
        self.set_by_ms = 0

    def wall_ms(self) -> int:
        return T0_MS + self.passed_ms + self.set_by_ms

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() + self.passed_ms


class TurnedLoop:
    """call_soon_threadsafe of a loop that turns when the test says so."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.turns = 0

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        self._calls.put(callback)

    def turn(self) -> None:
        """Wait for the next call, and run it."""
        callback = self._calls.get(timeout=PATIENCE_S)
        self.turns += 1
        callback()


class FaultyConnection:
    """A connection whose next statements starting with `statement` raise `code` until healed."""

    def __init__(self, real: sqlite3.Connection, statement: str, code: int, name: str) -> None:
        self.real = real
        self.statement = statement
        self.code: int | None = code
        self.name = name
        self.raised = 0

    def execute(self, sql: str, *parameters: Any) -> Any:
        if self.code is not None and sql.startswith(self.statement):
            self.raised += 1
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self.code
            error.sqlite_errorname = self.name
            raise error
        return self.real.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class SqliteRig:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.lives = 0
        self.settings: dict[str, Any] = settings
        self.clock = RigClock()
        self.loop = TurnedLoop()
        self.metrics = Metrics()
        self.failures: list[str] = []
        self.faulty: FaultyConnection | None = None
        self.path = folder / "journal.sqlite"
        self.journal = self.open()

    def open(self, *, key: bytes = KEY, older: Sequence[bytes] = ()) -> SqliteJournal:
        return SqliteJournal.open(
            JournalSettings(path=str(self.path), **self.settings),
            key,
            call_soon_threadsafe=self.loop.call_soon_threadsafe,
            clock=self.clock,
            metrics=self.metrics,
            on_failed=self.failures.append,
            older_keys=older,
        )

    def settle(self) -> None:
        while self.journal.waiting_count():
            self.loop.turn()

    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.open()

    def crash(self) -> None:
        """The next life opens a copy of the files as the process left them; SQLite's shared memory is not a file to keep."""
        self.lives += 1
        old, self.path = self.path, self.folder / f"life{self.lives}.sqlite"
        for suffix in ("", "-wal"):
            source = old.with_name(old.name + suffix)
            if source.exists():
                shutil.copyfile(source, self.path.with_name(self.path.name + suffix))
        self.journal.close()
        self.journal = self.open()

    def inject(self, statement: str, code: int, name: str) -> FaultyConnection:
        writer = self.journal._writer
        self.faulty = FaultyConnection(writer._connection, statement, code, name)
        writer._connection = self.faulty  # type: ignore[assignment]  # as much of a connection as the writer uses
        return self.faulty

    def set_full(self, full: bool) -> None:
        if full:
            self.inject("COMMIT", sqlite3.SQLITE_FULL, "SQLITE_FULL")
            return
        assert self.faulty is not None
        self.faulty.code = None
        while self.journal.state is not JournalState.WRITABLE:
            self.loop.turn()

    def fail_sync(self) -> None:
        self.inject("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC")

    def later(self, by_ms: int) -> None:
        self.clock.passed_ms += by_ms

    def end(self) -> None:
        self.journal.close()
