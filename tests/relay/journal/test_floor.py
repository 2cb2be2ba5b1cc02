"""The floor below which nothing is recorded and nothing else."""

from __future__ import annotations

from relay.journal.batch import Group
from relay.journal.floor import RecordedFloor
from relay.journal.items import Item, StepItem, TakeItem
from relay.journal.records import StoredState
from tests.relay.journal.test_memory import MemoryRig
from tests.support.journal_suite import answered, taken
from tests.support.sqliterig import RigClock


def test_it_follows_the_oldest_that_is_recorded_and_nothing_else() -> None:
    journal = MemoryRig(RigClock()).journal
    floor = RecordedFloor(0, set())
    first, second, refused = taken(journal, "a"), taken(journal, "b"), taken(journal, "c", StoredState.REFUSED)
    takes: list[Item] = [TakeItem(record, print) for record in (first, second, refused)]
    floor.note(Group.of(takes), {record.exchange_id: 0 for record in (first, second, refused)})
    assert floor.may_rise_to() == first.exchange_id
    floor.note(Group.of([StepItem(answered(first.exchange_id), print)]), {})
    assert floor.may_rise_to() == second.exchange_id
    floor.note(Group.of([StepItem(answered(second.exchange_id), print)]), {})
    assert floor.may_rise_to() == refused.exchange_id + 1


def test_what_an_earlier_life_left_recorded_holds_it_down() -> None:
    floor = RecordedFloor(5, {7})
    assert floor.may_rise_to() == 7
    floor.note(Group.of([StepItem(answered(7), print)]), {})
    assert floor.may_rise_to() == 1, "nothing was taken yet: it does not rise"
