"""A room of fake NDC machines on real sockets, each dialling from an address of its own, all with the same LUNO if wanted.

Owns connections, timers and the pace of customers; the minds decide. It must never decide anything a mind can decide. The
trap: a source address is what tells machines with LUNO 000 apart, so that it is part of a machine's name in the books.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from protocols.errors import FieldError, FrameError
from protocols.framing import FrameCutter, Framing, wrap
from protocols.ndc.codec import decode_host, encode
from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback.customers import Customers
from relay.loopback.deeds import Connect, HangUp, NdcPolicy, Ready, Wake
from relay.loopback.ndcatm import Deed, NdcMind, Utter
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndctally import NdcTally


class RoomSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`values` and `loaded`: worth and number of notes per cassette type. Machines dial from `source_net` + a number each."""

    host: str
    port: int
    machines: int = 8
    luno: str = "000"
    framing: str = "binary2"
    think_ms: float = 5.0
    values: tuple[int, ...] = (1_000, 5_000, 10_000, 0)
    loaded: tuple[int, ...] = (900, 900, 900, 0)
    seed: int = 1
    source_net: str = "127.0.1."
    source_first: int = 1


class _Link(asyncio.Protocol):
    def __init__(self, machine: _Machine) -> None:
        self._machine = machine
        self._cutter = FrameCutter(machine.room.framing)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._machine.opened(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._machine.heard(self._cutter, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._machine.closed()


class _Machine:
    """One mind with its socket and timers."""

    def __init__(self, room: NdcRoom, mind: NdcMind, source: str) -> None:
        self.room = room
        self.mind = mind
        self.source = source
        self.transport: asyncio.Transport | None = None
        self.timers: dict[str, asyncio.TimerHandle] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.do(self.mind.link_opened(self.room.now_ms()))

    def closed(self) -> None:
        self.transport = None
        self.do(self.mind.link_closed(self.room.now_ms()))

    def heard(self, cutter: FrameCutter, data: bytes) -> None:
        try:
            for frame in cutter.feed(data):
                self.do(self.mind.received(decode_host(frame.body), self.room.now_ms()))
        except (FrameError, FieldError) as error:
            self.room.tally.violation(f"{self.mind.terminal}: malformed from the host: {error}")

    def do(self, deeds: Sequence[Deed]) -> None:
        room = self.room
        for deed in deeds:
            match deed:
                case Utter():
                    if self.transport is not None:
                        self.transport.write(wrap(room.framing, encode(deed.message)))
                case Wake():
                    timer = self.timers.pop(deed.name, None)
                    if timer is not None:
                        timer.cancel()
                    if deed.after_ms is not None:
                        self.timers[deed.name] = room.loop.call_later(deed.after_ms / 1_000, self._fired, deed.name)
                case Ready():
                    room.loop.call_later(room.customers.think_ms(room.settings.think_ms) / 1_000, self._serve)
                case Connect():
                    room.loop.call_later(deed.after_ms / 1_000, self.connect)
                case HangUp():
                    if self.transport is not None:
                        self.transport.abort()  # a power cut says no goodbye

    def connect(self) -> None:
        if not self.room.is_stopped:
            spawn(f"connect {self.mind.terminal}", self._connect())

    async def _connect(self) -> None:
        settings = self.room.settings
        try:
            await self.room.loop.create_connection(
                lambda: _Link(self), settings.host, settings.port, local_addr=(self.source, 0)
            )
        except OSError:
            self.do(self.mind.link_failed(self.room.now_ms()))

    def _fired(self, name: str) -> None:
        self.timers.pop(name, None)
        self.do(self.mind.timer_fired(name, self.room.now_ms()))

    def _serve(self) -> None:
        if self.room.is_open and self.mind.is_free:
            now_ms = self.room.now_ms()
            self.do(self.mind.begin(self.room.customers.next(now_ms), now_ms))


class NdcRoom:
    """Make it inside the running loop that drives it."""

    def __init__(
        self,
        settings: RoomSettings,
        policy: NdcPolicy,
        customers: Customers,
        books: NoteBooks,
        tally: NdcTally,
        monotonic_us: Callable[[], int] | None = None,
    ) -> None:
        self.settings = settings
        self.customers = customers
        self.books = books
        self.tally = tally
        self.loop = asyncio.get_running_loop()
        self.framing = Framing.named(settings.framing)
        self.is_stopped = False
        self.is_open = False  # customers come in
        self._monotonic_us = SystemClock().monotonic_us if monotonic_us is None else monotonic_us
        self.machines = [self._machine(number, policy) for number in range(1, settings.machines + 1)]

    def _machine(self, number: int, policy: NdcPolicy) -> _Machine:
        settings = self.settings
        source = f"{settings.source_net}{settings.source_first + number - 1}"
        terminal = f"{settings.luno}@{source}"
        self.books.install(terminal, settings.values, settings.loaded)
        chance = random.Random(f"{settings.seed}/{number}")
        return _Machine(self, NdcMind(terminal, settings.luno, self.books, self.tally, policy, chance), source)

    def now_ms(self) -> float:
        return self._monotonic_us() / 1_000

    def start(self) -> None:
        for machine in self.machines:
            machine.connect()

    def open_doors(self) -> None:
        """Customers come from now on, a machine's next one after each visit."""
        self.is_open = True
        for machine in self.machines:
            machine._serve()

    def close_doors(self) -> None:
        self.is_open = False

    def in_service_count(self) -> int:
        return sum(machine.mind.power.value == "in-service" for machine in self.machines)

    def unsettled_count(self) -> int:
        return sum(not machine.mind.is_settled for machine in self.machines)

    async def until(self, condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.02) -> bool:
        """Wait for `condition`, looking every `poll_s` seconds. False when `timeout_s` passed first."""
        deadline_s = self.loop.time() + timeout_s
        while not condition():
            if self.loop.time() >= deadline_s:
                return False
            await asyncio.sleep(poll_s)
        return True

    async def stop(self) -> None:
        self.is_stopped, self.is_open = True, False
        for machine in self.machines:
            machine.do(machine.mind.stop(self.now_ms()))
        await self.until(lambda: all(machine.transport is None for machine in self.machines), 5.0)
