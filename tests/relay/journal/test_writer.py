"""The writing thread: how long its log may grow, what it does with what nobody foresaw, and the floor it keeps for recovery."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.journal import writer
from relay.journal.port import Fresh, JournalFailed, JournalState
from relay.journal.schema import PAGE_BYTES
from tests.support.journal_suite import answered, taken
from tests.support.sqliterig import SqliteRig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteRig]:
    monkeypatch.setattr(writer, "CHECKPOINT_RECORDS", 200)
    rig = SqliteRig(tmp_path)
    yield rig
    rig.end()


def serve(rig: SqliteRig, count: int, prefix: str = "k") -> None:
    """Exchanges answered one group after the other."""
    for number in range(count):
        record = taken(rig.journal, f"{prefix}{number}")
        rig.journal.take(record, lambda _: None)
        rig.journal.step(answered(record.exchange_id), lambda _: None)
        if number % 16 == 0:
            rig.settle()
    rig.settle()


def meta(rig: SqliteRig, name: str) -> Any:
    connection = sqlite3.connect(rig.path)
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    connection.close()
    return None if row is None else row[0]


def test_the_log_is_folded_away_and_used_again(rig: SqliteRig) -> None:
    log = rig.path.with_name(rig.path.name + "-wal")
    serve(rig, 400)
    after_some = log.stat().st_size
    serve(rig, 1_600, "more")
    assert log.stat().st_size < 3 * after_some, "not in proportion to what was written"
    assert rig.path.stat().st_size > 4 * PAGE_BYTES
    assert (rig.metrics.registry.get_sample_value("relay_journal_size_bytes") or 0) > 0


def test_the_floor_follows_the_oldest_recorded_exchange(rig: SqliteRig) -> None:
    serve(rig, 300, "before")
    oldest = taken(rig.journal, "oldest")
    rig.journal.take(oldest, lambda _: None)
    serve(rig, 300, "after")
    serve(rig, 300, "later")
    assert meta(rig, "recorded_floor") == oldest.exchange_id
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["oldest"]
    rig.journal.step(answered(oldest.exchange_id), lambda _: None)
    serve(rig, 300, "next life")
    assert meta(rig, "recorded_floor") > oldest.exchange_id


def test_an_id_recorded_late_is_not_overlooked(rig: SqliteRig) -> None:
    """The floor may have passed an id that was given out and not yet recorded."""
    late = taken(rig.journal, "late")
    serve(rig, 600)
    assert meta(rig, "recorded_floor") > late.exchange_id
    rig.journal.take(late, lambda _: None)
    rig.settle()
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["late"]


def test_what_nobody_foresaw_fails_the_journal_and_answers_everybody(rig: SqliteRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise MemoryError("nobody foresaw this")

    monkeypatch.setattr(writer, "write_group", stumble)
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert isinstance(results[0], JournalFailed)
    assert not results[0].certain
    assert rig.journal.state is JournalState.FAILED
    assert len(rig.failures) == 1


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO taken"])
def test_an_error_before_the_commit_is_certain_and_final(rig: SqliteRig, statement: str) -> None:
    rig.inject(statement, sqlite3.SQLITE_IOERR_READ, "SQLITE_IOERR_READ")
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results[0].certain
    assert rig.journal.state is JournalState.FAILED


def test_a_rollback_that_fails_is_final(rig: SqliteRig) -> None:
    faulty = rig.inject("INSERT INTO taken", sqlite3.SQLITE_FULL, "SQLITE_FULL")
    second = rig.inject("ROLLBACK", sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE")
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    assert (faulty.raised, second.raised) == (1, 1)
    assert rig.journal.state is JournalState.FAILED


def test_a_full_disk_at_a_checkpoint_is_no_failure(rig: SqliteRig) -> None:
    """The records are in the log; the next commit will tell whether there is room."""
    rig.inject("PRAGMA wal_checkpoint", sqlite3.SQLITE_FULL, "SQLITE_FULL")
    serve(rig, 300)
    assert rig.journal.state is JournalState.WRITABLE
    assert rig.metrics.registry.get_sample_value("relay_journal_failures_total", {"kind": "checkpoint"})


def test_while_full_a_probe_is_not_made_for_every_record(rig: SqliteRig) -> None:
    faulty = rig.inject("COMMIT", sqlite3.SQLITE_FULL, "SQLITE_FULL")
    for number in range(200):
        rig.journal.take(taken(rig.journal, f"k{number}"), lambda _: None)
        rig.settle()
    assert faulty.raised < 100
    faulty.code = None
    while rig.journal.state is not JournalState.WRITABLE:
        rig.loop.turn()
    results: list[object] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results == [Fresh()]


def test_close_ends_the_thread(rig: SqliteRig) -> None:
    rig.journal.close()
    assert not [
        thread for thread in threading.enumerate() if thread.name == "journal-writer" and thread is rig.journal._writer._thread
    ]
    rig.journal = rig.open()


def test_a_corrupt_page_found_while_writing_ends_this_life_and_answers_what_is_sound(rig: SqliteRig) -> None:
    """After a clean end nothing is read through at start; the first record that needs the page finds it."""
    serve(rig, 50)
    rig.journal.close()
    connection = sqlite3.connect(rig.path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'taken_key'").fetchone()
    connection.close()
    content = bytearray(rig.path.read_bytes())
    content[(page - 1) * PAGE_BYTES : page * PAGE_BYTES] = b"\xff" * PAGE_BYTES
    rig.path.write_bytes(content)
    rig.journal = rig.open()
    told: list[object] = []
    rig.journal.take(taken(rig.journal, "new"), told.append)
    rig.settle()
    (failed,) = told
    assert isinstance(failed, JournalFailed)
    assert "CORRUPT" in failed.why
    assert rig.journal.state is JournalState.FAILED
    assert rig.failures, "the relay fences itself"
    before = rig.path.read_bytes()
    rig.journal.take(taken(rig.journal, "later"), told.append)
    rig.settle()
    assert isinstance(told[1], JournalFailed)
    rig.journal.close()
    assert rig.path.read_bytes() == before, "never written again"
