"""The one line, for every role; and strangers on the port: too many, too slow, too talkative."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from relay.announce.role import Role
from relay.announce.textport import LINE_CHARS_MAX, SAID_BYTES_MAX, TextPort, line
from relay.errors import ListenFailed
from tests.support.virtualtime import VirtualTime


class World:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.text = TextPort(lambda: line(Role.HOLDING, "tokyo", 8, "terminals come here"), self.time, connection_count_max=2)
        self.port = 0

    async def ask(self, said: bytes = b"") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(said)
        try:
            return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    world.port = await world.text.start("127.0.0.1", 0)
    try:
        yield world
    finally:
        await world.text.stop()


async def chatter(writer: asyncio.StreamWriter) -> None:
    """Talk until it is cut off."""
    for _ in range(10_000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("role", "word"),
    [
        ("holding", "up"),
        ("standby", "drain"),
        ("leaving", "drain"),
        ("withdrawn", "down"),
        ("paused", "down"),
        ("gone", "down"),
    ],
)
def test_a_word_for_every_role(role: str, word: str) -> None:
    assert line(Role(role), "tokyo", 8, "x") == f"{word} #role={role} region=tokyo epoch=8 why=x"


def test_a_holder_that_drains_takes_nothing_new_and_no_other_role_gets_better_by_it() -> None:
    assert line(Role.HOLDING, "tokyo", 8, "x", is_draining=True).startswith("drain #role=holding ")
    assert line(Role.PAUSED, "tokyo", 8, "x", is_draining=True).startswith("down ")


def test_what_an_operator_typed_stays_one_plain_line() -> None:
    said = line(Role.PAUSED, "", 0, "佐藤: a\nb\x1b[31m" + "x" * 1_000)
    assert said.startswith("down #role=paused region=- epoch=0 why=??: a b?[31mxxx")
    assert len(said) == LINE_CHARS_MAX


async def test_whoever_connects_is_told_and_hung_up_on(world: World) -> None:
    expected = b"up #role=holding region=tokyo epoch=8 why=terminals come here\n"
    assert await world.ask() == expected
    assert await world.ask(b"agent-check\n") == expected


async def test_over_the_limit_nobody_is_told_and_a_reader_that_stays_is_cut_off(world: World) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(2)]
    for reader, _ in silent:
        assert (await reader.readline()).startswith(b"up ")
    assert await world.ask() == b""
    world.time.run(2_000)
    for _, writer in silent:
        with pytest.raises(ConnectionError):
            await chatter(writer)
        writer.close()
    assert (await world.ask()).startswith(b"up ")


async def test_a_talkative_reader_is_cut_off(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    await reader.readline()
    writer.write(b"x" * (SAID_BYTES_MAX + 1))
    with pytest.raises(ConnectionError):
        await chatter(writer)
    writer.close()


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenFailed, match=r"announce\.text_port"):
            await TextPort(str, VirtualTime()).start("127.0.0.1", taken.getsockname()[1])
