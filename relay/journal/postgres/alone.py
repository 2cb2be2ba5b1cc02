"""What a person writes into a journal on PostgreSQL without its relay: a record of a reveal, and an adoption.

Owns those two transactions and a loop of its own, for programs that have none. It must never touch an exchange. The traps: two
relays that go on with one journal give the same numbers twice, so an adoption takes the journal's locks first, those of all its
workers, of which the first may be gone while another lives; and a server that was replaced may still write, so the servers are
asked in the DSN's order, as a restarted relay does, and of those that write the one with the latest timeline is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from protocols.vocabulary import Secret
from relay.errors import JournalUnusable
from relay.journal.audit import Reveal
from relay.journal.keytable import Identity
from relay.journal.postgres import schema
from relay.journal.postgres.door import BadRecord, Connection, Lost, Refused, connect, servers
from relay.journal.postgres.keytable import identity_of
from relay.journal.postgres.reveal import write_reveals
from relay.journal.shared import FIRST
from relay.settings import JournalSettings

_WORKERS: Final = "SELECT worker FROM owner ORDER BY worker"
_SIGN: Final = "INSERT INTO adoption (who, why, center, realm) VALUES ($1, $2, $3, $4)"
_OWN: Final = (
    "INSERT INTO identity VALUES (true, $1, $2)"
    " ON CONFLICT (only_one) DO UPDATE SET center = excluded.center, realm = excluded.realm"
)
Done = TypeVar("Done")


def record_alone(settings: JournalSettings, password: Secret | None, reveal: Reveal) -> None:
    """Durable, and on the standby, when it returns. Raises JournalUnusable."""

    async def write(connection: Connection) -> None:
        await write_reveals(connection, [reveal])

    _run(settings, password, write)


def adopt(settings: JournalSettings, password: Secret | None, mine: Identity, who: str, why: str) -> Identity | None:
    """Make the journal `mine`, durably, with the signature. Returns whose it was. Raises JournalUnusable."""

    async def take_over(connection: Connection) -> Identity | None:
        name = settings.schema_name
        for worker in sorted({FIRST, *(int(row[0]) for row in await connection.rows(_WORKERS))}):
            if not await schema.lock(connection, name, worker):
                raise JournalUnusable(
                    f"The journal {name} is in use by another relay ({await schema.holder(connection, name, worker)}).",
                    "Stop that relay first. Two that go on with one journal give the same numbers twice.",
                )
        await connection.run("BEGIN")
        try:
            before = await identity_of(connection)
            was = Identity("", "") if before is None else before
            await connection.rows(_SIGN, who, why, was.center, was.realm)
            await connection.rows(_OWN, mine.center, mine.realm)
            await connection.run("COMMIT")
        except (Refused, BadRecord):
            await connection.run("ROLLBACK")
            raise
        return before

    return _run(settings, password, take_over)


def _run(settings: JournalSettings, password: Secret | None, work: Callable[[Connection], Awaitable[Done]]) -> Done:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_on_newest(settings, password, work))


async def _on_newest(settings: JournalSettings, password: Secret | None, work: Callable[[Connection], Awaitable[Done]]) -> Done:
    try:
        named = servers(settings.dsn)
    except ValueError as error:
        raise JournalUnusable(f"journal.dsn cannot be read: {error}.", "See docs/install.md.") from error
    problem: Exception = Lost("nothing was tried")
    found: list[tuple[int, Connection]] = []
    try:
        for server in named:
            try:
                connection = await connect(
                    server,
                    settings.dsn,
                    password,
                    schema.writing_session(settings),
                    connect_s=settings.connect_timeout_ms / 1000,
                    patience_s=settings.commit_timeout_ms / 1000,
                )
                found.append((0, connection))
                found[-1] = (await schema.timeline_of(connection), connection)
            except (Lost, Refused) as error:
                problem = error
        if not found:
            raise schema.unusable(problem, named)
        _, newest = max(found, key=lambda each: each[0])
        await _check_version(newest, settings.schema_name)
        try:
            return await work(newest)
        except Lost as error:
            raise JournalUnusable(
                f"The journal's server went away: {error}. It may be written or not.", "Look, and try again."
            ) from error
        except (Refused, BadRecord) as error:
            raise JournalUnusable(f"The journal cannot be written: {error}.", "Check the role and the server's log.") from error
    finally:
        for _, connection in found:
            if not connection.is_closed:
                await connection.close()


async def _check_version(connection: Connection, name: str) -> None:
    version, known = await schema.version_of(connection, name), len(schema.migrations())
    if version != known:
        there = f"has version {version}" if version else "is not there"
        raise JournalUnusable(
            f"The journal {connection.server} {name} {there}, this program knows version {known}.",
            "Start the relay of this version once, which makes or migrates it, or use the program that wrote it.",
        )
