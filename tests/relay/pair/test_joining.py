"""Two streams joined: both ways, bounded while one side does not read, and ended together."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop

from relay.pair.joining import Stream, join, open_stream
from tests.support.heldhandshake import NAME, HeldHandshake

BUFFER_BYTES = 16_384


class Pipe:
    """Two socket pairs with the joint between them: what the test writes at one end comes out at the other."""

    def __init__(self) -> None:
        self.moved = 0
        self.ends: list[socket.socket] = []

    async def start(self, idle_ms: int = 20_000) -> tuple[Stream, Stream]:
        inner, outer = [], []
        for _ in range(2):
            ours, theirs = socket.socketpair()
            for sock in (ours, theirs):
                sock.setblocking(False)
            inner.append(await open_stream(theirs, BUFFER_BYTES))
            outer.append(await open_stream(ours, BUFFER_BYTES))
        self.task = asyncio.ensure_future(join(inner[0], inner[1], BUFFER_BYTES // 2, idle_ms, self.count))
        return outer[0], outer[1]

    def count(self, moved: int) -> None:
        self.moved += moved


async def test_both_ways_and_an_end_on_one_side_ends_the_other() -> None:
    pipe = Pipe()
    left, right = await pipe.start()
    left.writer.write(b"question")
    assert await right.reader.readexactly(8) == b"question"
    right.writer.write(b"answer")
    assert await left.reader.readexactly(6) == b"answer"
    right.writer.write(b"last words")
    right.writer.close()
    assert await left.reader.read() == b"last words"
    await asyncio.wait_for(pipe.task, 20)
    assert pipe.moved == 24
    left.writer.close()


async def test_a_reader_that_does_not_read_stops_the_writer_and_nothing_piles_up() -> None:
    pipe = Pipe()
    left, right = await pipe.start()
    left.writer.write(bytes(8_000_000))
    before = -1
    while pipe.moved != before:  # until nothing moves any more
        before = pipe.moved
        for _ in range(50):
            await asyncio.sleep(0)
    assert pipe.moved < 2_000_000, "more than the kernel's buffers and ours"
    received = 0
    while received < 8_000_000:
        received += len(await right.reader.read(65_536))
    assert pipe.moved == 8_000_000
    left.writer.close()
    await asyncio.wait_for(pipe.task, 20)
    right.writer.close()


async def test_silence_for_too_long_is_the_end() -> None:
    pipe = Pipe()
    left, right = await pipe.start(idle_ms=50)
    await asyncio.wait_for(pipe.task, 20)
    assert await left.reader.read() == await right.reader.read() == b""
    left.writer.close()
    right.writer.close()


async def test_a_cancelled_joint_closes_both_sides() -> None:
    pipe = Pipe()
    left, right = await pipe.start()
    left.writer.write(b"x")
    await right.reader.readexactly(1)
    pipe.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pipe.task
    assert await left.reader.read() == await right.reader.read() == b""
    left.writer.close()
    right.writer.close()


@pytest.mark.parametrize(("ends_first", "is_reset"), [("caller", True), ("far", False)])
async def test_a_caller_that_ends_first_has_given_up_and_the_far_side_is_reset(ends_first: str, is_reset: bool) -> None:
    """The far side is the core, over TCP, and may be too starved to see an orderly end."""
    how: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def core(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == b"question"
        if ends_first == "far":
            writer.close()
        try:
            how.set_result(await reader.read())
        except ConnectionResetError as error:
            how.set_exception(error)
        writer.close()

    async with await asyncio.start_server(core, "127.0.0.1", 0) as server:
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
        caller = await open_stream(ours, BUFFER_BYTES)
        there = socket.create_connection(server.sockets[0].getsockname()[:2])
        joint = asyncio.ensure_future(
            join(await open_stream(theirs, BUFFER_BYTES), await open_stream(there, BUFFER_BYTES), 8_192, 20_000, lambda _: None)
        )
        caller.writer.write(b"question")
        if ends_first == "caller":
            await caller.writer.drain()
            caller.writer.close()
        try:
            assert await asyncio.wait_for(how, 20) == b""
            assert not is_reset
        except ConnectionResetError:
            assert is_reset
        await asyncio.wait_for(joint, 20)
        caller.writer.close()


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_handshake_that_ends_in_the_turn_in_which_it_is_given_up_leaves_nothing(loop_name: str) -> None:
    """The loop would watch the closed socket, and take the next one of its number for it."""

    async def main(server: HeldHandshake) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, server.place)
        opening = asyncio.ensure_future(open_stream(sock, BUFFER_BYTES, ssl=server.client_tls, server_hostname=NAME))
        await server.hello()
        loop.call_later(0, opening.cancel)
        server.speak(sock)
        with pytest.raises(asyncio.CancelledError):
            await opening
        sock.close()
        with socket.socket() as another:  # of the same number, but for uvloop
            another.setblocking(False)
            await loop.sock_connect(another, server.place)

    with HeldHandshake(2) as server:
        (asyncio.run if loop_name == "asyncio" else uvloop.run)(main(server))
