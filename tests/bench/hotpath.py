"""The relay's own Python for one message, without sockets, threads and disk: what a change of the code changes.

`python -m tests.bench.hotpath [ROUNDS] [--profile]`: real links, dialogue, desk, client, pool and HTTP parser; the kernel is a
list. Owns one figure, CPU microseconds per message, least and median of the rounds; and because the speed of a shared machine
drifts by half within minutes, the same as a multiple of a fixed piece of Python run between the rounds, by which two versions
are compared. It must never be quoted as the cost of a message: cold caches, system calls and the interpreter lock are left
out. The trap: messages go through in waves of 64, as they do at work; one at a time is faster.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any

from protocols.dialect import Delivery
from protocols.iso8583.dialect import build_dialect, default_profile
from relay.clock import SystemClock
from relay.core.balance import Balance
from relay.core.client import ClientSettings, CoreClient
from relay.core.door import Address
from relay.core.http1 import AnswerLimits, Connection
from relay.core.pool import Pool
from relay.core.transport import Transport
from relay.exchange.desk import Desk
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.journal.items import FRESH
from relay.journal.keyring import KeyRing
from relay.journal.port import JournalState
from relay.permit import Permit
from relay.telemetry.metrics import Metrics
from relay.wheel import TimingWheel
from relay.wire.connection import Connection as Wire
from relay.wire.counters import LinkCounters
from relay.wire.link import Link
from relay.wire.ports import LinkIds, LinkServices
from relay.wire.roster import Roster
from tests.bench.terminals import Room, Terminal

WAVE = 64
CORE = Address("192.0.2.1", 80)
ANSWER = (
    b'{"key":"%b","status":"approved","authorisation_id":"123456","balances":'
    b'[{"account_type":"10","amount_type":"01","amount":{"minor":"123400","currency":"JPY"}}]}'
)


class Kernel:
    """An asyncio transport whose far end is a list."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.9", 40_000) if name in ("peername", "sockname") else None

    def set_write_buffer_limits(self, high: int) -> None: ...

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Disk:
    """A journal that keeps nothing and answers when told: only the loop's side costs anything here."""

    state = JournalState.WRITABLE
    incarnation = 1
    epoch = 1

    def __init__(self) -> None:
        self.keys = KeyRing(b"k" * 32)
        self.fingerprint = self.keys.fingerprint
        self.count = 0
        self.waiting: list[tuple[Callable[[Any], None], Any]] = []

    def next_exchange_id(self) -> int:
        self.count += 1
        return self.count

    def waiting_count(self) -> int:
        return len(self.waiting)

    def take(self, record: object, done: Callable[[Any], None]) -> None:
        self.waiting.append((done, FRESH))

    def step(self, record: object, done: Callable[[Any], None]) -> None:
        self.waiting.append((done, None))

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for done, result in waiting:
            done(result)


class Floor:
    """What a connection's owner is to a listener."""

    write_buffer_bytes_max = 262_144

    def __init__(self, services: LinkServices) -> None:
        self.services = services
        self.factory = self

    def buildProtocol(self, peer: object) -> Link:
        return Link(self.services)

    def may_open(self, transport: object, host: str) -> bool:
        return True

    def opened(self, protocol: object) -> None: ...

    def lost(self, host: str) -> None: ...


class World:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        clock, metrics = SystemClock(), Metrics()
        self.timers = TimingWheel(clock, loop.call_later)
        self.disk = Disk()
        self.transport = Transport("core", timers=self.timers, clock=clock, metrics=metrics)
        balance = Balance()
        client = CoreClient(
            ClientSettings("core", 80, False, "tokyo", 1), self.transport, balance,
            clock=clock, timers=self.timers, metrics=metrics, epoch_floor=lambda: 1,
        )  # fmt: skip
        client.use_addresses([CORE.ip])
        permit = Permit(1, "tokyo")
        desk = Desk(
            self.disk,
            client,
            lambda: permit,
            clock,
            self.timers,
            metrics,
            Random(1),
            "tokyo",
            DeskLimits(inflight_count_min=WAVE),  # type: ignore[arg-type]
        )
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.cores: list[tuple[Connection, Kernel]] = []
        pool = Pool(self.transport, CORE, self.transport._pool_limits)
        self.transport._pools[CORE] = pool
        for _ in range(WAVE):
            ours, theirs = socket.socketpair()
            self.pairs.append((ours, theirs))
            connection, kernel = Connection(pool, AnswerLimits(), ours, False, 0), Kernel()
            connection.connection_made(kernel)
            pool._connecting += 1
            pool.connected(connection)
            self.cores.append((connection, kernel))
        dialect = build_dialect(default_profile(), lambda name: "", clock.wall_ms)
        facts = ListenerFacts("atm", "bank", "atm", 15_000, dialect)
        services = LinkServices(
            listener=facts, desk=desk, variables=Variables(), roster=Roster(), clock=clock, timers=self.timers,
            counters=LinkCounters(metrics, "atm", self.timers), tell=lambda *_: None, outbound=Nothing(),
            link_ids=LinkIds("tokyo", 1, 1_793_600_000_000),
        )  # fmt: skip
        floor = Floor(services)
        room = Room(1.0)
        self.links: list[tuple[Terminal, Kernel, Wire, Kernel]] = []
        for number in range(WAVE):
            wire, out, into, terminal = Wire(floor, "h"), Kernel(), Kernel(), Terminal(room, number + 1)  # type: ignore[arg-type]
            wire.connection_made(out)  # type: ignore[arg-type]
            terminal.connection_made(into)
            wire.data_received(into.written.pop())
            out.written.clear()
            self.links.append((terminal, into, wire, out))

    def wave(self) -> None:
        """Sixty-four messages, each step for all of them before the next."""
        for terminal, *_ in self.links:
            terminal.ask()
        asked = [(wire, into.written.pop()) for _, into, wire, _ in self.links]
        start = time.process_time()
        for wire, data in asked:
            wire.data_received(data)
        self.disk.answer()
        self.spent_s += time.process_time() - start
        answers = []
        for connection, kernel in self.cores:
            for data in kernel.written:
                key = data.partition(b'Idempotency-Key: "')[2].partition(b'"')[0]
                body = ANSWER % key
                answers.append((
                    connection,
                    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nIdempotency-Key: "%b"\r\nRegion-Epoch: 1\r\n'
                    b"Content-Length: %d\r\n\r\n" % (key, len(body)) + body,
                ))  # fmt: skip
            kernel.written.clear()
        start = time.process_time()
        for connection, data in answers:
            connection.data_received(data)
        self.disk.answer()
        self.spent_s += time.process_time() - start
        for _, _, _, out in self.links:
            if len(out.written) != 1 or b"123456" not in out.written.pop():
                raise RuntimeError("a message was not approved: this measures nothing")

    def round(self, waves: int) -> float:
        """Microseconds of CPU per message."""
        self.spent_s = 0.0
        for _ in range(waves):
            self.wave()
        return self.spent_s / waves / WAVE * 1e6

    async def close(self) -> None:
        self.transport._pools.clear()
        await self.transport.aclose()
        for pair in self.pairs:
            for one in pair:
                one.close()


class Nothing:
    """No message of the core's waits."""

    def delivered(self, link: Link, delivery: Delivery) -> None: ...

    def link_ready(self, listener: str, line: str) -> None: ...

    def link_closed(self, link: Link) -> None: ...


class Variables:
    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[Any], None]) -> None: ...

    def variables(self, link_name: str) -> dict[str, bytes]:
        return {}


class Yardstick:
    """A fixed piece of Python: attributes, calls, a dict."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int, text: str) -> str:
        self.total += amount
        return text

    def run_us(self) -> float:
        start = time.process_time()
        kept: dict[int, tuple[int, str]] = {}
        for number in range(8_000):
            text = self.add(number, "text")
            kept[number & 255] = (number, text)
            kept.get(number & 127)
        return (time.process_time() - start) * 1e6


async def main(rounds: int, profile: bool) -> None:
    world = World()
    world.round(30)
    gc.collect()
    gc.freeze()
    if profile:
        import cProfile
        import pstats

        profiler = cProfile.Profile()
        profiler.enable()
        world.round(100)
        profiler.disable()
        stats = pstats.Stats(profiler)
        print(f"{stats.total_calls / 100 / WAVE:.0f} calls per message")  # type: ignore[attr-defined]
        stats.sort_stats("tottime").print_stats(70)
    yardstick = Yardstick()
    figures: list[float] = []
    multiples: list[float] = []
    for _ in range(rounds * 4):
        before = yardstick.run_us()
        figures.append(world.round(5))
        multiples.append(figures[-1] * 200 / (before + yardstick.run_us()))
    print(
        f"{min(figures):.1f} us per message at best, {median(figures):.1f} in the middle of {len(figures)} rounds; "
        f"{median(multiples):.2f} hundredths of the yardstick"
    )
    await world.close()


if __name__ == "__main__":
    words = sys.argv[1:]
    asyncio.run(main(int(words[0]) if words and words[0].isdigit() else 15, "--profile" in words))
