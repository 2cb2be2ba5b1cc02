"""The wheel against a plain list of timers, on a clock that the test turns."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.wheel import TimingWheel, WheelTimer


class WakeUp:
    def __init__(self, at_ms: int, callback: Callable[[], None]) -> None:
        self.at_ms = at_ms
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        assert self.callback is not None, "cancelled twice, or after it fired"
        self.callback = None


class World:
    """A clock and a loop in one. `loop_skew_ms` lets the loop's clock run ahead of the monotonic one."""

    def __init__(self, now_ms: int = 1_234_567) -> None:
        self.now_ms = now_ms
        self.loop_skew_ms = 0
        self.asked: list[WakeUp] = []
        self.turns = 0

    def monotonic_ms(self) -> int:
        return self.now_ms

    def wall_ms(self) -> int:
        return 0

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> WakeUp:
        assert delay_s >= 0
        wake_up = WakeUp(self.now_ms + self.loop_skew_ms + round(delay_s * 1000), callback)
        self.asked.append(wake_up)
        return wake_up

    def waiting(self) -> list[WakeUp]:
        return sorted((w for w in self.asked if w.callback is not None), key=lambda w: w.at_ms)

    def run_due(self) -> bool:
        due = [w for w in self.waiting() if w.at_ms <= self.now_ms + self.loop_skew_ms]
        if not due:
            return False
        callback, due[0].callback = due[0].callback, None
        self.asked = self.waiting()
        self.turns += 1
        assert callback is not None
        callback()
        return True

    def advance(self, ms: int) -> None:
        """Turn the clock as a real loop does: stop at each wake-up on the way."""
        end_ms = self.now_ms + ms
        while True:
            while self.run_due():
                pass
            ahead = self.waiting()
            if not ahead or ahead[0].at_ms - self.loop_skew_ms > end_ms:
                break
            self.now_ms = ahead[0].at_ms - self.loop_skew_ms
        self.now_ms = end_ms


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def wheel(world: World) -> TimingWheel:
    return TimingWheel(world, world.call_later)


def test_never_early_and_one_tick_late_at_most(world: World, wheel: TimingWheel) -> None:
    fired: list[int] = []
    asked_ms = world.now_ms
    wheel.after(120, lambda: fired.append(world.now_ms))
    world.advance(119)
    assert fired == []
    world.advance(60)
    assert len(fired) == 1
    assert 120 <= fired[0] - asked_ms <= 170


def test_cancelled_never_fires_and_may_be_cancelled_again(world: World, wheel: TimingWheel) -> None:
    fired: list[int] = []
    timer = wheel.after(100, lambda: fired.append(1))
    keep = wheel.after(100, lambda: fired.append(2))
    timer.cancel()
    timer.cancel()
    world.advance(1_000)
    assert fired == [2]
    keep.cancel()  # after it fired


def test_sleeps_when_empty_and_wakes_only_for_what_waits(world: World, wheel: TimingWheel) -> None:
    assert wheel.is_asleep
    wheel.after(10_000, lambda: None)
    assert not wheel.is_asleep
    world.advance(11_000)
    assert world.turns == 1  # not one per tick
    assert wheel.is_asleep
    assert wheel.slot_count() == 0


def test_a_nearer_timer_moves_the_wake_up(world: World, wheel: TimingWheel) -> None:
    order: list[str] = []
    wheel.after(5_000, lambda: order.append("far"))
    wheel.after(100, lambda: order.append("near"))
    assert len(world.waiting()) == 1
    world.advance(200)
    assert order == ["near"]
    world.advance(5_000)
    assert order == ["near", "far"]


def test_the_loops_clock_jumping_ahead_fires_nothing_early(world: World, wheel: TimingWheel) -> None:
    fired: list[int] = []
    wheel.after(60_000, lambda: fired.append(1))
    world.loop_skew_ms = 3_600_000  # an NTP step: the loop believes that an hour has passed
    assert world.run_due()
    assert fired == []
    assert not wheel.is_asleep
    world.advance(61_000)
    assert fired == [1]


def test_a_long_pause_fires_everything_oldest_first(world: World, wheel: TimingWheel) -> None:
    order: list[int] = []
    for delay_ms in (700, 100, 400, 100):
        wheel.after(delay_ms, lambda delay_ms=delay_ms: order.append(delay_ms))  # type: ignore[misc]  # the usual default trick
    world.now_ms += 86_400_000
    while world.run_due():
        pass
    assert order == [100, 100, 400, 700]


def test_work_per_turn_is_bounded(world: World) -> None:
    wheel = TimingWheel(world, world.call_later, batch_count_max=10)
    fired: list[int] = []
    for number in range(25):
        wheel.after(100, lambda number=number: fired.append(number))  # type: ignore[misc]  # as above
    world.now_ms += 200
    counts = []
    while world.run_due():
        counts.append(len(fired))
    assert counts[:3] == [10, 20, 25]
    assert fired == list(range(25))
    assert wheel.is_asleep


def test_a_timer_that_restarts_itself_does_not_hold_the_loop(world: World, wheel: TimingWheel) -> None:
    fired: list[int] = []

    def again() -> None:
        fired.append(world.now_ms)
        wheel.after(0, again)

    wheel.after(0, again)
    world.now_ms += 50
    assert world.run_due()
    assert len(fired) == 1
    world.advance(500)
    assert 9 <= len(fired) <= 12


def test_a_callback_may_cancel_a_timer_of_the_same_tick(world: World, wheel: TimingWheel) -> None:
    fired: list[str] = []
    timers: list[WheelTimer] = []
    wheel.after(100, lambda: timers[0].cancel())
    timers.append(wheel.after(100, lambda: fired.append("cancelled")))
    wheel.after(100, lambda: fired.append("kept"))
    world.advance(200)
    assert fired == ["kept"]


def test_a_failing_callback_is_logged_and_the_others_fire(
    world: World, wheel: TimingWheel, caplog: pytest.LogCaptureFixture
) -> None:
    fired: list[int] = []

    def broken() -> None:
        raise RuntimeError("bug")

    wheel.after(100, broken)
    wheel.after(100, lambda: fired.append(1))
    with caplog.at_level(logging.ERROR, logger="relay.wheel"):
        world.advance(200)
    assert fired == [1]
    assert [record.getMessage() for record in caplog.records if record.name == "relay.wheel"] == ["timer callback failed"]


def test_the_number_of_slots_is_bounded_whatever_waits(world: World, wheel: TimingWheel) -> None:
    for delay_ms in range(1, 86_400_000, 1_234):
        wheel.after(delay_ms, lambda: None)
    assert wheel.slot_count() < 4_000


def test_cancelled_timers_free_their_memory_at_once(world: World, wheel: TimingWheel) -> None:
    """A message restarts its idle timer each time: the wheel must not collect the cancelled ones until they fall due."""
    wheel.after(60_000, lambda: None)
    gc.collect()
    before = sum(isinstance(o, WheelTimer) for o in gc.get_objects())
    for _ in range(1_000):
        wheel.after(60_000, lambda: None).cancel()
    gc.collect()
    assert sum(isinstance(o, WheelTimer) for o in gc.get_objects()) - before < 10


def test_refuses_an_impossible_tick(world: World) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        TimingWheel(world, world.call_later, tick_ms=0)


operations = st.lists(
    st.one_of(
        st.tuples(st.just("after"), st.integers(-5, 200_000)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("advance"), st.integers(0, 90_000)),
        st.tuples(st.just("skew"), st.integers(0, 3_600_000)),
    ),
    max_size=60,
)


@given(operations, st.integers(0, 10**12))
def test_fires_each_timer_exactly_once_in_its_window(steps: list[tuple[str, int]], start_ms: int) -> None:
    world = World(start_ms)
    wheel = TimingWheel(world, world.call_later, batch_count_max=3)
    asked: list[tuple[int, int]] = []  # (asked at, delay)
    timers: list[WheelTimer] = []
    cancelled: set[int] = set()
    fired: dict[int, int] = {}

    for verb, value in steps:
        if verb == "after":
            number = len(asked)
            asked.append((world.now_ms, max(1, value)))
            timers.append(wheel.after(value, lambda number=number: fired.setdefault(number, world.now_ms)))  # type: ignore[misc]
        elif verb == "cancel" and value < len(timers):
            if value not in fired:
                cancelled.add(value)
            timers[value].cancel()
        elif verb == "advance":
            world.advance(value)
        elif verb == "skew":
            world.loop_skew_ms += value  # forwards only: a loop that stands still cannot be helped by its timers
            world.advance(0)
        for number, (at_ms, delay_ms) in enumerate(asked):
            late_ms = world.now_ms - at_ms - delay_ms
            if number in cancelled:
                assert number not in fired
            elif number in fired:
                assert fired[number] - at_ms - delay_ms >= 0
            else:
                assert late_ms <= 50 + (delay_ms + 100) // 256 + 1
    world.advance(300_000)
    assert set(fired) | cancelled == set(range(len(asked)))
    assert wheel.is_asleep
