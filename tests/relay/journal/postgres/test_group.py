"""How a group is bound: folded in the order given, so that one statement changes a row once."""

from __future__ import annotations

import re
from typing import Any

from protocols.vocabulary import Verdict
from relay.journal.batch import Group
from relay.journal.items import EpochItem, StepItem, TakeItem, VariableItem
from relay.journal.postgres.door import Connection
from relay.journal.postgres.group import (
    SELECT_BY_IDS,
    SELECT_LISTED_IDS,
    SELECT_OPEN_IDS,
    STANDING_CELLS,
    arguments,
    folded_steps,
    folded_variables,
    numbered,
)
from relay.journal.postgres.retention import _CLOSED_SINCE, _SLICE
from relay.journal.records import Intent, StoredState
from relay.journal.rows import CLOSED, OPEN
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


def test_recovery_and_lists_touch_what_they_return_and_not_the_history(rig: PostgresRig) -> None:
    """Twenty thousand closed exchanges, three open ones: however the planner guesses, few rows are looked at."""
    rig.sql(
        "INSERT INTO taken SELECT n, 'k' || n, 'atm', 'bank', 'A', 'financial', 'withdrawal', 'undo', '', n, '', NULL, NULL,"
        " NULL, '', '', '', 0, 1 FROM generate_series(1, 20000) n;"
        " INSERT INTO standing SELECT n, 'answered', 0, n FROM generate_series(1, 19997) n;"
        " UPDATE standing SET state = 'held', attention = 1 WHERE exchange_id = 7; INSERT INTO body_kept VALUES (7)"
    )
    ids = [7, 19998, 19999, 20000]

    async def looked_at(connection: Connection, sql: str, *parameters: object) -> int:
        plan = "\n".join(row[0] for row in await connection.rows(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}", *parameters))
        return max(int(rows) * int(loops) for rows, loops in re.findall(r"actual rows=(\d+) loops=(\d+)", plan))

    async def all_of_them(connection: Connection) -> dict[str, int]:
        asked: dict[str, tuple[object, ...]] = {
            SELECT_OPEN_IDS: (19_000,),
            SELECT_LISTED_IDS: (),
            SELECT_BY_IDS: (ids,),
            _SLICE: (10_000, 50, OPEN),
            _CLOSED_SINCE: (CLOSED, 50),
        }
        return {sql: await looked_at(connection, sql, *parameters) for sql, parameters in asked.items()}

    for found in (rig.journal._writer.read(all_of_them), rig.journal._writer.read(lambda _: all_of_them(writing(rig)))):
        assert all(count <= 1_100 for count in found.values()), found
    rig.journal._floor = 19_000
    assert [each.taken.exchange_id for each in rig.journal.open_exchanges()] == ids


def writing(rig: PostgresRig) -> Connection:
    connection = rig.journal._writer._connection
    assert connection is not None
    return connection
