"""A slice follows the time that the last one took, between its bounds."""

from __future__ import annotations

from relay.journal.pace import COUNT_MAX, COUNT_MIN, Pace


def test_a_slice_that_took_too_long_is_followed_by_one_that_fits() -> None:
    pace = Pace(10, 100)
    pace.took(100, 40)
    assert pace.count == 25
    pace.took(25, 11)
    assert pace.count == 22


def test_at_the_limit_it_stays_and_within_half_of_it_it_grows() -> None:
    pace = Pace(10, 100)
    pace.took(100, 10)
    pace.took(100, 6)
    assert pace.count == 100
    pace.took(100, 5)
    assert pace.count == 150


def test_one_that_found_little_to_do_says_nothing() -> None:
    pace = Pace(10, 100)
    pace.took(3, 0)
    assert pace.count == 100


def test_it_never_leaves_its_bounds() -> None:
    pace = Pace(1, 100)
    for _ in range(20):
        pace.took(pace.count, 1_000_000)
    assert pace.count == COUNT_MIN
    for _ in range(50):
        pace.took(pace.count, 0)
    assert pace.count == COUNT_MAX


def test_whatever_a_row_costs_the_slices_come_to_fit() -> None:
    """Counted, not timed: rows of 1, 100 and 400 us against 10 ms."""
    for cost_us in (1, 100, 400):
        pace = Pace(10, 100)
        taken: list[int] = []
        for _ in range(40):
            taken.append(pace.count)
            pace.took(pace.count, pace.count * cost_us // 1_000)
        longest_ms = max(taken[3:]) * cost_us / 1_000
        assert longest_ms <= 15, (cost_us, taken)
        assert taken[-1] * cost_us / 1_000 <= 10 or taken[-1] == COUNT_MAX
