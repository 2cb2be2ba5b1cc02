"""Listeners on Twisted's own endpoints (`unix:`, `ssl:`, plug-ins): the same admission and socket options, at its price.

Owns the wrapper round each link of such a listener. It must never be on the hot path; `tcp:`, `tcp6:` and `systemd:` go
through endpoint.py. The traps: Twisted accepts before it asks us, so a link over the rate is closed, not kept waiting; and
behind `ssl:` the link opens before its handshake is done, so the name in the certificate is not known (use `[listener.tls]`).
"""

from __future__ import annotations

import socket
import typing
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from relay.wire.sockets import Tuning, tune


class Gate(typing.Protocol):
    """relay.wire.listener.ListenerGate fulfils it."""

    def enters_now(self, host: str) -> bool: ...

    def release(self, host: str) -> None: ...


class ForeignLink(ProtocolWrapper):
    """Stands between Twisted's transport and the link, to count it out when it is gone."""

    factory: ForeignFactory

    def makeConnection(self, transport: Any) -> None:
        prepare_transport(transport, self.factory.tuning, self.factory.write_buffer_bytes_max)
        self._host = getattr(transport.getPeer(), "host", "") or ""
        super().makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted has no annotations here

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's default argument is of no use
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # as above
        self.factory.gate.release(self._host)


class RefusedLink(Protocol):
    """Resets. Returning no protocol would be enough for `unix:`, but Twisted's TLS factory wraps the nothing and leaks it."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class ForeignFactory(WrappingFactory):
    """Admits, then wraps what `factory` builds."""

    protocol = ForeignLink
    noisy = False

    def __init__(self, factory: Factory, gate: Gate, tuning: Tuning, write_buffer_bytes_max: int) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]  # as above
        self.gate = gate
        self.tuning = tuning
        self.write_buffer_bytes_max = write_buffer_bytes_max

    def buildProtocol(self, addr: Any) -> Any:
        if not self.gate.enters_now(getattr(addr, "host", "") or ""):
            return RefusedLink()
        return super().buildProtocol(addr)


def prepare_transport(transport: Any, tuning: Tuning, write_buffer_bytes_max: int) -> None:
    """Socket options and the write-buffer limit on Twisted's transport, through however many layers of TLS."""
    innermost = transport
    while (inner := getattr(innermost, "transport", None)) is not None:
        innermost = inner
    innermost.bufferSize = write_buffer_bytes_max
    handle = innermost.getHandle()
    if isinstance(handle, socket.socket):
        tune(handle, tuning)
