"""Archiving on SQLite: see tests/support/archive_suite.py for what is promised."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.journal.archive.run import REST_MAX_MS, Pacer
from relay.journal.source import SqliteSource
from tests.support.archive_suite import ArchiveSuite
from tests.support.archived_messages_suite import ArchivedMessagesSuite
from tests.support.archiveworld import ArchiveWorld
from tests.support.sqliterig import SqliteRig


class SqliteWorld(ArchiveWorld):
    def two_keys(self) -> None:
        connection = sqlite3.connect(self.rig.path)
        connection.execute("INSERT INTO journal_key VALUES ('00000000', x'00', 0)")
        connection.commit()
        connection.close()


@pytest.fixture
def sqlite_world(tmp_path: Path) -> Iterator[SqliteWorld]:
    rig = SqliteRig(tmp_path, archive_directory=str(tmp_path / "archive"))
    yield SqliteWorld(rig, tmp_path / "archive", lambda rig: SqliteSource(str(rig.path)))
    rig.end()


class TestSqlite(ArchiveSuite):
    @pytest.fixture
    def world(self, sqlite_world: SqliteWorld) -> SqliteWorld:
        return sqlite_world


class TestSqliteMessages(ArchivedMessagesSuite):
    @pytest.fixture
    def world(self, sqlite_world: SqliteWorld) -> SqliteWorld:
        return sqlite_world


class StandingClock:
    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_ms(self) -> int:
        return self.now_ms

    def wall_ms(self) -> int:
        return self.now_ms


def test_it_rests_three_times_as_long_as_it_works_and_never_long() -> None:
    clock = StandingClock()
    rests: list[int] = []
    pacer = Pacer(clock, rests.append)
    for worked_ms in (0, 5, 100, 5_000):
        clock.now_ms += worked_ms
        pacer("page")
    assert rests == [0, 15, 300, REST_MAX_MS]
