"""The bench's terminals: raw uvloop connections that ask for withdrawals in ISO 8583:1987 ASCII and time the answers.

Owns the load, closed loop (each terminal asks again at once) or open loop at a rate. It must stay far cheaper than what it
measures, so messages are built by concatenation. `python -m tests.bench.terminals PORT COUNT SECONDS RATE WARMUP` prints one
JSON object; RATE 0 is the closed loop, SECONDS 0 signs on, prints, and holds the sessions until standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

FIELDS = (2, 3, 4, 7, 11, 12, 13, 22, 32, 35, 37, 41, 42, 49)
BITMAP = b"%016X" % sum(1 << (64 - number) for number in FIELDS)
NETWORK_BITMAP = b"%016X%016X" % (
    sum(1 << (64 - number) for number in (1, 7, 11, 41)),
    sum(1 << (128 - number) for number in (70,)),
)


class Terminal(asyncio.Protocol):
    def __init__(self, room: Room, number: int) -> None:
        self.room = room
        self.name = b"ATM%05d" % number
        self.trace = room.first_trace
        self.buffer = b""
        self.asked = 0.0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.frame(b"0800" + NETWORK_BITMAP + self.room.stamp + b"000001" + self.name + b"001")

    def frame(self, body: bytes) -> None:
        self.transport.write(b"%04d" % len(body) + body)

    def ask(self) -> None:
        self.trace = self.trace % 999_999 + 1
        trace = b"%06d" % self.trace
        day = self.room.stamp[:4]
        self.asked = time.perf_counter()
        self.frame(
            b"0200" + BITMAP + b"164000001234567899" + b"010000" + b"000000010000" + self.room.stamp + trace + b"120000" + day
            + b"051" + b"06440011" + b"334000001234567899=3012201000001230" + b"000000" + trace + self.name
            + b"BRANCH 00000001" + b"392"
        )  # fmt: skip

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 4:
            end = 4 + int(self.buffer[:4])
            if len(self.buffer) < end:
                return
            body, self.buffer = self.buffer[4:end], self.buffer[end:]
            self.room.answered(self, body)


class Room:
    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.first_trace = int(time.time() * 50) % 900_000
        self.stamp = time.strftime("%m%d%H%M%S", time.gmtime()).encode()
        self.latencies: list[float] = []
        self.signed_on = asyncio.Event()
        self.waiting_for = 0
        self.free: list[Terminal] = []
        self.is_running = False
        self.is_counting = False
        self.unserved = 0
        self.refused = 0

    def answered(self, terminal: Terminal, body: bytes) -> None:
        """The first answer is that to the sign-on, whatever it looks like: the bare pipe knows no sign-on."""
        if not self.is_running:
            self.free.append(terminal)
            self.waiting_for -= 1
            if not self.waiting_for:
                self.signed_on.set()
            return
        if self.is_counting:
            self.latencies.append(time.perf_counter() - terminal.asked)
            self.refused += body[:1] == b"0" and b"123456" not in body
        if self.rate or not self.is_running:
            self.free.append(terminal)
        else:
            terminal.ask()


async def main(port: int, count: int, seconds: float, rate: float, warmup: float) -> None:
    loop = asyncio.get_running_loop()
    room = Room(rate)
    room.waiting_for = count
    terminals = []
    for number in range(count):
        _, protocol = await loop.create_connection(lambda number=number: Terminal(room, number + 1), "127.0.0.1", port)
        terminals.append(protocol)
    await asyncio.wait_for(room.signed_on.wait(), 120)
    if not seconds:
        print(json.dumps({"signed_on": count}), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        return
    room.is_running = True
    room.latencies.clear()
    if rate:
        await pace(room, rate, warmup, seconds)
    else:
        for terminal in list(room.free):
            terminal.ask()
        await asyncio.sleep(warmup)
        room.is_counting = True
        print("counting", flush=True)
        await asyncio.sleep(seconds)
        room.is_counting = False
        print("counted", flush=True)
    room.is_running = False
    await asyncio.sleep(0.3)
    times = sorted(room.latencies) or [0.0]
    print(
        json.dumps(
            {
                "per_s": len(room.latencies) / seconds,
                "p50_ms": times[len(times) // 2] * 1_000,
                "p99_ms": times[int(len(times) * 0.99)] * 1_000,
                "unserved": room.unserved,
                "refused": room.refused,
            }
        ),
        flush=True,
    )


async def pace(room: Room, rate: float, warmup: float, seconds: float) -> None:
    """Ask at `rate` per second, on any free terminal; one that finds none is counted, not queued."""
    start = time.perf_counter()
    given = 0
    while (passed := time.perf_counter() - start) < warmup + seconds:
        room.is_counting = passed >= warmup
        while given < passed * rate:
            given += 1
            if room.free:
                room.free.pop(0).ask()
            elif room.is_counting:
                room.unserved += 1
        await asyncio.sleep(0.001)
    room.is_counting = False


if __name__ == "__main__":
    words = sys.argv[1:]
    uvloop.run(main(int(words[0]), int(words[1]), float(words[2]), float(words[3]), float(words[4])))
