"""Columns in their places, for any record; statements for any number of rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.vocabulary import DoubtPolicy, MessageClass, Pan, Verdict
from relay.journal import apply, schema
from relay.journal.keyring import KeyRing
from relay.journal.records import LISTED_STATES, OPEN_STATES, Intent, Step, StoredState, Taken
from relay.journal.rows import (
    CLOSED,
    INSERT_TAKEN,
    LISTED,
    OPEN,
    SELECT_EXCHANGE,
    SELECT_LISTED,
    SELECT_OPEN,
    ManyRows,
    first_standing_row,
    read_exchange,
    standing_row,
    standing_statements,
    taken_rows,
)
from tests.support.sqliterig import SqliteRig

KEYS = KeyRing(bytes(32))
word = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
number = st.integers(-(1 << 63), (1 << 63) - 1)
intents = st.builds(Intent, st.sampled_from(Verdict), word, st.binary(max_size=12))
records = st.builds(
    Taken,
    exchange_id=st.just(1),
    key=word,
    listener=word,
    realm=word,
    terminal=word,
    message_class=st.sampled_from(MessageClass),
    kind=word,
    policy=st.sampled_from(DoubtPolicy),
    fingerprint=st.binary(max_size=16),
    state=st.sampled_from(StoredState),
    recorded_ms=number,
    request=st.binary(max_size=20),
    pan=st.none() | st.builds(Pan, st.text("0123456789", max_size=19)),
    amount_minor=st.none() | number,
    currency=word,
    business_date=word,
    original_key=word,
    epoch=number,
    incarnation=number,
    intent=st.none() | intents,
)
steps = st.builds(
    Step,
    exchange_id=st.just(1),
    event=word,
    state=st.sampled_from(StoredState),
    at_ms=number,
    intent=st.none() | intents,
    outcome=st.none() | st.binary(max_size=12),
    standing_minor=st.none() | number,
    tries=st.none() | number,
    epoch=st.none() | number,
    detail=word,
    history=st.booleans(),
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in schema.migrations():
        connection.executescript(script)
    yield connection
    connection.close()


@given(record=records, more=st.lists(steps, max_size=4))
def test_what_is_written_reads_back_as_the_pure_functions_say(
    connection: sqlite3.Connection, record: Taken, more: list[Step]
) -> None:
    connection.execute("DELETE FROM standing")
    connection.execute("DELETE FROM taken")
    expected = apply.taken(record)
    rows = [] if first_standing_row(record) is None else [first_standing_row(record)]
    for step in more:
        expected = apply.stepped(expected, step)
        rows.append(standing_row(step))
    for sql, parameters in chain(INSERT_TAKEN.statements(taken_rows([record], KEYS)), standing_statements(rows)):
        connection.execute(sql, parameters)
    (row,) = connection.execute(SELECT_EXCHANGE).fetchall()
    assert read_exchange(row, KEYS) == expected
    assert read_exchange(row, None).taken.pan is None
    (attention,) = connection.execute("SELECT attention FROM exchange").fetchone()
    state = expected.state
    assert attention == (LISTED if state in LISTED_STATES else OPEN if state in OPEN_STATES else CLOSED)


@given(st.integers(0, 1_000))
def test_any_number_of_rows_in_few_statements(count: int) -> None:
    many = ManyRows("INSERT INTO t", "a, b")
    statements = list(many.statements([(n, -n) for n in range(count)]))
    assert [cell for _, cells in statements for cell in cells] == [cell for n in range(count) for cell in (n, -n)]
    for sql, cells in statements:
        assert sql.count("?") == len(cells)
        assert len(cells) // 2 in {1 << power for power in range(8)}
    assert len(statements) <= count // 128 + 7


def test_the_largest_statement_is_within_what_sqlite_takes(connection: sqlite3.Connection) -> None:
    limit = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    sql, cells = next(INSERT_TAKEN.statements([(0,) * 19] * 128))
    assert sql.count("?") == len(cells) <= limit


@pytest.mark.parametrize(("sql", "cells"), [(SELECT_OPEN, (0,)), (SELECT_LISTED, ())])
def test_recovery_does_not_walk_through_what_is_closed(sql: str, cells: tuple[int, ...], tmp_path: Path) -> None:
    """Seen: both read every row of `standing`, as SQLite did not see that its partial index would do."""
    rig = SqliteRig(tmp_path)
    rig.end()
    connection = sqlite3.connect(rig.path)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", cells)]
    connection.close()
    assert any("USING COVERING INDEX standing_attention" in step for step in plan), plan
    assert not any(step.startswith("SCAN") for step in plan), plan
