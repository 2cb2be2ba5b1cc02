"""After a change of keys on PostgreSQL: sealed anew as relay/journal/rekey.py does, one bounded slice at a time.

Owns the walk, inside the caller's transaction. It must never know a credential. The traps: where the walk stands is told to the
caller and noted only once the slice is durable; and keys are cleared only in the transaction of the last slice.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.journal.items import RekeyItem
from relay.journal.keyring import KEY_ID_BYTES, KeyRing
from relay.journal.postgres.door import Connection
from relay.journal.postgres.keytable import clear_keys, current_id, needed_count, take_proposed
from relay.journal.rekey import OTHER_KEY, SELECT_SPANS

SLICE_COUNT_MAX: Final = 50  # rows sealed anew in one transaction: records wait behind it
LOOKED_AT_COUNT_MAX: Final = 5_000  # rows looked at in one transaction
_LOOKED = "(SELECT exchange_id, key, pan FROM taken WHERE exchange_id > $1 ORDER BY exchange_id LIMIT $2) AS looked"
_OLD = (
    f"SELECT exchange_id, key, pan FROM {_LOOKED}"
    f" WHERE pan IS NOT NULL AND substr(pan, 1, {KEY_ID_BYTES}) <> $3 ORDER BY exchange_id LIMIT $4"
)
_END = f"SELECT count(*), max(exchange_id) FROM {_LOOKED}"
_SEAL = (
    "UPDATE taken SET pan = r.pan, pan_hash = r.pan_hash"
    " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS r (exchange_id, pan, pan_hash)"
    " WHERE taken.exchange_id = r.exchange_id"
)
_OUTBOUND = "SELECT outbound_id, key, body FROM outbound WHERE outbound_id > $1 ORDER BY outbound_id LIMIT $2"
_SEAL_OUTBOUND = (
    "UPDATE outbound SET body = r.body FROM unnest($1::bigint[], $2::bytea[]) AS r (outbound_id, body)"
    " WHERE outbound.outbound_id = r.outbound_id"
)


class Walked(msgspec.Struct, frozen=True):
    """Where the walk stands once the slice is durable."""

    count: int
    more: bool
    above_id: int = -1
    above_outbound_id: int = -1
    position: int = 0  # of a release


async def rekey_slice(connection: Connection, item: RekeyItem, keys: KeyRing) -> Walked:
    """One slice. Raises ValueError for a row that no key opens: then no key is cleared."""
    if item.changes_key:
        await take_proposed(connection, keys)
        return Walked(0, False, item.above_id, item.above_outbound_id)
    if await current_id(connection) != keys.key_id:
        raise ValueError(OTHER_KEY)
    item.begin_under(keys.key_id)
    if await needed_count(connection) < 2:
        return Walked(0, False, item.above_id, item.above_outbound_id)
    if item.spans is None:
        item.spans = [(row[0], row[1]) for row in await connection.rows(SELECT_SPANS)]
    count, more, above_id = await _exchanges(connection, item.above_id, keys)
    above_outbound_id = item.above_outbound_id
    if not more:
        outbound_count, more, above_outbound_id = await _outbound(connection, above_outbound_id, keys)
        count += outbound_count
    if not more:
        await clear_keys(connection)
    return Walked(count, more, above_id, above_outbound_id)


async def _exchanges(connection: Connection, above_id: int, keys: KeyRing) -> tuple[int, bool, int]:
    mine = bytes.fromhex(keys.key_id)
    rows = await connection.rows(_OLD, above_id, LOOKED_AT_COUNT_MAX, mine, SLICE_COUNT_MAX)
    if rows:
        pans = [keys.open(sealed, key) for _, key, sealed in rows]
        nonces = keys.nonces(len(rows))
        anew = [keys.seal(pan, row[1], nonce) for pan, row, nonce in zip(pans, rows, nonces, strict=True)]
        await connection.rows(_SEAL, [row[0] for row in rows], anew, [keys.pan_hash(pan) for pan in pans])
    if len(rows) == SLICE_COUNT_MAX:
        return len(rows), True, rows[-1][0]
    (looked_at, last), *_ = await connection.rows(_END, above_id, LOOKED_AT_COUNT_MAX)
    return len(rows), looked_at == LOOKED_AT_COUNT_MAX, above_id if last is None else last


async def _outbound(connection: Connection, above_id: int, keys: KeyRing) -> tuple[int, bool, int]:
    rows = await connection.rows(_OUTBOUND, above_id, SLICE_COUNT_MAX)
    old = [row for row in rows if row[2] and not keys.is_current(row[2])]
    if old:
        nonces = keys.nonces(len(old))
        anew = [keys.seal_body(keys.open_body(row[2], row[1]), row[1], nonce) for row, nonce in zip(old, nonces, strict=True)]
        await connection.rows(_SEAL_OUTBOUND, [row[0] for row in old], anew)
    return len(old), len(rows) == SLICE_COUNT_MAX, rows[-1][0] if rows else above_id
