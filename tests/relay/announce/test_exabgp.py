"""The relay's end of the bridge: what is wanted is said again and again, and what is not answered is a problem."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.announce.exabgp import ExaAnnouncer
from relay.announce.port import Level
from relay.announce.tun import DeviceFailed, DeviceHolder
from tests.support.virtualtime import VirtualTime


class World:
    def __init__(self, folder: Path) -> None:
        self.time = VirtualTime()
        self.path = folder / "exabgp.sock"
        self.failures: list[str] = []
        self.turn = asyncio.Event()
        self.bridges: list[asyncio.StreamWriter] = []
        self.held = False
        self.device_fails = False
        meds = {Level.HOLDING: 10, Level.STANDBY: 1_010}
        holder = DeviceHolder(self.make, lambda: self.failures.append("device"))
        self.announcer = ExaAnnouncer(str(self.path), meds, holder, self.time, 1_000, self.failures.append)

    def make(self) -> World:
        if self.device_fails:
            raise DeviceFailed("no device.")
        self.held = True
        return self

    def close(self) -> None:
        self.held = False

    async def bridge(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        self.bridges.append(writer)
        return reader, writer

    async def until(self, problem: str) -> None:
        async with asyncio.timeout(10):
            while (told := self.announcer.state().problem) != problem and not (problem and problem in told):
                self.turn.clear()
                asyncio.get_running_loop().call_later(0.01, self.turn.set)
                await self.turn.wait()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.announcer.start()
    try:
        yield world
    finally:
        await world.announcer.stop()
        for writer in world.bridges:
            writer.close()


async def test_a_bridge_is_told_what_is_wanted_at_once_and_at_every_beat(world: World) -> None:
    assert world.announcer.announce(Level.STANDBY) == ""
    assert world.held
    assert "no bridge" in world.announcer.state().problem
    assert stat.S_IMODE(world.path.stat().st_mode) == 0o660
    reader, writer = await world.bridge()
    assert await reader.readline() == b"want 1010\n"
    writer.write(b"have 1010\n")
    await world.until("")
    assert world.announcer.state().seen is Level.STANDBY
    world.announcer.announce(Level.HOLDING)
    assert await reader.readline() == b"want 10\n"
    world.time.run(1_000)
    assert await reader.readline() == b"want 10\n"
    world.announcer.withdraw()
    assert await reader.readline() == b"want none\n"
    assert not world.held
    writer.close()
    await world.until("no bridge")
    assert "gone" in world.failures


async def test_trouble_garbage_and_silence_of_the_bridge_are_told(world: World) -> None:
    reader, writer = await world.bridge()
    writer.write(b"trouble ExaBGP refused it\n")
    await world.until("ExaBGP refused it")
    writer.write(b"hello\n")
    await world.until("'hello'")
    for _ in range(5):
        world.time.run(1_000)
    await world.until("no bridge")
    assert world.failures == ["refused", "garbage", "silent", "gone"]
    assert (await reader.read()).startswith(b"want none\n"), "and hung up on"


async def test_a_newer_bridge_is_served_and_the_older_hung_up_on(world: World) -> None:
    older, _ = await world.bridge()
    assert await older.readline() == b"want none\n"
    newer, _ = await world.bridge()
    assert await newer.readline() == b"want none\n"
    assert await older.read() == b""
    world.announcer.announce(Level.HOLDING)
    assert await newer.readline() == b"want 10\n"


async def test_a_stop_hangs_up_which_withdraws(world: World) -> None:
    world.announcer.announce(Level.HOLDING)
    reader, _ = await world.bridge()
    await reader.readline()
    await world.announcer.stop()
    assert (await reader.read()).endswith(b"want none\n")
    assert not world.held
    assert not world.path.exists()


async def test_what_cannot_be_made_is_a_reason_not_to_serve(world: World, tmp_path: Path) -> None:
    world.device_fails = True
    assert "no device" in world.announcer.announce(Level.STANDBY)
    nowhere = ExaAnnouncer(
        str(tmp_path / "no" / "x"), {}, DeviceHolder(world.make, list), VirtualTime(), 1_000, world.failures.append
    )
    await nowhere.start()
    assert "cannot be made" in nowhere.announce(Level.STANDBY)
