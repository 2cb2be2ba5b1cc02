"""Reading beside the writer: a connection of its own that cannot write, on the server that is written to.

Owns that connection. It must never know a question. The trap: after a fail-over the old server may still answer, with what was;
so a reader follows the writer to its server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from relay.journal.postgres.door import Connection, Lost, Server
from relay.journal.postgres.servers import Servers

Result = TypeVar("Result")


class Aside:
    """On the writer's loop."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._connection: Connection | None = None
        self._is_for: tuple[Server, int] | None = None

    async def read(self, writer: Connection | None, timeout_ms: int, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """`work` on a connection to the server of `writer`, each statement with a time limit. Raises Lost and Refused."""
        if writer is None:
            raise Lost("no server that writes is there")
        wanted = (writer.server, timeout_ms)
        connection = self._connection
        if connection is None or connection.is_closed or self._is_for != wanted:
            if connection is not None:
                connection.cut()
            connection = self._connection = await self._servers.reader(*wanted)
            self._is_for = wanted
        return await work(connection)

    async def close(self) -> None:
        if self._connection is not None and not self._connection.is_closed:
            await self._connection.close()
