"""The database before it is served: is it safe, ours, of our version, is the key the right one, and does nobody live in it.

Owns what a session is set to, the migrations, the lock, and the beginning of an incarnation. It must never know a record. The
traps: the lock belongs to one session of one server and is gone with either, so it only keeps a second relay out at start;
what protects the records is the row `owner`, which every transaction checks (migrations/0004_owner.sql). And a server that is
set not to sync, or a session that is set not to wait, would answer before anything is durable.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import Any, Final

from relay.errors import JournalUnusable
from relay.journal.face import Opened
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.postgres import sharing
from relay.journal.postgres.door import SUPERSEDED, BadRecord, Connection, Lost, Refused
from relay.journal.postgres.group import SELECT_RECORDED, SELECT_VARIABLES
from relay.journal.postgres.keytable import begin_keys
from relay.journal.shared import FIRST, Share
from relay.settings import JournalSettings

VERSION_MIN: Final = 130_000  # server_version_num
LONG_S: Final = 600.0  # a migration of a large journal
LOCK_CLASS: Final = 0x52454C59  # "RELY": first half of the advisory lock; the second is made of the schema's name


def migrations() -> list[str]:
    """All migrations in order; the n-th takes a journal from version n-1 to n."""
    folder = resources.files("relay.journal.postgres") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def writing_session(settings: JournalSettings) -> dict[str, str]:
    """What a writing session is set to. Nothing may end a commit that waits for its standby, so no statement has a time limit;
    locks have one, because only an older session of ours can hold one, and it may take its time. Sequential scans are off:
    every statement here has its index, and statistics of a young table would say otherwise."""
    return {
        "application_name": "relay journal",
        "search_path": settings.schema_name,
        "synchronous_commit": "on",
        "statement_timeout": "0",
        "lock_timeout": str(max(1, settings.commit_timeout_ms // 2)),
        "idle_in_transaction_session_timeout": str(4 * settings.commit_timeout_ms),
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "enable_seqscan": "off",
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        "client_min_messages": "warning",
    }


def reading_session(settings: JournalSettings, timeout_ms: int, *, writable: bool = False) -> dict[str, str]:
    """Of a session that cannot write; `writable` where only a server that writes is wanted, which is asked by its sessions."""
    return {
        "application_name": "relay journal reader",
        "search_path": settings.schema_name,
        "default_transaction_read_only": "off" if writable else "on",
        "statement_timeout": str(timeout_ms),
        "enable_seqscan": "off",
        "jit": "off",
    }


async def prepare(connection: Connection, settings: JournalSettings, keys: KeyRing, identity: Identity | None = None) -> None:
    """Check the server, migrate, prove keys and owner. Raises JournalUnusable, Refused and Lost."""
    (version, fsync), *_ = await connection.rows("SELECT current_setting('server_version_num')::int, current_setting('fsync')")
    if version < VERSION_MIN:
        raise JournalUnusable(
            f"The server {connection.server} is PostgreSQL {version // 10_000}.", "Version 13 or newer is needed."
        )
    if fsync != "on":
        raise JournalUnusable(f"The server {connection.server} has fsync off: it loses what it confirmed.", "Set fsync = on.")
    with connection.patient(LONG_S):
        await _migrate(connection, settings)
    await begin_keys(connection, settings.schema_name, keys, identity)


async def version_of(connection: Connection, schema: str) -> int:
    """The journal's version in `schema`; 0 where there is none. Raises JournalUnusable for something else's schema."""
    exists, meta = (
        await connection.rows(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1),"
            " to_regclass($2) IS NOT NULL",
            schema,
            f'"{schema}".key_check',
        )
    )[0]
    if not exists:
        return 0
    if not meta:
        raise JournalUnusable(
            f"The schema {schema} on {connection.server} belongs to another program.",
            "Give the journal a schema_name of its own.",
        )
    rows = await connection.rows("SELECT value FROM meta WHERE name = 'version'")
    return int(rows[0][0]) if rows else 0


async def _migrate(connection: Connection, settings: JournalSettings) -> None:
    schema = settings.schema_name
    scripts = migrations()
    await connection.run(f"BEGIN; SELECT pg_advisory_xact_lock({LOCK_CLASS}, hashtext('{schema} migration'))")
    try:
        version = await version_of(connection, schema)
        if version > len(scripts):
            raise JournalUnusable(
                f"The journal {schema} has version {version}, written by a newer relay; this one knows {len(scripts)} at most.",
                "Install the newer relay again; a journal is never taken back to an older version.",
            )
        if version == 0:
            await connection.run(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        for number, script in enumerate(scripts, start=1):
            if number > version:
                await connection.run(script)
        if version < len(scripts):
            await connection.rows(
                "INSERT INTO meta VALUES ('version', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", len(scripts)
            )
        await connection.run("COMMIT")
    except BaseException:
        if not connection.is_closed:
            await connection.run("ROLLBACK")
        raise


async def lock(connection: Connection, schema: str, worker: int = FIRST) -> bool:
    """Whether this session holds the journal's lock (or that of one of its workers) now; it keeps it until it ends."""
    sql = f"SELECT pg_try_advisory_lock({LOCK_CLASS}, hashtext($1))"
    return bool((await connection.rows(sql, _lock_name(schema, worker)))[0][0])


def _lock_name(schema: str, worker: int) -> str:
    return schema if worker == FIRST else f"{schema} worker {worker}"


async def holder(connection: Connection, schema: str, worker: int = FIRST) -> str:
    """Who holds the lock, for people."""
    rows = await connection.rows(
        "SELECT coalesce(host(a.client_addr), 'this host'), a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        f" WHERE l.locktype = 'advisory' AND l.classid = {LOCK_CLASS} AND l.objid::bigint = hashtext($1)::bigint & 4294967295"
        " AND l.granted",
        _lock_name(schema, worker),
    )
    return f"from {rows[0][0]}, server process {rows[0][1]}" if rows else "unknown"


async def begin_incarnation(connection: Connection, share: Share | None = None) -> tuple[Opened, int, int]:
    """Shut out every earlier life of this worker, durably; of all workers where there is one only. Returns what is known of the
    journal, the session's number and the serial."""
    worker = FIRST if share is None else share.worker
    await connection.run("BEGIN")
    try:
        if share is None:
            await sharing.gather(connection)
        incarnation, session, serial = (await connection.rows(sharing.BEGIN_LIFE, worker))[0]
        if share is not None:
            await connection.rows(sharing.FIRST_FLOOR, worker, sharing.floor_name(worker))
            await connection.rows(sharing.BEGIN_RUN if share.begins_run else sharing.JOIN_RUN, incarnation)
        await connection.run("COMMIT")
    except (Refused, BadRecord):
        await connection.run("ROLLBACK")
        raise
    meta = dict(await connection.rows("SELECT name, value FROM meta"))
    floor = meta.get(sharing.floor_name(worker), 0)
    variables: dict[str, dict[str, bytes]] = {}
    for link_name, name, value in await connection.rows(SELECT_VARIABLES):
        variables.setdefault(link_name, {})[name] = value
    with connection.patient(LONG_S):
        mine = (SELECT_RECORDED, floor) if share is None else (sharing.RECORDED_IDS, floor, worker)
        recorded_ids = {row[0] for row in await connection.rows(*mine)}
    opened = Opened(
        incarnation=incarnation,
        epoch=meta.get("region_epoch", 0),
        floor=floor,
        recorded_ids=recorded_ids,
        variables=variables,
        relay_epoch=incarnation if share is None else meta["relay_epoch"],
    )
    return opened, session, serial


async def begin_session(connection: Connection, incarnation: int) -> tuple[int, int]:
    """The same life on a new connection: what older ones left under way writes nothing any more. Returns the session's number
    and the serial of the last group that committed.

    It is a commit like any other, so its success says that this server writes, that its standby follows, and that everything
    seen before it is as safe as it can be. Raises Refused with SUPERSEDED where another relay took the journal over.
    """
    rows = await connection.rows(
        "UPDATE owner SET session = session + 1, renewed = clock_timestamp() WHERE incarnation = $1 RETURNING session, serial",
        incarnation,
    )
    if not rows:
        raise Refused(SUPERSEDED, "the journal was taken over by another relay")
    return int(rows[0][0]), int(rows[0][1])


async def timeline_of(connection: Connection) -> int:
    """Raised by each promotion: of two servers that both write, the one with the lower number is the one that was replaced.
    (The control file still names the old one for a while after a promotion; the name of the log file does not.)"""
    rows = await connection.rows("SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)")
    return int(rows[0][0], 16)


def unusable(error: Exception, tried: Iterable[Any]) -> JournalUnusable:
    """What the operator is told when no server could be opened."""
    where = ", ".join(map(str, tried))
    state = error.state if isinstance(error, Refused) else ""
    if state.startswith("28"):
        step = "Check the role, pg_hba.conf, and the password (journal.password_credential, or PGPASSFILE)."
    elif state == "3D000":
        step = "Create the database, owned by the relay's role: createdb -O relay relay"
    elif state == "42501":
        step = "The relay's role must own the database, or its schema: ALTER DATABASE relay OWNER TO relay."
    elif isinstance(error, Lost):
        step = "Start a server that writes, or name it in journal.dsn."
    else:
        step = "Check the server's log."
    return JournalUnusable(f"The journal cannot be opened on {where}: {error}.", step)
