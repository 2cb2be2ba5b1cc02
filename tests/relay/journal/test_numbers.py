"""The number that a moment has, against a plain walk through the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relay.journal import numbers
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.numbers import MESSAGES, end_of, last_before, last_before_in, lives


class Rows:
    """Answers the questions of numbers.py from a dict of number -> time."""

    def __init__(self, times: dict[int, int]) -> None:
        self.times = dict(sorted(times.items()))
        self.asked: list[str] = []

    def __call__(self, sql: str, cells: Sequence[int]) -> list[Any]:
        self.asked.append(sql)
        if "max(exchange_id)" in sql:
            return [(max((number for number in self.times if number < cells[0]), default=0),)]
        limit = cells[1] if len(cells) > 1 else max(self.times, default=0)
        found = [(number, time) for number, time in self.times.items() if cells[0] <= number <= limit]
        return found[:1]


TIMES = st.dictionaries(st.integers(1, 60), st.integers(0, 1_000), max_size=25).map(
    lambda found: dict(zip(sorted(found), sorted(found.values()), strict=True))  # numbers grow with time
)


@given(TIMES, st.integers(-1, 1_001), st.integers(0, 60))
def test_it_is_what_a_plain_walk_finds(times: dict[int, int], wall_ms: int, limit: int) -> None:
    early = [number for number, time in times.items() if time < wall_ms and number <= limit]
    assert last_before(Rows(times), 1, limit, wall_ms) == max(early, default=0)


def test_each_life_is_asked_by_itself() -> None:
    one, two = IDS_PER_INCARNATION, 2 * IDS_PER_INCARNATION
    rows = Rows({one + 1: 10, one + 2: 20, one + 3: 90, two + 1: 5, two + 2: 50})
    assert lives(rows) == [1, 2]
    assert last_before_in(rows, 1, 20) == one + 1
    assert last_before_in(rows, 2, 50) == two + 1
    assert last_before_in(rows, 2, 51) == two + 2
    assert last_before_in(rows, 3, 0) == 3 * IDS_PER_INCARNATION, "a life that took nothing"
    assert end_of(one + 7) == two == end_of(two - 1)


def test_messages_of_the_core_are_asked_for_in_their_own_table() -> None:
    rows = Rows({1: 10, 2: 20})
    assert last_before(rows, 1, 2, 15, MESSAGES) == 1
    assert all("FROM outbound" in sql for sql in rows.asked)
    assert numbers.EXCHANGES.table == "taken"
