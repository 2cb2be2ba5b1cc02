"""The lease database at work: one session on the server that writes, questions with a time limit, and the next server after one
that is silent.

Owns the connection and its loss. It must never decide who holds a line. The traps: a question is timed from the moment it is
sent and not from the moment that a connection was looked for, or each change of server would cost a lease's time; a server that
was replaced may still write, so one with a lower timeline than one seen before is never asked; and a lease is as durable as the
server's standby makes it: without `synchronous_standby_names` a promotion may bring an older row back, and a second holder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from relay.bridge import spawn
from relay.errors import ConfigurationError
from relay.journal.postgres.door import BadRecord, Connection, Lost, Refused, Server, connect, servers
from relay.lease import rows
from relay.lease.access import Access, Mine
from relay.lease.keeper import Heard, Signed
from relay.lease.lease import Answer, Denied, Silent
from relay.telemetry.log import get_log

log = get_log("lease")

INIT_PATIENCE_S: Final = 30.0
TENURES_SHOWN: Final = 10


class Tenure(msgspec.Struct, frozen=True):
    """One holder that there was."""

    token: int
    center: str
    incarnation: int
    began_ms: int
    who: str
    second: str
    why: str


class LeaseStore:
    """Fulfils relay.lease.keeper.LeaseDoor. Raises ConfigurationError for a DSN that names no server."""

    def __init__(self, access: Access, mine: Mine, ttl_ms: int, boot_ms: Callable[[], int]) -> None:
        try:
            self._named = servers(access.dsn)
        except ValueError as error:
            raise ConfigurationError(f"lease.dsn cannot be read: {error}.", "See docs/lease.md.") from error
        self._access = access
        self._center = mine.center
        self._incarnation = mine.incarnation
        self._numbers = mine.numbers
        self._ttl_ms = ttl_ms
        self._work: set[asyncio.Task[None]] = set()
        self._boot_ms = boot_ms
        self._connection: Connection | None = None
        self._timeline = 0
        self._next = 0
        self._lock = asyncio.Lock()
        self.server = ""  # the one that answered last, for people
        self.is_copied = False  # it waits for a standby with each commit

    # ---- LeaseDoor ---------------------------------------------------------------------------------------------------
    def acquire(self, resource: str, token_min: int, signed: Signed, done: Heard) -> None:
        self._track(spawn(f"lease {resource}", self._acquire(resource, token_min, signed, done)))

    def release(self, resource: str, token: int, done: Callable[[bool], None]) -> None:
        self._track(spawn(f"lease release {resource}", self._release(resource, token, done)))

    def _track(self, task: asyncio.Task[None]) -> None:
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _acquire(self, resource: str, token_min: int, signed: Signed, done: Heard) -> None:
        asked_ms = self._boot_ms()
        answer: Answer
        try:
            async with self._lock:
                connection = await self._connected()
                asked_ms = self._boot_ms()
                answer = await self._ask(connection, resource, token_min, signed)
        except (Lost, Refused, BadRecord) as error:
            self._drop()
            answer = Silent(str(error) or type(error).__name__)
        done(asked_ms, answer)

    async def _ask(self, connection: Connection, resource: str, token_min: int, signed: Signed) -> Answer:
        who = (signed.who, signed.second, signed.why)
        got = await connection.rows(rows.ACQUIRE, resource, self._center, self._incarnation, self._ttl_ms, token_min, *who)
        if got:
            token = got[0][0]
            return rows.granted(token, await connection.rows(rows.OTHERS, resource, token, self._center))
        held = await connection.rows(rows.HOLDER, resource)
        return rows.denied(held[0]) if held else Silent("the lease went while it was asked for")

    async def _release(self, resource: str, token: int, done: Callable[[bool], None]) -> None:
        was_done = False
        try:
            async with self._lock:
                connection = await self._connected()
                was_done = bool(await connection.rows(rows.RELEASE, resource, self._center, self._incarnation, token))
        except (Lost, Refused, BadRecord) as error:
            self._drop()
            log.warning("a lease could not be released: it ends by itself", resource=resource, why=str(error))
        done(was_done)

    async def tenures(self, resource: str) -> tuple[Tenure, ...]:
        """The newest holders of a line; empty where no database answers."""
        try:
            async with self._lock:
                connection = await self._connected()
                got = await connection.rows(rows.TENURES, resource, TENURES_SHOWN)
        except (Lost, Refused, BadRecord):
            self._drop()
            return ()
        return tuple(Tenure(*row) for row in got)

    async def holder(self, resource: str) -> Denied | None:
        """Who holds a line by the database, this center or another; None where nobody ever did, or no database answers."""
        try:
            async with self._lock:
                got = await (await self._connected()).rows(rows.HOLDER, resource)
        except (Lost, Refused, BadRecord):
            self._drop()
            return None
        return rows.denied(got[0]) if got else None

    async def close(self) -> None:
        """Once what is under way has ended."""
        while self._work:  # an answer may bring about a release
            await asyncio.wait(self._work)
        async with self._lock:
            if self._connection is not None:
                await self._connection.close()
                self._connection = None

    # ---- which server ------------------------------------------------------------------------------------------------
    async def _connected(self) -> Connection:
        """The session, or a new one on the next server that writes. Raises Lost and Refused with the last problem."""
        if self._connection is not None and not self._connection.is_closed:
            return self._connection
        problem: Lost | Refused = Lost("no server is named")
        for _ in self._named:
            server = self._named[self._next]
            try:
                self._connection = await self._session(server)
            except (Lost, Refused) as error:
                self._next = (self._next + 1) % len(self._named)
                problem = error
                continue
            return self._connection
        raise problem

    async def _session(self, server: Server) -> Connection:
        connection = await open_session(self._access, server)
        try:
            timeline, copied = (
                await connection.rows(
                    "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8),"
                    " current_setting('synchronous_standby_names') <> ''"
                )
            )[0]
            if int(timeline, 16) < self._timeline:
                raise Refused("55000", f"{server} was replaced: there was a server with a later timeline")
            await self._check(connection)
        except BaseException:
            connection.cut()
            raise
        self._timeline = int(timeline, 16)
        if not copied and len(self._named) > 1:
            log.error(
                "the lease database commits without its standby: a promotion may give a line two holders", server=str(server)
            )
        self.server, self.is_copied = str(server), bool(copied)
        log.info("lease database", server=str(server), timeline=self._timeline)
        return connection

    async def _check(self, connection: Connection) -> None:
        """Is the schema there, and are our numbers nobody else's?"""
        if not (await connection.rows(rows.VERSION_OF, f'"{self._access.schema}".lease'))[0][0]:
            raise Refused("3F000", f"there are no leases in schema {self._access.schema}: relay lease init CONFIG")
        for each in self._numbers:
            await connection.rows(rows.STATE_NUMBERS, each.resource, self._center, each.scope, each.first, each.last)
            clash = await connection.rows(rows.CLASHES, self._center, each.scope, each.first, each.last)
            if clash:
                center, resource, first, last = clash[0]
                ours, theirs = f"{each.first} to {each.last} of {each.resource}", f"{center}'s ({resource}, {first} to {last})"
                why = f"{each.scope}: {ours} are also {theirs}"
                log.error("two relay centers would give the same numbers", why=why)
                raise Refused("23P01", why)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cut()
        self._next = (self._next + 1) % len(self._named)


async def open_session(access: Access, server: Server, patience_s: float = 0.0) -> Connection:
    """On a server that writes. Raises Lost and Refused."""
    timeout_s = access.request_timeout_ms / 1000
    return await connect(
        server,
        access.dsn,
        access.password,
        {
            **rows.SESSION_SETTINGS,
            "search_path": access.schema,
            "lock_timeout": str(access.request_timeout_ms),
            "tcp_keepalives_idle": "5",
        },
        connect_s=timeout_s,
        patience_s=patience_s or timeout_s,
    )


async def init(access: Access) -> tuple[str, int, int]:
    """Make the schema, or bring it to this version. Returns the server, and the versions before and now. Raises
    ConfigurationError."""
    problems: list[str] = []
    try:
        named = servers(access.dsn)
    except ValueError as error:
        raise ConfigurationError(f"lease.dsn cannot be read: {error}.", "See docs/lease.md.") from error
    for server in named:
        try:
            connection = await open_session(access, server, INIT_PATIENCE_S)
        except (Lost, Refused) as error:
            problems.append(f"{server}: {error}")
            continue
        try:
            return str(server), *await _migrate(connection, access.schema)
        except (Lost, Refused, BadRecord) as error:
            raise ConfigurationError(
                f"the lease schema could not be made on {server}: {error}.", "See docs/lease.md."
            ) from error
        finally:
            await connection.close()
    raise ConfigurationError(f"no lease database writes: {'; '.join(problems)}.", "See lease.dsn.")


async def _migrate(connection: Connection, schema: str) -> tuple[int, int]:
    await connection.run(f"BEGIN; SELECT pg_advisory_xact_lock(hashtext('{schema} lease'))")
    await connection.run(
        f'CREATE SCHEMA IF NOT EXISTS "{schema}"; CREATE TABLE IF NOT EXISTS version (number integer NOT NULL)'
    )
    got: list[Any] = await connection.rows("SELECT coalesce(max(number), 0) FROM version")
    before, ddl = int(got[0][0]), rows.scripts()
    if before > len(ddl):
        raise Refused("0A000", f"it has version {before}, made by a newer relay; this one knows {len(ddl)}")
    for number, script in enumerate(ddl, start=1):
        if number > before:
            await connection.run(script)
            await connection.rows("INSERT INTO version VALUES ($1)", number)
    await connection.run("COMMIT")
    return before, len(ddl)
