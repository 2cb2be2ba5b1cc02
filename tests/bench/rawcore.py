"""The bench's core: a raw uvloop server that approves everything, in the contract's words, at the least cost.

Owns nothing of a core's rules; the fake core has those, and would be what is measured. `GET /bench/posted` says for how many
transactions it was asked. `python -m tests.bench.rawcore PORT` prints "ready" and serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httptools
import uvloop

REGION = b'{"region":"bench","epoch":1,"state":"serving"}'


class Connection(asyncio.Protocol):
    posted = 0  # transactions that the core was asked for, on all connections

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.key = b""
        self.target = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"Idempotency-Key":
            self.key = value

    def on_message_complete(self) -> None:
        if self.target == b"/v1/region":
            self.answer(REGION, b"")
        elif self.target == b"/bench/posted":
            self.answer(b"%d" % Connection.posted, b"")
        else:
            Connection.posted += self.target == b"/v1/transactions"
            key = self.key.strip(b'"')
            self.answer(b'{"key":"%b","status":"approved","authorisation_id":"123456"}' % key, self.key)

    def answer(self, body: bytes, key: bytes) -> None:
        head = b"Idempotency-Key: %b\r\n" % key if key else b""
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bRegion-Epoch: 1\r\nContent-Length: %d\r\n\r\n%b"
            % (head, len(body), body)
        )


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
