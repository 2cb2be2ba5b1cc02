"""Rise and fall of each cause, at their limits; and which of them only make another center better."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.announce.health import HARD, Cause, Health, Signs

WELL = Signs()


def see(health: Health, signs: Signs, times: int) -> None:
    for _ in range(times):
        health.see(signs)


def test_nothing_is_well_before_it_was_seen_often_enough() -> None:
    health = Health(rise_count=3)
    see(health, WELL, 2)
    assert set(health.ill_hard) == HARD
    assert health.ill_soft == (Cause.REGION, Cause.HEARD)
    see(health, WELL, 1)
    assert health.ill_hard == health.ill_soft == ()


@pytest.mark.parametrize("cause", Cause)
def test_one_bad_look_less_than_the_fall_is_no_illness(cause: Cause) -> None:
    health = Health(rise_count=2, fall_count=3)
    see(health, WELL, 2)
    bad = msgspec.structs.replace(WELL, **{cause.value: False})
    see(health, bad, 2)
    assert health.is_good(cause)
    see(health, WELL, 1)
    see(health, bad, 2)
    assert health.is_good(cause), "a good look between them begins the count anew"
    see(health, bad, 1)
    assert not health.is_good(cause)
    assert (health.ill_hard if cause in HARD else health.ill_soft) == (cause,)


def test_a_silent_region_can_be_made_a_reason_to_withdraw() -> None:
    health = Health(region_is_hard=True)
    see(health, Signs(region=False), 10)
    assert health.ill_hard == (Cause.REGION,)
    assert health.ill_soft == (), "it is not told twice"


def test_a_failure_needs_no_second_look() -> None:
    health = Health()
    see(health, WELL, 10)
    health.fail(Cause.DEVICE)
    assert health.ill_hard == (Cause.DEVICE,)


@pytest.mark.parametrize("counts", [(0, 1), (1, 0)])
def test_no_count_below_one(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Health(*counts)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_a_cause_turns_only_after_so_many_looks_that_agree(looks: list[bool], rise: int, fall: int) -> None:
    health, was = Health(rise, fall), False
    for n, look in enumerate(looks):
        health.see(Signs(journal=look))
        now = health.is_good(Cause.JOURNAL)
        if now != was:
            needed = rise if now else fall
            assert looks[n + 1 - needed : n + 1] == [now] * needed
        was = now
