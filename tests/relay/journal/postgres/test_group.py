"""How a group is bound: folded in the order given, so that one statement changes a row once."""

from __future__ import annotations

from typing import Any

from protocols.vocabulary import Verdict
from relay.journal.batch import Group
from relay.journal.items import EpochItem, StepItem, TakeItem, VariableItem
from relay.journal.postgres.group import STANDING_CELLS, arguments, folded_steps, folded_variables, numbered
from relay.journal.records import Intent, StoredState
from tests.relay.journal.test_memory import MemoryRig
from tests.support.journal_suite import step_to, taken
from tests.support.postgresrig import PostgresRig
from tests.support.sqliterig import RigClock


def test_question_marks_are_numbered() -> None:
    assert numbered("a = ? AND b < ?") == "a = $1 AND b < $2"
    assert numbered("no parameter") == "no parameter"


def test_steps_of_one_exchange_are_one_row_in_the_order_given() -> None:
    doubt = Intent(Verdict.DOUBT, "91", b"d")
    steps = [
        step_to(1, StoredState.UNDOING, intent=doubt, tries=1, at_ms=10),
        step_to(2, StoredState.DONE, at_ms=11),
        step_to(1, StoredState.UNDOING, outcome=b"late", standing_minor=0, epoch=4, at_ms=12),
        step_to(1, StoredState.SETTLED, tries=2, at_ms=13),
    ]
    rows = folded_steps(StepItem(step, print) for step in steps)
    assert rows == [
        (1, "settled", 0, 13, "doubt", "91", b"d", 4, b"late", 0, 2),
        (2, "done", 0, 11, None, None, None, None, None, None, None),
    ]
    assert all(len(row) == STANDING_CELLS for row in rows)


def test_of_one_variable_the_last_value_counts() -> None:
    values = [VariableItem("l", "a", b"1", print), VariableItem("l", "b", b"2", print), VariableItem("l", "a", b"3", print)]
    assert folded_variables(values) == [("l", "a", b"3"), ("l", "b", b"2")]


def test_arguments_are_those_of_the_function() -> None:
    rig = MemoryRig(RigClock())
    recorded, refused = taken(rig.journal, "a"), taken(rig.journal, "b", StoredState.REFUSED)
    group = Group.of([TakeItem(recorded, print), TakeItem(refused, print), EpochItem(3, print), EpochItem(2, print)])
    takes, first, steps, history, variables, floor, epoch = arguments(group, rig.journal._keys, 9)
    assert [row[1] for row in takes] == ["a", "b"]
    assert [row[:2] for row in first] == [(refused.exchange_id, "refused")]
    assert (steps, history, variables, floor, epoch) == ([], [], [], 9, 3)


def test_many_steps_and_values_in_one_commit_are_kept_as_sqlite_keeps_them(rig: PostgresRig) -> None:
    record = taken(rig.journal, "k")
    results: list[Any] = []
    rig.journal.take(record, results.append)
    for number in range(50):
        rig.journal.step(step_to(record.exchange_id, StoredState.HELD, tries=number, detail=f"try {number}"), results.append)
        rig.journal.store_variable("link", "serial", bytes([number]), results.append)
    rig.settle()
    assert results[1:] == [None] * 100
    (stored,) = rig.journal.open_exchanges()
    assert stored.tries == 49
    assert [line.detail for line in rig.journal.history(record.exchange_id)] == [f"try {number}" for number in range(50)]
    assert rig.journal.variables("link") == {"serial": b"\x31"}
    rig.reopen()
    assert rig.journal.variables("link") == {"serial": b"\x31"}


def test_a_duplicate_leaves_no_row_at_all(rig: PostgresRig) -> None:
    """In the same group as the first, and in a later one."""
    for group in range(2):
        for _ in range(2):
            rig.journal.take(taken(rig.journal, "a", StoredState.DELIVERING), lambda _: None)
        rig.settle()
        assert rig.sql("SELECT count(*) FROM taken") == rig.sql("SELECT count(*) FROM standing") == "1", group
