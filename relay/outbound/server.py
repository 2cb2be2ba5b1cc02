"""The sockets of `/v1/outbound` and of the console: HTTP/1.1 over asyncio with httptools, every size, number and wait bounded.

Owns connections, their limits and their deadlines. It must never know a route: whole requests go to a callable. The
traps: an answer comes later, so a connection is read no further until it is out, and keeps the order of its requests; one
timer per connection looks at what it waits for, so that a byte now and then buys nothing; an answer that the reader takes
slowly has a deadline of its own and is not cut for being large; and a header that came twice is joined, never chosen from.
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
from relay.outbound.crowd import Crowd
from relay.outbound.handshakes import HandshakeLimits, Handshakes
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("outbound.server")

PIPELINED_COUNT_MAX = 16  # requests read and not yet served, on one connection
WRITE_BUFFER_BYTES_MAX = 262_144
REFUSED_LOG_MS = 10_000  # strangers can knock thousands of times a second: the first is told at once, then how many more
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
    share_count_max: int = 0  # of one address: beyond it that one's own oldest idle connection gives way; 0: no shares
    header_bytes_max: int = 16_384
    body_bytes_max: int = 65_536
    request_ms: int = 10_000  # from a request's first byte to its last
    answer_ms: int = 30_000  # from then to its answer; then the connection is closed, and the caller repeats the key
    first_ms: int = 60_000  # from the connection to the first byte of a request
    idle_ms: int = 60_000  # from an answer to the next request
    write_ms: int = 60_000  # for an answer that the caller reads slowly
    tls_handshake_ms: int = 10_000
    tls_handshake_slow_ms: int = 1_000  # where all places are taken, the oldest that takes longer gives way
    tls_handshake_count_max: int = 64
    tls_handshake_share_count_max: int = 0  # as share_count_max


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
        self._is_full = False  # more than the buffer is not read yet
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
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._server.admit(self, self._peer):
            self._finish(_OVERLOADED)
            return
        self._client = certificate_name(transport.get_extra_info("peercert"))
        self._wait(self._server.limits.first_ms)

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
        """The caller does not read as fast as it is written: nothing more is served until it has."""
        self._is_full = True
        self._wait(self._server.limits.write_ms)

    def resume_writing(self) -> None:
        self._is_full = False
        if self.is_closing:
            self._wait(STOP_MS)
        elif not self.is_busy:
            self._go_on()

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
        while self._waiting and not self.is_busy and not self.is_closing and not self._is_full:
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
        if not self._is_full:
            self._go_on()

    def _go_on(self) -> None:
        """The answer is out."""
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
        if not self.transport.is_closing():  # one that its far end has closed is nothing any more when it is closed again
            self.transport.close()
        is_read = self.transport.get_write_buffer_size() == 0 or self._server.is_stopping
        self._wait(STOP_MS if is_read else self._server.limits.write_ms)  # who reads nothing does not keep it open

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
        self._untold = 0  # refused since the log last said so
        self._telling: Cancellable | None = None
        self._connections: Crowd[_Connection] = Crowd(limits.connection_count_max, limits.share_count_max)
        self._servers: list[asyncio.Server] = []
        self._handshakes: Handshakes | None = None
        self._port = 0
        self._empty = asyncio.Event()
        connections.set_function(lambda: len(self._connections))

    @property
    def port(self) -> int:
        """Where it listens, after `start`."""
        return self._port

    async def start(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
        """Serve on sockets that listen already."""
        self._port = int(sockets[0].getsockname()[1])
        if tls is not None:
            limits = HandshakeLimits(
                count_max=self.limits.tls_handshake_count_max,
                share_max=self.limits.tls_handshake_share_count_max,
                slow_ms=self.limits.tls_handshake_slow_ms,
                longest_ms=self.limits.tls_handshake_ms,
            )
            self._handshakes = Handshakes(limits, tls, lambda: _Connection(self), self._refuse)
            self._handshakes.start(sockets)
            return
        loop = asyncio.get_running_loop()
        for sock in sockets:
            self._servers.append(await loop.create_server(lambda: _Connection(self), sock=sock))

    async def stop(self) -> None:
        """Accept no more, close what is idle, give answers under way a moment."""
        self.is_stopping = True
        for server in self._servers:
            server.close()
        if self._handshakes is not None:
            await self._handshakes.stop()
        if self._telling is not None:
            self._telling.cancel()
            self._tell_refused()
        for connection in self._connections.all():
            if not connection.is_busy:
                connection.close()
        self._empty.clear()
        if len(self._connections):
            try:
                await asyncio.wait_for(self._empty.wait(), STOP_MS / 1000)
            except TimeoutError:
                for connection in self._connections.all():
                    connection.abort()

    # ---- what connections say ----------------------------------------------------------------------------------------
    def admit(self, connection: _Connection, address: str) -> bool:
        may_stay, gone = self._connections.enter(connection, address, lambda other: not other.is_busy)
        if may_stay and not self.is_stopping:
            if gone is not None:
                self._connections.leave(gone)
                gone.abort()
            return True
        self._refuse()
        return False

    @property
    def handshake_count(self) -> int:
        return 0 if self._handshakes is None else len(self._handshakes)

    def _refuse(self) -> None:
        """A connection, or a handshake, for which there is no place."""
        self._refused.inc()
        self._untold += 1
        if self._telling is None:
            self._tell_refused()

    def _tell_refused(self) -> None:
        """One line, and again while more are refused."""
        self._telling = None
        if not self._untold:
            return
        log.warning(self.refused_event, refused=self._untold, open=len(self._connections), handshakes=self.handshake_count)
        self._untold = 0
        if not self.is_stopping:
            self._telling = self.timers.after(REFUSED_LOG_MS, self._tell_refused)

    def left(self, connection: _Connection) -> None:
        self._connections.leave(connection)
        if not len(self._connections):
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
