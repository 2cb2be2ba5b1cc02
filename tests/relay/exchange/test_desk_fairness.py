"""One branch at fifty times its usual rate, on virtual time: the demonstration of `make bench`, told in places in line.

The place of a message is how many others were asked between its arrival and its own turn. The core is the bottleneck: it works
on so many calls at once and takes so long for each. Nothing here depends on the machine.
"""

from __future__ import annotations

from collections import deque
from random import Random

import msgspec
import pytest

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass
from relay.exchange.hotspots import HotLimits
from relay.exchange.limits import DeskLimits
from tests.support.deskworld import DeskWorld, ListLink, Message, reversal
from tests.support.scriptedcore import Call, ScriptedCore

CORE_SLOTS, CORE_MS = 16, 50
BRANCHES, TERMINALS, USUAL_PER_S, HOT_TIMES = 8, 60, 8.0, 50
SETTLE_MS, STORM_MS = 3_000, 9_000  # the storm is seen within the first; places are counted in what follows


class Bottleneck(ScriptedCore):
    """Works on `CORE_SLOTS` transactions at once, first come first served, `CORE_MS` each; all else is answered by hand."""

    world: DeskWorld

    def __init__(self) -> None:
        super().__init__()
        self.queue: deque[Call] = deque()
        self.busy = 0

    def _keep(self, call: Call) -> Call:
        super()._keep(call)
        if call.verb == "submit":
            self.queue.append(call)
            self._work()
        return call

    def _work(self) -> None:
        while self.queue and self.busy < CORE_SLOTS:
            call = self.queue.popleft()
            self.busy += 1
            self.world.time.after(CORE_MS, lambda call=call: self._done(call))

    def _done(self, call: Call) -> None:
        self.busy -= 1
        call.reply(Approved(authorisation_id="A"))
        self._work()


class Day:
    """A street of branches before a desk. `places` are those of everybody else's messages, after the storm was settled."""

    def __init__(self, is_on: bool, times: int) -> None:
        core = Bottleneck()
        self.world = DeskWorld(DeskLimits(hot=HotLimits(enabled=is_on, learning_ms=5_000)), core=core)
        self.world.facts = msgspec.structs.replace(self.world.facts, branch_name_chars=2)
        core.world = self.world
        self.core = core
        self.times = times
        self.asked_before: dict[str, int] = {}
        self.places: list[int] = []
        self.latencies: list[int] = []
        self.order: dict[str, list[str]] = {}
        self.began: dict[str, int] = {}
        self._trace = 0
        self._busy: set[str] = set()
        self._chance = Random(7)

    def link(self) -> ListLink:
        day = self

        class Link(ListLink):
            def reply(self, message: object, reply: object) -> bool:
                assert isinstance(message, Message)
                day.replied(message)
                return True

        return Link(self.world.facts)

    def replied(self, message: Message) -> None:
        """A terminal asks for the next customer only when it has its answer, as terminals do."""
        self._busy.discard(message.terminal)
        self.order.setdefault(message.terminal, []).append(message.trace)
        key = f"{message.terminal}-financial-{message.trace}"
        began_ms = self.began.pop(key, None)
        if began_ms is not None:
            self.latencies.append(self.world.time.monotonic_ms() - began_ms)

    def run(self, for_ms: int, times: int, counts: bool) -> None:
        """One step per 5 ms; `counts`: places of everybody else are noted."""
        for _ in range(for_ms // 5):
            for number in range(BRANCHES):
                per_s = USUAL_PER_S * (times if number == 0 else 1)
                wanted = per_s * 5 / 1_000
                while wanted > 0 and self._chance.random() < wanted:
                    wanted -= 1
                    self._ask(f"B{number}", counts and number != 0)
            self.world.time.run(5)

    def _ask(self, branch: str, counts: bool) -> None:
        free = [name for n in range(TERMINALS) if (name := f"{branch}-{n}") not in self._busy]
        if not free:
            return
        terminal = self._chance.choice(free)
        self._trace += 1
        self._busy.add(terminal)
        key = f"{terminal}-financial-{self._trace}"
        before = len(self.core.calls)
        if counts:
            self.began[key] = self.world.time.monotonic_ms()
            self.asked_before[key] = before
        self.world.desk.open(Message(trace=str(self._trace), terminal=terminal), self.link())

    def noted(self) -> Day:
        self.run(6_000, 1, counts=False)
        self.run(SETTLE_MS, self.times, counts=False)
        self.run(STORM_MS, self.times, counts=True)
        turns = {call.key: number for number, call in enumerate(self.core.calls)}
        self.places = sorted(turns[key] - before for key, before in self.asked_before.items() if key in turns)
        return self

    @property
    def guaranteed(self) -> int:
        traffic = self.world.desk.traffic
        return traffic.budget.guaranteed(traffic.target.target)

    def place(self, percent: int) -> int:
        return self.places[len(self.places) * percent // 100]

    def latency(self, percent: int) -> int:
        return sorted(self.latencies)[len(self.latencies) * percent // 100]


@pytest.fixture(scope="module")
def days() -> dict[str, Day]:
    return {"quiet": Day(True, 1).noted(), "off": Day(False, HOT_TIMES).noted(), "on": Day(True, HOT_TIMES).noted()}


def test_places_in_line_with_lanes_off_are_many_and_with_lanes_on_hardly_more_than_on_a_quiet_day(days: dict[str, Day]) -> None:
    quiet, off, on = (days[name].place(99) for name in ("quiet", "off", "on"))
    assert quiet <= 3
    assert off >= 3 * max(1, quiet), "everybody else stands behind the hot branch"
    assert off >= 5 * on
    assert on <= quiet + days["on"].guaranteed, "no more of the hot branch goes first than its guarantee"
    assert len(days["on"].places) > 400


def test_places_inside_the_core_count_too_and_are_as_on_a_quiet_day(days: dict[str, Day]) -> None:
    """A call that queues inside the core waits as well as one that queues before it; here the clock is the test's own."""
    quiet, off, on = (days[name].latency(99) for name in ("quiet", "off", "on"))
    assert off >= 3 * quiet
    assert on * 10 <= quiet * 12


def test_the_hot_branch_is_still_served_and_the_core_is_not_left_idle(days: dict[str, Day]) -> None:
    served = [call for call in days["on"].core.calls if call.key.startswith("B0-")]
    assert len(served) > 6 * USUAL_PER_S * (SETTLE_MS + STORM_MS) / 1_000


def test_every_terminal_is_answered_in_its_own_order(days: dict[str, Day]) -> None:
    for day in days.values():
        assert all(traces == sorted(traces, key=int) for traces in day.order.values())


def test_a_terminals_order_holds_while_its_branch_becomes_hot_and_calm_again() -> None:
    """Law 7, with messages that wait behind each other at one terminal while the lane comes and goes."""
    day = Day(True, HOT_TIMES)
    world, link = day.world, day.link()
    day.run(6_000, 1, counts=False)
    said: list[str] = []
    for number in range(6):
        for _ in range(4):
            day._trace += 1
            said.append(str(day._trace))
            world.desk.open(Message(trace=said[-1], terminal="B0-line"), link)
        day.run(1_000, HOT_TIMES if number < 4 else 0, counts=False)
    world.time.run(60_000)
    day.run(5_000, 1, counts=False)
    assert world.desk.traffic.spots.lanes == {}
    assert world.desk.lanes.waiting_of("") == world.desk.lanes.waiting_count
    keys = [call.key for call in day.core.calls if call.key.startswith("B0-line-")]
    assert keys == [f"B0-line-financial-{trace}" for trace in said if f"B0-line-financial-{trace}" in keys], "once, in order"
    assert len(keys) >= 12, "the others were refused: no more than eight wait behind each other"


def test_a_reversal_and_an_advice_of_the_hot_branch_are_acknowledged_at_once() -> None:
    day = Day(True, HOT_TIMES)
    day.run(6_000, 1, counts=False)
    day.run(5_000, HOT_TIMES, counts=False)
    assert day.world.desk.traffic.spots.lanes
    waiting = [entry for entry in day.world.desk.register.by_key.values() if entry.group and not entry.epoch][-1]
    link = ListLink(day.world.facts)
    trace = waiting.key.rpartition("-")[2]
    undo = msgspec.structs.replace(reversal("900001", trace), terminal=waiting.lane)
    advice = Message(trace="900002", terminal=waiting.lane, message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT)
    day.world.say(link, undo)
    day.world.say(link, advice)
    assert link.said == [("900001", "taken"), ("900002", "taken")]
    assert waiting.key not in [call.key for call in day.core.calls if call.verb == "submit"], (
        "its original was withdrawn and is never asked"
    )
    undone = [call for call in day.core.calls if call.verb == "undo"]
    assert [call.key for call in undone] == [waiting.key], "the reversal is on its way to the core already"
