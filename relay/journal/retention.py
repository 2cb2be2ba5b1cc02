"""What is forgotten, when: first the body of a closed exchange, much later its key.

Owns pruning, one bounded slice at a time inside the caller's transaction. It must never know why a window is as long as it
is. The trap: whatever still waits for the core or a person is never forgotten, however old; and the walk starts where the
last one ended (`bodies_floor`), because 35 days of keys are too many to look at every hour.
"""

from __future__ import annotations

import sqlite3
from itertools import takewhile
from typing import Final

from relay.journal.batch import load_meta, store_meta
from relay.journal.items import PruneItem
from relay.journal.outbound_rows import prune_outbound
from relay.journal.rows import CLOSED

SLICE_COUNT_MAX: Final = 500  # exchanges looked at in one transaction


def prune_slice(connection: sqlite3.Connection, item: PruneItem) -> tuple[int, bool]:
    """One slice of each walk. Returns how many deletions and blankings there were, and whether there may be more."""
    deleted, more_keys = _delete_slice(connection, item)
    blanked, more_bodies = _blank_slice(connection, item.bodies_before_ms)
    outbound, more_outbound = prune_outbound(connection, item.keys_before_ms, item.bodies_before_ms)
    return deleted + blanked + outbound, more_keys or more_bodies or more_outbound


def _slice(connection: sqlite3.Connection, above_id: int) -> list[tuple[int, int, int]]:
    return connection.execute(
        "SELECT exchange_id, recorded_ms, attention FROM exchange WHERE exchange_id > ? ORDER BY exchange_id LIMIT ?",
        (above_id, SLICE_COUNT_MAX),
    ).fetchall()


def _delete_slice(connection: sqlite3.Connection, item: PruneItem) -> tuple[int, bool]:
    rows = _slice(connection, item.above_id)
    gone = [
        (exchange_id,)
        for exchange_id, recorded_ms, attention in rows
        if recorded_ms < item.keys_before_ms and attention == CLOSED
    ]
    for table in ("history", "standing", "body_kept", "taken"):
        connection.executemany(f"DELETE FROM {table} WHERE exchange_id = ?", gone)
    if rows:
        item.above_id = rows[-1][0]  # what stays is stepped over
    return len(gone), len(rows) == SLICE_COUNT_MAX and any(row[1] < item.keys_before_ms for row in rows)


def _blank_slice(connection: sqlite3.Connection, before_ms: int) -> tuple[int, bool]:
    rows = _slice(connection, load_meta(connection, "bodies_floor"))
    old = list(takewhile(lambda row: row[1] < before_ms, rows))
    closed_since = connection.execute(
        "SELECT exchange_id FROM exchange WHERE exchange_id IN (SELECT exchange_id FROM body_kept) AND attention = ? LIMIT ?",
        (CLOSED, SLICE_COUNT_MAX),
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
    return len(bare), SLICE_COUNT_MAX in (len(old), len(closed_since))
