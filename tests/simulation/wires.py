"""Simulated TCP between fake ATMs and the relay: bytes with delay, in pieces, cut, half open.

Owns the pipe. It must never look into the bytes, but for `watch`, which is shown what the relay writes. The trap: a cut pipe
delivers nothing more in either direction, yet each side learns of it at its own time, or (half open) the relay never does.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from relay.wire.link import Link
from tests.support.virtualtime import VirtualTime


class Pipe:
    """One connection. The relay's side is a Twisted transport; the ATM's side are callbacks."""

    def __init__(
        self,
        time: VirtualTime,
        chance: Random,
        link: Link,
        on_data: Callable[[bytes], None],
        on_lost: Callable[[], None],
        host: str = "10.0.0.1",
    ) -> None:
        self._time = time
        self._chance = chance
        self._link = link
        self._on_data = on_data
        self._on_lost = on_lost
        self._host = host
        self.when_relay_knows: Callable[[], None] = lambda: None  # that the connection is gone
        self._up_ms = self._down_ms = 0  # when the last bytes of each direction arrive: order is kept
        self.is_open = True
        self._atm_knows = self._relay_knows = False
        link.makeConnection(self)  # type: ignore[arg-type]  # a transport as far as a link uses one

    # ---- the ATM's side -----------------------------------------------------------------------------------------------
    def send(self, data: bytes) -> None:
        """Bytes towards the relay, at times in two pieces."""
        if not self.is_open:
            return
        at = self._chance.randrange(1, len(data)) if len(data) > 1 and self._chance.random() < 0.1 else len(data)
        for piece in (data[:at], data[at:]):
            if piece:
                self._up_ms = max(self._up_ms, self._time.monotonic_ms() + self._chance.randint(0, 3))
                self._time.after(self._up_ms - self._time.monotonic_ms(), lambda piece=piece: self._arrive(piece))

    def close(self) -> None:
        self.cut(half_open=False)

    def _arrive(self, data: bytes) -> None:
        if self.is_open:
            self._link.dataReceived(data)

    # ---- the network ---------------------------------------------------------------------------------------------------
    def cut(self, half_open: bool) -> None:
        """Nothing passes any more. The ATM learns it soon; the relay too, unless the link stays half open for it."""
        if not self.is_open:
            return
        self.is_open = False
        self._tell_atm()
        if not half_open:
            self._time.after(self._chance.randint(1, 50), self._tell_relay)

    def stall(self, for_ms: int) -> None:
        """What is sent now arrives that much later, in both directions: a congested line."""
        until_ms = self._time.monotonic_ms() + for_ms
        self._up_ms, self._down_ms = max(self._up_ms, until_ms), max(self._down_ms, until_ms)

    def _tell_atm(self) -> None:
        if not self._atm_knows:
            self._atm_knows = True
            self._time.after(self._chance.randint(1, 50), self._on_lost)

    def _tell_relay(self) -> None:
        if not self._relay_knows:
            self._relay_knows = True
            self._link.connectionLost(Failure(ConnectionLost()))
            self.when_relay_knows()

    def relay_died(self) -> None:
        """The relay's process is gone: its kernel resets the connection."""
        self.is_open = False
        self._relay_knows = True
        self._tell_atm()

    # ---- the relay's side: ITransport as far as a link uses it -----------------------------------------------------------
    def write(self, data: bytes) -> None:
        if not self.is_open:
            return  # into a half-open link: written, never read
        self._down_ms = max(self._down_ms, self._time.monotonic_ms() + self._chance.randint(0, 3))
        self._time.after(self._down_ms - self._time.monotonic_ms(), lambda: self._deliver(data))

    def _deliver(self, data: bytes) -> None:
        if self.is_open:
            self._on_data(data)

    def loseConnection(self) -> None:
        self._hang_up()

    def abortConnection(self) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        if self._relay_knows:
            return
        self._relay_knows = True
        self._time.after(max(0, self._down_ms - self._time.monotonic_ms()), self._close_for_atm)
        self._time.after(0, self._tell_link)

    def _tell_link(self) -> None:
        self._link.connectionLost(Failure(ConnectionDone()))
        self.when_relay_knows()

    def _close_for_atm(self) -> None:
        self.is_open = False
        self._tell_atm()

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", self._host, 40_000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "10.0.0.2", 8583)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """A pipe never fills: slow readers are tested on real sockets."""

    def unregisterProducer(self) -> None:
        """See registerProducer."""

    def pauseProducing(self) -> None:
        """Reading is not paused here: the mind asks one thing at a time."""

    def resumeProducing(self) -> None:
        """See pauseProducing."""
