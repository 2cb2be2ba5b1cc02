"""Empty pages: a new journal gives them back in slices and keeps a tenth, an old one says that it cannot."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from relay.journal.compact import CONVERT, KEPT_DIVISOR, can_compact, compact_slice, free_bytes, spare_pages
from relay.journal.source import SqliteSource
from tests.support.journal_suite import DAY_MS, answered, taken
from tests.support.sqliterig import SqliteRig

COUNT = 600


def old_journal(folder: Path, count: int = COUNT) -> SqliteRig:
    """Everything in it may go."""
    rig = SqliteRig(folder)
    for number in range(count):
        record = taken(rig.journal, f"k{number}", request=bytes(800))
        rig.journal.take(record, lambda _: None)
        rig.journal.step(answered(record.exchange_id), lambda _: None)
    rig.settle()
    rig.later(36 * DAY_MS)
    return rig


def pages_of(path: Path) -> tuple[int, int]:
    connection = sqlite3.connect(path)
    found = tuple(int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count"))
    connection.close()
    return found[0], found[1]


def test_after_forgetting_the_file_is_smaller_and_a_tenth_of_it_is_free(tmp_path: Path) -> None:
    rig = old_journal(tmp_path)
    rig.reopen()
    before = rig.path.stat().st_size
    results: list[Any] = []
    rig.journal.prune(results.append)
    rig.settle()
    rig.reopen()
    after = rig.path.stat().st_size
    count, free = pages_of(rig.path)
    assert results[0] >= COUNT
    assert after < before / 4
    assert free <= count // KEPT_DIVISOR + 1
    assert SqliteSource(str(rig.path)).notes() == []
    rig.end()


def test_a_slice_gives_back_no_more_than_it_may(tmp_path: Path) -> None:
    rig = old_journal(tmp_path)
    rig.end()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    for name in ("standing", "taken"):
        connection.execute(f"DELETE FROM {name}")
    spare = spare_pages(connection)
    free = free_bytes(connection)
    assert spare > 40
    assert compact_slice(connection, 10) is True
    assert free_bytes(connection) == free - 10 * 2_048
    slices = 1
    while compact_slice(connection, 10):
        slices += 1
    assert slices >= spare // 12
    assert compact_slice(connection, 10) is False
    connection.close()


def test_a_journal_of_an_older_relay_is_left_alone_and_says_how_it_is_converted(tmp_path: Path) -> None:
    rig = old_journal(tmp_path, 100)
    rig.end()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("VACUUM")
    connection.close()
    source = SqliteSource(str(rig.path))
    (note,) = source.notes()
    assert CONVERT.format(path=rig.path) in note
    source.close()
    rig.journal = rig.open()
    results: list[Any] = []
    rig.journal.prune(results.append)
    rig.settle()
    assert results[0] >= 100
    rig.journal.close()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    assert not can_compact(connection)
    for statement in CONVERT.split("'")[1].split(";"):  # what the operator is told to do
        connection.execute(statement)
    connection.close()
    connection = sqlite3.connect(rig.path)
    assert can_compact(connection)
    connection.close()
    rig.journal = rig.open()
    rig.end()


@pytest.mark.parametrize("pages", [0, 9])
def test_a_small_journal_keeps_its_pages(tmp_path: Path, pages: int) -> None:
    connection = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("CREATE TABLE t (x)")
    for _ in range(100 - pages):
        connection.execute("INSERT INTO t VALUES (?)", (bytes(4_000),))
    assert spare_pages(connection) == 0
    assert compact_slice(connection, 100) is False
    connection.close()
