"""What is forgotten on PostgreSQL, when: as relay/journal/retention.py does, one bounded slice at a time.

Owns pruning inside the caller's transaction. It must never know why a window is as long as it is. The trap: whatever still
waits for the core or a person is never forgotten, however old; and the walk over bodies starts where the last one ended
(`bodies_floor`), because 35 days of keys are too many to look at every hour. Where archives are kept, bodies go by release.py
alone, and a key whose exchange has anything else left is noted for the next archive instead.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Final

from relay.journal.items import IDS_PER_INCARNATION, PruneItem
from relay.journal.postgres.door import Connection
from relay.journal.postgres.outbound import prune_outbound
from relay.journal.rows import CLOSED, OPEN

# The view `exchange` would be joined as a whole; so each row looks for its own standing.
_SLICE = (
    "SELECT t.exchange_id, t.recorded_ms, coalesce((SELECT s.attention FROM standing AS s"
    " WHERE s.exchange_id = t.exchange_id), $3), length(t.request) = 0"
    " AND NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.exchange_id = t.exchange_id AND s.outcome IS NOT NULL)"
    " AND NOT EXISTS (SELECT 1 FROM history AS h WHERE h.exchange_id = t.exchange_id)"
    " AND NOT EXISTS (SELECT 1 FROM body_kept AS b WHERE b.exchange_id = t.exchange_id)"
    " FROM taken AS t WHERE t.exchange_id > $1 ORDER BY t.exchange_id LIMIT $2"
)
_ALL: Final = 2**63 - 1
# Several workers: numbers grow with time within each life only, so each life has a walk of its own.
_LIVES = (
    "SELECT l.incarnation, f.floor FROM life AS l CROSS JOIN LATERAL (SELECT greatest("
    f" l.incarnation * {IDS_PER_INCARNATION} - 1,"
    " coalesce((SELECT value FROM meta WHERE name = 'bodies_floor'), 0),"
    " coalesce((SELECT value FROM meta WHERE name = 'bodies_floor:' || l.incarnation), 0)) AS floor) AS f"
    " WHERE EXISTS (SELECT FROM owner WHERE worker > 1) AND EXISTS (SELECT FROM taken AS t WHERE t.exchange_id > f.floor"
    f" AND t.exchange_id < (l.incarnation + 1) * {IDS_PER_INCARNATION}) ORDER BY l.incarnation"
)
_NEXT_LIFE = (
    f"SELECT min(incarnation) * {IDS_PER_INCARNATION} - 1 FROM life WHERE incarnation * {IDS_PER_INCARNATION} > $1"
    " AND EXISTS (SELECT FROM owner WHERE worker > 1)"
)
_CLOSED_SINCE = (
    "SELECT b.exchange_id FROM body_kept AS b"
    " WHERE (SELECT s.attention FROM standing AS s WHERE s.exchange_id = b.exchange_id) = $1 LIMIT $2"
)
_STORE_FLOOR = "INSERT INTO meta VALUES ($2, $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value"


async def prune_slice(connection: Connection, item: PruneItem, count_max: int) -> tuple[int, bool, int]:
    """One slice of each walk, of `count_max` exchanges. Returns how many deletions and blankings there were, whether there may
    be more, and the number above which the next slice begins (to be taken over once this one is durable)."""
    deleted, more_keys, above_id = await _delete_slice(connection, item, count_max)
    blanked, more_bodies = (0, False)
    if not item.only_archived:
        blanked, more_bodies = await _blank_slice(connection, item.bodies_before_ms, count_max)
    outbound, more_outbound = await prune_outbound(connection, item, count_max)
    return deleted + blanked + outbound, more_keys or more_bodies or more_outbound, above_id


async def _slice(connection: Connection, above_id: int, count_max: int, below_id: int = _ALL) -> list[Any]:
    """Number, time, attention, and whether nothing but the key is left of it."""
    rows = await connection.rows(_SLICE, above_id, count_max, OPEN)  # an upper bound here would change its plan
    return [row for row in rows if row[0] < below_id]


async def _delete_slice(connection: Connection, item: PruneItem, count_max: int) -> tuple[int, bool, int]:
    rows = await _slice(connection, item.above_id, count_max)
    old = [row for row in rows if row[1] < item.keys_before_ms and row[0] < item.keys_below_id and row[2] == CLOSED]
    gone = [row[0] for row in old if row[3] or not item.only_archived]
    whole = [row[0] for row in old if not row[3]] if item.only_archived else []  # something of it is in no archive yet
    if gone:
        for table in ("history", "standing", "body_kept", "handed", "taken"):
            await connection.rows(f"DELETE FROM {table} WHERE exchange_id = ANY ($1)", gone)
    if whole:
        await connection.rows("INSERT INTO body_kept SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", whole)
    above_id = int(rows[-1][0]) if rows else item.above_id  # what stays is stepped over
    more = len(rows) == count_max and any(row[1] < item.keys_before_ms for row in rows)
    if not more and rows:
        after = (await connection.rows(_NEXT_LIFE, above_id))[0][0]
        return len(gone), after is not None, above_id if after is None else int(after)
    return len(gone), more, above_id


async def _blank_slice(connection: Connection, before_ms: int, count_max: int) -> tuple[int, bool]:
    old: list[Any] = []
    lives = await connection.rows(_LIVES)
    if not lives:
        floor = await connection.rows("SELECT value FROM meta WHERE name = 'bodies_floor'")
        rows = await _slice(connection, floor[0][0] if floor else 0, count_max)
        old = await _pass(connection, "bodies_floor", rows, before_ms)
    for incarnation, floor in lives:
        left = count_max - len(old)
        if left:
            rows = await _slice(connection, floor, left, (incarnation + 1) * IDS_PER_INCARNATION)
            old += await _pass(connection, f"bodies_floor:{incarnation}", rows, before_ms)
    closed_since = [row[0] for row in await connection.rows(_CLOSED_SINCE, CLOSED, count_max)]
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
    kept = [row[0] for row in old if row[2] != CLOSED]
    if kept:
        await connection.rows("INSERT INTO body_kept SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", kept)
    return len(bare), count_max in (len(old), len(closed_since))


async def _pass(connection: Connection, floor_name: str, rows: list[Any], before_ms: int) -> list[Any]:
    """Those of one walk that are old, its floor behind them."""
    old = list(takewhile(lambda row: row[1] < before_ms, rows))
    if old:
        await connection.rows(_STORE_FLOOR, old[-1][0], floor_name)
    return old
