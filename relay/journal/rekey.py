"""After a change of keys: what an older key sealed is sealed anew, a slice at a time, until no row needs that key.

Owns the walk, inside the caller's transaction. It must never know a credential. The traps: a slice is as small as it is because
records wait behind it; the walk begins anew at each start, and skips what is done by its key's id, so a kill at any point costs
nothing but the reading; and a key is cleared only in the transaction of the last slice, when every row has been looked at. New
rows always name the current key, so nothing can come in behind the walk; and where the journal names another key than the one
that this relay writes with, nothing is walked. A key that is changed again during a walk makes it begin anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from protocols.vocabulary import Pan
from relay.journal.items import IDS_PER_INCARNATION, RekeyItem
from relay.journal.keyring import KEY_ID_BYTES, KeyRing
from relay.journal.keytable import clear_keys, current_id, needed_ids, needed_rows, switch_key

SLICE_COUNT_MAX: Final = 50  # rows sealed anew in one transaction: records wait behind it, for three milliseconds or so
LOOKED_AT_COUNT_MAX: Final = 5_000  # rows looked at in one transaction
LIVES_COUNT_MAX: Final = 10_000  # incarnations whose numbers are counted, for the progress that people see
_NEXT_LIFE: Final = f"(low / {IDS_PER_INCARNATION} + 1) * {IDS_PER_INCARNATION}"
# Of each incarnation the first and last number, by a few looks into the index and not by counting; for both engines.
SELECT_SPANS: Final = (
    "WITH RECURSIVE life (low) AS (SELECT min(exchange_id) FROM taken UNION ALL"
    f" SELECT (SELECT min(exchange_id) FROM taken WHERE exchange_id >= {_NEXT_LIFE}) FROM life WHERE low IS NOT NULL)"
    f" SELECT low, (SELECT max(exchange_id) FROM taken WHERE exchange_id < {_NEXT_LIFE}) FROM life WHERE low IS NOT NULL"
    f" LIMIT {LIVES_COUNT_MAX}"
)
OTHER_KEY: Final = "the journal names another key than the one that this relay writes with"


def is_owed(connection: sqlite3.Connection) -> bool:
    """Whether a row may name another key than the current one."""
    return len(needed_ids(connection)) > 1


def rekey_slice(connection: sqlite3.Connection, item: RekeyItem, keys: KeyRing) -> bool:
    """One slice. Returns whether there may be more. Raises ValueError for a row that no key opens: then no key is cleared."""
    if current_id(connection) != keys.key_id:
        raise ValueError(OTHER_KEY)
    item.begin_under(keys.key_id)
    if not is_owed(connection):
        return False
    if item.spans is None:
        item.spans = connection.execute(SELECT_SPANS).fetchall()
    if _exchanges(connection, item, keys) or _outbound(connection, item, keys):
        return True
    clear_keys(connection)
    return False


def take_proposed(connection: sqlite3.Connection, keys: KeyRing) -> None:
    """The proposed key becomes the journal's, once this transaction commits. Raises ValueError where a key is missing."""
    ring = keys.proposed
    if ring is None:
        raise ValueError("no key is proposed")
    prove_proposed(needed_rows(connection), ring)
    if current_id(connection) != ring.key_id:
        switch_key(connection, ring)


def prove_proposed(needed: Iterable[tuple[str, bytes]], ring: KeyRing) -> None:
    """`needed` are ids and check values. Raises ValueError, in words."""
    missing = sorted(key_id for key_id, check in needed if ring.check_of(key_id) != bytes(check))
    if missing:
        raise ValueError(f"rows need the key {', '.join(missing)}, which the configuration does not name")


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
