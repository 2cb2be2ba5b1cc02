"""How many are back, at what pace, and when the rest will be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.wire.muster import WINDOW_MS, Muster


def test_at_the_pace_of_the_last_seconds() -> None:
    muster = Muster()
    for second in range(30):
        muster.count(100 * second if second < 10 else 1_000 + 500 * (second - 10), 20_000, second * 1_000)
    assert muster.per_s == 500
    assert muster.left_ms == (20_000 - 10_500) * 2


def test_no_estimate_where_there_is_no_saying() -> None:
    muster = Muster()
    assert muster.left_ms is None
    muster.count(5, 0, 0)
    assert muster.left_ms is None, "nobody said how many there should be"
    muster.count(5, 10, 1_000)
    muster.count(5, 10, 2_000)
    assert (muster.per_s, muster.left_ms) == (0.0, None), "nobody comes"
    muster.count(3, 10, 3_000)
    assert muster.left_ms is None, "they go"
    muster.count(12, 10, 4_000)
    assert muster.left_ms == 0


def test_another_expectation_begins_anew() -> None:
    muster = Muster()
    muster.count(0, 100, 0)
    muster.count(50, 100, 1_000)
    muster.count(50, 200, 2_000)
    assert muster.per_s == 0.0


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 1_000)), min_size=1, max_size=80))
def test_it_remembers_little(steps: list[tuple[int, int]]) -> None:
    muster = Muster()
    now_ms = 0
    for passed_ms, present in steps:
        now_ms += passed_ms
        muster.count(present, 1_000, now_ms)
        seen = muster._seen
        assert len(seen) <= 2 or seen[1][0] > now_ms - WINDOW_MS
