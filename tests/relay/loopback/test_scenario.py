"""Plans of troubles: all of them, one after the other, with calm between and at the end."""

from __future__ import annotations

import pytest

from relay.loopback.scenario import Trouble, plan


def test_every_trouble_has_its_place_and_ends_before_the_next_begins() -> None:
    steps = plan(60, storms=2, zone_losses=1, daemon_kills=2)
    assert [step.what for step in steps] == [
        Trouble.STORM_ON,
        Trouble.STORM_OFF,
        Trouble.DAEMON_KILL,
        Trouble.ZONE_DOWN,
        Trouble.ZONE_UP,
        Trouble.STORM_ON,
        Trouble.STORM_OFF,
        Trouble.DAEMON_KILL,
    ]
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert steps[0].at_s == pytest.approx(3)
    assert steps[-1].at_s == pytest.approx(51)


def test_no_troubles_is_an_empty_plan() -> None:
    assert plan(60) == []
