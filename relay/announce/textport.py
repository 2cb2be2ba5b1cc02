"""One line for the network team: whoever connects is told up, drain or down, with the reason, and hung up on.

The line is what HAProxy's agent-check reads (configuration manual, "agent-check": a state word; after "#" a description), so
that a load balancer, a script or a person with netcat can follow the role where the relay announces nothing itself:

    up #role=holding region=tokyo epoch=8 why=terminals come here

Owns the socket and its bounds. It must never know what is healthy: the words are given. The traps: readers are strangers, so
what they say is thrown away (unread, it would turn our close into a reset that overtakes the line), their number and their time
are limited; and the reason may hold what an operator typed, so it is one line of plain letters, cut to a length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from relay.announce.role import Role
from relay.clock import Timers
from relay.errors import ListenFailed

CONNECTION_COUNT_MAX = 32
WAIT_MS = 2_000  # for the reader to take the line and hang up
SAID_BYTES_MAX = 1_024  # what a reader may say meanwhile
LINE_CHARS_MAX = 300

WORDS: Final[dict[Role, str]] = {
    Role.HOLDING: "up",
    Role.STANDBY: "drain",
    Role.LEAVING: "drain",
    Role.WITHDRAWN: "down",
    Role.PAUSED: "down",
    Role.GONE: "down",
}


def line(role: Role, region: str, epoch: int, why: str, is_draining: bool = False) -> str:
    """Pure: the line without its end. A center that drains takes nothing new, whatever its role."""
    word = "drain" if is_draining and WORDS[role] == "up" else WORDS[role]
    text = f"{word} #role={role.value} region={region or '-'} epoch={epoch} why={why}"
    plain = "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in " ".join(text.split()))
    return plain[:LINE_CHARS_MAX]


class TextPort:
    def __init__(self, say: Callable[[], str], timers: Timers, connection_count_max: int = CONNECTION_COUNT_MAX) -> None:
        self._say, self._timers, self._connection_count_max = say, timers, connection_count_max
        self._server: asyncio.Server | None = None
        self._open: set[_Reader] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises ListenFailed."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Reader(self._say, self._timers, self._open, self._connection_count_max), host, port
            )
        except OSError as error:
            raise ListenFailed(
                f"The port for the role, {host} port {port}, cannot be listened on: {error.strerror}.", "announce.text_port"
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for reader in tuple(self._open):
            reader.cut_off()


class _Reader(asyncio.Protocol):
    def __init__(self, say: Callable[[], str], timers: Timers, others: set[_Reader], count_max: int) -> None:
        self._say, self._timers, self._others, self._count_max = say, timers, others, count_max
        self._transport: asyncio.Transport | None = None
        self._said_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if len(self._others) >= self._count_max:
            self._transport.abort()
            return
        self._others.add(self)
        self._timer = self._timers.after(WAIT_MS, self.cut_off)
        self._transport.write(self._say().encode("ascii", "replace") + b"\n")
        self._transport.write_eof()

    def data_received(self, data: bytes) -> None:
        self._said_bytes += len(data)
        if self._said_bytes > SAID_BYTES_MAX:
            self.cut_off()

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._others:
            self._others.discard(self)
            self._timer.cancel()

    def cut_off(self) -> None:
        if self._transport is not None:
            self._transport.abort()
