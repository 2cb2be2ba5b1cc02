"""The door at work on virtual time: who is told what, when it looks again, and what the ramp makes of it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from relay.telemetry.metrics import Metrics
from relay.wire.admission import Refused
from relay.wire.door import DoorLimits
from relay.wire.doorkeeper import ENTER_COUNT_MAX, LOOK_MS, OPEN_DOOR, Doorkeeper
from relay.wire.ramp import RampRules
from relay.wire.ranks import Rank
from relay.wire.waitingroom import Ticket
from tests.support.virtualtime import VirtualTime

SLOW = DoorLimits(accept_per_s=10, accept_burst_count=1, waiting_ms_max=2_000)


class World:
    def __init__(self, limits: DoorLimits = SLOW, rules: RampRules | None = None) -> None:
        self.time = VirtualTime()
        self.registry = CollectorRegistry()
        self.is_pressed = False
        self.keeper = Doorkeeper(
            limits, rules or RampRules(), self.time, self.time, Metrics(self.registry), lambda: self.is_pressed
        )
        self.entered: list[str] = []
        self.tickets: list[Ticket] = []
        self.refused: list[tuple[str, Refused]] = []

    def knock(self, name: str, host: str = "10.0.0.1", channel: str = "atm", needs_handshake: bool = False) -> None:
        def enter(ticket: Ticket) -> None:
            self.entered.append(name)
            self.tickets.append(ticket)

        self.keeper.knock(channel, host, needs_handshake, enter, lambda reason: self.refused.append((name, reason)))

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def test_one_comes_in_at_once_the_next_when_it_is_its_turn() -> None:
    world = World()
    for name in "abc":
        world.knock(name)
    assert world.entered == ["a"]
    assert world.gauge("relay_links_waiting", **{"class": "atm"}) == 2
    world.time.run(100)
    assert world.entered == ["a", "b"]
    world.time.run(100)
    assert world.entered == ["a", "b", "c"]
    assert world.gauge("relay_links_admitted_total", **{"class": "atm"}) == 3
    assert world.refused == []


def test_a_full_room_turns_away_the_newcomer_or_somebody_with_less_right() -> None:
    world = World()
    for number in range(22):
        world.knock(f"atm{number}")
    assert world.refused == [("atm21", Refused.ROOM_FULL)]
    world.knock("bank", channel="partner")
    assert world.refused[1:] == [("atm20", Refused.OUTRANKED)]
    world.time.run(100)
    assert world.entered == ["atm0", "bank"]


def test_who_waits_for_a_handshake_that_never_comes_free_is_turned_away_in_time() -> None:
    world = World(DoorLimits(handshakes_count_max=1, waiting_ms_max=2_000))
    world.knock("a", needs_handshake=True)
    world.knock("b", needs_handshake=True)
    world.time.run(2_000)
    assert (world.entered, world.refused) == (["a"], [])
    world.time.run(10)
    assert world.refused == [("b", Refused.WAITED)]


def test_the_end_of_a_handshake_lets_the_next_one_in_at_once() -> None:
    world = World(DoorLimits(handshakes_count_max=1))
    world.knock("a", needs_handshake=True)
    world.knock("b", needs_handshake=True)
    assert world.gauge("relay_tls_handshakes_open") == 1
    world.keeper.handshake_ended(world.tickets[0])
    assert world.entered == ["a", "b"]
    world.keeper.handshake_ended(world.tickets[1])
    assert world.gauge("relay_tls_handshakes_open") == 0


def test_a_handshake_may_end_inside_enter() -> None:
    world = World(DoorLimits(handshakes_count_max=1))

    def enter(ticket: Ticket) -> None:
        world.entered.append("x")
        world.keeper.handshake_ended(ticket)

    for _ in range(3):
        world.keeper.knock("atm", "10.0.0.1", True, enter, lambda reason: None)
    assert len(world.entered) == 3


def test_many_at_once_come_in_by_portions() -> None:
    world = World(DoorLimits(accept_per_s=1_000, accept_burst_count=1_000), RampRules())
    world.keeper.door._accepts.set_rate(1, 1_000, world.time.monotonic_ms())
    for _ in range(2 * ENTER_COUNT_MAX):
        world.keeper.door.knock(Ticket(Rank.ATM, "", world.time.monotonic_ms(), lambda t: world.entered.append(""), print), 0)
    world.knock("one more")
    assert len(world.entered) == ENTER_COUNT_MAX
    world.time.run(1)
    assert len(world.entered) == 2 * ENTER_COUNT_MAX


def test_a_host_whose_link_broke_while_somebody_waited_comes_before_the_others() -> None:
    world = World()
    world.keeper.lost_busy("10.0.9.9")
    world.knock("first")
    world.knock("idle", host="10.0.1.1")
    world.knock("busy", host="10.0.9.9")
    world.knock("same host again", host="10.0.9.9")
    world.time.run(100)
    assert world.entered == ["first", "busy"]


def test_for_one_who_cannot_wait() -> None:
    world = World()
    assert world.keeper.may_enter_now("branch")
    assert not world.keeper.may_enter_now("branch")
    assert world.gauge("relay_links_admitted_total", **{"class": "branch"}) == 1


def test_the_ramp_rises_while_the_loop_is_on_time() -> None:
    world = World(DoorLimits(accept_per_s=400), RampRules(step_ms=1_000))
    assert world.gauge("relay_accept_ramp_percent") == 100
    world.keeper.start("start")
    assert (world.gauge("relay_accept_ramp_percent"), world.gauge("relay_accept_links_per_second")) == (25, 100)
    world.time.run(1_000)
    assert world.gauge("relay_accept_links_per_second") == 200
    world.time.run(1_000)
    assert world.gauge("relay_accept_links_per_second") == 400
    world.keeper.begin("epoch 8")
    assert world.gauge("relay_accept_links_per_second") == 100
    world.keeper.stop()
    world.time.run(60_000)
    assert world.gauge("relay_accept_links_per_second") == 100


def test_a_late_loop_holds_the_ramp() -> None:
    world = World(DoorLimits(accept_per_s=400), RampRules(step_ms=1_000))
    world.keeper.start("start")
    world.time._now_ms += LOOK_MS + 600  # nothing ran for so long
    world.time.run(1_000)
    assert (world.gauge("relay_accept_ramp_percent"), world.keeper.ramp.held) == (25, 1)
    world.time.run(700)
    assert world.gauge("relay_accept_ramp_percent") == 50


def test_while_business_waits_newcomers_get_the_least_rate_and_no_longer() -> None:
    world = World(DoorLimits(accept_per_s=400), RampRules(start_percent=10, step_ms=200))
    world.keeper.start("start")
    world.time.run(1_000)
    assert world.gauge("relay_accept_links_per_second") == 400
    world.is_pressed = True
    world.time.run(LOOK_MS)
    assert world.gauge("relay_accept_links_per_second") == 40
    assert world.gauge("relay_accept_ramp_percent") == 100, "the ramp is over all the same"
    world.is_pressed = False
    world.time.run(LOOK_MS)
    assert world.gauge("relay_accept_links_per_second") == 400


def test_other_limits_let_those_in_who_wait() -> None:
    world = World()
    for name in "abc":
        world.knock(name)
    world.keeper.use(DoorLimits(accept_per_s=1_000, accept_burst_count=1_000), RampRules())
    world.time.run(2)
    assert world.entered == ["a", "b", "c"]


@pytest.mark.parametrize("needs_handshake", [True, False])
def test_the_open_door_lets_everybody_in(needs_handshake: bool) -> None:
    entered: list[Ticket] = []
    OPEN_DOOR.knock("atm", "10.0.0.1", needs_handshake, entered.append, lambda reason: None)
    assert [ticket.needs_handshake for ticket in entered] == [needs_handshake]
    OPEN_DOOR.handshake_ended(entered[0])
    OPEN_DOOR.lost_busy("10.0.0.1")
    assert (OPEN_DOOR.wait_ms(), OPEN_DOOR.may_enter_now("atm")) == (0, True)
