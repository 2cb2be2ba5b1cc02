"""Everybody comes back at once after kill -9: the short form of tests/bench/storm.py, with limits so small that they matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.storm import one, over_limit

TERMINALS = 1_000
PER_S, BURST = 200, 100
EVENTS_MAX, TRANSACTIONS_MAX = 3, 8
SMALL = f"""
[reconnect]
accept_per_s = {PER_S}
accept_burst_count = {BURST}
waiting_count_max = 100
ramp_start_percent = 50
ramp_step_ms = 1000
ramp_slow_ms = 10000
sign_on_inflight_count_min = 1
sign_on_inflight_count_max = {EVENTS_MAX}
"""


@pytest.mark.timeout(300)
def test_a_thousand_terminals_come_back_at_the_pace_of_the_door(tmp_path: Path) -> None:
    # A call that is given up is still on the core's hands: on a busy machine none is given up early.
    core = f"inflight_count_max = {TRANSACTIONS_MAX}\ncall_timeout_ms = 14000"
    found = one(tmp_path, TERMINALS, SMALL, rooms=2, core=core)
    assert found["on"] == TERMINALS
    assert found["wrong"] == 0, found["wrong_first"]
    assert found["attempts"] > 2 * TERMINALS, "refused while the relay was away, and reset at the door: they dialled again"
    assert found["all_s"] >= (TERMINALS - BURST) / PER_S - 1, "nobody is let in faster than the bucket allows"
    # Sign-ons were told to the core a few at a time (one that a busy machine could not tell is not told again).
    assert found["core_events"] > TERMINALS // 2
    assert over_limit(found, EVENTS_MAX, TRANSACTIONS_MAX) == 0
    assert found["traded"] == TERMINALS
    assert found["posted"] >= TERMINALS, "each approval that was heard is a posting"
    assert found["posted_twice"] == 0
    assert any(0 < seen["present"] < TERMINALS and seen["left_s"] > 0 for seen in found["seen"]), "and somebody could watch it"


@pytest.mark.timeout(300)
def test_the_fleet_of_a_lost_center_comes_to_the_other_one_which_takes_it_over_meanwhile(tmp_path: Path) -> None:
    """A standby that has listened for long: its ramp of the start is over, and begins anew when they come."""
    fleet = 300
    quick = "[reconnect]\nramp_step_ms = 100\nramp_slow_ms = 10000\n"
    found = one(tmp_path, fleet, quick, rooms=2, is_taken_over=True)
    assert (found["on"], found["traded"], found["posted_twice"]) == (fleet, fleet, 0)
    assert found["wrong"] == 0, found["wrong_first"]
    assert found["posted"] >= fleet
    assert found["adopted_s"] > 0, "the lost center's journal is at work there"
    began = [line for line in (tmp_path / "osaka" / "relay.log").read_text().splitlines() if "accept ramp begins" in line]
    assert any("terminals come here" in line for line in began), began
