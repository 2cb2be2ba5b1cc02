"""Slices between the groups: how many rows each takes when a row costs time, and that records need not wait for the walk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.journal.archive.record import ArchiveKind, ArchiveRecord, ReleasedRow
from relay.journal.items import SLICE_COUNT
from relay.journal.port import JournalFailed, JournalState
from tests.support.journal_suite import DAY_MS, T0_MS, answered, taken
from tests.support.sqliterig import PATIENCE_S, RigClock, SqliteRig

COUNT = 400
ROW_MS = 1  # what each exchange costs here: ten of them are the limit


class CostlyClock(RigClock):
    """Monotonic time passes by what the writer deletes, releases or blanks, as its statements say."""

    def __init__(self) -> None:
        super().__init__()
        self.spent_ms = 0

    def monotonic_ms(self) -> int:
        return self.spent_ms + self.passed_ms


class Counting:
    """The writer's connection; notes how many exchanges each transaction deletes or blanks."""

    def __init__(self, real: Any, clock: CostlyClock) -> None:
        self.real = real
        self.clock = clock
        self.slices: list[int] = []
        self.held_until: threading.Event | None = None  # the end of a slice waits for it
        self.of_this = 0

    def execute(self, sql: str, *parameters: Any) -> Any:
        if sql.startswith("BEGIN"):
            self.of_this = 0
        if sql == "COMMIT" and self.of_this:
            self.slices.append(self.of_this)
            if self.held_until is not None:
                assert self.held_until.wait(PATIENCE_S)
        return self.real.execute(sql, *parameters)

    def executemany(self, sql: str, rows: list[Any]) -> Any:
        if sql.startswith(("DELETE FROM taken", "UPDATE taken")):
            self.of_this += len(rows)
            self.clock.spent_ms += ROW_MS * len(rows)
        return self.real.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class CostlyRig(SqliteRig):
    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.journal.close()
        self.clock = CostlyClock()
        self.journal = self.open()
        writer = self.journal._writer
        self.counting = Counting(writer._connection, self.clock)
        writer._connection = self.counting  # type: ignore[assignment]  # as much of a connection as the writer uses


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[CostlyRig]:
    rig = CostlyRig(tmp_path, archive_directory=str(tmp_path / "archive"))
    for number in range(COUNT):
        record = taken(rig.journal, f"k{number}", pan=None)
        rig.journal.take(record, lambda _: None)
        rig.journal.step(answered(record.exchange_id), lambda _: None)
    rig.settle()
    yield rig
    rig.end()


def rows_of(rig: CostlyRig) -> list[ReleasedRow]:
    numbers = rig.counting.real.execute("SELECT exchange_id FROM taken ORDER BY exchange_id").fetchall()
    return [ReleasedRow(row[0], "answered", T0_MS + 5, 0) for row in numbers]


def archive_of(rows: list[ReleasedRow]) -> ArchiveRecord:
    return ArchiveRecord(
        kind=ArchiveKind.DAY,
        business_date="2026-11-24",
        part=1,
        file_name="2026-11-24.1.archive",
        above_id=-1,
        last_id=rows[-1].exchange_id,
        exchange_count=len(rows),
        history_count=0,
        file_bytes=1,
        digest=bytes(32),
        key_id="00000000",
        newest_ms=T0_MS,
        archived_ms=T0_MS,
    )


def release(rig: CostlyRig, order: list[Any]) -> None:
    rows = rows_of(rig)
    rig.journal.note_archive(archive_of(rows), lambda _: None)
    rig.journal.release("2026-11-24.1.archive", rows, True, order.append)


def test_releasing_holds_the_writer_for_ten_rows_when_ten_take_the_limit(rig: CostlyRig) -> None:
    results: list[Any] = []
    release(rig, results)
    rig.settle()
    assert results == [COUNT]
    assert rig.counting.slices[0] == SLICE_COUNT, "the first one does not know yet"
    assert max(rig.counting.slices[1:]) <= 15
    assert sum(rig.counting.slices) == COUNT


def test_deleting_does_too(rig: CostlyRig) -> None:
    results: list[Any] = []
    release(rig, results)
    rig.settle()
    rig.counting.slices.clear()
    rig.later(36 * DAY_MS)
    rig.journal.prune(results.append)
    rig.settle()
    assert results[1] == COUNT
    assert max(rig.counting.slices[1:]) <= 15
    assert sum(rig.counting.slices) == COUNT


def test_records_given_meanwhile_go_first(rig: CostlyRig) -> None:
    order: list[Any] = []
    release(rig, order)
    rig.journal.take(taken(rig.journal, "new"), lambda _: order.append("taken"))
    rig.settle()
    assert order == ["taken", COUNT]


def test_a_release_that_fails_leaves_everything_and_the_journal_goes_on(rig: CostlyRig) -> None:
    results: list[Any] = []
    rows = rows_of(rig)
    rig.journal.release("x", [ReleasedRow(1 << 70, "answered", 1, 0)], True, results.append)
    rig.settle()
    assert isinstance(results[0], JournalFailed)
    assert rig.journal.state is JournalState.WRITABLE
    release(rig, results)
    rig.settle()
    assert results[-1] == len(rows)


def test_while_the_disk_is_full_no_walk_begins(rig: CostlyRig) -> None:
    results: list[Any] = []
    rows = rows_of(rig)
    rig.set_full(True)
    rig.journal.take(taken(rig.journal, "new"), results.append)
    rig.settle()
    rig.journal.note_archive(archive_of(rows), results.append)
    rig.settle()
    assert all(isinstance(result, JournalFailed) for result in results)
    rig.set_full(False)
    release(rig, results)
    rig.settle()
    assert results[-1] == COUNT


def test_what_the_close_came_before_is_not_called_done(rig: CostlyRig) -> None:
    """Who hears that an archive is known, or that bodies have gone, believes it."""
    results: list[Any] = []
    rows = rows_of(rig)
    closing = rig.counting.held_until = threading.Event()
    thread = rig.journal._writer._thread
    join = thread.join

    def joined() -> None:  # the word that it ends is in the writer's queue
        closing.set()
        join()

    thread.join = joined  # type: ignore[method-assign, assignment]  # there is no other sign of it
    release(rig, results)
    rig.journal.note_archive(archive_of(rows), results.append)
    rig.journal.close()
    while rig.journal.waiting_count():
        rig.loop.turn()
    done, failed = results if isinstance(results[1], JournalFailed) else results[::-1]
    assert isinstance(failed, JournalFailed)
    assert "closed" in failed.why
    assert rig.counting.slices == [SLICE_COUNT]
    assert done == 1, "the second note came in between"
