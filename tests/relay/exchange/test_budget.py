"""The hot lanes pay first: their slots follow what everybody else's calls take, and never pass their share."""

from __future__ import annotations

from relay.exchange.budget import HOLD_MS, PROBE_MS, THIN_WINDOW_CALLS_MIN, WARM_WINDOWS, WINDOW_CALLS_MIN, WINDOW_MS, HotBudget

TARGET = 64


class Core:
    """A core of so many slots in processor sharing: a call takes longer when more are in it."""

    def __init__(self, slots: int = 16, best_ms: int = 50, share_percent: int = 50) -> None:
        self.slots, self.best_ms = slots, best_ms
        self.sut = HotBudget(share_percent)
        self.now_ms = 0

    def latency_ms(self, inflight: int) -> int:
        return int(self.best_ms * max(1.0, inflight / self.slots))

    def window(self, others: int, hot: int | None = None, calls: int = WINDOW_CALLS_MIN, is_pressed: bool = False) -> int:
        """`others` and `hot` (all of the budget by default) in flight for one window. Returns everybody else's latency."""
        hot_calls = self.sut.slots if hot is None else hot
        latency_ms = self.latency_ms(others + hot_calls)
        started_ms = self.now_ms
        self.now_ms += max(WINDOW_MS, latency_ms)
        for _ in range(calls):
            self.sut.observe(latency_ms, started_ms, False, others + hot_calls, hot_calls, self.now_ms)
            self.sut.observe(latency_ms, started_ms, True, others + hot_calls, hot_calls, self.now_ms)
        self.sut.decide(TARGET, self.now_ms, is_pressed)
        return latency_ms


def calm(others: int = 4) -> Core:
    core = Core()
    for _ in range(20):
        core.window(others, hot=0)
    assert core.sut.calm_ms == 50
    return core


def test_it_begins_with_the_share_and_gives_up_what_queues_inside_the_core_within_two_windows() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    assert core.sut.slots == 32, "half of the target"
    latencies = [core.window(4) for _ in range(3)]
    assert latencies[0] > 100
    assert latencies[-1] == 50, "everybody else is served as before"
    assert core.sut.slots >= 5, "and the core is not left idle"


def test_share_percent_is_the_most() -> None:
    core = Core(slots=1_000, share_percent=25)
    for _ in range(5):
        core.window(4, hot=0)
    core.sut.begin(TARGET, 50, core.now_ms)
    assert core.sut.slots == 16
    for _ in range(200):
        core.window(4)
    assert core.sut.slots == 16
    assert HotBudget(1).most(4) == 1, "one slot is the least"


def test_slots_are_added_one_by_one_after_a_pause_while_they_are_used() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    core.window(4)
    low, began_ms = core.sut.slots, core.now_ms
    while core.sut.slots == low:
        assert core.window(4) == 50
    assert core.sut.slots == low + 1
    assert core.now_ms - began_ms >= HOLD_MS
    first_ms = core.now_ms
    while core.sut.slots == low + 1:
        core.window(4)
    assert core.now_ms - first_ms >= PROBE_MS


def test_slots_that_nobody_uses_are_not_added() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    core.window(4)
    low = core.sut.slots
    for _ in range(100):
        core.window(4, hot=1)
    assert core.sut.slots == low


def test_nothing_is_added_while_somebody_else_waits() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    core.window(4)
    low = core.sut.slots
    for _ in range(100):
        core.window(4, is_pressed=True)
    assert core.sut.slots == low


def test_it_hunts_around_the_core_and_everybody_else_hardly_notices() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    latencies = [core.window(4) for _ in range(2_000)][10:]
    assert sum(one > 60 for one in latencies) <= len(latencies) // 100
    assert max(latencies) <= 65


def test_a_call_from_before_the_change_says_nothing_about_it() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    for _ in range(WINDOW_CALLS_MIN):
        core.sut.observe(900, core.now_ms - 900, False, 64, 60, core.now_ms + 500)
    core.sut.decide(TARGET, core.now_ms + 500, False)
    assert core.sut.slots == 32


def test_where_everybody_else_says_little_a_second_and_three_calls_are_enough() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    core.window(2, calls=THIN_WINDOW_CALLS_MIN)
    assert core.sut.slots == 32
    core.now_ms += 1_000
    core.sut.decide(TARGET, core.now_ms, False)
    assert core.sut.slots < 32


def test_a_core_that_refuses_hot_calls_gets_fewer_of_them_once_per_window() -> None:
    core = calm()
    core.sut.begin(TARGET, 50, core.now_ms)
    core.sut.overloaded(core.now_ms + WINDOW_MS)
    core.sut.overloaded(core.now_ms + WINDOW_MS)
    assert core.sut.slots == 22
    for number in range(2, 30):
        core.sut.overloaded(core.now_ms + number * WINDOW_MS)
    assert core.sut.slots == 1, "and never none"


def test_the_guarantee_is_a_tenth_and_no_more_than_the_budget() -> None:
    sut = HotBudget(50)
    sut.begin(TARGET, 50, 0)
    assert sut.guaranteed(TARGET) == 6
    assert sut.guaranteed(4) == 1
    sut.slots = 2
    assert sut.guaranteed(TARGET) == 2


def test_a_target_that_falls_takes_the_share_along() -> None:
    sut = HotBudget(50)
    sut.begin(TARGET, 50, 0)
    sut.decide(8, 1, False)
    assert sut.slots == 4


def test_a_storm_does_not_teach_that_slow_is_usual_but_a_slower_core_is_learned() -> None:
    core = calm()
    for _ in range(200):
        core.window(4, hot=0)
    core.window(64, hot=0)  # before anybody is known to be hot
    assert core.sut.calm_ms < 52
    core.window(64, hot=0, is_pressed=True)
    assert core.sut.calm_ms < 52, "with a queue before it a latency says nothing"
    core.best_ms = 80
    for _ in range(1_000):
        core.window(4, hot=0)
    assert 79 <= core.sut.calm_ms <= 80


def test_one_who_has_seen_no_calm_time_goes_by_the_best_latency() -> None:
    sut = HotBudget(50)
    sut.begin(TARGET, 40, 0)
    assert sut.calm_ms == 40


def test_the_first_calls_open_connections_and_are_not_remembered() -> None:
    core = Core(best_ms=900)
    for _ in range(WARM_WINDOWS):
        core.window(4, hot=0)
    assert core.sut.calm_ms == 0
    core.best_ms = 50
    core.window(4, hot=0)
    assert core.sut.calm_ms == 50
