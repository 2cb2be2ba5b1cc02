"""Points of the charts: rates, percentiles of merged counts, gaps, and a ring that never grows."""

from __future__ import annotations

import pytest

from relay.console.ring import COARSE_COUNT_MAX, COARSE_EVERY, FINE_COUNT_MAX, FINE_MS, Reading, Ring, between, percentile

BOUNDS_MS = (10.0, 100.0, 1_000.0)


def reading(at_ms: int, approve: int = 0, reply: tuple[int, ...] = (0, 0, 0, 0), core: tuple[int, ...] = ()) -> Reading:
    return Reading(at_ms=at_ms, endings={"approve": approve}, reply=reply, core=core)


def test_a_point_is_the_difference_of_two_readings() -> None:
    point = between(reading(0, 10, (5, 0, 0, 0)), reading(5_000, 60, (55, 50, 0, 0), (3, 0, 0, 0)), BOUNDS_MS)
    assert point is not None
    assert point.per_s["approve"] == 10.0
    assert point.all_per_s == 10.0
    assert point.p50_ms == pytest.approx(10.0)
    assert point.p99_ms == pytest.approx(98.2)
    assert point.core_p99_ms == pytest.approx(9.9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (reading(5_000), reading(5_000)),
        (reading(0, 10), reading(5_000, 9)),
        (reading(0, 0, (3, 0, 0, 0)), reading(5_000, 0, (2, 0, 0, 0))),
        (reading(0, 0, (3, 0, 0, 0)), reading(5_000, 0, ())),
    ],
)
def test_a_counter_that_went_back_is_another_life(first: Reading, second: Reading) -> None:
    assert between(first, second, BOUNDS_MS) is None


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ((), 0.5, None),
        ((0, 0, 0, 0), 0.5, None),
        ((4, 0, 0, 0), 0.5, 5.0),
        ((0, 4, 0, 0), 1.0, 100.0),
        ((0, 0, 0, 9), 0.5, 1_000.0),
    ],
)
def test_percentiles(counts: tuple[int, ...], share: float, expected: float | None) -> None:
    assert percentile(counts, BOUNDS_MS, share) == expected


def test_the_rings_hold_half_an_hour_and_a_day_and_no_more() -> None:
    ring = Ring(BOUNDS_MS)
    for number in range(COARSE_EVERY * 3 + 1):
        ring.add(reading(number * FINE_MS, number))
    assert len(ring.fine()) == COARSE_EVERY * 3
    assert [point.at_ms for point in ring.coarse()] == [60_000, 120_000, 180_000]
    assert ring.coarse()[0].per_s["approve"] == pytest.approx(0.2)
    for number in range(COARSE_EVERY * 3 + 1, COARSE_EVERY * (COARSE_COUNT_MAX + 5)):
        ring.add(reading(number * FINE_MS, number))
    assert (len(ring.fine()), len(ring.coarse())) == (FINE_COUNT_MAX, COARSE_COUNT_MAX)
