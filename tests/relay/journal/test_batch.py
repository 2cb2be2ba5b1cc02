"""One group inside one transaction: who was new, what a duplicate leaves untouched, and the floor of recovery."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from protocols.vocabulary import DoubtPolicy, MessageClass
from relay.journal import schema
from relay.journal.batch import Group, find_exchange, find_result, load_meta, store_meta, write_group
from relay.journal.items import EpochItem, FindItem, Item, PruneItem, StepItem, TakeItem, VariableItem
from relay.journal.keyring import KeyRing
from relay.journal.port import Existing, JournalFailed
from relay.journal.records import StoredState, Taken
from tests.support.journal_suite import answered, step_to

KEYS = KeyRing(bytes(32))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for script in schema.migrations():
        connection.executescript(script)
    yield connection
    connection.close()


def take(exchange_id: int, key: str, state: StoredState = StoredState.RECORDED) -> TakeItem:
    record = Taken(
        exchange_id=exchange_id,
        key=key,
        listener="atm",
        realm="bank",
        terminal="t",
        message_class=MessageClass.FINANCIAL,
        kind="k",
        policy=DoubtPolicy.UNDO,
        fingerprint=b"",
        state=state,
        recorded_ms=0,
        request=b"",
    )
    return TakeItem(record, lambda _: None)


def write(connection: sqlite3.Connection, *items: Item, floor: int = 0) -> tuple[set[int], int]:
    return write_group(connection, Group.of(items), KEYS, floor)


def test_items_are_sorted_by_kind_each_in_its_order() -> None:
    takes = [take(1, "a"), take(2, "b")]
    steps = [StepItem(answered(1), lambda _: None), StepItem(answered(2), lambda _: None)]
    variable = VariableItem("l", "n", b"", lambda _: None)
    epoch = EpochItem(1, lambda _: None)
    group = Group.of([steps[0], takes[0], variable, FindItem("a", lambda _: None), epoch, takes[1], steps[1]])
    assert (group.takes, group.steps, group.variables, group.epochs) == (takes, steps, [variable], [epoch])
    assert Group.of([PruneItem(0, 0, lambda _: None)]).takes == []


def test_only_the_new_ones_are_new(connection: sqlite3.Connection) -> None:
    write(connection, take(1, "a"))
    advice = take(2, "a", StoredState.DELIVERING)
    fresh, _ = write(connection, advice, take(3, "b"), take(4, "b"), take(5, "c", StoredState.HELD))
    assert fresh == {3: 0, 5: 0}
    assert connection.execute("SELECT exchange_id, state FROM standing").fetchall() == [(5, "held")]
    found = find_result(connection, "b", KEYS)
    assert isinstance(found, Existing)
    assert found.exchange.taken.exchange_id == 3


def test_a_number_given_twice_is_an_error_not_a_silence(connection: sqlite3.Connection) -> None:
    write(connection, take(1, "a"))
    with pytest.raises(sqlite3.IntegrityError):
        write(connection, take(1, "b"))


def test_a_step_without_its_exchange_is_an_error(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        write(connection, StepItem(answered(7), lambda _: None))


def test_a_take_below_the_floor_lowers_it_durably(connection: sqlite3.Connection) -> None:
    """A number is given out on the loop and may be recorded long after higher ones."""
    store_meta(connection, "recorded_floor", 100)
    _, floor = write(connection, take(101, "a"), floor=100)
    assert floor == load_meta(connection, "recorded_floor") == 100
    _, floor = write(connection, take(50, "b"), take(60, "c"), floor=100)
    assert floor == load_meta(connection, "recorded_floor") == 50


def test_a_duplicate_below_the_floor_does_not(connection: sqlite3.Connection) -> None:
    write(connection, take(101, "a"))
    _, floor = write(connection, take(50, "a"), floor=100)
    assert floor == 100


def test_steps_of_one_exchange_in_one_group_apply_in_order(connection: sqlite3.Connection) -> None:
    states = (StoredState.UNDOING, StoredState.HELD, StoredState.DONE)
    steps = [StepItem(step_to(1, state, tries=number), lambda _: None) for number, state in enumerate(states)]
    silent = StepItem(replace(step_to(1, StoredState.DONE), history=False), lambda _: None)
    write(connection, take(1, "a"), *steps, silent)
    stored = find_exchange(connection, "a", KEYS)
    assert stored is not None
    assert (stored.state, stored.tries) == (StoredState.DONE, 2)
    assert [row[0] for row in connection.execute("SELECT state FROM history ORDER BY line_id")] == ["undoing", "held", "done"]


def test_the_highest_epoch_and_the_last_variable_win(connection: sqlite3.Connection) -> None:
    variables = [VariableItem("l", "n", bytes([value]), lambda _: None) for value in (1, 2, 3)]
    write(connection, EpochItem(3, lambda _: None), EpochItem(4, lambda _: None), *variables)
    assert load_meta(connection, "region_epoch") == 4
    assert connection.execute("SELECT value FROM link_variable").fetchall() == [(b"\x03",)]


def test_what_is_neither_new_nor_there_is_a_failure(connection: sqlite3.Connection) -> None:
    assert isinstance(find_result(connection, "nowhere", KEYS), JournalFailed)
    assert find_exchange(connection, "nowhere", KEYS) is None
    assert load_meta(connection, "nothing") == 0
