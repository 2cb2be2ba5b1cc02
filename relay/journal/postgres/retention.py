"""What is forgotten on PostgreSQL, when: as relay/journal/retention.py does, one bounded slice at a time.

Owns pruning inside the caller's transaction. It must never know why a window is as long as it is. The trap: whatever still
waits for the core or a person is never forgotten, however old; and the walk starts where the last one ended (`bodies_floor`),
because 35 days of keys are too many to look at every hour.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Final

from relay.journal.items import PruneItem
from relay.journal.postgres.door import Connection
from relay.journal.postgres.outbound import prune_outbound
from relay.journal.rows import CLOSED, OPEN

SLICE_COUNT_MAX: Final = 500  # exchanges looked at in one transaction
# The view `exchange` would be joined as a whole; so each row looks for its own standing.
_SLICE = (
    "SELECT t.exchange_id, t.recorded_ms, coalesce((SELECT s.attention FROM standing AS s"
    " WHERE s.exchange_id = t.exchange_id), $3) FROM taken AS t WHERE t.exchange_id > $1 ORDER BY t.exchange_id LIMIT $2"
)
_CLOSED_SINCE = (
    "SELECT b.exchange_id FROM body_kept AS b"
    " WHERE (SELECT s.attention FROM standing AS s WHERE s.exchange_id = b.exchange_id) = $1 LIMIT $2"
)
_STORE_FLOOR = (
    "INSERT INTO meta VALUES ('bodies_floor', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value"
)


async def prune_slice(connection: Connection, item: PruneItem) -> tuple[int, bool, int]:
    """One slice of each walk. Returns how many deletions and blankings there were, whether there may be more, and the number
    above which the next slice begins (to be taken over once this one is durable)."""
    deleted, more_keys, above_id = await _delete_slice(connection, item)
    blanked, more_bodies = await _blank_slice(connection, item.bodies_before_ms)
    outbound, more_outbound = await prune_outbound(connection, item.keys_before_ms, item.bodies_before_ms)
    return deleted + blanked + outbound, more_keys or more_bodies or more_outbound, above_id


async def _slice(connection: Connection, above_id: int) -> list[Any]:
    return await connection.rows(_SLICE, above_id, SLICE_COUNT_MAX, OPEN)


async def _delete_slice(connection: Connection, item: PruneItem) -> tuple[int, bool, int]:
    rows = await _slice(connection, item.above_id)
    gone = [
        exchange_id for exchange_id, recorded_ms, attention in rows if recorded_ms < item.keys_before_ms and attention == CLOSED
    ]
    if gone:
        for table in ("history", "standing", "body_kept", "taken"):
            await connection.rows(f"DELETE FROM {table} WHERE exchange_id = ANY ($1)", gone)
    above_id = int(rows[-1][0]) if rows else item.above_id  # what stays is stepped over
    return len(gone), len(rows) == SLICE_COUNT_MAX and any(row[1] < item.keys_before_ms for row in rows), above_id


async def _blank_slice(connection: Connection, before_ms: int) -> tuple[int, bool]:
    floor = await connection.rows("SELECT value FROM meta WHERE name = 'bodies_floor'")
    rows = await _slice(connection, floor[0][0] if floor else 0)
    old = list(takewhile(lambda row: row[1] < before_ms, rows))
    closed_since = [row[0] for row in await connection.rows(_CLOSED_SINCE, CLOSED, SLICE_COUNT_MAX)]
    bare = [row[0] for row in old if row[2] == CLOSED] + closed_since
    if bare:
        await connection.rows(
            "UPDATE taken SET request = '\\x', pan = NULL, pan_hash = NULL WHERE exchange_id = ANY ($1)", bare
        )
        await connection.rows(
            "UPDATE standing SET data = CASE WHEN data IS NULL THEN NULL ELSE ''::bytea END, outcome = NULL"
            " WHERE exchange_id = ANY ($1)",
            bare,
        )
        await connection.rows("DELETE FROM body_kept WHERE exchange_id = ANY ($1)", closed_since)
    if old:
        await connection.rows("INSERT INTO body_kept SELECT unnest($1::bigint[])", [row[0] for row in old if row[2] != CLOSED])
        await connection.rows(_STORE_FLOOR, old[-1][0])
    return len(bare), SLICE_COUNT_MAX in (len(old), len(closed_since))
