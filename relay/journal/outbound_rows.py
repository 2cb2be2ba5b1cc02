"""The SQL of outbound messages: written, read, listed and forgotten.

Owns every statement about SQLite's table `outbound`, and the order of its columns for both engines. It must never begin or
commit (writer.py does) and never touch the loop. The traps: a repeat writes nothing, so what was there before is read back and
compared by the caller; and a step of a message that was never taken is refused aloud, not lost. Without being told, SQLite
walks all of the table for what is open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from relay.journal.archive.record import ReleasedMessage
from relay.journal.items import FRESH, OutboundStepItem, OutboundTakeItem, OutboundWrite, PruneItem
from relay.journal.keyring import KeyRing
from relay.journal.outbound import OutboundExisting, OutboundState, OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.port import Fresh, JournalFailed

LOOKED_AT_COUNT_MAX: Final = 50_000  # the newest so many are looked at for people: the loop waits for it

_INSERT = (
    "INSERT INTO outbound (outbound_id, key, listener, line, kind, body, fingerprint, recorded_ms, state, detail, updated_ms,"
    " sent_ms, reported, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', '', ?, NULL, '', ?) ON CONFLICT (key) DO NOTHING"
)
_STEP = (
    "UPDATE outbound SET state = coalesce(?1, state), detail = CASE WHEN ?1 IS NULL THEN detail ELSE ?2 END,"
    " updated_ms = CASE WHEN ?1 IS NULL THEN updated_ms ELSE ?3 END,"
    " sent_ms = CASE ?1 WHEN 'sent' THEN ?3 WHEN 'queued' THEN NULL ELSE sent_ms END,"
    " reported = coalesce(?4, reported) WHERE outbound_id = ?5"
)
SELECT_OUTBOUND = (
    "SELECT outbound_id, key, listener, line, kind, body, fingerprint, recorded_ms, state, detail, updated_ms, sent_ms,"
    " reported, expires_ms FROM outbound"
)
_OPEN = "INDEXED BY outbound_open WHERE is_open"
OPEN_STATES: Final = frozenset({OutboundState.QUEUED, OutboundState.SENT, OutboundState.UNKNOWN})
_NEWEST = "coalesce((SELECT outbound_id FROM outbound ORDER BY outbound_id DESC LIMIT 1 OFFSET :looked_at - 1), 0)"


def write_outbound(connection: sqlite3.Connection, items: Iterable[OutboundWrite], keys: KeyRing) -> None:
    """In the order given. Raises sqlite3.Error, OverflowError and UnicodeEncodeError."""
    for item in items:
        if isinstance(item, OutboundTakeItem):
            connection.execute(_INSERT, outbound_row(item.record, keys))
        else:
            _step(connection, item)


def outbound_result(
    connection: sqlite3.Connection, record: OutboundTaken, keys: KeyRing
) -> Fresh | OutboundExisting | JournalFailed:
    """The answer to a take, once its group is durable."""
    stored = find_outbound(connection, record.key, keys)
    if stored is None:
        return JournalFailed(f"outbound {record.key} is neither new nor there")
    return FRESH if stored.taken.outbound_id == record.outbound_id else OutboundExisting(stored)


def find_outbound(connection: sqlite3.Connection, key: str, keys: KeyRing) -> StoredOutbound | None:
    row = connection.execute(f"{SELECT_OUTBOUND} WHERE key = ?", (key,)).fetchone()
    return None if row is None else read_outbound(row, keys)


def open_outbound(connection: sqlite3.Connection, keys: KeyRing) -> Iterator[StoredOutbound]:
    """Whatever `StoredOutbound.is_open`, in the order of its taking."""
    for row in connection.execute(f"{SELECT_OUTBOUND} {_OPEN} ORDER BY outbound_id"):
        yield read_outbound(row, keys)


def newest_outbound(
    connection: sqlite3.Connection, states: Sequence[OutboundState], count_max: int, keys: KeyRing
) -> Iterator[StoredOutbound]:
    """The newest `count_max` in `states` (none given: in any), newest first. What is open is found however old; of the rest the
    newest LOOKED_AT_COUNT_MAX are looked at."""
    named = ", ".join(f"'{state.value}'" for state in states)
    if states and OPEN_STATES.issuperset(states):
        where = f"{_OPEN} AND state IN ({named})"
    else:
        where = f"WHERE outbound_id >= {_NEWEST}" + (f" AND state IN ({named})" if states else "")
    parameters = {"looked_at": LOOKED_AT_COUNT_MAX, "count": count_max}
    for row in connection.execute(f"{SELECT_OUTBOUND} {where} ORDER BY outbound_id DESC LIMIT :count", parameters):
        yield read_outbound(row, keys)


def prune_outbound(connection: sqlite3.Connection, item: PruneItem, count_max: int) -> tuple[int, bool]:
    """One slice, as retention.py's. Returns how many were deleted or blanked, and whether there may be more. Where archives are
    kept, a body goes by `release_messages` alone, and a row after its body."""
    released = " AND body = x''" if item.only_archived else ""
    deleted = connection.execute(
        "DELETE FROM outbound WHERE outbound_id IN"
        f" (SELECT outbound_id FROM outbound WHERE updated_ms < ? AND outbound_id < ? AND NOT is_open{released} LIMIT ?)",
        (item.keys_before_ms, item.keys_below_id, count_max),
    ).rowcount
    if item.only_archived:
        return deleted, deleted == count_max
    blanked = connection.execute(
        "UPDATE outbound SET body = x'' WHERE outbound_id IN"
        " (SELECT outbound_id FROM outbound WHERE updated_ms < ? AND body <> x'' AND NOT is_open LIMIT ?)",
        (item.bodies_before_ms, count_max),
    ).rowcount
    return deleted + blanked, count_max in (deleted, blanked)


def release_messages(connection: sqlite3.Connection, rows: Sequence[ReleasedMessage]) -> int:
    """The bodies go of those that stand exactly as they do in their archive, and are not open; how many that were. Any other is
    left as it is, and with its body its row stays for good."""
    return sum(
        connection.execute(
            "UPDATE outbound SET body = x''"
            " WHERE outbound_id = ? AND NOT is_open AND state = ? AND reported = ? AND updated_ms = ?",
            (row.outbound_id, row.state, row.reported, row.updated_ms),
        ).rowcount
        for row in rows
    )


def outbound_row(record: OutboundTaken, keys: KeyRing) -> tuple[int | str | bytes | None, ...]:
    return (
        record.outbound_id,
        record.key,
        record.listener,
        record.line,
        record.kind,
        keys.seal_body(record.body, record.key, keys.nonces(1)[0]),
        record.fingerprint,
        record.recorded_ms,
        record.recorded_ms,
        record.expires_ms,
    )


def _step(connection: sqlite3.Connection, item: OutboundStepItem) -> None:
    step: OutboundStep = item.record
    state = None if step.state is None else step.state.value
    reported = None if step.reported is None else step.reported.value
    written = connection.execute(_STEP, (state, step.detail, step.at_ms, reported, step.outbound_id)).rowcount
    if written != 1:
        raise sqlite3.IntegrityError("no such outbound message")


def read_outbound(row: tuple[Any, ...], keys: KeyRing) -> StoredOutbound:
    """Raises ValueError when the body does not decrypt."""
    key = row[1]
    return StoredOutbound(
        taken=OutboundTaken(
            outbound_id=row[0],
            key=key,
            listener=row[2],
            line=row[3],
            kind=row[4],
            body=keys.open_body(row[5], key) if row[5] else b"",
            fingerprint=row[6],
            recorded_ms=row[7],
            expires_ms=row[13],
        ),
        state=OutboundState(row[8]),
        detail=row[9],
        updated_ms=row[10],
        sent_ms=row[11],
        reported=OutboundState(row[12]) if row[12] else None,
    )
