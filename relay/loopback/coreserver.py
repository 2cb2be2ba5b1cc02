"""The fake core on the wire: HTTP/1.1 keep-alive on several loopback addresses, each a zone that can be killed and healed.

Owns the sockets and the acting-out of faults. It must never know a rule of the contract; it hands every request to
`FakeCore.handle`. The traps: the bench measures relays against this server, so the happy path is one parser callback and
one write; and answers keep the order of requests on a connection, also when the first one is slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from relay.clock import SystemClock
from relay.core.contract import REGION_PATH
from relay.loopback.core import BODY_BYTES_MAX, CoreAnswer, FakeCore
from relay.loopback.faults import Drawn, Fault, FaultInjector
from relay.loopback.meter import Meter
from relay.loopback.workers import Workers

ZONES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
HEADER_BYTES_MAX = 32_768
PIPELINED_COUNT_MAX = 64
STOP_S = 10.0  # how long the loop may take to tell that reset connections are gone

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
_REASONS = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_HTML_503 = b"<html><head><title>503</title></head><body>Service Temporarily Unavailable</body></html>"
_PROXY_503 = (
    b"HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: balancer\r\nContent-Type: text/html\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_HTML_503), _HTML_503)
)


def _hopeless(status: int, title: str) -> bytes:
    """An answer to what cannot be read as a request of ours; the connection ends with it."""
    body = f'{{"type":"urn:relay-core:problem:invalid","title":"{title}","status":{status}}}'
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


_TOO_LARGE = _hopeless(413, "request too large")
_NOT_HTTP = _hopeless(400, "not HTTP")


def wire(answer: CoreAnswer, keep_alive: bool = True) -> bytes:
    """The answer's bytes, with Content-Length and, where the connection ends, Connection: close."""
    head = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}\r\n"
    for name, value in answer.headers:
        head += f"{name}: {value}\r\n"
    if answer.status != 204:
        head += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
    if not keep_alive:
        head += "Connection: close\r\n"
    return f"{head}\r\n".encode("latin-1") + answer.body


class _Connection(asyncio.Protocol):
    """One connection: parser callbacks in, `CoreServer.serve` out. Busy while an answer is delayed; the rest waits here."""

    transport: asyncio.Transport

    def __init__(self, server: CoreServer, zone: str) -> None:
        self._server = server
        self.zone = zone
        self.busy = False
        self.closing = False
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[str, str, dict[str, str], bytes, bool]] = deque()
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = b""
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._server.connected(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        self._server.disconnected(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.close()  # the request itself was answered; what follows is in no language of ours
        except httptools.HttpParserError:
            self.write(_NOT_HTTP, close=True)

    # ---- parser callbacks ------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size <= HEADER_BYTES_MAX:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        if len(self._body) <= BODY_BYTES_MAX:
            self._body += body

    def on_message_complete(self) -> None:
        if self.closing:
            return
        if len(self._body) > BODY_BYTES_MAX or self._size > HEADER_BYTES_MAX or len(self._waiting) >= PIPELINED_COUNT_MAX:
            self.write(_TOO_LARGE, close=True)
            return
        keep_alive = self._parser.should_keep_alive()
        method = self._parser.get_method().decode("latin-1")
        target = self._target.decode("latin-1")
        if self.busy:
            self._waiting.append((method, target, self._headers, self._body, keep_alive))
        else:
            self._server.serve(self, method, target, self._headers, self._body, keep_alive)

    # ---- what the server does with it ------------------------------------------------------------------------------------
    def write(self, data: bytes, close: bool = False) -> None:
        if self.closing:
            return
        self.transport.write(data)
        if close:
            self.close()

    def close(self) -> None:
        self.closing = True
        self.transport.close()

    def done(self) -> None:
        """The delayed answer is out: the next request may be served."""
        self.busy = False
        while self._waiting and not self.busy and not self.closing:
            self._server.serve(self, *self._waiting.popleft())

    def reset(self) -> None:
        self.closing = True
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class CoreServer:
    """A `FakeCore` listening on all `zones` at one port.

    `latency_ms` delays every answer (the ledger is asked at once); `wall_ms` stamps postings. With `concurrency_count_max`
    above 0 no more than that many requests are worked on at once, for `latency_ms` each; the rest waits, GET /v1/region not.
    """

    def __init__(
        self,
        core: FakeCore,
        faults: FaultInjector | None = None,
        zones: tuple[str, ...] = ZONES,
        port: int = 0,
        latency_ms: float = 0.0,
        tls: ssl.SSLContext | None = None,
        wall_ms: Callable[[], int] | None = None,
        concurrency_count_max: int = 0,
    ) -> None:
        self.core = core
        self._workers: Workers | None = None
        self._concurrency_count_max = concurrency_count_max
        self.faults = faults if faults is not None else FaultInjector()
        self.zones = zones
        self.port = port
        self.latency_ms = latency_ms
        self.served = 0
        self.meter = Meter()
        self.late_commits_waiting = 0
        self.connections: dict[str, set[_Connection]] = {}
        self._tls = tls
        self._wall_ms = SystemClock().wall_ms if wall_ms is None else wall_ms
        self._listening: dict[str, asyncio.Server] = {}
        self._dead: set[str] = set()
        self._all_gone: asyncio.Event | None = None

    # ---- zones ---------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Listen on every zone; with port 0 on one free port that all of them have. Raises OSError when none is found."""
        wanted = self.port
        for attempt in range(20):
            try:
                for zone in self.zones:
                    await self.heal_zone(zone)
                return
            except OSError as error:
                await self.stop()
                self.port = wanted
                if wanted or error.errno != errno.EADDRINUSE or attempt == 19:
                    raise

    async def heal_zone(self, zone: str) -> None:
        if zone in self._listening:
            return
        loop = asyncio.get_running_loop()
        self._dead.discard(zone)
        server = await loop.create_server(
            lambda: _Connection(self, zone), zone, self.port, ssl=self._tls, backlog=1_024, reuse_address=True
        )
        self.port = server.sockets[0].getsockname()[1]
        self._listening[zone] = server

    def kill_zone(self, zone: str) -> None:
        """Stop listening on one address and reset its connections: what a lost availability zone looks like."""
        self._dead.add(zone)
        server = self._listening.pop(zone, None)
        if server is not None:
            server.close()
        for connection in list(self.connections.get(zone, ())):
            connection.reset()

    def zones_up(self) -> list[str]:
        return [zone for zone in self.zones if zone in self._listening]

    async def stop(self) -> None:
        """Kill every zone and wait until no connection is left. Raises TimeoutError when one does not end."""
        for zone in self.zones:
            self.kill_zone(zone)
        if not any(self.connections.values()):
            return
        self._all_gone = asyncio.Event()
        try:
            async with asyncio.timeout(STOP_S):
                await self._all_gone.wait()
        except TimeoutError as error:
            left = sum(len(connections) for connections in self.connections.values())
            what = "one connection" if left == 1 else f"{left} connections"
            raise TimeoutError(f"the fake core stopped, and {what} did not end within {STOP_S} s") from error

    def connected(self, connection: _Connection) -> None:
        """Also after its zone died: it was in the backlog, or in its TLS handshake."""
        self.connections.setdefault(connection.zone, set()).add(connection)
        if connection.zone in self._dead:
            connection.reset()

    def disconnected(self, connection: _Connection) -> None:
        self.connections[connection.zone].discard(connection)
        if self._all_gone is not None and not any(self.connections.values()):
            self._all_gone.set()

    # ---- one request -----------------------------------------------------------------------------------------------------
    def serve(
        self, link: _Connection, method: str, target: str, headers: dict[str, str], body: bytes, keep_alive: bool
    ) -> None:
        self.served += 1
        drawn = self.faults.draw()
        if drawn is not None:
            self._serve_badly(link, drawn, method, target, headers, body, keep_alive)
            return
        kind = self.meter.began(target)
        if self._concurrency_count_max and target != REGION_PATH:
            self._work(link, method, target, headers, body, keep_alive, kind)
            return
        data = wire(self.core.handle(method, target, headers, body, self._wall_ms()), keep_alive)
        if self.latency_ms:
            self._later(link, self.latency_ms, data, not keep_alive, kind)
        else:
            self.meter.ended(kind)
            link.write(data, not keep_alive)

    def _work(
        self, link: _Connection, method: str, target: str, headers: dict[str, str], body: bytes, keep_alive: bool, kind: str
    ) -> None:
        link.busy = True
        if self._workers is None:
            self._workers = Workers(self._concurrency_count_max, self.latency_ms, asyncio.get_running_loop().call_later)

        def answer() -> None:
            self.meter.ended(kind)
            link.write(wire(self.core.handle(method, target, headers, body, self._wall_ms()), keep_alive), not keep_alive)
            link.done()

        self._workers.do(answer)

    def _later(self, link: _Connection, delay_ms: float, data: bytes, close: bool, kind: str = "") -> None:
        link.busy = True

        def answer() -> None:
            if kind:
                self.meter.ended(kind)
            link.write(data, close)
            link.done()

        asyncio.get_running_loop().call_later(delay_ms / 1_000, answer)

    def _serve_badly(
        self,
        link: _Connection,
        drawn: Drawn,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        keep_alive: bool,
    ) -> None:
        data = b""
        if drawn.commits:
            data = wire(self.core.handle(method, target, headers, body, self._wall_ms()), keep_alive)
        match drawn.fault:
            case Fault.CORE_5XX:
                problem = b'{"type":"about:blank","title":"internal error","status":500}'
                answer = CoreAnswer(500, (), problem, "application/problem+json")
                link.write(wire(answer, keep_alive), not keep_alive)
            case Fault.PROXY_503:
                link.write(_PROXY_503, not keep_alive)
            case Fault.HANG:
                link.busy = True  # for good: what else comes on this connection waits behind it
            case Fault.DROP_AFTER_COMMIT:
                link.close()
            case Fault.LATE_COMMIT:
                link.close()
                loop = asyncio.get_running_loop()
                self.late_commits_waiting += 1
                loop.call_later(drawn.delay_ms / 1_000, self._commit_late, method, target, headers, body)
            case Fault.DUPLICATE_REPLY:
                link.write(data + data, not keep_alive)
            case Fault.GARBAGE:
                garbage = b'{"key":\xff]' * 8
                link.write(wire(CoreAnswer(200, (), garbage), keep_alive), not keep_alive)
            case Fault.CLOSE_MID_ANSWER:
                link.write(data[: max(1, len(data) * 2 // 3)], close=True)
            case Fault.SLOW:
                self._later(link, drawn.delay_ms, data, not keep_alive)

    def _commit_late(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.late_commits_waiting -= 1
        self.core.handle(method, target, headers, body, self._wall_ms())
