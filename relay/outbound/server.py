"""The sockets of `/v1/outbound` and of the console: HTTP/1.1 over asyncio with httptools, every size, number and wait bounded.

Owns connections, their limits and their deadlines. It must never know a route: whole requests go to a callable. The
traps: an answer comes later, so a connection is read no further until it is out, and keeps the order of its requests; one
timer per connection looks at what it waits for, so that a byte now and then buys nothing; and a header that came twice is
joined, never chosen from.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import httptools
import msgspec
from prometheus_client import Counter, Gauge

from relay.clock import Cancellable, Timers
from relay.outbound.api import HttpAnswer, HttpRequest, problem
from relay.outbound.contract import PROBLEM_INVALID, PROBLEM_OVERLOADED
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("outbound.server")

PIPELINED_COUNT_MAX = 16  # requests read and not yet served, on one connection
WRITE_BUFFER_BYTES_MAX = 262_144
STOP_MS = 2_000  # how long a stop waits for answers under way
_REASONS = {
    200: "OK",
    202: "Accepted",
    303: "See Other",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_NOT_HTTP = problem(400, PROBLEM_INVALID, "this is not HTTP/1.1 as it is read here")
_TOO_LARGE = problem(413, PROBLEM_INVALID, "request too large")
_OVERLOADED = problem(503, PROBLEM_OVERLOADED, "too many connections")

Handle = Callable[[HttpRequest, Callable[[HttpAnswer], None]], None]


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds where they end in _ms."""

    connection_count_max: int = 64
    header_bytes_max: int = 16_384
    body_bytes_max: int = 65_536
    request_ms: int = 10_000  # from a request's first byte to its last
    answer_ms: int = 30_000  # from then to its answer; then the connection is closed, and the caller repeats the key
    idle_ms: int = 60_000  # without a request
    tls_handshake_ms: int = 10_000


def wire(answer: HttpAnswer, keep_alive: bool) -> bytes:
    """The bytes of an answer."""
    head = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}\r\n"
    for name, value in answer.headers:
        head += f"{name}: {value}\r\n"
    head += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
    if not any(name == "Cache-Control" for name, _ in answer.headers):
        head += "Cache-Control: no-store\r\n"
    if not keep_alive:
        head += "Connection: close\r\n"
    return f"{head}\r\n".encode("latin-1") + answer.body


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[HttpRequest, bool]] = deque()
        self._client = self._peer = ""
        self._timer: Cancellable | None = None
        self._serial = 0  # of the request being served
        self.is_busy = False
        self.is_closing = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._head_bytes = 0

    # ---- asyncio's side ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        if not self._server.admit(self):
            self._finish(_OVERLOADED)
            return
        self._client = certificate_name(transport.get_extra_info("peercert"))
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._wait(self._server.limits.idle_ms)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closing = True
        self._stop_timer()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        if self.is_closing:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._finish(_NOT_HTTP)

    def pause_writing(self) -> None:
        """The caller does not read its answers."""
        self.abort()

    # ---- the parser's callbacks --------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self._begin()
        if not self.is_busy:
            self._wait(self._server.limits.request_ms)

    def on_url(self, url: bytes) -> None:
        self._grow_head(len(url))
        if not self.is_closing:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow_head(len(name) + len(value))
        if not self.is_closing:
            text, key = value.decode("latin-1"), name.decode("latin-1").lower()
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_body(self, body: bytes) -> None:
        if not self.is_closing:
            self._body += body
            if len(self._body) > self._server.limits.body_bytes_max:
                self._finish(_TOO_LARGE)

    def on_message_complete(self) -> None:
        if self.is_closing:
            return
        method = self._parser.get_method().decode("latin-1")
        target = self._target.decode("latin-1")
        request = HttpRequest(method, target, self._headers, bytes(self._body), self._client, self._peer)
        # An answer to HEAD would have no body, and ours have: the connection ends with it.
        self._waiting.append((request, self._parser.should_keep_alive() and method != "HEAD"))
        if len(self._waiting) > PIPELINED_COUNT_MAX:
            self._finish(_TOO_LARGE)
        elif not self.is_busy:
            self._serve_next()

    def _grow_head(self, by_bytes: int) -> None:
        self._head_bytes += by_bytes
        if self._head_bytes > self._server.limits.header_bytes_max and not self.is_closing:
            self._finish(_TOO_LARGE)

    # ---- one request -------------------------------------------------------------------------------------------------
    def _serve_next(self) -> None:
        while self._waiting and not self.is_busy and not self.is_closing:
            request, keep_alive = self._waiting.popleft()
            self.is_busy = True
            self._serial += 1
            self.transport.pause_reading()
            self._wait(self._server.limits.answer_ms)
            self._server.handle(request, partial(self._answered, self._serial, keep_alive))

    def _answered(self, serial: int, keep_alive: bool, answer: HttpAnswer) -> None:
        """Perhaps inside `handle`, perhaps when the connection is gone."""
        self._server.count(answer.status)
        if self.is_closing or serial != self._serial or not self.is_busy:
            return
        self.is_busy = False
        keep_alive = keep_alive and not self._server.is_stopping
        self.transport.write(wire(answer, keep_alive))
        if not keep_alive:
            self.close()
            return
        self._wait(self._server.limits.idle_ms)
        self.transport.resume_reading()
        self._serve_next()

    def _finish(self, answer: HttpAnswer) -> None:
        """Answer what cannot be served, and end."""
        if not self.is_closing:
            self._server.count(answer.status)
            self.transport.write(wire(answer, keep_alive=False))
            self.close()

    def close(self) -> None:
        self.is_closing = True
        self._waiting.clear()
        self.transport.close()
        self._wait(STOP_MS)  # a caller that reads nothing does not keep it open

    def abort(self) -> None:
        self.is_closing = True
        self._waiting.clear()
        self.transport.abort()

    # ---- its one timer -----------------------------------------------------------------------------------------------
    def _wait(self, for_ms: int) -> None:
        self._stop_timer()
        self._timer = self._server.timers.after(for_ms, self.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class HttpServer:
    """`connections`, `refused` and `requests` (by status) count what happens here."""

    refused_event = "connection refused"  # as the log tells it

    def __init__(
        self, handle: Handle, limits: ServerLimits, timers: Timers, connections: Gauge, refused: Counter, requests: Counter
    ) -> None:
        self.handle = handle
        self.limits = limits
        self.timers = timers
        self.is_stopping = False
        self._refused = refused
        self._requests = requests
        self._connections: set[_Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        connections.set_function(lambda: len(self._connections))

    @property
    def port(self) -> int:
        """Where it listens, after `start`."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    async def start(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
        """Serve on sockets that listen already."""
        loop = asyncio.get_running_loop()
        handshake: dict[str, Any] = {} if tls is None else {"ssl_handshake_timeout": self.limits.tls_handshake_ms / 1000}
        for sock in sockets:
            self._servers.append(await loop.create_server(lambda: _Connection(self), sock=sock, ssl=tls, **handshake))

    async def stop(self) -> None:
        """Accept no more, close what is idle, give answers under way a moment."""
        self.is_stopping = True
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            if not connection.is_busy:
                connection.close()
        self._empty.clear()
        if self._connections:
            try:
                await asyncio.wait_for(self._empty.wait(), STOP_MS / 1000)
            except TimeoutError:
                for connection in list(self._connections):
                    connection.abort()

    # ---- what connections say ----------------------------------------------------------------------------------------
    def admit(self, connection: _Connection) -> bool:
        self._connections.add(connection)
        if len(self._connections) <= self.limits.connection_count_max and not self.is_stopping:
            return True
        self._refused.inc()
        log.warning(self.refused_event, open=len(self._connections))
        return False

    def left(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def count(self, status: int) -> None:
        self._requests.labels(str(status)).inc()


class OutboundServer(HttpServer):
    refused_event = "outbound connection refused"

    def __init__(self, handle: Handle, limits: ServerLimits, timers: Timers, metrics: Metrics) -> None:
        m = metrics
        super().__init__(handle, limits, timers, m.outbound_connections, m.outbound_connections_refused, m.outbound_requests)


def certificate_name(certificate: Any) -> str:
    """The name in what ssl calls a peer certificate: its first DNS name, else its common name, else nothing."""
    if not certificate:
        return ""
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "DNS":
            return str(value)
    for relative in certificate.get("subject", ()):
        for name, value in relative:
            if name == "commonName":
                return str(value)
    return ""
