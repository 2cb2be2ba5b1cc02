"""Which exchanges a date has, and that no question walks through what is not asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from relay.journal.archive import rows
from relay.journal.archive.record import ArchiveKind, Plan
from relay.journal.records import StoredState
from relay.journal.source import SqliteSource
from tests.relay.journal.archive.test_run import SqliteWorld
from tests.support.archiveworld import CUTOVER
from tests.support.journal_suite import DAY_MS, T0_MS
from tests.support.sqliterig import SqliteRig


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SqliteWorld]:
    rig = SqliteRig(tmp_path, archive_directory=str(tmp_path / "archive"))
    yield SqliteWorld(rig, tmp_path / "archive", lambda rig: SqliteSource(str(rig.path)))
    rig.end()


class Watched(SqliteSource):
    """Notes every question's plan."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.plans: list[str] = []

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        self.plans += [f"{row[3]} <- {sql}" for row in super().all(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        return super().all(sql, parameters)


def ranges(world: SqliteWorld, before_ms: int, now_ms: int = T0_MS + 30 * DAY_MS) -> list[tuple[str, int]]:
    source = SqliteSource(str(world.rig.path))
    ends = [
        (day.business_date, day.last_id - day.above_id)
        for day in rows.day_ranges(source, now_ms, before_ms, CUTOVER.date_at, lambda d: CUTOVER.begins_ms(d) + DAY_MS)
    ]
    source.close()
    return ends


def test_a_date_is_due_at_the_limit_and_not_a_millisecond_before(world: SqliteWorld) -> None:
    world.day(0, 3)
    end_ms = CUTOVER.begins_ms("2026-11-24") + DAY_MS
    assert ranges(world, end_ms - 1) == []
    assert [date for date, _ in ranges(world, end_ms)] == ["2026-11-24"]


def test_dates_follow_one_another_and_an_empty_one_has_no_range(world: SqliteWorld) -> None:
    for number in (0, 1, 4):
        world.day(number, 4)
    found = ranges(world, T0_MS + 30 * DAY_MS)
    assert [date for date, _ in found] == ["2026-11-24", "2026-11-25", "2026-11-28"]
    assert [size for _, size in found][1:] == [4, 4]


def test_a_date_still_to_come_is_not_due_by_a_clock_that_was_ahead(world: SqliteWorld) -> None:
    world.day(400, 2)
    assert ranges(world, T0_MS + 30 * DAY_MS) == []
    world.day(0, 2)
    assert [date for date, _ in ranges(world, T0_MS + 30 * DAY_MS)] == ["2026-11-24"], "the two before go with it"


def test_pages_hold_every_exchange_once_and_their_histories(world: SqliteWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PAGE_COUNT", 4)
    world.day(0, 9)
    source = SqliteSource(str(world.rig.path))
    ids = tuple(row[0] for row in source.all("SELECT exchange_id FROM taken ORDER BY exchange_id"))
    of_range = Plan(kind=ArchiveKind.DAY, business_date="x", part=1, above_id=-1, last_id=ids[-1])
    of_ids = Plan(kind=ArchiveKind.LATE, business_date="x", part=1, above_id=-1, last_id=ids[-1], exchange_ids=ids)
    pages = list(rows.pages(source, of_range))
    assert [len(page) for page in pages] == [4, 4, 1]
    assert pages == list(rows.pages(source, of_ids))
    assert [len(each.history) for page in pages for each in page] == [2, 0, 0] * 3
    some = Plan(kind=ArchiveKind.LATE, business_date="x", part=1, above_id=-1, last_id=ids[-1], exchange_ids=ids[2:4])
    assert [each.exchange_id for page in rows.pages(source, some) for each in page] == list(ids[2:4])
    source.close()


@pytest.mark.parametrize("state", [StoredState.LISTED, StoredState.HELD])
def test_an_exchange_that_is_not_closed_is_named(world: SqliteWorld, state: StoredState) -> None:
    world.day(0, 5, state)
    source = SqliteSource(str(world.rig.path))
    number = source.all("SELECT max(exchange_id) FROM taken")[0][0]
    day = rows.DayRange("2026-11-24", 0, -1, number)
    assert rows.first_open(source, day) == number
    assert rows.first_open(source, rows.DayRange("2026-11-24", 0, -1, number - 1)) is None
    with pytest.raises(rows.NotClosed) as caught:
        list(rows.pages(source, Plan(kind=ArchiveKind.DAY, business_date="x", part=1, above_id=-1, last_id=number)))
    assert caught.value.exchange_id == number
    assert (rows.oldest_open_ms(source) is None) == (state is StoredState.LISTED)
    source.close()


def test_no_question_walks_through_a_table(world: SqliteWorld) -> None:
    """But the few archives, keys and kept bodies there are."""
    world.day(0, 3)
    world.rig.later(10 * DAY_MS)
    source = Watched(str(world.rig.path))
    days = list(
        rows.day_ranges(
            source, T0_MS + 30 * DAY_MS, T0_MS + 30 * DAY_MS, CUTOVER.date_at, lambda d: CUTOVER.begins_ms(d) + DAY_MS
        )
    )
    rows.first_open(source, days[0])
    rows.oldest_open_ms(source)
    rows.late_ids(source)
    plan = Plan(kind=ArchiveKind.DAY, business_date="x", part=1, above_id=-1, last_id=days[0].last_id)
    list(rows.pages(source, plan))
    walks = [each for each in source.plans if each.startswith("SCAN") and not each.startswith(("SCAN archive", "SCAN b <-"))]
    assert len(source.plans) > 10
    assert walks == [], walks
    source.close()


def test_a_damaged_journal_is_told_as_such(world: SqliteWorld) -> None:
    world.day(0, 1)
    connection = sqlite3.connect(world.rig.path)
    connection.execute("DROP TABLE archive")
    connection.commit()
    connection.close()
    source = SqliteSource(str(world.rig.path))
    with pytest.raises(Exception, match="archive"):
        rows.records(source)
    source.close()
