"""The SQLite engine keeps the suite; beyond it: what it says to the operator, and that it agrees with the memory engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.errors import JournalUnusable
from relay.journal.port import Fresh, JournalFailed, JournalState
from tests.support.journal_suite import JournalSuite, Rig, answered, taken
from tests.support.sqliterig import SqliteRig


class TestSqlite(JournalSuite):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        rig = SqliteRig(tmp_path)
        yield rig
        rig.end()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    rig = SqliteRig(tmp_path)
    yield rig
    rig.end()


def test_a_second_relay_is_kept_out_and_told_what_to_do(rig: SqliteRig) -> None:
    with pytest.raises(JournalUnusable) as caught:
        rig.open()
    assert "in use by another relay" in caught.value.problem
    assert "Stop that relay" in caught.value.next_step
    results: list[object] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results == [Fresh()], "and the first one does not notice"


def test_all_that_waits_becomes_durable_in_one_call_to_the_loop(rig: SqliteRig) -> None:
    """While one group is written the next one gathers: far fewer turns of the loop than records."""
    results: list[object] = []
    for number in range(2_000):
        rig.journal.take(taken(rig.journal, f"k{number}"), results.append)
    rig.settle()
    assert len(results) == 2_000
    assert rig.loop.turns < 1_000
    assert rig.metrics.registry.get_sample_value("relay_journal_records_total") == 2_000


def test_a_group_is_no_larger_than_its_limit(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path, group_count_max=10)
    for number in range(95):
        rig.journal.take(taken(rig.journal, f"k{number}"), lambda _: None)
    rig.settle()
    assert rig.loop.turns >= 10
    rig.end()


def test_the_daemon_is_told_once_before_the_answers_when_the_journal_failed(rig: SqliteRig) -> None:
    rig.fail_sync()
    seen: list[tuple[int, Any]] = []
    for number in range(3):
        rig.journal.take(taken(rig.journal, f"k{number}"), lambda result: seen.append((len(rig.failures), result)))
        rig.settle()
    assert [told for told, _ in seen] == [1, 1, 1]
    assert [result.certain for _, result in seen] == [False, True, True]
    assert rig.metrics.registry.get_sample_value("relay_journal_writable") == 0
    assert rig.metrics.registry.get_sample_value("relay_journal_failures_total", {"kind": "failed"}) == 1


def test_a_failed_journal_writes_nothing_even_at_close(rig: SqliteRig) -> None:
    """Law 6: the log is not folded into the file after a failed sync, not by the checkpoint that closing would do."""
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    rig.fail_sync()
    rig.journal.take(taken(rig.journal, "k2"), lambda _: None)
    rig.settle()
    files = [rig.path, rig.path.with_name(rig.path.name + "-wal")]
    before = [file.read_bytes() for file in files]
    rig.journal.close()
    assert [file.read_bytes() for file in files] == before


def test_a_clean_close_leaves_one_file(rig: SqliteRig) -> None:
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.journal.close()
    assert sorted(file.name for file in rig.folder.iterdir()) == ["journal.sqlite", "journal.sqlite.lock"]
    rig.journal = rig.open()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["k1"]


def test_answers_after_the_loop_was_closed_harm_nobody(tmp_path: Path) -> None:
    rig = SqliteRig(tmp_path)

    def closed(_: object) -> None:
        raise RuntimeError("Event loop is closed")

    rig.journal._writer._call_soon = closed
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.journal.close()
    rig.journal = rig.open()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["k1"]
    rig.end()


def test_a_record_that_sqlite_cannot_hold_is_refused_alone(rig: SqliteRig) -> None:
    good, bad = taken(rig.journal, "good"), taken(rig.journal, "bad", terminal="ATM\udc80")
    results: list[Any] = []
    rig.journal.take(bad, results.append)
    rig.journal.take(good, results.append)
    rig.journal.take(taken(rig.journal, "huge", amount_minor=1 << 70), results.append)
    rig.journal.step(answered(good.exchange_id), results.append)
    rig.settle()
    assert [type(result) for result in results] == [JournalFailed, Fresh, JournalFailed, type(None)]
    assert rig.journal.state is JournalState.WRITABLE


def test_a_locked_file_is_passing_trouble(rig: SqliteRig) -> None:
    faulty = rig.inject("BEGIN", 5, "SQLITE_BUSY")
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert results[0].certain
    assert rig.journal.state is JournalState.FULL
    faulty.code = None
    while rig.journal.state is not JournalState.WRITABLE:
        rig.loop.turn()
    assert rig.failures == []


def test_a_failed_checkpoint_fails_the_journal_though_its_records_are_durable(rig: SqliteRig) -> None:
    """The log is synced, the file is not: nothing lost, and nothing is tried again."""
    rig.journal.take(taken(rig.journal, "k1"), lambda _: None)
    rig.settle()
    rig.inject("PRAGMA wal_checkpoint", 1034, "SQLITE_IOERR_FSYNC")
    while rig.journal.state is JournalState.WRITABLE:
        rig.loop.turn()
    assert len(rig.failures) == 1
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == ["k1"]
