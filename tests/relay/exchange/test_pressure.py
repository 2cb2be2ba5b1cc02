"""Figures of the last minutes: percentiles of waits, refusals by reason, moves of the target."""

from __future__ import annotations

import pytest

from relay.exchange.pressure import BOUNDS_MS, COOLDOWN_MS, MOVES_COUNT_MAX, WINDOW_MS, Pressure, Waits, Why


def test_percentiles_are_upper_bounds() -> None:
    sut = Waits()
    for wait_ms in range(1, 101):
        sut.add(wait_ms, 0)
    assert sut.percentile(50, 0) == 50
    assert sut.percentile(99, 0) == 100
    assert sut.count(0) == 100


def test_one_wait_is_every_percentile_and_never_more_than_it_was() -> None:
    sut = Waits()
    sut.add(61, 0)
    assert (sut.percentile(50, 0), sut.percentile(99, 0)) == (61, 61)
    sut.add(BOUNDS_MS[-1] + 5_000, 0)
    assert sut.percentile(99, 0) == BOUNDS_MS[-1] + 5_000


def test_nobody_waited() -> None:
    assert Waits().percentile(99, 0) is None


@pytest.mark.parametrize(("later_ms", "count"), [(WINDOW_MS, 1), (2 * WINDOW_MS - 1, 1), (2 * WINDOW_MS, 0)])
def test_what_is_older_than_two_windows_is_gone(later_ms: int, count: int) -> None:
    sut = Waits()
    sut.add(5, 0)
    assert sut.count(later_ms) == count


def test_refusals_are_of_the_last_minutes_by_lane_and_reason() -> None:
    sut = Pressure()
    sut.refused(True, Why.QUEUE_FULL, 0)
    sut.refused(True, Why.QUEUE_FULL, WINDOW_MS)
    sut.refused(False, Why.TOO_LATE, WINDOW_MS)
    assert sut.refusals(WINDOW_MS) == {(True, Why.QUEUE_FULL): 2, (False, Why.TOO_LATE): 1}
    assert sut.refusals(2 * WINDOW_MS) == {(True, Why.QUEUE_FULL): 1, (False, Why.TOO_LATE): 1}
    assert sut.refusals(4 * WINDOW_MS) == {}


def test_steps_the_same_way_soon_after_each_other_are_one_move() -> None:
    sut = Pressure()
    sut.target_moved(64, 58, "slow", 0)
    sut.target_moved(58, 53, "slow", COOLDOWN_MS)
    sut.target_moved(53, 48, "slow", 2 * COOLDOWN_MS + 1)
    sut.target_moved(48, 53, "used", 2 * COOLDOWN_MS + 2)
    assert [(move.before, move.after, move.why) for move in sut.moves] == [
        (64, 53, "slow"),
        (53, 48, "slow"),
        (48, 53, "used"),
    ]


def test_the_latest_moves_are_kept() -> None:
    sut = Pressure()
    for number in range(MOVES_COUNT_MAX + 1):
        sut.target_moved(number, number + 1, "used", number * 2 * COOLDOWN_MS)
    assert len(sut.moves) == MOVES_COUNT_MAX
    assert sut.moves[0].before == 1
