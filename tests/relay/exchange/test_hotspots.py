"""Who is hot: entered by rate against the usual and against the others, left by rate and time; each limit at its edge."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from relay.exchange.hotspots import LOOK_MS, HotLimits, Hotspots, Move, Moved, Scope

LIMITS = HotLimits(learning_ms=20_000, calm_ms=10_000)
EMPTY = {"is_empty": lambda name: True}


class Street:
    """Branches that talk at rates, on a clock of their own; whoever is judged is judged as the relay does it."""

    def __init__(self, limits: HotLimits = LIMITS) -> None:
        self.spots = Hotspots(limits)
        self.now_ms = 0
        self.moves: list[Moved] = []
        self.waiting: set[str] = set()
        self._chance = Random(1)

    def run(self, for_ms: int, rates: dict[str, float], terminals: int = 50, accounts: dict[str, float] | None = None) -> None:
        """`rates` per branch and second; a branch's messages come from so many of its terminals by turns."""
        shares = [*rates.items()]
        accounts = accounts or {}
        for _ in range(for_ms // 10):
            self.now_ms += 10
            for branch, per_s in shares:
                if self._chance.random() < per_s % 100 / 100:
                    self.say(branch, f"{branch}-{self._chance.randrange(terminals)}")
                for _ in range(int(per_s // 100)):
                    self.say(branch, f"{branch}-{self._chance.randrange(terminals)}")
            for account, per_s in accounts.items():
                if self._chance.random() < per_s / 100:
                    self.say("", f"T{self._chance.randrange(10_000)}", account)
            self.moves += self.spots.look(self.now_ms, lambda name: name not in self.waiting)

    def say(self, branch: str, terminal: str, account: str = "") -> None:
        self.spots.observe(terminal, branch, (account,) if account else (), self.now_ms)

    def hot(self) -> list[str]:
        return list(self.spots.lanes)


USUAL = {f"B{n}": 1.0 for n in range(8)}


def test_a_branch_at_fifty_times_its_usual_rate_is_hot_within_seconds_and_nobody_else() -> None:
    street = Street()
    street.run(40_000, USUAL)
    assert street.hot() == []
    began_ms = street.now_ms
    street.run(4_000, USUAL | {"B3": 50.0})
    assert street.hot() == ["branch B3"]
    assert street.spots.lanes["branch B3"].entered_ms - began_ms < 2_500
    assert street.spots.lane_of("B3-1", "B3", ()) == "branch B3"
    assert street.spots.lane_of("B4-1", "B4", ()) == ""


def test_when_everybody_is_busier_nobody_is_hot() -> None:
    street = Street()
    street.run(30_000, USUAL)
    street.run(10_000, dict.fromkeys(USUAL, 40.0))
    assert street.hot() == []


def test_two_storms_at_once_do_not_hide_each_other() -> None:
    street = Street()
    street.run(30_000, USUAL)
    street.run(5_000, USUAL | {"B1": 50.0, "B2": 60.0, "B3": 70.0})
    assert sorted(street.hot()) == ["branch B1", "branch B2", "branch B3"]


def test_right_after_a_start_one_is_held_against_the_others() -> None:
    street = Street()
    street.run(4_000, USUAL | {"B3": 50.0})
    assert street.hot() == ["branch B3"]


def test_one_alone_after_a_start_is_held_against_nothing() -> None:
    street = Street()
    street.run(15_000, {"B3": 50.0})
    assert street.hot() == []


def test_a_room_of_terminals_that_starts_to_work_is_no_storm() -> None:
    street = Street()
    street.run(10_000, {"": 0.5}, terminals=1)
    street.run(10_000, {"B0": 600.0}, terminals=60)  # ten a second each, twice the least rate
    assert street.hot() == []


@pytest.mark.parametrize(("per_s", "is_hot"), [(19.0, False), (40.0, True)])
def test_branch_per_s_min_is_what_a_branch_has_to_reach(per_s: float, is_hot: bool) -> None:
    street = Street()
    street.run(40_000, dict.fromkeys(USUAL, 0.1))
    street.run(6_000, dict.fromkeys(USUAL, 0.1) | {"B3": per_s})
    assert (street.hot() == ["branch B3"]) == is_hot


@pytest.mark.parametrize(("factor", "is_hot"), [(10.0, True), (30.0, False)])
def test_factor_is_how_many_times_its_usual_rate(factor: float, is_hot: bool) -> None:
    street = Street(msgspec.structs.replace(LIMITS, factor=factor))
    street.run(40_000, dict.fromkeys(USUAL, 3.0))
    street.run(4_000, dict.fromkeys(USUAL, 3.0) | {"B3": 60.0})  # twenty times
    assert bool(street.hot()) == is_hot


def exactly(limits: HotLimits, per_s: float) -> Hotspots:
    """Two thousand seconds of one message per second and terminal, then one terminal whose rate is set to the digit."""
    spots = Hotspots(limits)
    heat = spots.heat[Scope.TERMINAL]
    for second in range(100):
        for terminal in ("A", "B", "C"):
            heat.observe(terminal, second * 1_000)
    now_ms = 100_000
    for _ in range(400):
        if heat.rate_per_s("A", now_ms) >= per_s:
            break
        heat.observe("A", now_ms)
    return spots


def test_the_rate_of_entry_is_the_larger_of_both_thresholds_at_the_edge() -> None:
    low = exactly(HotLimits(terminal_per_s_min=30.0, factor=1.5), 30.0)
    assert [one.move for one in low.look(100_000, **EMPTY)] == [Move.ENTERED]
    below = exactly(HotLimits(terminal_per_s_min=30.0, factor=1.5), 29.0)
    rate = below.heat[Scope.TERMINAL].rate_per_s("A", 100_000)
    assert 29.0 <= rate < 30.0
    assert below.look(100_000, **EMPTY) == []


def test_a_hot_terminal_does_not_take_its_branch_along() -> None:
    street = Street()
    street.run(30_000, USUAL)
    for _ in range(400):
        street.now_ms += 20
        street.say("B3", "B3-7")
        street.moves += street.spots.look(street.now_ms, lambda name: True)
    assert street.hot()[0] == "terminal B3-7"
    street.run(15_000, USUAL)  # its branch calms down, whether or not it was entered meanwhile
    for _ in range(2_000):
        street.now_ms += 20
        street.say("B3", "B3-7")
        street.moves += street.spots.look(street.now_ms, lambda name: True)
    assert street.hot() == ["terminal B3-7"]
    assert street.spots.lane_of("B3-8", "B3", ()) == ""


def test_an_account_is_hot_from_whatever_terminals() -> None:
    street = Street()
    usual = {f"a{n}": 0.1 for n in range(10)}
    street.run(30_000, USUAL, accounts=usual)
    street.run(5_000, USUAL, accounts=usual | {"a3": 30.0})
    assert street.hot() == ["account a3"]
    assert street.spots.lane_of("T1", "", ("a9", "a3")) == "account a3"
    assert street.spots.lane_of("T1", "", ("a9",)) == ""


def test_a_lane_ends_after_calm_ms_below_its_rate_of_leaving_and_not_before() -> None:
    street = Street()
    street.run(40_000, USUAL)
    street.run(4_000, USUAL | {"B3": 50.0})
    street.run(8_000, USUAL)
    assert street.hot() == ["branch B3"], "calm, and not yet for calm_ms"
    street.run(2_000, USUAL | {"B3": 50.0})  # the storm comes back for a moment: the wait begins anew
    street.run(9_000, USUAL)
    assert street.hot() == ["branch B3"]
    street.run(10_000, USUAL)
    assert street.hot() == []
    assert [one.move for one in street.moves] == [Move.ENTERED, Move.LEFT]


def test_between_entering_and_leaving_lies_a_gap() -> None:
    street = Street()
    street.run(40_000, USUAL)
    street.run(4_000, USUAL | {"B3": 50.0})
    enters = street.spots.lanes["branch B3"].enter_per_s
    street.run(60_000, USUAL | {"B3": enters * 0.75})  # below entering, above leaving: no flapping
    assert [one.move for one in street.moves] == [Move.ENTERED]
    assert street.hot() == ["branch B3"]


def test_a_lane_does_not_end_while_something_waits_in_it() -> None:
    street = Street()
    street.run(40_000, USUAL)
    street.run(4_000, USUAL | {"B3": 50.0})
    street.waiting.add("branch B3")
    street.run(30_000, USUAL)
    assert street.hot() == ["branch B3"]
    street.waiting.clear()
    street.run(1_000, USUAL)
    assert street.hot() == []


def test_a_long_storm_never_becomes_the_usual() -> None:
    street = Street()
    street.run(30_000, USUAL)
    street.run(600_000, USUAL | {"B3": 50.0})
    assert street.hot() == ["branch B3"]
    street.run(40_000, USUAL)
    street.run(4_000, USUAL | {"B3": 50.0})
    assert street.hot() == ["branch B3"], "the second storm is one, too"


def test_lanes_count_max_is_the_last_lane_and_who_finds_none_is_told_once() -> None:
    street = Street(msgspec.structs.replace(LIMITS, lanes_count_max=2))
    street.run(30_000, USUAL)
    street.run(8_000, USUAL | {"B1": 60.0, "B2": 60.0, "B3": 60.0})
    assert len(street.hot()) == 2
    assert [one.move for one in street.moves].count(Move.NO_ROOM) == 1


def test_off_means_off() -> None:
    street = Street(msgspec.structs.replace(LIMITS, enabled=False))
    street.run(30_000, USUAL)
    street.run(10_000, USUAL | {"B3": 90.0})
    assert street.hot() == []
    assert street.moves == []


def test_rates_are_judged_a_few_times_a_second() -> None:
    spots = exactly(HotLimits(terminal_per_s_min=30.0, factor=1.5), 30.0)
    assert spots.look(100_000, **EMPTY)
    spots.heat[Scope.TERMINAL].suspects.add("B")
    assert spots.look(100_000 + LOOK_MS - 1, **EMPTY) == []
    assert spots.heat[Scope.TERMINAL].suspects == {"B"}, "not looked at yet"
    spots.look(100_000 + LOOK_MS, **EMPTY)
    assert spots.heat[Scope.TERMINAL].suspects == set()
