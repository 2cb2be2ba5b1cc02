"""One connection of the fake station: serials, acknowledgements, and every way in which a line is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage, FileMessage, Signal
from relay.loopback.filewire import FileWire, LineLost
from tests.support.zenginlink import BANK, COMPANY, profile

CODEC = Codec(profile(COMPANY, BANK))
MESSAGE = FileMessage(kind="file-start", file="SOUFURI", cycle="01")
Answering = Callable[[bytes], bytes]


class Peer:
    """Answers each piece that it reads with what `answer` makes of it; b"" hangs up."""

    def __init__(self) -> None:
        self.answer: Answering = lambda data: b""
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            answer = self.answer(data)
            if not answer:
                break
            writer.write(answer)
        writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def peer() -> AsyncIterator[Peer]:
    one = Peer()
    server = await asyncio.start_server(one, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()
    await server.wait_closed()


async def connected(peer: Peer) -> FileWire:
    reader, writer = await asyncio.open_connection("127.0.0.1", peer.port)
    return FileWire(reader, writer, CODEC)


async def test_said_and_acknowledged_and_answered(peer: Peer) -> None:
    ack = CODEC.signal(Signal("ack", 1))
    watch = CODEC.signal(Signal("watch", 0))
    peer.answer = lambda data: watch + ack + CODEC.write(1, MESSAGE, ack_wanted=True)
    wire = await connected(peer)
    await wire.say(MESSAGE)
    assert await wire.hear_file("file-start") == MESSAGE
    await wire.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "closed"),
        (CODEC.signal(Signal("nak", 1)), "wanted an ACK of 1"),
        (CODEC.signal(Signal("ack", 2)), "wanted an ACK of 1"),
        (b"\x00\x01\x00", "malformed"),
    ],
)
async def test_lines_lost_while_waiting_for_an_ack(peer: Peer, answer: bytes, why: str) -> None:
    peer.answer = lambda data: answer
    wire = await connected(peer)
    with pytest.raises(LineLost, match=why):
        await wire.say(MESSAGE)
    wire.cut()


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (CODEC.write(2, MESSAGE, ack_wanted=True), "serial 2 instead of 1"),
        (CODEC.write(1, DataMessage(1, b"x"), ack_wanted=True), "wanted"),
        (CODEC.signal(Signal("nak", 1)), "NAK"),
    ],
)
async def test_lines_lost_while_hearing(peer: Peer, frame: bytes, why: str) -> None:
    peer.answer = lambda data: CODEC.signal(Signal("ack", 1)) + frame
    wire = await connected(peer)
    await wire.say(MESSAGE)
    with pytest.raises(LineLost, match=why):
        await wire.hear_file("file-start")
    wire.cut()
