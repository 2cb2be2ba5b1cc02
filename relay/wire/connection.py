"""One TCP connection of an asyncio loop, shown to a Twisted protocol as its transport.

Owns the translation between the two and nothing else: no buffer, no decision. Why it exists: Twisted's own transports cost
three times as much per message (docs/decisions/001-hot-endpoint.md). The traps: `abortConnection` must reset, as Twisted's
does, where asyncio's `abort` alone closes politely; and asyncio has called `connection_lost` for the last time only when
the socket is closed, so whatever counts open links counts there.
"""

from __future__ import annotations

import asyncio
import contextlib
import typing
from typing import Any, TypeAlias, cast

from twisted.internet import main
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IAddress, IPushProducer, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]  # zope.interface ships no types

from relay.wire.sockets import reset_on_close

Address: TypeAlias = IPv4Address | IPv6Address | UNIXAddress


class Owner(typing.Protocol):
    """Whose connection it is: one object for all connections of a listener, so that each costs one reference."""

    @property
    def factory(self) -> Factory: ...

    @property
    def write_buffer_bytes_max(self) -> int:
        """Unsent bytes above which the registered producer is paused."""
        ...

    def may_open(self, transport: asyncio.Transport, host: str) -> bool:
        """Asked once, when the connection (and its TLS handshake) stands. False resets it."""
        ...

    def opened(self, protocol: Protocol) -> None: ...

    def lost(self, host: str) -> None:
        """Told once when a made connection is gone."""
        ...


@implementer(ITransport, IPushProducer)
class Connection(asyncio.Protocol):
    """Asyncio's protocol on one side, Twisted's transport on the other. `host` is what the owner knows it by."""

    __slots__ = ("_asyncio", "_host", "_is_aborted", "_owner", "_producer", "_protocol")

    def __init__(self, owner: Owner, host: str) -> None:
        self._owner = owner
        self._host = host
        self._asyncio: asyncio.Transport | None = None
        self._protocol: Protocol | None = None
        self._producer: Any = None
        self._is_aborted = False

    @property
    def is_made(self) -> bool:
        """True from `connection_made` on: from then the loop, and nobody else, closes the socket."""
        return self._asyncio is not None

    # ---- asyncio's side ------------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        owner = self._owner
        self._asyncio = made = cast(asyncio.Transport, transport)
        peer = cast(IAddress, self.getPeer())
        protocol = owner.factory.buildProtocol(peer) if owner.may_open(made, self._host) else None
        if protocol is None:
            self.abortConnection()
            return
        made.set_write_buffer_limits(high=owner.write_buffer_bytes_max)
        self._protocol = cast(Protocol, protocol)
        protocol.makeConnection(cast(ITransport, self))
        owner.opened(cast(Protocol, protocol))

    def data_received(self, data: bytes) -> None:
        if self._protocol is not None:
            self._protocol.dataReceived(data)

    def pause_writing(self) -> None:
        if self._producer is not None:
            self._producer.pauseProducing()

    def resume_writing(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()

    def connection_lost(self, error: Exception | None) -> None:
        protocol, self._protocol, self._producer = self._protocol, None, None
        self._owner.lost(self._host)
        if protocol is None:
            return
        reason: Exception = main.CONNECTION_DONE
        if self._is_aborted:
            reason = ConnectionAborted()
        elif error is not None:
            reason = ConnectionLost(str(error))
        protocol.connectionLost(Failure(reason))  # type: ignore[no-untyped-call]  # Failure's constructor has no annotations

    # ---- Twisted's side: the names are ITransport's ------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        self._made.write(data)

    def writeSequence(self, data: Any) -> None:
        self._made.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close after everything written is sent."""
        self._made.close()

    def abortConnection(self) -> None:
        """Reset at once; what is unsent is dropped."""
        self._is_aborted = True
        sock = self._made.get_extra_info("socket")
        with contextlib.suppress(OSError):  # closed under us already: then there is nothing left to reset
            reset_on_close(sock)
        self._made.abort()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Only push producers: `producer` is paused above the buffer limit and resumed below it."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        """Read no more until `resumeProducing`: the kernel's window fills and the far end waits."""
        self._made.pause_reading()

    def resumeProducing(self) -> None:
        self._made.resume_reading()

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> Address:
        return twisted_address(self._made.get_extra_info("peername"))

    def getHost(self) -> Address:
        return twisted_address(self._made.get_extra_info("sockname"))

    def getPeerCertificate(self) -> bytes | None:
        """The far end's certificate in DER, None without TLS or without a certificate."""
        tls = self._made.get_extra_info("ssl_object")
        return None if tls is None else cast("bytes | None", tls.getpeercert(True))

    @property
    def _made(self) -> asyncio.Transport:
        assert self._asyncio is not None, "used before the connection was made"
        return self._asyncio


def twisted_address(name: Any) -> Address:
    """A socket's name (as `getsockname` gives it) as a Twisted address."""
    if isinstance(name, tuple) and len(name) == 4:
        return IPv6Address("TCP", name[0], name[1])
    if isinstance(name, tuple):
        return IPv4Address("TCP", name[0], name[1])
    return UNIXAddress(name or None)
