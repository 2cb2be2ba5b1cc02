"""The fake core's hand: posts messages to a relay's /v1/outbound, asks for them, cancels them.

Owns one request per connection, and the patience of a caller that repeats its own key and no other. It must never be used by
the relay itself. The trap: a connection that breaks says nothing about whether the message was taken, so the only right thing
is the same key with the same message again; a new key could send it twice.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from relay.core.contract import H_KEY, Problem, key_field
from relay.outbound.contract import OUTBOUND_PATH, OutboundRequest, OutboundStatus

ANSWER_BYTES_MAX = 1_048_576
PAUSE_S = 0.2  # before the same post again


class Said(msgspec.Struct, frozen=True):
    """An answer: `message` where it went well, else `problem`."""

    http_status: int
    message: OutboundStatus | None = None
    problem: Problem | None = None

    @property
    def is_taken(self) -> bool:
        return self.message is not None


class OutboundClient:
    """`tls` shows the core's certificate; `server_name` is the name in the relay's."""

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, server_name: str | None = None, timeout_s: float = 15.0
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._server_name = server_name
        self._timeout_s = timeout_s

    async def post(self, key: str, listener: str, kind: str, line: str = "", body: Mapping[str, str] | None = None) -> Said:
        """Raises OSError and TimeoutError where no answer came: repeat with the same key."""
        members = msgspec.Raw(msgspec.json.encode(dict(body or {})))
        request = OutboundRequest(listener=listener, kind=kind, line=line, body=members)
        return await self._ask("POST", OUTBOUND_PATH, msgspec.json.encode(request), key)

    async def post_until_answered(
        self, key: str, listener: str, kind: str, line: str = "", body: Mapping[str, str] | None = None
    ) -> Said:
        """As a core does it: the same key again while no answer comes or the relay says 503. Bounded by the caller."""
        while True:
            try:
                said = await self.post(key, listener, kind, line, body)
                if said.http_status != 503:
                    return said
            except (OSError, TimeoutError):
                pass  # taken or not: the same key again finds out
            await asyncio.sleep(PAUSE_S)

    async def find(self, key: str) -> Said:
        return await self._ask("GET", f"{OUTBOUND_PATH}/{quote(key, safe='')}")

    async def cancel(self, key: str) -> Said:
        return await self._ask("DELETE", f"{OUTBOUND_PATH}/{quote(key, safe='')}")

    async def _ask(self, method: str, target: str, body: bytes = b"", key: str = "") -> Said:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", "Connection: close"]
        if body:
            lines += [f"{H_KEY}: {key_field(key)}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        async with asyncio.timeout(self._timeout_s):
            reader, writer = await asyncio.open_connection(
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._server_name if self._tls is not None else None,
                limit=ANSWER_BYTES_MAX,
            )
            try:
                writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
                return _read(await reader.read(-1))
            finally:
                writer.close()


def _read(data: bytes) -> Said:
    """Raises ConnectionError for an answer that was cut short."""
    head, cut, body = data.partition(b"\r\n\r\n")
    try:
        status = int(head.split(b" ", 2)[1])
        if not cut:
            raise ValueError
        if status < 300:
            return Said(status, message=msgspec.json.decode(body, type=OutboundStatus))
        return Said(status, problem=msgspec.json.decode(body, type=Problem))
    except (IndexError, ValueError) as error:  # msgspec's own errors are ValueErrors
        raise ConnectionError("the answer was cut short") from error
