"""Listeners behind the relay's door, on real sockets: who waits, who is reset, and that nobody is counted twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from relay.settings import TlsSettings
from relay.wire.door import DoorLimits
from relay.wire.doorkeeper import Doorkeeper
from relay.wire.ramp import RampRules
from tests.support.certificates import Certificates
from tests.support.wireworld import WireWorld


def guard(world: WireWorld, **limits: int) -> Doorkeeper:
    """Puts a door before the listeners that are made from now on."""
    keeper = Doorkeeper(DoorLimits(**limits), RampRules(), world.time, world.time, world.metrics)
    world.when_closed.append(keeper.stop)
    world.parts = dataclasses.replace(world.parts, door=keeper)
    return keeper


async def reaches(world: WireWorld, keeper: Doorkeeper, count: int) -> None:
    await world.until(lambda: keeper.door.room.count == count)


async def test_who_comes_too_early_waits_and_is_served_later(world: WireWorld) -> None:
    keeper = guard(world, accept_per_s=10, accept_burst_count=1)
    listener = await world.listen()
    first = await world.terminal(listener, "ATM0")
    second = await world.dial(listener)
    second.say("PING")
    await reaches(world, keeper, 1)
    assert await first.ask("PING") == "PONG"
    assert world.roster.link_count == 1
    world.time.run(100)
    assert await second.hear() == "PONG"


async def test_who_finds_the_room_full_is_reset_at_once_and_counts_nowhere(world: WireWorld) -> None:
    keeper = guard(world, accept_per_s=1, accept_burst_count=1, waiting_count_max=2, waiting_ms_max=60_000)
    listener = await world.listen(connection_count_max=4)
    await world.terminal(listener, "ATM0")
    waiting = [await world.dial(listener) for _ in range(2)]
    await reaches(world, keeper, 2)
    for _ in range(5):
        assert await world.is_refused(listener)
    assert world.count("relay_links_refused_total", listener="atm", reason="room-full") == 5
    assert world.count("relay_links_refused_total", listener="atm", reason="listener-full") == 0
    world.time.run(2_000)
    for peer in waiting:
        assert await peer.ask("PING") == "PONG"
    assert world.roster.link_count == 3


async def test_who_waits_when_the_listener_stops_is_reset_and_never_served(world: WireWorld) -> None:
    keeper = guard(world, accept_per_s=10, accept_burst_count=1)
    listener = await world.listen()
    first = await world.terminal(listener, "ATM0")
    late = await world.dial(listener)
    await reaches(world, keeper, 1)
    await listener.stop_accepting()
    world.time.run(100)
    assert await late.is_gone()
    assert await first.ask("PING") == "PONG"
    assert world.count("relay_links_refused_total", listener="atm", reason="stopped") == 1


async def test_a_higher_rank_goes_first_whatever_its_listener(world: WireWorld) -> None:
    keeper = guard(world, accept_per_s=10, accept_burst_count=1)
    atms = await world.listen()
    banks = await world.listen(world.facts("bank", channel="partner"), channel="partner")
    await world.terminal(atms, "ATM0")
    atm = await world.dial(atms)
    await reaches(world, keeper, 1)
    bank = await world.dial(banks)
    await reaches(world, keeper, 2)
    world.time.run(100)
    assert await bank.ask("PING") == "PONG"
    assert keeper.door.room.count == 1
    world.time.run(100)
    assert await atm.ask("PING") == "PONG"


async def test_a_terminal_that_was_cut_off_while_it_waited_for_an_answer_is_remembered(world: WireWorld) -> None:
    keeper = guard(world)
    listener = await world.listen()
    idle, busy = await world.terminal(listener, "ATM1"), await world.terminal(listener, "ATM2")
    busy.say("ASK 1")
    await world.until(lambda: bool(world.desk.asked))
    await idle.close()
    await world.until(lambda: world.roster.link_count == 1)
    assert len(keeper._busy) == 0
    await busy.close()
    await world.until(lambda: world.roster.link_count == 0)
    assert len(keeper._busy) == 1


async def test_beyond_the_rate_of_refusals_the_backlog_is_left_alone(world: WireWorld) -> None:
    keeper = guard(world, accept_per_s=1, accept_burst_count=1, refuse_per_s_max=10, waiting_count_max=1, waiting_ms_max=60_000)
    listener = await world.listen()
    await world.terminal(listener, "ATM0")
    await world.dial(listener)
    await reaches(world, keeper, 1)
    assert await world.is_refused(listener)
    left = await world.dial(listener)
    await world.until(lambda: listener._port._pause is not None)
    left.say("PING")
    refused = world.registry.get_sample_value("relay_links_refused_total", {"listener": "atm", "reason": "room-full"})
    assert refused == 1, "one refusal a tenth of a second, and the second one's time has not come"


async def test_silent_handshakes_are_bounded_and_the_next_one_takes_the_place(world: WireWorld, tmp_path: Path) -> None:
    certificate, key = Certificates(tmp_path).relay
    keeper = guard(world, handshakes_count_max=1)
    listener = await world.listen(tls=TlsSettings(certificate=certificate, key=key))
    silent = await world.dial(listener)
    await world.until(lambda: keeper.door.handshake_count == 1)
    waiting = await world.dial(listener)
    await reaches(world, keeper, 1)
    await silent.close()
    await reaches(world, keeper, 0)
    assert keeper.door.handshake_count == 1
    waiting.send(b"no TLS at all")
    await world.until(lambda: keeper.door.handshake_count == 0)


async def test_a_storm_is_one_line_of_the_log_and_not_thousands(world: WireWorld, caplog: pytest.LogCaptureFixture) -> None:
    keeper = guard(world, accept_per_s=1, accept_burst_count=1, waiting_count_max=1, waiting_ms_max=60_000)
    listener = await world.listen()
    await world.terminal(listener, "ATM0")
    await world.dial(listener)
    await reaches(world, keeper, 1)
    for _ in range(5):
        assert await world.is_refused(listener)
    assert [record.getMessage() for record in caplog.records].count("link refused") == 1
    world.time.run(10_000)  # by now who waited is in, and there is a token for one more
    await world.terminal(listener, "ATM1")
    await world.dial(listener)
    await reaches(world, keeper, 1)
    assert await world.is_refused(listener)
    assert [record.getMessage() for record in caplog.records].count("link refused") == 2
