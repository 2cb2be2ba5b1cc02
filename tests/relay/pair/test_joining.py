"""Two streams joined: both ways, bounded while one side does not read, and ended together."""

from __future__ import annotations

import asyncio
import socket

import pytest

from relay.pair.joining import Stream, join, open_stream

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
