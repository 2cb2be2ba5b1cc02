"""Pruning on PostgreSQL goes on, slice by slice, and a slice that fails is done again. The suite says what is forgotten."""

from __future__ import annotations

from typing import Any

from relay.journal.items import SLICE_COUNT
from relay.journal.port import JournalFailed, JournalState
from relay.journal.records import StoredState
from tests.support.journal_suite import DAY_MS, answered, step_to, taken
from tests.support.postgresrig import PostgresRig


def fill(rig: PostgresRig, count: int) -> None:
    for number in range(count):
        record = taken(rig.journal, f"k{number}")
        rig.journal.take(record, lambda _: None)
        rig.journal.step(answered(record.exchange_id), lambda _: None)
    held = taken(rig.journal, "held")
    rig.journal.take(held, lambda _: None)
    rig.journal.step(step_to(held.exchange_id, StoredState.HELD), lambda _: None)
    rig.settle()


def prune(rig: PostgresRig) -> Any:
    results: list[Any] = []
    rig.journal.prune(results.append)
    rig.settle()
    return results[0]


def test_all_that_is_old_goes_however_many_slices_it_takes(rig: PostgresRig) -> None:
    count = 2 * SLICE_COUNT + 3
    fill(rig, count)
    rig.later(8 * DAY_MS)
    assert prune(rig) == count, "bodies"
    assert rig.sql("SELECT count(*) FROM taken WHERE request <> '' OR pan IS NOT NULL") == "1"
    assert prune(rig) == 0
    rig.later(28 * DAY_MS)
    assert prune(rig) == count, "keys"
    assert rig.sql("SELECT key FROM taken") == "held"


def test_a_slice_that_nobody_confirmed_is_done_again_the_next_time(rig: PostgresRig) -> None:
    fill(rig, 20)
    rig.later(36 * DAY_MS)
    rig.inject("COMMIT")
    result = prune(rig)
    assert isinstance(result, JournalFailed)
    assert not result.certain
    rig.turn_until(JournalState.WRITABLE)
    assert prune(rig) >= 20
    assert rig.sql("SELECT key FROM taken") == "held"


def test_a_clock_that_is_set_forward_forgets_no_key(rig: PostgresRig) -> None:
    """Law 2: a repeat within the window is answered from the journal, whatever somebody did to the clock."""
    fill(rig, 20)
    rig.clock.set_by_ms = 40 * DAY_MS
    assert prune(rig) == 0
    rig.later(30 * DAY_MS)
    prune(rig)
    assert rig.sql("SELECT count(*) FROM taken") == "21", "time that passed counts, the setting does not"
    rig.later(10 * DAY_MS)
    prune(rig)
    assert rig.sql("SELECT key FROM taken") == "held"


def test_what_was_taken_while_the_clock_stood_in_the_past_keeps_its_key(rig: PostgresRig) -> None:
    """Of a host that came up before it knew the time."""
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
