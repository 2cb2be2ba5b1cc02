"""After a change of keys: what an older key sealed is sealed anew, a slice at a time, until no row needs that key.

Owns the walk, inside the caller's transaction. It must never know a credential. The traps: a slice is as small as it is because
records wait behind it; the walk begins anew at each start, and skips what is done by its key's id, so a kill at any point costs
nothing but the reading; and a key is cleared only in the transaction of the last slice, when every row has been looked at. New
rows always name the current key, so nothing can come in behind the walk.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from protocols.vocabulary import Pan
from relay.journal.items import RekeyItem
from relay.journal.keyring import KEY_ID_BYTES, KeyRing
from relay.journal.keytable import clear_keys, needed_ids

SLICE_COUNT_MAX: Final = 200  # rows sealed anew in one transaction: a few milliseconds
LOOKED_AT_COUNT_MAX: Final = 5_000  # rows looked at in one transaction


def is_owed(connection: sqlite3.Connection) -> bool:
    """Whether a row may name another key than the current one."""
    return len(needed_ids(connection)) > 1


def rekey_slice(connection: sqlite3.Connection, item: RekeyItem, keys: KeyRing) -> bool:
    """One slice. Returns whether there may be more. Raises ValueError for a row that no key opens: then no key is cleared."""
    if not is_owed(connection):
        return False
    if _exchanges(connection, item, keys) or _outbound(connection, item, keys):
        return True
    clear_keys(connection)
    return False


def _exchanges(connection: sqlite3.Connection, item: RekeyItem, keys: KeyRing) -> bool:
    rows = connection.execute(
        "SELECT exchange_id, key, pan FROM taken WHERE exchange_id > ?1 AND exchange_id <= coalesce("
        "(SELECT exchange_id FROM taken WHERE exchange_id > ?1 ORDER BY exchange_id LIMIT 1 OFFSET ?2 - 1),"
        " 9223372036854775807)"
        " AND pan IS NOT NULL AND substr(pan, 1, ?3) <> ?4 ORDER BY exchange_id LIMIT ?5",
        (item.above_id, LOOKED_AT_COUNT_MAX, KEY_ID_BYTES, bytes.fromhex(keys.key_id), SLICE_COUNT_MAX),
    ).fetchall()
    pans: list[tuple[int, str, Pan]] = [(row[0], row[1], keys.open(row[2], row[1])) for row in rows]
    connection.executemany(
        "UPDATE taken SET pan = ?, pan_hash = ? WHERE exchange_id = ?",
        [
            (keys.seal(pan, key, nonce), keys.pan_hash(pan), exchange_id)
            for (exchange_id, key, pan), nonce in zip(pans, keys.nonces(len(pans)), strict=True)
        ],
    )
    item.rekeyed_count += len(rows)
    if len(rows) == SLICE_COUNT_MAX:
        item.above_id = rows[-1][0]
        return True
    return _step_over(connection, item)


def _step_over(connection: sqlite3.Connection, item: RekeyItem) -> bool:
    """Past everything that this slice has looked at."""
    end = connection.execute(
        "SELECT exchange_id FROM taken WHERE exchange_id > ? ORDER BY exchange_id LIMIT 1 OFFSET ?",
        (item.above_id, LOOKED_AT_COUNT_MAX - 1),
    ).fetchone()
    if end is None:
        return False
    item.above_id = end[0]
    return True


def _outbound(connection: sqlite3.Connection, item: RekeyItem, keys: KeyRing) -> bool:
    rows = connection.execute(
        "SELECT outbound_id, key, body FROM outbound WHERE outbound_id > ? ORDER BY outbound_id LIMIT ?",
        (item.above_outbound_id, SLICE_COUNT_MAX),
    ).fetchall()
    old = [(row[0], row[1], keys.open_body(row[2], row[1])) for row in rows if row[2] and not keys.is_current(row[2])]
    connection.executemany(
        "UPDATE outbound SET body = ? WHERE outbound_id = ?",
        [
            (keys.seal_body(body, key, nonce), outbound_id)
            for (outbound_id, key, body), nonce in zip(old, keys.nonces(len(old)), strict=True)
        ],
    )
    item.rekeyed_count += len(old)
    if rows:
        item.above_outbound_id = rows[-1][0]
    return len(rows) == SLICE_COUNT_MAX
