"""What is in an archive leaves the journal on PostgreSQL, as relay/journal/release.py does, one bounded slice at a time.

Owns that, inside the caller's transaction, and the row that says which archives there are. It must never read an archive. The
trap: only an exchange that stands exactly as it does in the archive loses its body; any other is noted and archived anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relay.journal.archive.record import ArchiveRecord, ReleasedMessage, ReleasedRow
from relay.journal.items import ReleaseItem
from relay.journal.postgres.door import Connection
from relay.journal.postgres.outbound import release_messages
from relay.journal.release import stands_as_archived

_COLUMNS: Final = ArchiveRecord.__struct_fields__
_INSERT: Final = (
    f"INSERT INTO archive ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'${n}' for n in range(1, len(_COLUMNS) + 1))})"
    " ON CONFLICT (file_name) DO UPDATE SET digest = excluded.digest, file_bytes = excluded.file_bytes,"
    " exchange_count = excluded.exchange_count, history_count = excluded.history_count, key_id = excluded.key_id,"
    " newest_ms = excluded.newest_ms, archived_ms = excluded.archived_ms WHERE archive.released_id < 0"
)
_STANDS: Final = (
    "SELECT s.exchange_id, s.state, s.updated_ms, s.attention,"
    " coalesce((SELECT max(h.line_id) FROM history AS h WHERE h.exchange_id = s.exchange_id), 0)"
    " FROM standing AS s WHERE s.exchange_id = ANY ($1)"
)
_NOTE_CHANGED: Final = "INSERT INTO body_kept SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING"
_MOVE_ON: Final = "UPDATE archive SET released_id = greatest(released_id, $1), is_released = $2 WHERE file_name = $3"
_FORGET: Final = (
    "UPDATE taken SET request = '\\x', pan = NULL, pan_hash = NULL WHERE exchange_id = ANY ($1)",
    "UPDATE standing SET data = CASE WHEN data IS NULL THEN NULL ELSE ''::bytea END, outcome = NULL"
    " WHERE exchange_id = ANY ($1)",
    "DELETE FROM history WHERE exchange_id = ANY ($1)",
    "DELETE FROM body_kept WHERE exchange_id = ANY ($1)",
)


async def note_archive(connection: Connection, record: ArchiveRecord) -> None:
    cells: list[object] = [getattr(record, name) for name in _COLUMNS]
    cells[_COLUMNS.index("kind")] = record.kind.value
    cells[_COLUMNS.index("is_released")] = int(record.is_released)
    await connection.rows(_INSERT, *cells)


async def release_slice(connection: Connection, item: ReleaseItem, count_max: int) -> tuple[int, int]:
    """The next rows of `item`. Returns how many were released, and the position of the next slice."""
    rows = item.rows[item.position : item.position + count_max]
    count = await release_messages(connection, [row for row in rows if isinstance(row, ReleasedMessage)])
    count += await _release_exchanges(connection, [row for row in rows if isinstance(row, ReleasedRow)])
    position = item.position + len(rows)
    is_done = item.is_last and position == len(item.rows)
    if rows or is_done:
        await connection.rows(_MOVE_ON, rows[-1].number if rows else -1, int(is_done), item.file_name)
    return count, position


async def _release_exchanges(connection: Connection, rows: Sequence[ReleasedRow]) -> int:
    if not rows:
        return 0
    found = {row[0]: tuple(row)[1:] for row in await connection.rows(_STANDS, [row.exchange_id for row in rows])}
    there = [row for row in rows if row.exchange_id in found]
    unchanged = [row.exchange_id for row in there if stands_as_archived(row, found[row.exchange_id])]
    changed = [row.exchange_id for row in there if row.exchange_id not in set(unchanged)]
    if unchanged:
        for statement in _FORGET:
            await connection.rows(statement, unchanged)
    if changed:
        await connection.rows(_NOTE_CHANGED, changed)
    return len(unchanged)
