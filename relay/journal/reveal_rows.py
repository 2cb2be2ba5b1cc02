"""Records of reveals in an SQLite journal: written by the relay in its groups, or by a command where no relay runs.

Owns both ways of writing. It must never show anything. The trap: beside a running relay nobody else may write, so the lone
writer takes the relay's own lock first, for as short as one record takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from relay.errors import JournalUnusable
from relay.journal.audit import COUNT_REVEALS, INSERT_REVEAL, SELECT_REVEALS, Reveal, StoredReveal, read_reveal, reveal_row
from relay.journal.schema import FileLock, open_for_adoption


def write_reveals(connection: sqlite3.Connection, reveals: Iterable[Reveal]) -> None:
    """Inside the caller's transaction. Raises sqlite3.Error, OverflowError and UnicodeEncodeError."""
    for reveal in reveals:
        connection.execute(INSERT_REVEAL, reveal_row(reveal))


def read_reveals(connection: sqlite3.Connection, above_id: int, count_max: int) -> list[StoredReveal]:
    return [read_reveal(row) for row in connection.execute(SELECT_REVEALS, (above_id, count_max))]


def count_reveals(connection: sqlite3.Connection) -> int:
    return int(connection.execute(COUNT_REVEALS).fetchone()[0])


def record_alone(path: str, reveal: Reveal) -> None:
    """Durable when it returns. Raises JournalUnusable, also where a relay runs on this journal: then the relay writes it."""
    lock = FileLock(path)
    try:
        connection = open_for_adoption(path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            write_reveals(connection, [reveal])
            connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise JournalUnusable(
                f"The journal {path} cannot be written: {error}.", "As the relay's user: sudo -u relay relay journal ..."
            ) from error
        finally:
            connection.close()
    finally:
        lock.release()
