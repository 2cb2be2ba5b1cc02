"""A part at first, twice as much after each good step, and no step for free."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.wire.ramp import BEYOND_MS, Percentile, Ramp, RampRules

RULES = RampRules(start_percent=25, step_ms=1_000, p99_ms_max=500)


def test_nothing_is_limited_before_the_first_beginning() -> None:
    ramp = Ramp(RULES)
    assert (ramp.percent, ramp.is_ramping, ramp.look(1 << 40)) == (100, False, False)


def test_it_doubles_after_each_good_step() -> None:
    ramp = Ramp(RULES)
    ramp.begin("start", 10_000)
    seen = []
    for now_ms in range(10_000, 13_001, 250):
        if ramp.look(now_ms):
            seen.append((now_ms, ramp.percent))
    assert seen == [(11_000, 50), (12_000, 100)]
    assert not ramp.is_ramping


def test_a_step_that_was_slow_is_repeated_and_the_next_good_one_goes_on() -> None:
    ramp = Ramp(RULES)
    ramp.begin("start", 0)
    ramp.observe("core", 501)
    assert not ramp.look(1_000)
    assert (ramp.percent, ramp.held, ramp.worst_ms) == (25, 1, 750)
    ramp.observe("core", 500)
    assert ramp.look(2_000)
    assert (ramp.percent, ramp.held, ramp.worst_ms) == (50, 0, 500)


def test_each_source_is_judged_for_itself() -> None:
    ramp = Ramp(RULES)
    ramp.begin("start", 0)
    ramp.observe("core", 3, times=10_000)
    for _ in range(5):
        ramp.observe("loop", 2_000)
    assert not ramp.look(1_000), "a few late turns of the loop are not drowned in thousands of calls"


def test_a_new_role_begins_it_again_from_wherever_it_is() -> None:
    ramp = Ramp(RULES)
    ramp.begin("start", 0)
    ramp.look(1_000)
    ramp.observe("core", 9_000)
    ramp.begin("epoch 8", 1_500)
    assert (ramp.percent, ramp.why) == (25, "epoch 8")
    assert not ramp.look(2_499)
    assert ramp.look(2_500), "what was observed before says nothing of the new role"


def test_when_it_will_be_over() -> None:
    ramp = Ramp(RULES)
    ramp.begin("start", 0)
    assert (ramp.full_after_ms(0), ramp.full_after_ms(400)) == (2_000, 1_600)
    ramp.look(1_000)
    assert ramp.full_after_ms(1_900) == 100
    ramp.look(2_000)
    assert ramp.full_after_ms(2_000) == 0


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=300))
def test_the_percentile_is_never_too_low(values: list[int]) -> None:
    seen = Percentile()
    for value in values:
        seen.add(value)
    exact = sorted(values)[len(values) - len(values) // 100 - 1]
    assert seen.p99_ms() >= exact
    assert seen.p99_ms() == BEYOND_MS or seen.p99_ms() <= max(1, exact * 2.5)


@given(
    st.integers(1, 100),
    st.integers(1, 5_000),
    st.lists(st.tuples(st.integers(1, 3_000), st.booleans()), max_size=60),
)
def test_it_rises_by_good_whole_steps_and_by_nothing_else(start: int, step_ms: int, looks: list[tuple[int, bool]]) -> None:
    ramp = Ramp(RampRules(start, step_ms, 100))
    ramp.begin("start", 0)
    percent, ends_ms, now_ms, is_bad = min(100, start), step_ms, 0, False
    for passed_ms, is_slow in looks:
        now_ms += passed_ms
        if is_slow:
            ramp.observe("core", 5_000)
            is_bad = True
        rises = percent < 100 and now_ms >= ends_ms and not is_bad
        assert ramp.look(now_ms) == rises
        if percent < 100 and now_ms >= ends_ms:
            ends_ms, is_bad = now_ms + step_ms, False
        percent = min(100, percent * 2) if rises else percent
        assert ramp.percent == percent
