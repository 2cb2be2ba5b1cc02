"""The least stay, its doubling and forgetting, and the budget of a minute with its reserve, each at its limit."""

from __future__ import annotations

import pytest

from relay.announce.damping import CHANGES_MIN, MINUTE_MS, Damping, DampingLimits
from relay.announce.port import Level

LIMITS = DampingLimits(stay_ms=1_000, stay_ms_max=5_000, calm_ms=20_000, changes_per_minute_max=6)


def test_the_first_step_waits_for_nothing() -> None:
    assert Damping(LIMITS).wait_ms(0, Level.STANDBY) == 0


def test_a_level_is_kept_for_its_stay_to_the_millisecond() -> None:
    damping = Damping(LIMITS)
    damping.changed(100, is_flap=False)
    assert damping.wait_ms(100, Level.HOLDING) == 1_000
    assert damping.wait_ms(1_099, Level.HOLDING) == 1
    assert damping.wait_ms(1_100, Level.HOLDING) == 0


def test_each_flap_doubles_the_stay_up_to_its_most_and_calm_forgets_them() -> None:
    damping = Damping(DampingLimits(stay_ms=1_000, stay_ms_max=5_000, calm_ms=20_000, changes_per_minute_max=60))
    seen = []
    for n in range(4):
        damping.changed(n * 10, is_flap=True)
        seen.append(damping.stay_ms(n * 10))
    assert seen == [2_000, 4_000, 5_000, 5_000]
    assert damping.stay_ms(30 + 19_999) == 5_000
    assert damping.stay_ms(30 + 20_000) == 1_000


def test_a_minute_keeps_room_for_every_step_down() -> None:
    damping = Damping(LIMITS)
    for moment in (0, 10_000, 20_000, 30_000):
        damping.changed(moment, is_flap=False)
    assert damping.wait_ms(40_000, Level.STANDBY) == 0, "four were, one comes, one may follow: six"
    assert damping.wait_ms(40_000, Level.HOLDING) == 20_000, "until the first of the four is a minute old"
    damping.changed(40_000, is_flap=False)
    assert damping.wait_ms(50_000, Level.STANDBY) == 10_000
    assert damping.wait_ms(MINUTE_MS, Level.STANDBY) == 0


def test_fewer_changes_than_up_and_down_take_are_no_budget() -> None:
    Damping(DampingLimits(changes_per_minute_max=CHANGES_MIN))
    with pytest.raises(ValueError, match=str(CHANGES_MIN)):
        Damping(DampingLimits(changes_per_minute_max=CHANGES_MIN - 1))
