"""Pruning more than one slice: bounded transactions, nothing forgotten that waits, nothing looked at twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.journal.items import PruneItem
from relay.journal.records import StoredState
from relay.journal.retention import prune_slice
from tests.support.journal_suite import DAY_MS, T0_MS, answered, step_to, taken
from tests.support.sqliterig import SqliteRig

SLICE = 500
COUNT = 2 * SLICE + 17


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    """More than two slices, a minute apart, every hundredth still open."""
    rig = SqliteRig(tmp_path)
    for number in range(COUNT):
        record = taken(rig.journal, f"k{number}", pan=None, recorded_ms=T0_MS + number * 60_000)
        rig.journal.take(record, lambda _: None)
        state = StoredState.HELD if number % 100 == 0 else StoredState.DONE
        rig.journal.step(step_to(record.exchange_id, state), lambda _: None)
    rig.settle()
    yield rig
    rig.end()


def counts(rig: SqliteRig) -> tuple[int, int]:
    """Exchanges left, and how many of them have a body."""
    connection = sqlite3.connect(rig.path)
    row: tuple[int, int] = connection.execute("SELECT count(*), count(nullif(request, x'')) FROM taken").fetchone()
    connection.close()
    return row


def prune(rig: SqliteRig) -> object:
    results: list[object] = []
    rig.journal.prune(results.append)
    rig.settle()
    return results[0]


def test_bodies_then_keys_over_many_slices(rig: SqliteRig) -> None:
    still_open = len(range(0, COUNT, 100))
    assert prune(rig) == 0
    rig.later(9 * DAY_MS)
    assert prune(rig) == COUNT - still_open
    assert counts(rig) == (COUNT, still_open)
    assert prune(rig) == 0, "what was blanked is not looked at again"
    rig.later(30 * DAY_MS)
    assert prune(rig) == COUNT - still_open
    assert counts(rig) == (still_open, still_open)
    assert len(list(rig.journal.open_exchanges())) == still_open


def test_only_what_is_older_than_the_window_goes(rig: SqliteRig) -> None:
    """At the limit: recorded exactly a window ago stays."""
    rig.later(7 * DAY_MS + 60_000 * 10)
    assert prune(rig) == 9, "1 to 9 are older than seven days, 0 is open, 10 is exactly as old"
    rig.later(28 * DAY_MS)
    prune(rig)
    assert counts(rig)[0] == COUNT - 9


def test_records_given_meanwhile_do_not_wait_for_the_whole_pruning(rig: SqliteRig) -> None:
    rig.later(40 * DAY_MS)
    order: list[str] = []
    rig.journal.prune(lambda _: order.append("pruned"))
    rig.journal.take(taken(rig.journal, "new"), lambda _: order.append("taken"))
    rig.settle()
    assert order == ["taken", "pruned"]


def test_closing_in_the_middle_answers_and_the_next_life_goes_on(rig: SqliteRig) -> None:
    rig.later(40 * DAY_MS)
    results: list[object] = []
    rig.journal.prune(results.append)
    rig.reopen()
    rig.loop.turn()
    assert len(results) == 1
    prune(rig)
    assert counts(rig)[0] == len(range(0, COUNT, 100))


def test_a_slice_is_a_slice(rig: SqliteRig) -> None:
    rig.journal.close()
    connection = sqlite3.connect(rig.path, isolation_level=None)
    far = T0_MS + 100 * DAY_MS
    item = PruneItem(far, 0, lambda _: None)
    count, more = prune_slice(connection, item, SLICE)
    assert (count, more) == (SLICE - 5, True)
    connection.close()
    rig.journal = rig.open()


def test_a_clock_that_is_set_forward_forgets_no_key(rig: SqliteRig) -> None:
    """Law 2: a repeat within the window is answered from the journal, whatever somebody did to the clock."""
    rig.clock.set_by_ms = 40 * DAY_MS
    assert prune(rig) == 0
    rig.later(30 * DAY_MS)
    prune(rig)
    assert counts(rig)[0] == COUNT, "time that passed counts, the setting does not"
    rig.later(10 * DAY_MS)
    prune(rig)
    assert counts(rig)[0] < COUNT


def test_what_was_taken_while_the_clock_stood_in_the_past_keeps_its_key(tmp_path: Path) -> None:
    """Of a host that came up before it knew the time."""
    rig = SqliteRig(tmp_path)  # its first records: a walk begins with them
    record = taken(rig.journal, "early", recorded_ms=1_000)
    rig.journal.take(record, lambda _: None)
    rig.journal.step(answered(record.exchange_id), lambda _: None)
    rig.settle()
    prune(rig)
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "early"), results.append)
    rig.settle()
    assert results[0].exchange.taken.exchange_id == record.exchange_id
    rig.later(36 * DAY_MS)
    prune(rig)
    rig.journal.find("early", results.append)
    rig.settle()
    assert results[1] is None
    rig.end()
