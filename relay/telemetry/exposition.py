"""What Prometheus and health checks read: /metrics, /healthz and /readyz over HTTP on a port of its own.

Owns a small HTTP/1.1 server on the daemon's loop. It must never know what is healthy: two callables say so. The traps: a
scrape is rendered on the loop that also serves terminals, so it is cut into slices of one metric family each, and readers
that come meanwhile share the one rendering; the port is for machines of the bank only, yet its readers are strangers, so
connections, request bytes and waits are bounded, and nothing but GET and HEAD of three paths is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from relay.errors import ListenFailed

CONNECTIONS_COUNT_MAX = 32
REQUEST_BYTES_MAX = 8_192
WAIT_MS_MAX = 10_000  # for a whole request, and then for the reader to take the whole answer

Verdict = Callable[[], str]  # "" while all is well, else the reason in one line

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 431: "Request Header Fields Too Large"}
_REASONS |= {500: "Internal Server Error", 503: "Service Unavailable"}


class _OneFamily(Collector):
    """A registry of one family, already collected: what prometheus_client can render as one slice."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


class Rendering:
    """The registry as text, one family per turn of the loop. Whoever asks while it is under way gets the same text."""

    def __init__(self, registry: CollectorRegistry, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._registry = registry
        self._call_soon = call_soon
        self._readers: list[Callable[[bytes | None], None]] = []
        self._families: Iterator[Metric] | None = None
        self._slices: list[bytes] = []

    def ask(self, done: Callable[[bytes | None], None]) -> None:
        """`done` is called once, in a later turn of the loop, with the text; with None when a collector failed."""
        self._readers.append(done)
        if self._families is None:
            self._families = iter(self._registry.collect())
            self._slices = []
            self._call_soon(self._slice)

    def _slice(self) -> None:
        if self._families is None:
            return
        try:
            family = next(self._families, None)
            if family is not None:
                self._slices.append(generate_latest(_OneFamily(family)))
        except BaseException:
            self._finish(None)
            raise  # our own mistake in a collector: the loop's handler logs it, and no reader waits for ever
        if family is None:
            self._finish(b"".join(self._slices))
        else:
            self._call_soon(self._slice)

    def _finish(self, text: bytes | None) -> None:
        readers, self._readers, self._families = self._readers, [], None
        for done in readers:
            done(text)


class Exposition:
    """The server. `is_healthy` tells whether the process works at all, `is_ready` whether it serves terminals."""

    def __init__(self, registry: CollectorRegistry, is_healthy: Verdict, is_ready: Verdict) -> None:
        self._registry = registry
        self._verdicts = {"/healthz": is_healthy, "/readyz": is_ready}
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._rendering: Rendering | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that was bound (useful where `port` is 0). Raises ListenFailed."""
        loop = asyncio.get_running_loop()
        self._rendering = Rendering(self._registry, loop.call_soon)
        try:
            self._server = await loop.create_server(lambda: _Connection(self), host, port)
        except OSError as error:
            raise ListenFailed(
                f"The metrics endpoint cannot listen on {host}:{port}: {error.strerror or error}.",
                "Change telemetry.metrics_host or telemetry.metrics_port, or stop what holds the port.",
            ) from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and drop the readers. Harmless before `start`, and a second time."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.drop()
        await self._server.wait_closed()
        self._server = None

    def admit(self, connection: _Connection) -> bool:
        if len(self._connections) >= CONNECTIONS_COUNT_MAX:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def answer(self, path: str, send: Callable[[int, str, bytes], None]) -> None:
        """Find what `path` is and `send` it: status, content type, body. At once, or after some turns of the loop."""
        if path == "/metrics" and self._rendering is not None:

            def rendered(text: bytes | None) -> None:
                if text is None:
                    send(500, "text/plain", b"a collector failed\n")
                else:
                    send(200, CONTENT_TYPE_PLAIN_0_0_4, text)

            self._rendering.ask(rendered)
        elif path in self._verdicts:
            reason = self._verdicts[path]()
            send(503 if reason else 200, "text/plain; charset=utf-8", f"{reason or 'ok'}\n".encode())
        else:
            send(404, "text/plain", b"/metrics, /healthz and /readyz are here\n")


class _Connection(asyncio.Protocol):
    """One reader: one request, one answer, closed."""

    def __init__(self, owner: Exposition) -> None:
        self._owner = owner
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked = False
        self._head_only = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a cast: uvloop's transport is no instance of it
        if not self._owner.admit(self):
            self._transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(WAIT_MS_MAX / 1000, self.drop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._owner.forget(self)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._asked:
            return  # a second request on the line: we close after the first, so it is not read
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 and len(self._received) <= REQUEST_BYTES_MAX:
            return
        self._asked = True
        if end < 0 or end > REQUEST_BYTES_MAX:
            self._send(431, "text/plain", b"too many header bytes\n")
            return
        words = bytes(self._received[:end]).split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            self._send(400, "text/plain", b"not an HTTP/1 request\n")
        elif words[0] not in (b"GET", b"HEAD"):
            self._send(405, "text/plain", b"GET or HEAD\n")
        else:
            path = words[1].split(b"?", 1)[0].decode("latin-1")
            self._head_only = words[0] == b"HEAD"
            self._owner.answer(path, self._send)

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        if self._transport is None:
            return
        head = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        if status == 405:
            head.append("Allow: GET, HEAD")
        head += ["Connection: close", "", ""]
        self._transport.write("\r\n".join(head).encode("latin-1") + (b"" if self._head_only else body))
        self._transport.close()
