"""One look at the standby from the server that writes: how far the log is durable here, and how far there.

Owns that question and its connection, which cannot write. It must never wait for a standby nor judge one (relay/journal/
standby.py does). The server itself is told nothing of it: a commit that waits for its standby inside the server holds up every
record of the group, holds its locks meanwhile, and can be cancelled into a success. The traps: only a member of
`pg_read_all_stats` sees the figures of a standby, others see empty cells; the standby's own word is what it has flushed to
disk, not what it has received; and what a replaced server says of its followers counts for nothing, so the look follows the
writer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.journal.port import JournalState
from relay.journal.postgres.door import BadRecord, Connection, Lost, Refused, Server
from relay.journal.postgres.servers import Servers
from relay.journal.standby import Look
from relay.telemetry.log import get_log

log = get_log("standby")

# The slowest of several that go by the name: what is promised must be true of whichever is promoted.
LOOK: Final = (
    "SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint, min(flush_lsn - '0/0'::pg_lsn)::bigint,"
    " count(*) FILTER (WHERE state = 'streaming' AND flush_lsn IS NOT NULL), count(*), bool_or(sync_state <> 'async'),"
    " (SELECT count(*) FROM pg_stat_replication WHERE state IS NULL)"
    " FROM pg_stat_replication WHERE application_name = $1"
)
HIDDEN = "the role may not see its standbys: GRANT pg_read_all_stats TO it"
ALL_WAIT = "the server itself waits for this standby (synchronous_standby_names): so does every record"


class StandbyLook:
    """On the loop of whoever awaits `look`. `state` is the journal's."""

    def __init__(self, servers: Servers, name: str, timeout_ms: int, state: Callable[[], JournalState]) -> None:
        self._servers = servers
        self._name = name
        self._timeout_ms = timeout_ms
        self._state = state
        self._connection: Connection | None = None
        self.warning = ""  # for people: what is configured badly, though it works

    async def look(self) -> Look:
        """Never raises; ends within twice the time limit."""
        server = self._servers.current
        if server is None or self._state() is not JournalState.WRITABLE:
            return Look(str(server), why="this center's own journal does not write")
        try:
            found = await self._ask(server)
        except (Lost, Refused, BadRecord) as error:
            return Look(str(server), why=f"the journal's server cannot be asked: {error}")
        if self._servers.current != server or self._state() is not JournalState.WRITABLE:
            return Look(str(self._servers.current), why="the journal has just changed its server")
        return found

    async def _ask(self, server: Server) -> Look:
        connection = self._connection
        if connection is None or connection.is_closed or connection.server != server:
            if connection is not None:
                connection.cut()
            connection = self._connection = await self._servers.reader(server, self._timeout_ms)
        written, at_peer, streaming, named, all_wait, hidden = (await connection.rows(LOOK, self._name))[0]
        self._warn(ALL_WAIT if all_wait else "")
        if streaming and streaming == named:
            return Look(str(server), written, at_peer)
        return Look(str(server), written, why=_why(self._name, named, hidden))

    def _warn(self, warning: str) -> None:
        if warning and warning != self.warning:
            log.warning("the standby at the other center", name=self._name, problem=warning)
        self.warning = warning

    async def close(self) -> None:
        if self._connection is not None and not self._connection.is_closed:
            await self._connection.close()


def _why(name: str, named: int, hidden: int) -> str:
    if hidden:
        return HIDDEN
    return f"{name} does not stream yet" if named else f"no standby called {name} follows"
