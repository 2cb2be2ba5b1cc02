"""The port through which the core client speaks HTTP: one call to one address, one result, by callback.

Owns the values of that conversation: `HttpCall` out, `HttpAnswer | NotSent | Lost` back. It must never know sockets, and the
client must never know more than this; the simulation has a door of its own. The trap is the line between `NotSent` and
`Lost`: NotSent promises that not one byte of the request reached a socket, so another address may be tried at once; after
the first byte everything but a whole answer is Lost, and nobody ever sends it again by itself (law 3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from relay.clock import Cancellable


class Address(NamedTuple):
    """Where to connect. `ip` is an IPv4 or IPv6 literal; the name that its certificate must carry belongs to the door."""

    ip: str
    port: int


class Why(StrEnum):
    """What went wrong, as a metric label: a small fixed set, never a text of the peer."""

    REFUSED = "refused"  # connection refused, reset or unroutable while connecting
    CONNECT_TIMEOUT = "connect-timeout"
    CERTIFICATE = "certificate"  # not the certificate of the name, or not from our authorities
    TLS = "tls"  # any other failure of the TLS handshake
    FULL = "full"  # every connection busy and every waiting place taken
    DEADLINE = "deadline"  # the call's own timeout
    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"  # the door was closed
    RENEWED = "renewed"  # still waiting for a connection when a new region epoch began
    CLOSED = "closed"  # the peer closed or reset before the whole answer
    MALFORMED = "malformed"  # not HTTP/1.1 as we accept it
    TOO_LARGE = "too-large"  # head or body over its limit
    BODY = "body"  # the request body's own source failed (httpx facade only)


class HttpCall(msgspec.Struct, frozen=True, gc=False):
    """One request. `target` is the origin-form request target, `head` whole header lines, each ended by CR LF, Host among
    them and without Content-Length, which the door adds for `body`."""

    method: bytes
    target: bytes
    head: bytes
    body: bytes = b""


class HttpAnswer(msgspec.Struct, frozen=True, gc=False):
    """A whole, well-formed answer. Header names in lower case; repeated headers are joined with ", " in `headers` and kept
    one by one in `repeated`. Trailers are dropped: they come after the word is given."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    repeated: tuple[tuple[bytes, bytes], ...] = ()


class NotSent(msgspec.Struct, frozen=True, gc=False):
    """Not one byte of the request was written to a socket."""

    why: Why


class Lost(msgspec.Struct, frozen=True, gc=False):
    """Something may have been sent, and no whole answer came back."""

    why: Why


HttpResult: TypeAlias = HttpAnswer | NotSent | Lost


class HttpDoor(Protocol):
    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> Cancellable:
        """Send `call` to `address`; `done` is called exactly once, within `timeout_ms` (milliseconds, waiting for a
        connection included), possibly before this returns. A cancel calls `done` at once, with NotSent or Lost."""
        ...

    def keep_only(self, addresses: Collection[Address]) -> None:
        """Addresses that DNS still names: connections to any other are closed as soon as they are idle."""
        ...

    def renew(self) -> None:
        """Connections made before now take no new call: a new region epoch has begun. Calls that still wait for one come back
        as NotSent: whoever made them knows whether they may still be made."""
        ...
