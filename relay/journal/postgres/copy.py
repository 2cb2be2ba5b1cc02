"""The copy of another center's journal on a server of ours: whether it writes, making it write, and opening the journal
in it.

Owns those questions and the one command. It must never decide when (relay/takeover does). The traps: a copy that still
follows answers everything and writes nothing, so it is asked whether it is in recovery and nothing else is taken for an
answer; an empty database would be made into an empty journal, which adopts nothing and looks well, so the journal has to be
there, and to be that center's; and opening waits for a server, so it is done beside the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from protocols.vocabulary import Secret
from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.generation import LINK_NAME, NAME, Generation
from relay.journal.keytable import Identity
from relay.journal.postgres import schema
from relay.journal.postgres.door import BadRecord, Connection, Lost, Refused, Server, connect, servers
from relay.journal.postgres.engine import PostgresJournal
from relay.journal.postgres.keytable import identity_of
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics

_COMMAND_S = 60
_COPIED_UNTIL = (
    "SELECT CASE WHEN pg_is_in_recovery()"
    " THEN coalesce(extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000, 0) ELSE 0 END::bigint"
)
_SKIP_LIVES = (  # of lives that were never begun nothing is there to be found
    "INSERT INTO meta AS m VALUES ('incarnation', $1)"
    " ON CONFLICT (name) DO UPDATE SET value = greatest(m.value, excluded.value)"
)
Answer = TypeVar("Answer")


class PostgresCopy:
    """`settings` are of the journal in the copy, `identity` is whose it has to be. `command` promotes in place of the server's
    own function, where the role may not or another program has to know; empty: the server does. Raises JournalUnusable for a
    DSN that names no server."""

    def __init__(
        self,
        settings: JournalSettings,
        key: bytes,
        older_keys: Sequence[bytes],
        password: Secret | None,
        identity: Identity,
        command: Sequence[str],
        *,
        call_soon_threadsafe: Callable[[Callable[[], None]], object],
        clock: Clock,
        new_metrics: Callable[[], Metrics] = Metrics,
    ) -> None:
        try:
            self._servers = servers(settings.dsn)
        except ValueError as error:
            raise JournalUnusable(f"takeover.dsn cannot be read: {error}.", "See docs/takeover.md.") from error
        self._settings = settings
        self._key = key
        self._older_keys = older_keys
        self._password = password
        self._identity = identity
        self._command = tuple(command)
        self._call_soon = call_soon_threadsafe
        self._clock = clock
        self._new_metrics = new_metrics

    # ---- the server --------------------------------------------------------------------------------------------------
    async def is_writing(self) -> bool:
        """Asked of the server itself. Raises JournalUnusable where none answers, or it holds another journal."""

        async def ask(connection: Connection) -> bool:
            await self._check(connection)
            return not (await connection.rows("SELECT pg_is_in_recovery()"))[0][0]

        return await self._with(ask)

    async def copied_until(self) -> int:
        """UTC epoch milliseconds, by the other center's clock, of the newest commit in the copy; 0 where it has seen none since
        its server started, or writes itself. Where that center writes nothing, this is old and nothing is lacking. Raises
        JournalUnusable."""

        async def ask(connection: Connection) -> int:
            await self._check(connection)
            return int((await connection.rows(_COPIED_UNTIL))[0][0])

        return await self._with(ask)

    async def promote(self) -> None:
        """Raises JournalUnusable where it could not be asked for. Safe to repeat."""
        if self._command:
            await self._run_command()
            return

        async def ask(connection: Connection) -> None:
            await connection.rows("SELECT pg_promote(false)")  # not waited for: the next look says whether it is so

        await self._with(ask)

    async def _run_command(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
            )
            status = await asyncio.wait_for(process.wait(), _COMMAND_S)
        except (OSError, TimeoutError) as error:
            raise JournalUnusable(
                f"The command of takeover.promote_command did not end: {error!r}.", "Run it by hand."
            ) from error
        if status:
            raise JournalUnusable(f"The command of takeover.promote_command ended with {status}.", "Run it by hand, and look.")

    async def generation(self) -> Generation:
        """What the journal knows of itself, without opening it. Raises JournalUnusable."""

        async def read(connection: Connection) -> Generation:
            await self._check(connection)
            rows = await connection.rows("SELECT value FROM link_variable WHERE link_name = $1 AND name = $2", LINK_NAME, NAME)
            return msgspec.msgpack.decode(rows[0][0], type=Generation) if rows else Generation()

        return await self._with(read)

    async def open(self, on_failed: Callable[[str], None], life_floor: int = 0) -> PostgresJournal:
        """In a new life, `life_floor` or above. Raises JournalUnusable."""
        if not await self.is_writing():
            raise JournalUnusable("The copy does not write yet.", "It is promoted first.")

        async def skip(connection: Connection) -> None:
            await connection.rows(_SKIP_LIVES, life_floor - 1)

        if life_floor:
            await self._with(skip, schema.writing_session(self._settings))
        return await asyncio.to_thread(self._open, on_failed)

    def _open(self, on_failed: Callable[[str], None]) -> PostgresJournal:
        return PostgresJournal(
            self._settings,
            self._key,
            self._password,
            call_soon_threadsafe=self._call_soon,
            clock=self._clock,
            metrics=self._new_metrics(),
            on_failed=on_failed,
            older_keys=self._older_keys,
            identity=self._identity,
        )

    # ---- one connection ----------------------------------------------------------------------------------------------
    async def _check(self, connection: Connection) -> None:
        """The journal is there, and it is that center's."""
        version, known = await schema.version_of(connection, self._settings.schema_name), len(schema.migrations())
        if not version or version > known:
            there = f"of version {version}, this program knows {known}" if version else "not there"
            raise JournalUnusable(
                f"The journal {self._settings.schema_name} on {connection.server} is {there}.",
                "See takeover.dsn and schema_name.",
            )
        found = await identity_of(connection)
        if found is not None and found != self._identity:
            raise JournalUnusable(
                f"The journal on {connection.server} is {found.center}'s, not {self._identity.center}'s.", "See takeover.dsn."
            )

    async def _with(self, work: Callable[[Connection], Awaitable[Answer]], session: Mapping[str, str] | None = None) -> Answer:
        """On the first server that answers, in a `session` that reads where none is given."""
        problem: Exception = Lost("nothing was tried")
        for server in self._servers:
            try:
                return await self._on(server, work, session)
            except (Lost, Refused, BadRecord) as error:
                problem = error
        raise JournalUnusable(f"The copy's server does not answer: {problem}.", "See its log, and takeover.dsn.")

    async def _on(
        self, server: Server, work: Callable[[Connection], Awaitable[Answer]], session: Mapping[str, str] | None
    ) -> Answer:
        settings = self._settings
        connection = await connect(
            server,
            settings.dsn,
            self._password,
            session or schema.reading_session(settings, settings.commit_timeout_ms),
            connect_s=settings.connect_timeout_ms / 1000,
            patience_s=settings.commit_timeout_ms / 1000,
            session="any",
        )
        try:
            return await work(connection)
        finally:
            await connection.close()
