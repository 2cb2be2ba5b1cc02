"""The target grows while the core is quick and used, shrinks when it is slow or silent, and keeps its bounds."""

import pytest

from relay.exchange.concurrency import WINDOW_CALLS_MIN, WINDOW_MS, ConcurrencyTarget


def run(target: ConcurrencyTarget, latency_ms: int, windows: int, start_ms: int = 0, refused: bool = False) -> int:
    now_ms = start_ms
    for _ in range(windows):
        now_ms += WINDOW_MS
        for _ in range(WINDOW_CALLS_MIN):
            target.observe(latency_ms, refused, target.target, now_ms)
    return now_ms


def test_grows_to_the_ceiling_while_the_core_stays_quick() -> None:
    target = ConcurrencyTarget(4, 100)
    run(target, 5, 50)
    assert target.target == 100


def test_an_unused_target_does_not_grow() -> None:
    target = ConcurrencyTarget(4, 500)
    before = target.target
    for window in range(50):
        for _ in range(WINDOW_CALLS_MIN):
            target.observe(5, False, 1, window * WINDOW_MS)
    assert target.target == before


def test_shrinks_to_the_floor_while_calls_take_clearly_longer() -> None:
    target = ConcurrencyTarget(4, 100)
    now_ms = run(target, 5, 5)
    run(target, 500, 40, now_ms)
    assert target.target == 4


def test_a_refusal_shrinks_at_once_and_only_once_a_window() -> None:
    target = ConcurrencyTarget(4, 100)
    now_ms = run(target, 5, 30)
    before = target.target
    for _ in range(20):
        target.observe(5, True, before, now_ms + WINDOW_MS)
    assert target.target == int(before * 0.7)


def test_recovers_after_the_core_is_quick_again() -> None:
    target = ConcurrencyTarget(4, 100)
    now_ms = run(target, 5, 5)
    now_ms = run(target, 500, 40, now_ms)
    run(target, 5, 60, now_ms)
    assert target.target > 50


def test_expected_wait_is_the_queue_at_todays_pace() -> None:
    target = ConcurrencyTarget(4, 64)
    run(target, 100, 1)
    assert target.expected_wait_ms(640) == 640 * 100 // target.target


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 1), (5, 4)])
def test_impossible_bounds_are_refused(floor: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match="floor"):
        ConcurrencyTarget(floor, ceiling)
