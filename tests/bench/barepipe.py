"""The bare pipe: frame in, HTTP POST out, answer back as a frame, and nothing else. What the machine allows.

Owns the yardstick of DESIGN section 9: uvloop and httptools, no parsing of the message, no journal, no checks, no timers, no
limits. It must stay under 150 lines and must never import the relay. Run as a process: `python -m tests.bench.barepipe
LISTEN_PORT CORE_HOST CORE_PORT CONNECTIONS [aiohttp]`; "aiohttp" is the same with its client, to show that the yardstick
itself is a fast one. Prints "ready" and then serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any

import httptools
import uvloop

BODY = b'{"kind":"withdrawal","channel":"atm","realm":"bank","terminal":"ATM00001","amount":{"minor":"10000","currency":"JPY"}}'


class CoreConnection(asyncio.Protocol):
    """One keep-alive connection: one call at a time."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.front: Front | None = None
        self.chunks: list[bytes] = []
        self.parser: Any = None
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.pool.idle.append(self)
        self.pool.pump()

    def call(self, front: Front) -> None:
        self.front = front
        self.transport.write(self.pool.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self.chunks)
        self.chunks = []
        front, self.front = self.front, None
        self.pool.idle.append(self)
        if front is not None:
            front.answer(body)
        self.pool.pump()


class Pool:
    def __init__(self, host: str, port: int) -> None:
        self.idle: deque[CoreConnection] = deque()
        self.waiting: deque[Front] = deque()
        self.request = (
            f"POST /v1/transactions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: bare\r\nRegion-Epoch: 1\r\nContent-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY

    def submit(self, front: Front) -> None:
        if self.idle:
            self.idle.pop().call(front)
        else:
            self.waiting.append(front)

    def pump(self) -> None:
        while self.waiting and self.idle:
            self.idle.pop().call(self.waiting.popleft())


class Front(asyncio.Protocol):
    """The terminal's side: 4 ASCII digits of length, then the message."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 4:
            end = 4 + int(self.buffer[:4])
            if len(self.buffer) < end:
                break
            self.buffer = self.buffer[end:]
            self.pool.submit(self)

    def answer(self, body: bytes) -> None:
        self.transport.write(b"%04d" % len(body) + body)


class AiohttpPool:
    """The same question by aiohttp's client, a task for each."""

    def __init__(self, session: Any, url: str) -> None:
        self.session = session
        self.url = url
        self.tasks: set[Any] = set()

    def submit(self, front: Front) -> None:
        task = asyncio.get_running_loop().create_task(self.ask(front))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def ask(self, front: Front) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "bare", "Region-Epoch": "1"}
        async with self.session.post(self.url, data=BODY, headers=headers) as response:
            front.answer(await response.read())


async def main(listen_port: int, host: str, port: int, connections: int, style: str) -> None:
    loop = asyncio.get_running_loop()
    pool: Any
    if style == "aiohttp":
        import aiohttp

        connector = aiohttp.TCPConnector(limit=connections)
        pool = AiohttpPool(aiohttp.ClientSession(connector=connector), f"http://{host}:{port}/v1/transactions")
    else:
        pool = Pool(host, port)
        for _ in range(connections):
            await loop.create_connection(lambda: CoreConnection(pool), host, port)
    server = await loop.create_server(lambda: Front(pool), "127.0.0.1", listen_port, backlog=4096)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    if style == "aiohttp":
        await pool.session.close()


if __name__ == "__main__":
    args = sys.argv[1:]
    uvloop.run(main(int(args[0]), args[1], int(args[2]), int(args[3]), args[4] if len(args) > 4 else "bare"))
