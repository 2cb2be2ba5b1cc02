"""What the far ends of every dialect share: the closed loop's switch, the count, and the wait until the core has it all.

Owns `Room` and the shape of a far end. It must never know a wire. The trap: an advice is acknowledged when it is durable and
given to the core afterwards, so that acknowledgements alone would measure a queue that grows; a round is over when the core
has been asked for every message, and lasts until then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

PATIENCE_S = 60.0
LOOK_S = 0.005


class Room:
    """`core_port` is that of tests.bench.rawcore, which counts what it was asked."""

    def __init__(self, core_port: int) -> None:
        self.core_port = core_port
        self.is_running = False
        self.asked = 0
        self.answered = 0
        self.refused = 0
        self.problem = ""
        self.latencies: list[float] = []

    def ask(self) -> float:
        """Before a message is sent: its time."""
        self.asked += 1
        return time.perf_counter()

    def answer(self, asked: float, ok: bool, count: int = 1) -> None:
        """After it was answered: `count` messages, all of them well or none."""
        self.answered += count
        self.latencies.append(time.perf_counter() - asked)
        if not ok:
            self.refused += count

    def fail(self, problem: str) -> None:
        """Something came that no round can go on with."""
        self.problem = self.problem or problem

    async def until_idle(self) -> None:
        """Every message that was sent is answered. Raises RuntimeError where a far end failed."""

        async def is_done() -> bool:
            return self.asked == self.answered

        await self._until(is_done)

    async def until_core_has_all(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.core_port)

        async def is_done() -> bool:
            return await _posted(reader, writer) >= self.answered

        try:
            await self._until(is_done)
        finally:
            writer.close()

    async def _until(self, is_done: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await is_done():
                if self.problem:
                    raise RuntimeError(self.problem)
                await asyncio.sleep(LOOK_S)


async def _posted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """How many transactions the core was asked for since it started."""
    writer.write(b"GET /bench/posted HTTP/1.1\r\nHost: core\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
    return int(await reader.readexactly(length))


class FarEnd(Protocol):
    """A room full of terminals, or the one partner, of a dialect."""

    async def ready(self, room: Room, port: int) -> None:
        """Come as far as the first message. `port` is where the relay listens, or dials."""
        ...

    def start(self) -> None:
        """Send the first messages. Each answer sends the next while `room.is_running`."""
        ...
