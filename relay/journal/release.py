"""What is in an archive leaves the journal: body and history, exchange by exchange, never the key.

Owns that, one bounded slice at a time inside the caller's transaction, and the row that says which archives there are. It must
never read an archive. The trap: an exchange may have changed since the archive was written (late evidence, a reversal of an
old original). Only one that stands exactly as it does in the archive loses its body; any other is noted, stays whole, and is
archived anew. Messages that the core started are told apart by what they are handed over as.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from relay.journal.archive.record import ArchiveRecord, ReleasedMessage, ReleasedRow
from relay.journal.items import ReleaseItem
from relay.journal.outbound_rows import release_messages
from relay.journal.rows import CLOSED

_STANDS = (
    "SELECT state, updated_ms, attention,"
    " coalesce((SELECT max(line_id) FROM history AS h WHERE h.exchange_id = s.exchange_id), 0)"
    " FROM standing AS s WHERE exchange_id = ?"
)
_RECORD_COLUMNS = ArchiveRecord.__struct_fields__
_INSERT = (
    f"INSERT INTO archive ({', '.join(_RECORD_COLUMNS)}) VALUES ({', '.join('?' * len(_RECORD_COLUMNS))})"
    " ON CONFLICT (file_name) DO UPDATE SET digest = excluded.digest, file_bytes = excluded.file_bytes,"
    " exchange_count = excluded.exchange_count, history_count = excluded.history_count, key_id = excluded.key_id,"
    " newest_ms = excluded.newest_ms, archived_ms = excluded.archived_ms WHERE released_id < 0"
)


def note_archive(connection: sqlite3.Connection, record: ArchiveRecord) -> None:
    """Known from now on; again under its name only as long as nothing has left the journal for it."""
    cells = [getattr(record, name) for name in _RECORD_COLUMNS]
    connection.execute(
        _INSERT, [str(cell) if name == "kind" else cell for name, cell in zip(_RECORD_COLUMNS, cells, strict=True)]
    )


def release_slice(connection: sqlite3.Connection, item: ReleaseItem, count_max: int) -> tuple[int, int]:
    """The next rows of `item`. Returns how many were released, and the position of the next slice (to be taken over once this
    one is durable)."""
    rows = item.rows[item.position : item.position + count_max]
    exchanges = [row for row in rows if isinstance(row, ReleasedRow)]
    count = release_messages(connection, [row for row in rows if isinstance(row, ReleasedMessage)])
    count += _release_exchanges(connection, exchanges)
    position = item.position + len(rows)
    is_done = item.is_last and position == len(item.rows)
    if rows or is_done:
        connection.execute(
            "UPDATE archive SET released_id = max(released_id, ?), is_released = ? WHERE file_name = ?",
            (rows[-1].number if rows else -1, is_done, item.file_name),
        )
    return count, position


def _release_exchanges(connection: sqlite3.Connection, rows: Sequence[ReleasedRow]) -> int:
    unchanged: list[tuple[int]] = []
    changed: list[tuple[int]] = []
    for row in rows:
        found = connection.execute(_STANDS, (row.exchange_id,)).fetchone()
        if found is not None:  # else its key was forgotten meanwhile
            (unchanged if stands_as_archived(row, found) else changed).append((row.exchange_id,))
    connection.executemany("UPDATE taken SET request = x'', pan = NULL, pan_hash = NULL WHERE exchange_id = ?", unchanged)
    connection.executemany(
        "UPDATE standing SET data = iif(data IS NULL, NULL, x''), outcome = NULL WHERE exchange_id = ?", unchanged
    )
    connection.executemany("DELETE FROM history WHERE exchange_id = ?", unchanged)
    connection.executemany("DELETE FROM body_kept WHERE exchange_id = ?", unchanged)
    connection.executemany("INSERT INTO body_kept VALUES (?) ON CONFLICT DO NOTHING", changed)
    return len(unchanged)


def stands_as_archived(row: ReleasedRow, found: tuple[str, int, int, int]) -> bool:
    """`found` is state, time of its last step, attention, and the last line of its history."""
    state, updated_ms, attention, last_line_id = found
    return attention == CLOSED and (state, updated_ms) == (row.state, row.updated_ms) and last_line_id <= row.last_line_id
