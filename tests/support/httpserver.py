"""A server that writes whatever bytes a test wants, on loopback: for everything a well-behaved HTTP server would never do.

Owns sockets and the cutting of requests, nothing else; what is answered is a script of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType

from relay.core.door import Address


class RawRequest:
    def __init__(self, head: bytes, body: bytes) -> None:
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = self.line.split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        self.body = body


class Peer:
    """One accepted connection."""

    def __init__(self, server: RawServer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.number = number  # 1 for the first connection
        self._reader = reader
        self._writer = writer

    async def request(self) -> RawRequest | None:
        """The next request, or None when the client closed."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        request = RawRequest(head[:-4], b"")
        if request.headers.get("transfer-encoding") == "chunked":
            while size := int(await self._reader.readline(), 16):
                request.body += await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readexactly(2)
        else:
            request.body = await self._reader.readexactly(int(request.headers.get("content-length", "0")))
        self.server.requests.append(request)
        self.server.arrived.set()
        return request

    async def send(self, *parts: bytes) -> None:
        """Each part in a segment of its own, as far as the kernel allows."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def closed_by_client(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # a call that is given up resets its connection
            while await self._reader.read(65_536):
                pass

    def close(self) -> None:
        self._writer.close()

    def half_close(self) -> None:
        self._writer.write_eof()

    def reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


def answer(body: bytes = b"{}", status: str = "200 OK", *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *lines))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


def always(*parts: bytes) -> Script:
    """Every request on every connection gets the same bytes."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(*parts)

    return script


class RawServer:
    """`async with RawServer(script) as server:`; the script runs once per connection and the connection closes after it."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests: list[RawRequest] = []
        self.connections = 0
        self.arrived = asyncio.Event()
        self._script = script
        self._tls = tls
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._accepted, self._host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def address(self) -> Address:
        return Address(self._host, self._port)

    async def stop(self) -> None:
        """Close the listening socket and every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._script(Peer(self, self.connections, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: most tests make it do so
        except asyncio.CancelledError:
            pass  # stop(): ending normally keeps asyncio's own callback quiet
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if task.cancelling() else writer.close()
