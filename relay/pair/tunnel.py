"""A connection to an address of the core, made by the other center: our end of it.

Owns the dialling and the words of the request, HTTP's CONNECT (RFC 9110, 9.3.6). It must never see what goes through: the core
client's own TLS goes end to end, with the core's certificate checked against the core's name, inside the TLS of the two
centers. What the caller gets is one end of a socket pair, which to the transport is a connected socket like any other; the
copying between its other end and the peer is a task per connection, tracked and ended in `aclose`. The traps: all that
fails before the socket is handed out is "not sent", from then on every byte counts as sent, whether it got beyond this process
or not; and at the turn of the way everybody dials at once, two handshakes each, so that no more than `DIALS_AT_ONCE_MAX` do,
or none of them would be done in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

import msgspec

from relay.bridge import spawn
from relay.configuration.pair import PairPath, held_bytes_max
from relay.core.door import Address
from relay.pair.joining import Stream, join, open_stream, reset
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("pair.tunnel")
HEAD_BYTES_MAX = 2_048  # of a request, or of its answer
H_CENTER, H_VERSION = "Relay-Center", "Relay-Pair"
FORWARD_VERSION = 1
USER_TIMEOUT_MS = 3_000
DIALS_AT_ONCE_MAX = 4


class TunnelRefused(OSError):
    """The other center does not forward this; `word` is a metric label."""

    def __init__(self, word: str) -> None:
        super().__init__(f"the other center does not forward: {word}")
        self.word = word


class TunnelLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one connection: bytes kept in each direction, milliseconds without any. `bytes_max`: under way of all together, of
    which each one takes what it may ever keep (configuration/pair.py), from its dialling on."""

    buffer_bytes_max: int = 65_536
    bytes_max: int = 83_886_080
    idle_ms: int = 60_000


_WORDS = {403: "not-a-core", 426: "other-version", 502: "unreachable", 503: "full"}


class Tunnel:
    """Args: `is_up` says of each path whether it is; `server_name` is what the other center's certificate must hold."""

    def __init__(
        self,
        paths: Sequence[PairPath],
        port: int,
        center: str,
        tls: ssl.SSLContext,
        server_name: str,
        is_up: Callable[[], Sequence[bool]],
        limits: TunnelLimits,
        metrics: Metrics,
    ) -> None:
        self._paths = tuple(paths)
        self._port = port
        self._center = center
        self._tls = tls
        self._server_name = server_name
        self._is_up = is_up
        self._limits = limits
        self._open_max = limits.bytes_max // held_bytes_max(limits.buffer_bytes_max)
        self._dialling = 0
        self._joins: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(DIALS_AT_ONCE_MAX)
        self._dials = metrics.pair_dials
        self._bytes = metrics.pair_tunnelled_bytes
        metrics.pair_tunnels.set_function(lambda: len(self._joins))
        for word in ("made", *_WORDS.values(), "refused", "no-path", "failed"):
            self._dials.labels(word)

    @property
    def open_count(self) -> int:
        return len(self._joins)

    async def dial(self, address: Address) -> socket.socket:
        """A socket that leads to `address`. Raises OSError (TimeoutError is one) while nothing was sent."""
        try:
            if len(self._joins) + self._dialling >= self._open_max:
                raise TunnelRefused("full")
            self._dialling += 1
            try:
                async with self._slots:
                    far = await self._ask(address)
            finally:
                self._dialling -= 1
        except TunnelRefused as error:
            self._dials.labels(error.word).inc()
            raise
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            self._dials.labels("failed").inc()
            raise ConnectionRefusedError(f"no connection through the other center: {error}") from error
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # no descriptor left: the other center's must not be kept by it
            reset(far.writer.transport)
            raise
        try:
            ours.setblocking(False)
            theirs.setblocking(False)
            near = await open_stream(theirs, self._limits.buffer_bytes_max)
        except BaseException:
            ours.close()
            theirs.close()
            reset(far.writer.transport)
            raise
        self._dials.labels("made").inc()
        self._begin(f"tunnel to {address.ip}", near, far)
        return ours

    def _begin(self, name: str, near: Stream, far: Stream) -> None:
        has_begun = False

        async def carry() -> None:
            nonlocal has_begun
            has_begun = True
            limits = self._limits
            await join(near, far, limits.buffer_bytes_max // 2, limits.idle_ms, self._bytes.inc)

        def left(task: asyncio.Task[None]) -> None:
            self._joins.discard(task)
            if not has_begun:  # cancelled before its first step: it has closed neither end
                reset(near.writer.transport)
                reset(far.writer.transport)

        task = spawn(name, carry())
        self._joins.add(task)
        task.add_done_callback(left)

    async def aclose(self) -> None:
        joins = list(self._joins)
        for task in joins:
            task.cancel()
        await asyncio.gather(*joins, return_exceptions=True)

    async def _ask(self, address: Address) -> Stream:
        path = next((path for path, is_up in zip(self._paths, self._is_up(), strict=True) if is_up), None)
        if path is None:
            raise TunnelRefused("no-path")
        far = await self._connect(path)
        try:
            target = f"[{address.ip}]:{address.port}" if ":" in address.ip else f"{address.ip}:{address.port}"
            head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
            head += f"{H_CENTER}: {self._center}\r\n{H_VERSION}: {FORWARD_VERSION}\r\n\r\n"
            far.writer.write(head.encode("ascii"))
            await far.writer.drain()
            answer = await far.reader.readuntil(b"\r\n\r\n")
            status = _status(answer)
            if status != 200:
                raise TunnelRefused(_WORDS.get(status, "refused"))
        except BaseException:
            reset(far.writer.transport)
            raise
        return far

    async def _connect(self, path: PairPath) -> Stream:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET6 if ":" in path.peer else socket.AF_INET, socket.SOCK_STREAM)
        try:
            tune(sock)
            sock.bind((path.own, 0))
            await loop.sock_connect(sock, (path.peer, self._port))
            return await open_stream(
                sock, self._limits.buffer_bytes_max, ssl=self._tls, server_hostname=self._server_name, ssl_shutdown_timeout=1.0
            )
        except BaseException:
            with contextlib.suppress(OSError):
                sock.close()
            raise


def tune(sock: socket.socket) -> None:
    """What every TCP socket of the way has: no delay, and an end when written bytes stay unacknowledged."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)


def _status(head: bytes) -> int:
    """Of an answer's head. Raises ValueError for what is none."""
    version, _, rest = head.partition(b" ")
    if len(head) > HEAD_BYTES_MAX or not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("the answer is no HTTP")
    return int(rest[:3])
