"""The SQL of outbound messages on PostgreSQL: written, read, listed and forgotten, as relay/journal/outbound_rows.py does.

Owns every statement about the table `outbound`. It must never begin or commit (writer.py does). The traps: a repeat writes
nothing, so what was there before is read back and compared by the caller; and a step of a message that was never taken is
refused aloud, not lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relay.journal.archive.record import ReleasedMessage
from relay.journal.items import FRESH, OutboundTakeItem, OutboundWrite, PruneItem
from relay.journal.keyring import KeyRing
from relay.journal.outbound import OutboundExisting, OutboundState, OutboundTaken, StoredOutbound
from relay.journal.outbound_rows import LOOKED_AT_COUNT_MAX, OPEN_STATES, SELECT_OUTBOUND, outbound_row, read_outbound
from relay.journal.port import Fresh, JournalFailed
from relay.journal.postgres.door import BadRecord, Connection

_INSERT = (
    "INSERT INTO outbound (outbound_id, key, listener, line, kind, body, fingerprint, recorded_ms, state, detail, updated_ms,"
    " sent_ms, reported, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', '', $9, NULL, '', $10)"
    " ON CONFLICT (key) DO NOTHING"
)
_STEP = (
    "UPDATE outbound SET state = coalesce($1::text, state), detail = CASE WHEN $1::text IS NULL THEN detail ELSE $2::text END,"
    " updated_ms = CASE WHEN $1::text IS NULL THEN updated_ms ELSE $3::bigint END,"
    " sent_ms = CASE $1::text WHEN 'sent' THEN $3::bigint WHEN 'queued' THEN NULL ELSE sent_ms END,"
    " reported = coalesce($4::text, reported) WHERE outbound_id = $5 RETURNING outbound_id"
)
_NEWEST = f"coalesce((SELECT outbound_id FROM outbound ORDER BY outbound_id DESC OFFSET {LOOKED_AT_COUNT_MAX - 1} LIMIT 1), 0)"
_DELETE = (
    "DELETE FROM outbound WHERE outbound_id IN (SELECT outbound_id FROM outbound"
    " WHERE updated_ms < $1 AND outbound_id < $3 AND NOT is_open{} LIMIT $2) RETURNING outbound_id"
)
_DELETE_ANY = _DELETE.format("")
_DELETE_RELEASED = _DELETE.format(" AND body = '\\x'")
_RELEASE = (
    "UPDATE outbound AS o SET body = '\\x' FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])"
    " AS r (outbound_id, state, reported, updated_ms) WHERE o.outbound_id = r.outbound_id AND NOT o.is_open"
    " AND o.state = r.state AND o.reported = r.reported AND o.updated_ms = r.updated_ms RETURNING o.outbound_id"
)
_BLANK = (
    "UPDATE outbound SET body = '\\x' WHERE outbound_id IN (SELECT outbound_id FROM outbound"
    " WHERE updated_ms < $1 AND body <> '\\x' AND NOT is_open LIMIT $2) RETURNING outbound_id"
)


async def write_outbound(connection: Connection, items: Iterable[OutboundWrite], keys: KeyRing) -> None:
    """In the order given. Raises BadRecord, Refused and Lost."""
    for item in items:
        if isinstance(item, OutboundTakeItem):
            await connection.rows(_INSERT, *outbound_row(item.record, keys))
        else:
            step = item.record
            state = None if step.state is None else step.state.value
            reported = None if step.reported is None else step.reported.value
            if not await connection.rows(_STEP, state, step.detail, step.at_ms, reported, step.outbound_id):
                raise BadRecord("no such outbound message")


async def outbound_result(
    connection: Connection, record: OutboundTaken, keys: KeyRing
) -> Fresh | OutboundExisting | JournalFailed:
    """The answer to a take, once its group is durable."""
    stored = await find_outbound(connection, record.key, keys)
    if stored is None:
        return JournalFailed(f"outbound {record.key} is neither new nor there")
    return FRESH if stored.taken.outbound_id == record.outbound_id else OutboundExisting(stored)


async def find_outbound(connection: Connection, key: str, keys: KeyRing) -> StoredOutbound | None:
    rows = await connection.rows(f"{SELECT_OUTBOUND} WHERE key = $1", key)
    return read_outbound(rows[0], keys) if rows else None


async def open_outbound(connection: Connection, keys: KeyRing) -> list[StoredOutbound]:
    """Whatever `StoredOutbound.is_open`, in the order of its taking."""
    return [read_outbound(row, keys) for row in await connection.rows(f"{SELECT_OUTBOUND} WHERE is_open ORDER BY outbound_id")]


async def newest_outbound(
    connection: Connection, states: Sequence[OutboundState], count_max: int, keys: KeyRing
) -> list[StoredOutbound]:
    """The newest `count_max` in `states` (none given: in any), newest first. What is open is found however old; of the rest the
    newest LOOKED_AT_COUNT_MAX are looked at."""
    named = "state = ANY ($2)" if states else "$2::text[] IS NOT NULL"
    where = "is_open" if states and OPEN_STATES.issuperset(states) else f"outbound_id >= {_NEWEST}"
    sql = f"{SELECT_OUTBOUND} WHERE {where} AND {named} ORDER BY outbound_id DESC LIMIT $1"
    return [read_outbound(row, keys) for row in await connection.rows(sql, count_max, [state.value for state in states])]


async def prune_outbound(connection: Connection, item: PruneItem, count_max: int) -> tuple[int, bool]:
    """One slice. Returns how many were deleted or blanked, and whether there may be more. Where archives are kept, a body goes
    by `release_messages` alone, and a row after its body."""
    delete = _DELETE_RELEASED if item.only_archived else _DELETE_ANY
    deleted = len(await connection.rows(delete, item.keys_before_ms, count_max, item.keys_below_id))
    if item.only_archived:
        return deleted, deleted == count_max
    blanked = len(await connection.rows(_BLANK, item.bodies_before_ms, count_max))
    return deleted + blanked, count_max in (deleted, blanked)


async def release_messages(connection: Connection, rows: Sequence[ReleasedMessage]) -> int:
    """As relay/journal/outbound_rows.py does."""
    ids, states = [row.outbound_id for row in rows], [row.state for row in rows]
    reported, updated_ms = [row.reported for row in rows], [row.updated_ms for row in rows]
    return len(await connection.rows(_RELEASE, ids, states, reported, updated_ms)) if rows else 0
