"""Which server: the next of those named that writes, that is not behind one we have seen, and that lets us begin.

Owns the choice among servers and the first opening. It must never know a record. The traps: after a promotion the replaced
server may still write, alone; whoever was there last knows it by its lower timeline, and a commit on it that waits for its
standby never ends. So the search goes on with the next server after one that did not let us begin, and never back in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from protocols.vocabulary import Secret
from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.face import Opened
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.postgres import schema
from relay.journal.postgres.door import Connection, Lost, Refused, Server, connect, servers
from relay.journal.postgres.keytable import settle_keys
from relay.journal.postgres.sharing import refuse_another_key
from relay.journal.shared import FIRST, Share
from relay.settings import JournalSettings
from relay.telemetry.log import get_log

log = get_log("journal")

OPEN_PATIENCE_MS: Final = 15_000  # how long a start waits for a server that writes, and for the lock of a relay that just died
RETRY_S: Final = 0.1  # between two rounds at start
_SAID_SO: Final = ("28", "3D", "42")  # not mended by waiting: authorisation, no such database, no right
Begun = TypeVar("Begun")


class Beginning(msgspec.Struct):
    """A new life's first connection."""

    connection: Connection
    opened: Opened
    session: int
    serial: int
    share: Share | None = None


class Servers:
    def __init__(
        self,
        settings: JournalSettings,
        password: Secret | None,
        clock: Clock,
        identity: Identity | None = None,
        share: Share | None = None,
    ) -> None:
        """`share`: which of several workers; None where there is one. Raises JournalUnusable for a DSN that names no server."""
        try:
            self._named = servers(settings.dsn)
        except ValueError as error:
            raise JournalUnusable(f"journal.dsn cannot be read: {error}.", "See docs/install.md.") from error
        self.slice_ms = settings.writer_slice_ms  # for whoever writes there
        self._settings = settings
        self._password = password
        self._clock = clock
        self._identity = identity
        self._share = share
        self._worker = FIRST if share is None else share.worker
        self._next = 0
        self._timeline = 0
        self.current: Server | None = None  # the one that was written to last; read by other threads

    async def first(self, keys: KeyRing) -> Beginning:
        """Open the journal: the first server that lets us, within OPEN_PATIENCE_MS. Raises JournalUnusable."""
        until_ms = self._clock.monotonic_ms() + OPEN_PATIENCE_MS
        while True:
            await self._survey()
            problem: Exception | None = None
            for _ in self._named:
                try:
                    connection, begun = await self._one(lambda each: self._begin_life(each, keys))
                    return Beginning(connection, *begun, self._share)
                except (Lost, Refused) as error:
                    if isinstance(error, Refused) and error.state.startswith(_SAID_SO):
                        raise schema.unusable(error, self._named) from error
                    if problem is None or isinstance(error, Refused):
                        problem = error
                except InUse as error:
                    problem = error
            if self._clock.monotonic_ms() >= until_ms and problem is not None:
                if isinstance(problem, InUse):
                    raise JournalUnusable(
                        f"The journal {self._settings.schema_name} is in use by another relay ({problem}).",
                        "Stop that relay first, or give this one a journal.schema_name of its own.",
                    ) from problem
                raise schema.unusable(problem, self._named) from problem
            await asyncio.sleep(RETRY_S)

    async def again(self, begin: Callable[[Connection], Awaitable[Begun]]) -> tuple[Connection, Begun]:
        """The next server, one try. Raises Lost and Refused."""

        async def begin_and_lock(connection: Connection) -> Begun:
            begun = await begin(connection)
            name = self._settings.schema_name
            await schema.lock(connection, name, self._worker)  # for whoever starts later; `owner` protects the records
            return begun

        return await self._one(begin_and_lock)

    async def reader(self, server: Server, timeout_ms: int) -> Connection:
        """A session that cannot write, on the server that we write to. Raises Lost and Refused."""
        return await connect(
            server,
            self._settings.dsn,
            self._password,
            schema.reading_session(self._settings, timeout_ms),
            connect_s=min(timeout_ms, self._settings.connect_timeout_ms) / 1000,
            patience_s=timeout_ms / 1000,
            session="any",
        )

    async def _survey(self) -> None:
        """Of several that write, the one with the latest timeline is the one: the others were replaced."""
        for server in self._named if len(self._named) > 1 else ():
            try:
                connection = await self._connect(server)
            except (Lost, Refused):
                continue
            try:
                self._timeline = max(self._timeline, await schema.timeline_of(connection))
            except (Lost, Refused) as error:
                log.warning("a server does not say what it is", server=str(server), why=str(error))
            finally:
                await connection.close()

    async def _connect(self, server: Server) -> Connection:
        settings = self._settings
        return await connect(
            server,
            settings.dsn,
            self._password,
            schema.writing_session(settings),
            connect_s=settings.connect_timeout_ms / 1000,
            patience_s=settings.commit_timeout_ms / 1000,
        )

    async def _begin_life(self, connection: Connection, keys: KeyRing) -> tuple[Opened, int, int]:
        name = self._settings.schema_name
        await schema.prepare(connection, self._settings, keys, self._identity)
        if not await schema.lock(connection, name, self._worker):
            raise InUse(await schema.holder(connection, name, self._worker))
        if self._share is not None:
            await refuse_another_key(connection, keys, self._share)
        await settle_keys(connection, name, keys, self._identity)
        return await schema.begin_incarnation(connection, self._share)

    async def _one(self, begin: Callable[[Connection], Awaitable[Begun]]) -> tuple[Connection, Begun]:
        server = self._named[self._next]
        connection: Connection | None = None
        try:
            connection = await self._connect(server)
            timeline = await schema.timeline_of(connection)
            if timeline < self._timeline:
                raise Refused("55000", f"{server} was replaced: there was a server with a later timeline")
            begun = await begin(connection)
        except (Lost, Refused, InUse):
            self._next = (self._next + 1) % len(self._named)  # not the same one again
            if connection is not None and not connection.is_closed:
                await connection.close()
            raise
        except BaseException:
            if connection is not None:
                connection.cut()
            raise
        self._timeline = timeline
        self.current = server
        return connection, begun


class InUse(Exception):
    """Another relay holds the lock; says where it is."""
