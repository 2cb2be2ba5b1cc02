"""What BIRD is told, and told again, over its restarts, refusals and silences; and that the device decides alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from relay.announce.bird import SILENT_COUNT_MAX, UNSEEN_COUNT_MAX, BirdAnnouncer
from relay.announce.birddoor import BirdTrouble
from relay.announce.birdtalk import BirdAnswer
from relay.announce.port import Level
from relay.announce.tun import DeviceFailed, DeviceHolder
from tests.support.virtualtime import VirtualTime

PREFIX = "198.18.0.10/32"


class Bird:
    """BIRD as it behaves: two protocols, a route while the device is there."""

    path = "bird.ctl"

    def __init__(self, world: World) -> None:
        self.world = world
        self.enabled = {"svc": False, "svc_standby": True}
        self.sessions = 1
        self.trouble: BirdTrouble | None = None
        self.refuses = ""
        self.orders: list[str] = []

    async def ask(self, commands: Sequence[str]) -> list[BirdAnswer]:
        if self.trouble is not None:
            raise self.trouble
        return [self._answer(command) for command in commands]

    def _answer(self, command: str) -> BirdAnswer:
        if self.refuses and command.startswith(self.refuses):
            return BirdAnswer(9001, ((9001, "syntax error"),))
        verb, _, name = command.partition(" ")
        if command == "show protocols":
            rows = [f"{name:<10} Direct ---  {'up' if on else 'down'}  10:20:14.586  " for name, on in self.enabled.items()]
            rows += [f"isp        BGP    ---  {'up' if self.sessions else 'start'}  10:20:14.586  Established"]
            return BirdAnswer(0, (*((1002, row) for row in rows), (0, "")))
        if verb == "show":
            by = [name for name, on in self.enabled.items() if on and self.world.device]
            lines = [(1007, f"{PREFIX}  unicast [{name} 10:20:16.161] * (240)") for name in by]
            return BirdAnswer(0, (*lines, (0, ""))) if by else BirdAnswer(8001, ((8001, "Network not found"),))
        self.orders.append(command)
        self.enabled[name] = verb == "enable"
        assert any(self.enabled.values()), "a moment without a route"
        return BirdAnswer(0, ((0, ""),))


class World:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.device = False
        self.device_fails = False
        self.failures: list[str] = []
        self.bird = Bird(self)
        holder = DeviceHolder(self.make, lambda: self.failures.append("device"))
        self.announcer = BirdAnnouncer(
            ["198.18.0.10"], ("svc", "svc_standby"), holder, self.bird, self.time, 1_000, self.failures.append
        )

    def make(self) -> World:
        if self.device_fails:
            raise DeviceFailed("the device svc0 cannot be made: Operation not permitted.", "The unit needs CAP_NET_ADMIN.")
        self.device = True
        return self

    def close(self) -> None:
        self.device = False

    async def settle(self) -> None:
        """Let what was spawned end, in no time."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_ms(self, for_ms: int) -> None:
        for _ in range(for_ms // 50):
            self.time.run(50)
            await self.settle()


@pytest.fixture
async def world() -> World:
    world = World()
    await world.announcer.start()
    return world


async def test_up_and_down_the_levels_there_is_never_a_moment_without_a_route(world: World) -> None:
    for level, orders in (
        (Level.STANDBY, []),
        (Level.HOLDING, ["enable svc", "disable svc_standby"]),
        (Level.STANDBY, ["enable svc_standby", "disable svc"]),
    ):
        assert world.announcer.announce(level) == ""
        await world.pass_ms(1_100)
        assert world.bird.orders == orders
        assert world.announcer.state().seen is level
        assert world.announcer.state().problem == ""
        world.bird.orders.clear()


async def test_bird_is_asked_by_one_at_a_time_however_fast_the_role_changes(world: World) -> None:
    """Two conversations at once, of which each sees what the other is about to change, could disable both protocols."""
    under_way, at_once = 0, 0
    ask = world.bird.ask

    async def slow(commands: Sequence[str]) -> list[BirdAnswer]:
        nonlocal under_way, at_once
        under_way += 1
        at_once = max(at_once, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await ask(commands)

    world.bird.ask = slow  # type: ignore[method-assign]
    world.announcer.announce(Level.STANDBY)
    world.announcer.withdraw()
    world.announcer.announce(Level.HOLDING)
    await world.pass_ms(1_100)
    assert at_once == 1
    assert world.announcer.state().seen is Level.HOLDING


async def test_to_withdraw_is_to_close_the_device_whatever_bird_does(world: World) -> None:
    world.announcer.announce(Level.HOLDING)
    await world.pass_ms(1_100)
    world.bird.trouble = BirdTrouble("silent", "BIRD did not answer")
    world.announcer.withdraw()
    assert not world.device
    await world.settle()
    assert world.announcer.state().problem == "BIRD did not answer"
    world.bird.trouble = None
    await world.pass_ms(1_100)
    assert (world.announcer.state().seen, world.announcer.state().problem) == (Level.NONE, "")


async def test_a_bird_that_was_started_again_is_told_again(world: World) -> None:
    world.announcer.announce(Level.HOLDING)
    await world.pass_ms(1_100)
    world.bird.trouble = BirdTrouble("gone", "BIRD cannot be reached on bird.ctl: Connection refused")
    await world.pass_ms(2_000)
    assert "cannot be reached" in world.announcer.state().problem
    assert "gone" in world.failures
    world.bird.trouble, world.bird.enabled = None, {"svc": False, "svc_standby": True}
    await world.pass_ms(1_100)
    assert world.announcer.state().seen is Level.HOLDING


async def test_one_slow_answer_is_no_loss_and_three_are(world: World) -> None:
    world.announcer.announce(Level.HOLDING)
    await world.pass_ms(1_100)
    world.bird.trouble = BirdTrouble("silent", "BIRD did not answer")
    await world.pass_ms(1_000 * (SILENT_COUNT_MAX - 1))
    assert (world.announcer.state().seen, world.announcer.state().sessions_up) == (Level.HOLDING, 1)
    await world.pass_ms(1_000)
    assert (world.announcer.state().seen, world.announcer.state().sessions_up) == (None, None)
    world.bird.trouble = None
    await world.pass_ms(1_100)
    assert world.announcer.state().seen is Level.HOLDING


async def test_a_device_that_cannot_be_made_is_a_reason_not_to_serve(world: World) -> None:
    world.device_fails = True
    assert "CAP_NET_ADMIN" in world.announcer.announce(Level.STANDBY)
    assert world.failures == ["device"]
    await world.pass_ms(5_000)
    assert world.announcer.state().problem == "", "nothing is wanted, so nothing is missing"
    world.device_fails = False
    assert world.announcer.announce(Level.STANDBY) == ""
    assert world.device


@pytest.mark.parametrize("refused", ["enable", "show protocols", "show route"])
async def test_a_refusal_is_told(world: World, refused: str) -> None:
    world.bird.refuses = refused
    world.announcer.announce(Level.HOLDING)
    await world.pass_ms(1_100)
    assert world.announcer.state().problem
    assert "refused" in world.failures
    assert world.device, "announced all the same, as BIRD has it in its file"


async def test_a_protocol_that_bird_does_not_have_is_named(world: World) -> None:
    del world.bird.enabled["svc"]
    world.announcer.announce(Level.STANDBY)
    await world.pass_ms(1_100)
    assert world.announcer.state().problem == "BIRD has no protocol svc"


async def test_a_route_that_bird_does_not_show_is_a_problem_after_some_looks(world: World) -> None:
    world.announcer.announce(Level.STANDBY)
    await world.settle()
    world.device = False  # as if its direct protocol named another device
    await world.pass_ms(1_000)
    assert world.announcer.state().problem == ""
    await world.pass_ms(1_000 * UNSEEN_COUNT_MAX)
    assert "does not show 198.18.0.10/32" in world.announcer.state().problem


async def test_without_a_session_nobody_hears_it(world: World) -> None:
    world.bird.sessions = 0
    world.announcer.announce(Level.STANDBY)
    await world.pass_ms(1_100)
    assert "no BGP session" in world.announcer.state().problem
    assert world.announcer.state().sessions_up == 0


async def test_after_a_stop_nothing_is_asked_any_more(world: World) -> None:
    world.announcer.announce(Level.STANDBY)
    await world.announcer.stop()
    assert not world.device
    await world.settle()
    orders = len(world.bird.orders)
    await world.pass_ms(5_000)
    assert len(world.bird.orders) == orders
