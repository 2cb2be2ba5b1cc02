"""What is forgotten, when: first the body of a closed exchange, much later its key.

Owns pruning, one bounded slice at a time inside the caller's transaction. It must never know why a window is as long as it
is. The trap: whatever still waits for the core or a person is never forgotten, however old; and the walk starts where the
last one ended (`bodies_floor`), because 35 days of keys are too many to look at every hour.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from relay.journal.batch import PruneItem, load_meta, store_meta
from relay.journal.rows import CLOSED

SLICE_COUNT_MAX: Final = 500  # exchanges looked at in one transaction


def prune_slice(connection: sqlite3.Connection, item: PruneItem) -> tuple[int, bool]:
    """One slice of each walk. Returns how many exchanges were deleted or blanked, and whether there may be more."""
    deleted, more_keys = _delete_slice(connection, item)
    blanked, more_bodies = _blank_slice(connection, item.bodies_before_ms)
    return deleted + blanked, more_keys or more_bodies


def _slice(connection: sqlite3.Connection, above_id: int) -> list[tuple[int, int, int]]:
    return connection.execute(
        "SELECT exchange_id, recorded_ms, attention FROM exchange WHERE exchange_id > ? ORDER BY exchange_id LIMIT ?",
        (above_id, SLICE_COUNT_MAX),
    ).fetchall()


def _delete_slice(connection: sqlite3.Connection, item: PruneItem) -> tuple[int, bool]:
    rows = _slice(connection, item.above_id)
    gone = [(row[0],) for row in rows if row[1] < item.keys_before_ms and row[2] == CLOSED]
    connection.executemany("DELETE FROM history WHERE exchange_id = ?", gone)
    connection.executemany("DELETE FROM standing WHERE exchange_id = ?", gone)
    connection.executemany("DELETE FROM taken WHERE exchange_id = ?", gone)
    if rows:
        item.above_id = rows[-1][0]  # what stays (open, or on the list) is stepped over
    return len(gone), len(rows) == SLICE_COUNT_MAX and any(row[1] < item.keys_before_ms for row in rows)


def _blank_slice(connection: sqlite3.Connection, before_ms: int) -> tuple[int, bool]:
    floor = load_meta(connection, "bodies_floor")
    rows = _slice(connection, floor)
    old = []
    for row in rows:
        if row[1] >= before_ms:
            break
        old.append(row)
    bare = [(row[0],) for row in old if row[2] == CLOSED]
    connection.executemany("UPDATE taken SET request = x'', pan = NULL, pan_hash = NULL WHERE exchange_id = ?", bare)
    connection.executemany(
        "UPDATE standing SET data = CASE WHEN data IS NULL THEN NULL ELSE x'' END, outcome = NULL WHERE exchange_id = ?", bare
    )
    if old:
        store_meta(connection, "bodies_floor", old[-1][0])
    return len(bare), len(old) == SLICE_COUNT_MAX
