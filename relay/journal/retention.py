"""What is forgotten, when: first the body of a closed exchange, much later its key.

Owns pruning, one bounded slice at a time inside the caller's transaction. It must never know why a window is as long as it
is. The trap: whatever still waits for the core or a person is never forgotten, however old; and the walk over bodies starts
where the last one ended (`bodies_floor`), because 35 days of keys are too many to look at every hour. Where archives are kept,
bodies go by release.py alone, and a key whose exchange has anything else left is noted for the next archive instead.
"""

from __future__ import annotations

import sqlite3
from itertools import takewhile

from relay.journal.batch import load_meta, store_meta
from relay.journal.items import PruneItem
from relay.journal.outbound_rows import prune_outbound
from relay.journal.rows import CLOSED, OPEN

_SLICE = (
    f"SELECT t.exchange_id, t.recorded_ms, coalesce(s.attention, {OPEN}), length(t.request) = 0 AND s.outcome IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM history AS h WHERE h.exchange_id = t.exchange_id)"
    " AND NOT EXISTS (SELECT 1 FROM body_kept AS b WHERE b.exchange_id = t.exchange_id)"
    " FROM taken AS t LEFT JOIN standing AS s ON s.exchange_id = t.exchange_id"
    " WHERE t.exchange_id > ? ORDER BY t.exchange_id LIMIT ?"
)


def prune_slice(connection: sqlite3.Connection, item: PruneItem, count_max: int) -> tuple[int, bool]:
    """One slice of each walk, of `count_max` exchanges. Returns how many deletions and blankings there were, and whether there
    may be more."""
    deleted, more_keys = _delete_slice(connection, item, count_max)
    blanked, more_bodies = (0, False) if item.only_archived else _blank_slice(connection, item.bodies_before_ms, count_max)
    outbound, more_outbound = prune_outbound(connection, item, count_max)
    return deleted + blanked + outbound, more_keys or more_bodies or more_outbound


def _slice(connection: sqlite3.Connection, above_id: int, count_max: int) -> list[tuple[int, int, int, int]]:
    """Number, time, attention, and whether nothing but the key is left of it."""
    return connection.execute(_SLICE, (above_id, count_max)).fetchall()


def _delete_slice(connection: sqlite3.Connection, item: PruneItem, count_max: int) -> tuple[int, bool]:
    rows = _slice(connection, item.above_id, count_max)
    old = [row for row in rows if row[1] < item.keys_before_ms and row[0] < item.keys_below_id and row[2] == CLOSED]
    gone = [(row[0],) for row in old if row[3] or not item.only_archived]
    for table in ("history", "standing", "body_kept", "taken"):
        connection.executemany(f"DELETE FROM {table} WHERE exchange_id = ?", gone)
    if item.only_archived:  # something of it is in no archive yet
        whole = [(row[0],) for row in old if not row[3]]
        connection.executemany("INSERT INTO body_kept VALUES (?) ON CONFLICT DO NOTHING", whole)
    if rows:
        item.above_id = rows[-1][0]  # what stays is stepped over
    return len(gone), len(rows) == count_max and any(row[1] < item.keys_before_ms for row in rows)


def _blank_slice(connection: sqlite3.Connection, before_ms: int, count_max: int) -> tuple[int, bool]:
    rows = _slice(connection, load_meta(connection, "bodies_floor"), count_max)
    old = list(takewhile(lambda row: row[1] < before_ms, rows))
    closed_since = connection.execute(
        "SELECT exchange_id FROM exchange WHERE exchange_id IN (SELECT exchange_id FROM body_kept) AND attention = ? LIMIT ?",
        (CLOSED, count_max),
    ).fetchall()
    bare = [(row[0],) for row in old if row[2] == CLOSED] + closed_since
    connection.executemany("UPDATE taken SET request = x'', pan = NULL, pan_hash = NULL WHERE exchange_id = ?", bare)
    connection.executemany(
        "UPDATE standing SET data = iif(data IS NULL, NULL, x''), outcome = NULL WHERE exchange_id = ?", bare
    )
    connection.executemany("DELETE FROM body_kept WHERE exchange_id = ?", closed_since)
    connection.executemany("INSERT INTO body_kept VALUES (?)", [(row[0],) for row in old if row[2] != CLOSED])
    if old:
        store_meta(connection, "bodies_floor", old[-1][0])
    return len(bare), count_max in (len(old), len(closed_since))
