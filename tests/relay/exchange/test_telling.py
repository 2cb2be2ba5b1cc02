"""Sign-ons to the core: a few at a time, the last word of each terminal, nothing for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from prometheus_client import CollectorRegistry

from relay.exchange.telling import LOOK_MS, REFUSED_PAUSE_MS, START_COUNT, Telling, TellingLimits
from relay.permit import Permit
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

PERMIT = Permit(7, "tokyo")
ATM, BRANCH = 1, 0


class World:
    """A core that is told by hand."""

    def __init__(self, **limits: int) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics(CollectorRegistry())
        self.permit: Permit | None = PERMIT
        self.told: list[tuple[str, str, int]] = []
        self.waiting: list[Callable[[bool], None]] = []
        self.most = 0
        self.busy: set[str] = set()
        self.at_once: bool | None = None
        self.telling = Telling(
            self._tell,
            lambda: self.permit,
            lambda listener, terminal: BRANCH if listener == "branch" or terminal in self.busy else ATM,
            2,
            self.time,
            self.time,
            self.metrics,
            TellingLimits(**limits),
        )

    def _tell(
        self,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        done: Callable[[bool], None],
    ) -> None:
        self.told.append((event, terminal, at_ms))
        if self.at_once is not None:
            done(self.at_once)
            return
        self.waiting.append(done)
        self.most = max(self.most, len(self.waiting))

    def up(self, terminal: str, listener: str = "atm") -> None:
        self.telling.take("session-up", terminal, listener, {"terminal": terminal})

    def answer(self, is_told: bool = True) -> None:
        self.waiting.pop(0)(is_told)

    def count(self, outcome: str) -> float:
        return self.metrics.core_calls.labels("tell", outcome).value

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(event, terminal) for event, terminal, _ in self.told]


def test_no_more_at_once_than_the_target_which_begins_low_and_never_passes_its_ceiling() -> None:
    world = World(inflight_count_max=8)
    for number in range(2_000):
        world.up(f"A{number}")
    assert len(world.waiting) == START_COUNT
    for _ in range(1_990):
        world.time.run(5)
        world.answer()
    assert world.most == 8
    assert len(world.told) >= 1_990


def test_a_slow_core_gets_fewer_and_never_none() -> None:
    world = World(inflight_count_min=2, inflight_count_max=16)
    for number in range(3_000):
        world.up(f"A{number}")
    for _ in range(500):
        world.time.run(2)
        world.answer()
    fast = world.telling.target.target
    for _ in range(60):
        world.time.run(100)
        world.answer()
    assert world.telling.target.target < fast
    assert len(world.waiting) >= 2


def test_an_event_says_when_it_happened() -> None:
    world = World()
    world.permit = None
    world.up("A1")
    at_ms = world.time.wall_ms()
    world.time.run(5_000)
    world.permit = PERMIT
    world.time.run(LOOK_MS)
    assert world.told == [("session-up", "A1", at_ms)]


def test_of_a_terminals_ups_and_downs_only_the_last_is_told_in_its_place() -> None:
    world = World()
    world.permit = None
    world.up("A1")
    world.up("A2")
    for _ in range(10):
        world.telling.take("session-down", "A1", "atm", {})
        world.up("A1")
    world.telling.take("session-down", "A1", "atm", {})
    assert (world.telling.waiting_count, world.count("replaced")) == (2, 21)
    world.permit = PERMIT
    world.time.run(LOOK_MS)
    assert world.events == [("session-down", "A1"), ("session-up", "A2")]


def test_who_has_no_name_is_known_by_its_line() -> None:
    world = World()
    world.permit = None
    for line in ("one", "two"):
        world.telling.take("session-up", "", "zengin", {"line": line})
    assert world.telling.waiting_count == 2


def test_other_events_go_first_and_are_never_replaced_and_then_higher_ranks() -> None:
    world = World()
    world.permit = None
    world.up("A1")
    world.up("B1", "branch")
    world.telling.take("till-check", "B1", "branch", {})
    world.telling.take("till-check", "B1", "branch", {})
    world.permit = PERMIT
    world.time.run(LOOK_MS)
    assert world.events == [("till-check", "B1")] * 2 + [("session-up", "B1"), ("session-up", "A1")]


def test_a_terminal_whose_rank_changes_still_waits_in_one_place() -> None:
    world = World()
    world.permit = None
    world.up("A1")
    world.busy.add("A1")
    world.telling.take("session-down", "A1", "atm", {})
    assert world.telling.waiting_count == 1


def test_at_the_limit_what_is_new_is_dropped_and_counted_but_a_newer_word_is_not() -> None:
    world = World(waiting_count_max=2)
    world.permit = None
    world.up("A1")
    world.up("A2")
    world.up("A3")
    world.telling.take("cutover", "A1", "atm", {})
    assert world.count("dropped") == 2
    world.telling.take("session-down", "A2", "atm", {})
    world.permit = PERMIT
    world.time.run(LOOK_MS)
    assert world.events == [("session-up", "A1"), ("session-down", "A2")]


def test_what_has_grown_old_is_dropped_and_counted() -> None:
    world = World(age_ms_max=10_000)
    world.permit = None
    world.up("A1")
    world.time.run(9_999)
    world.up("A2")
    world.time.run(1_000)
    world.permit = PERMIT
    world.time.run(LOOK_MS)
    assert (world.events, world.count("expired")) == ([("session-up", "A2")], 1)


def test_after_a_refusal_there_is_a_pause_and_the_refused_one_is_not_said_again() -> None:
    world = World()
    world.at_once = False
    for number in range(10):
        world.up(f"A{number}")
    assert len(world.told) == 1
    world.time.run(REFUSED_PAUSE_MS - 1)
    assert len(world.told) == 1
    world.at_once = True
    world.time.run(1)
    assert [terminal for _, terminal in world.events] == [f"A{number}" for number in range(10)]


def test_a_core_that_answers_at_once_is_told_without_a_tower_of_calls() -> None:
    world = World()
    world.permit = None
    for number in range(5_000):
        world.up(f"A{number}")
    world.permit, world.at_once = PERMIT, True
    world.time.run(LOOK_MS)
    assert len(world.told) == 5_000


def test_after_a_take_over_what_was_learned_is_forgotten() -> None:
    world = World(inflight_count_max=16)
    for number in range(2_000):
        world.up(f"A{number}")
    for _ in range(1_000):
        world.time.run(2)
        world.answer()
    assert world.telling.target.target > START_COUNT
    world.telling.begin()
    assert world.telling.target.target == START_COUNT


@pytest.mark.parametrize("is_before", [True, False])
def test_once_stopped_nothing_is_told(is_before: bool) -> None:
    world = World()
    world.permit = None
    if is_before:
        world.up("A1")
    world.telling.stop()
    world.up("A2")
    world.permit = PERMIT
    world.time.run(60_000)
    assert world.told == []
