"""The other center's core calls, led on from here: the serving end of the way through the peer.

Owns the listening sockets, who is let in, and where to. It must never see what goes through, and never leads anywhere but to
the core's own addresses as this center knows them, directly: a call that came from the peer is never sent back through it. The
traps: whoever connects is counted before its handshake, and only from the peer's address is anybody heard at all; the
handshake and the request have a time limit together with their size; and the certificate says who it is, not the header.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import msgspec

from relay.bridge import spawn
from relay.configuration.pair import PairPath, held_bytes_max
from relay.core.door import Address
from relay.pair.joining import Stream, StreamProtocol, bound, join, open_stream, reset
from relay.pair.tunnel import FORWARD_VERSION, H_CENTER, H_VERSION, HEAD_BYTES_MAX, tune
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("pair.forwarder")
BACKLOG_COUNT = 64
LISTEN_AGAIN_S = 5.0
RESULTS = (
    "served",
    "stranger",
    "full",
    "late",
    "tls",
    "not-the-peer",
    "malformed",
    "other-version",
    "not-a-core",
    "unreachable",
)
_REASONS = {
    200: "Connected",
    400: "Bad Request",
    403: "Forbidden",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
}


class ForwardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`head_ms`: handshake and request; `connect_ms`: to the core; `bytes_max`: under way of all connections together, of which
    each one takes what it may ever keep (configuration/pair.py) for as long as it lives."""

    count_max: int = 128
    bytes_max: int = 83_886_080
    buffer_bytes_max: int = 65_536
    head_ms: int = 3_000
    connect_ms: int = 1_000
    idle_ms: int = 60_000


class Refusal(Exception):
    """A request that is not served: the answer's status and the metric label."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


class Forwarder:
    """Args: `peer` is the other center's name, `certificate_name` what its certificate holds; `cores` are the addresses that
    may be led to, now."""

    def __init__(
        self,
        paths: Sequence[PairPath],
        port: int,
        peer: str,
        tls: ssl.SSLContext,
        certificate_name: str,
        cores: Callable[[], Collection[Address]],
        limits: ForwardLimits,
        metrics: Metrics,
    ) -> None:
        self._paths = tuple(paths)
        self._port = port
        self._peer = peer
        self._tls = tls
        self._certificate_name = certificate_name
        self._cores = cores
        self._limits = limits
        self._open_max = min(limits.count_max, limits.bytes_max // held_bytes_max(limits.buffer_bytes_max))
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0
        self._unserved: set[socket.socket] = set()  # listening or accepted, and their task has not begun
        self._counters = {word: metrics.pair_forwards.labels(word) for word in RESULTS}
        self._bytes = metrics.pair_forwarded_bytes
        metrics.pair_forward_connections.set_function(lambda: self._open)

    @property
    def open_count(self) -> int:
        """Connections of the other center, those in their handshake among them."""
        return self._open

    def start(self) -> None:
        for path in self._paths:
            listening = _listening(path.own, self._port)
            task = self._task(f"forwarding on {path.name}", self._listen(path, listening))
            if isinstance(listening, socket.socket):
                self._unserved.add(listening)
                task.add_done_callback(partial(self._ended, listening))

    async def stop(self) -> None:
        """Ends what is forwarded, too: its outcome is unknown to the peer, as with any connection that is lost."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, name: str, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = spawn(name, work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ---- letting in ----------------------------------------------------------------------------------------------------
    async def _listen(self, path: PairPath, listening: socket.socket | str) -> None:
        """Accept on one path for ever; an address that is not on this host is tried again."""
        while True:
            if isinstance(listening, str):
                _log.error("cannot listen for the other center", path=path.name, own=path.own, why=listening)
            else:
                self._unserved.discard(listening)
                with listening:
                    await self._accept(path, listening)
            await asyncio.sleep(LISTEN_AGAIN_S)
            listening = _listening(path.own, self._port)

    async def _accept(self, path: PairPath, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, who = await loop.sock_accept(listening)
            except OSError as error:  # no descriptor left, for one: those that are served go on, and it is tried again
                _log.error("cannot accept the other center", path=path.name, why=error.strerror or str(error))
                return
            if who[0] != path.peer:
                self._counters["stranger"].inc()
                sock.close()
            elif self._open >= self._open_max:
                self._counters["full"].inc()
                sock.close()
            else:
                self._let_in(sock)

    def _let_in(self, sock: socket.socket) -> None:
        self._open += 1
        self._unserved.add(sock)
        self._task("forwarding", self._serve(sock)).add_done_callback(partial(self._left, sock))

    def _left(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._open -= 1
        self._ended(sock, task)

    def _ended(self, sock: socket.socket, _: asyncio.Task[None]) -> None:
        """Told here: a task that is cancelled before its first step comes to no line of its own."""
        if sock in self._unserved:
            self._unserved.discard(sock)
            sock.close()

    async def _serve(self, sock: socket.socket) -> None:
        self._unserved.discard(sock)
        near = await self._admit(sock)
        if near is not None:
            await self._lead(near)

    async def _admit(self, sock: socket.socket) -> Stream | None:
        loop, limits = asyncio.get_running_loop(), self._limits
        reader = asyncio.StreamReader(limit=limits.buffer_bytes_max // 2)
        protocol = StreamProtocol(reader)
        try:
            tune(sock)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=self._tls, ssl_handshake_timeout=limits.head_ms / 1_000, ssl_shutdown_timeout=1.0
            )
        except (OSError, ssl.SSLError) as error:
            sock.close()
            self._counters["tls"].inc()
            _log.warning("no handshake with the other center", why=str(error))
            return None
        except BaseException:
            protocol.abort()
            sock.close()
            raise
        bound(transport)
        return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    # ---- leading on ----------------------------------------------------------------------------------------------------
    async def _lead(self, near: Stream) -> None:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.head_ms / 1_000):
                address = self._read(await near.reader.readuntil(b"\r\n\r\n"), near.writer.get_extra_info("peercert"))
            far = await self._reach(address)
        except Refusal as refusal:
            self._refuse(near, refusal)
            return
        except asyncio.LimitOverrunError:
            self._refuse(near, Refusal(431, "malformed"))
            return
        except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is an OSError
            self._counters["late" if isinstance(error, TimeoutError) else "malformed"].inc()
            reset(near.writer.transport)
            return
        except BaseException:
            reset(near.writer.transport)
            raise
        self._counters["served"].inc()
        near.writer.write(_answer(200))
        await join(near, far, limits.buffer_bytes_max // 2, limits.idle_ms, self._bytes.inc)

    def _read(self, head: bytes, certificate: Any) -> Address:
        """Where the request wants to go. Raises Refusal."""
        if self._certificate_name not in names_of(certificate):
            raise Refusal(403, "not-the-peer")
        if len(head) > HEAD_BYTES_MAX:
            raise Refusal(431, "malformed")
        try:
            first, *lines = head.decode("ascii").rstrip("\r\n").split("\r\n")
            method, target, version = first.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            address = _address(target)
        except ValueError:
            raise Refusal(400, "malformed") from None
        if method != "CONNECT" or version != "HTTP/1.1":
            raise Refusal(400, "malformed")
        if headers.get(H_VERSION.lower()) != str(FORWARD_VERSION):
            raise Refusal(426, "other-version")
        if headers.get(H_CENTER.lower()) != self._peer:
            raise Refusal(403, "not-the-peer")
        if address not in self._cores():
            raise Refusal(403, "not-a-core")
        return address

    async def _reach(self, address: Address) -> Stream:
        loop, limits = asyncio.get_running_loop(), self._limits
        sock = socket.socket(socket.AF_INET6 if ":" in address.ip else socket.AF_INET, socket.SOCK_STREAM)
        try:
            tune(sock)
            async with asyncio.timeout(limits.connect_ms / 1_000):
                await loop.sock_connect(sock, address)
            return await open_stream(sock, limits.buffer_bytes_max)
        except OSError:
            sock.close()
            raise Refusal(502, "unreachable") from None
        except BaseException:
            sock.close()
            raise

    def _refuse(self, near: Stream, refusal: Refusal) -> None:
        self._counters[refusal.word].inc()
        _log.warning("not forwarded for the other center", why=refusal.word)
        near.writer.write(_answer(refusal.status))
        near.writer.close()


def names_of(certificate: Any) -> frozenset[str]:
    """The DNS names in what ssl calls a peer certificate."""
    names = () if not certificate else certificate.get("subjectAltName", ())
    return frozenset(value for kind, value in names if kind == "DNS")


def _address(target: str) -> Address:
    """`10.1.2.3:443` or `[2001:db8::1]:443`. Raises ValueError."""
    ip, colon, port = target.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(target)
    return Address(str(ipaddress.ip_address(ip.removeprefix("[").removesuffix("]"))), int(port))


def _answer(status: int) -> bytes:
    end = "" if status == 200 else "Content-Length: 0\r\nConnection: close\r\n"
    return f"HTTP/1.1 {status} {_REASONS[status]}\r\n{H_VERSION}: {FORWARD_VERSION}\r\n{end}\r\n".encode("ascii")


def _listening(ip: str, port: int) -> socket.socket | str:
    """A socket that listens, or why there is none."""
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ip, port))
        sock.listen(BACKLOG_COUNT)
    except OSError as error:
        sock.close()
        return error.strerror or str(error)
    return sock
