"""A room of fake ATMs on real sockets: thousands of minds in one process, driven by plain callbacks.

Owns connections, timers and the pace of customers. It must never decide anything a mind or the pace can decide. The traps:
no task per message (a task is made only to connect); latencies count from the moment a message is written; and an order for
which no terminal is free is counted as unserved, not queued, because a queue in the load hides what the relay does.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from protocols.errors import PeerViolation
from protocols.framing import FrameCutter, Framing, wrap
from protocols.iso8583.codec import Codec, compile_codec
from protocols.iso8583.spec import load_spec
from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback.atm import AtmMind
from relay.loopback.books import Books
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy, Connect, Deed, HangUp, Ready, Say, Wake
from relay.loopback.slips import Calendar
from relay.loopback.tally import Tally

TICK_S = 0.001
CONNECT_PER_SECOND = 400
TRACES_PER_SECOND = 11  # a run that starts a second later begins so many traces later: 86,400 s fill a day's 950,400


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`rate_per_s` is the open-loop rate of the whole room; None: closed loop with `think_ms` between a terminal's acts."""

    host: str
    port: int
    terminals: int = 500
    rate_per_s: float | None = 1_000.0
    think_ms: float = 0.0
    framing: str = "ascii4"
    encoding: str = "ascii"
    seed: int = 1
    terminal_prefix: str = "ATM"


class _Link(asyncio.Protocol):
    def __init__(self, terminal: _Terminal) -> None:
        self._terminal = terminal
        self._cutter = FrameCutter(terminal.fleet.framing)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._terminal.opened(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._terminal.heard(self._cutter, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._terminal.closed()


class _Terminal:
    """One mind with its socket and timers."""

    __slots__ = ("fleet", "is_thinking", "mind", "timers", "transport")

    def __init__(self, fleet: Fleet, mind: AtmMind) -> None:
        self.fleet = fleet
        self.mind = mind
        self.is_thinking = False
        self.transport: asyncio.Transport | None = None
        self.timers: dict[str, asyncio.TimerHandle] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.do(self.mind.link_opened(self.fleet.now_ms()))

    def closed(self) -> None:
        self.transport = None
        self.do(self.mind.link_closed(self.fleet.now_ms()))

    def heard(self, cutter: FrameCutter, data: bytes) -> None:
        fleet = self.fleet
        try:
            for frame in cutter.feed(data):
                if not frame.is_zero:
                    self.do(self.mind.received(fleet.codec.decode(frame.body), fleet.now_ms()))
        except PeerViolation as error:
            fleet.tally.violation(f"{self.mind.terminal}: what came cannot be read: {error}")
            if self.transport is not None:
                self.transport.abort()

    def do(self, deeds: Sequence[Deed]) -> None:
        fleet = self.fleet
        for deed in deeds:
            if isinstance(deed, Say):
                if self.transport is not None:
                    self.transport.write(wrap(fleet.framing, fleet.codec.encode(deed.message)))
            elif isinstance(deed, Wake):
                timer = self.timers.pop(deed.name, None)
                if timer is not None:
                    timer.cancel()
                if deed.after_ms is not None:
                    self.timers[deed.name] = fleet.loop.call_later(deed.after_ms / 1_000, self._fired, deed.name)
            elif isinstance(deed, Ready):
                fleet.is_free(self)
            elif isinstance(deed, Connect):
                fleet.loop.call_later(deed.after_ms / 1_000, self.connect)
            elif isinstance(deed, HangUp) and self.transport is not None:
                self.transport.close()

    def connect(self) -> None:
        if not self.fleet.is_stopped:
            spawn(f"connect {self.mind.terminal}", self._connect())

    async def _connect(self) -> None:
        settings = self.fleet.settings
        try:
            await self.fleet.loop.create_connection(lambda: _Link(self), settings.host, settings.port)
        except OSError:
            self.do(self.mind.link_failed(self.fleet.now_ms()))

    def _fired(self, name: str) -> None:
        self.timers.pop(name, None)
        self.do(self.mind.timer_fired(name, self.fleet.now_ms()))

    def stop(self) -> None:
        self.do(self.mind.stop(self.fleet.now_ms()))


class Fleet:
    """All terminals. Make it inside the running loop that drives it."""

    def __init__(self, settings: FleetSettings, policy: AtmPolicy, customers: Customers, books: Books, tally: Tally) -> None:
        self.settings = settings
        self.customers = customers
        self.books = books
        self.tally = tally
        self.loop = asyncio.get_running_loop()
        self.framing = Framing.named(settings.framing)
        self.codec: Codec = compile_codec(load_spec("1987", settings.encoding))
        self.is_stopped = False
        self._monotonic_us = SystemClock().monotonic_us
        wall_ms = SystemClock().wall_ms()
        self.wall_offset_ms = wall_ms - self.now_ms()
        calendar = Calendar(policy.utc_offset_minutes, policy.day_offset_minutes)
        first_trace = wall_ms // 1_000 % 86_400 * TRACES_PER_SECOND + 1
        self.terminals = [
            _Terminal(
                self,
                AtmMind(
                    f"{settings.terminal_prefix}{number:0{8 - len(settings.terminal_prefix)}d}",
                    books,
                    tally,
                    policy,
                    random.Random(f"{settings.seed}/{number}"),
                    self.wall_offset_ms,
                    first_trace,
                    calendar,
                ),
            )
            for number in range(1, settings.terminals + 1)
        ]
        self._free: deque[_Terminal] = deque()
        self._serving = False
        self._started_s = 0.0
        self._given = 0

    def now_ms(self) -> float:
        return self._monotonic_us() / 1_000

    # ---- life ------------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Connect all terminals, CONNECT_PER_SECOND at a time."""
        for place, terminal in enumerate(self.terminals):
            self.loop.call_later(place / CONNECT_PER_SECOND, terminal.connect)

    def signed_on_count(self) -> int:
        return sum(terminal.mind.state.value == "ready" for terminal in self.terminals)

    def unsettled_count(self) -> int:
        """Terminals with a question or a reversal under way."""
        return sum(not terminal.mind.is_settled for terminal in self.terminals)

    async def state_totals(self, timeout_s: float) -> None:
        """The end of the day: when everything else is settled, or `timeout_s` has passed, every ATM states its totals."""
        await self.until(lambda: not self.unsettled_count(), timeout_s)
        for terminal in self.terminals:
            terminal.do(terminal.mind.state_totals(self.now_ms()))
        await self.until(lambda: not self.unsettled_count(), timeout_s)

    async def until(self, condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.02) -> bool:
        """Wait for `condition`, looking every `poll_s` seconds. False when `timeout_s` passed first."""
        deadline_s = self.loop.time() + timeout_s
        while not condition():
            if self.loop.time() >= deadline_s:
                return False
            await asyncio.sleep(poll_s)
        return True

    def serve_customers(self) -> None:
        """Begin the pace."""
        self._serving = True
        self._started_s, self._given = self.loop.time(), 0
        if self.settings.rate_per_s is None:
            for terminal in list(self._free):
                self._think(terminal)
            self._free.clear()
        else:
            self._tick()

    def send_customers_home(self) -> None:
        self._serving = False

    async def stop(self) -> None:
        """Sign off and close all links."""
        self.is_stopped, self._serving = True, False
        for terminal in self.terminals:
            terminal.stop()
        await self.until(lambda: all(terminal.transport is None for terminal in self.terminals), 5.0)
        for terminal in self.terminals:
            if terminal.transport is not None:
                terminal.transport.abort()

    # ---- pace ------------------------------------------------------------------------------------------------------------
    def is_free(self, terminal: _Terminal) -> None:
        if self.settings.rate_per_s is None and self._serving:
            self._think(terminal)
        else:
            self._free.append(terminal)

    def _think(self, terminal: _Terminal) -> None:
        if terminal.is_thinking:
            return  # it came back on a new link while its customer was still thinking
        terminal.is_thinking = True
        pause_ms = self.customers.think_ms(self.settings.think_ms)
        self.loop.call_later(pause_ms / 1_000, self._serve, terminal)

    def _tick(self) -> None:
        rate = self.settings.rate_per_s
        if not self._serving or rate is None:
            return
        due = int((self.loop.time() - self._started_s) * rate)
        while self._given < due:
            self._given += 1
            while self._free and not self._free[0].mind.is_free:
                self._free.popleft()  # its link broke while it was waiting for a customer
            if self._free:
                self._serve(self._free.popleft())
            else:
                self.tally.unserved += 1
        self.loop.call_later(TICK_S, self._tick)

    def _serve(self, terminal: _Terminal) -> None:
        terminal.is_thinking = False
        if not self._serving:
            self._free.append(terminal)
        elif terminal.mind.is_free:
            now_ms = self.now_ms()
            terminal.do(terminal.mind.begin(self.customers.next(now_ms), now_ms))
