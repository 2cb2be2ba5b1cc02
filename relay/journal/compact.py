"""Empty pages go back to the file system, a few at a time between the groups.

Owns how many stay: a tenth of the file, for tomorrow's records. It must never run VACUUM, which holds the writer for as long as
copying the file takes. The trap: only a journal that was made with incremental vacuum can give pages back; an older one is
converted off line (docs/runbook.md), and until then keeps its empty pages for new records.
"""

from __future__ import annotations

import sqlite3
from typing import Final

KEPT_DIVISOR: Final = 10  # of the file's pages that stay free, one in so many
INCREMENTAL: Final = 2  # of PRAGMA auto_vacuum
CONVERT: Final = "With the relay stopped, as its user: sqlite3 {path} 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM;'"


def can_compact(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("PRAGMA auto_vacuum").fetchone()[0]) == INCREMENTAL


def free_bytes(connection: sqlite3.Connection) -> int:
    """Of empty pages."""
    return _number(connection, "freelist_count") * _number(connection, "page_size")


def spare_pages(connection: sqlite3.Connection) -> int:
    """Empty pages that are more than what stays."""
    return max(0, _number(connection, "freelist_count") - _number(connection, "page_count") // KEPT_DIVISOR)


def compact_slice(connection: sqlite3.Connection, page_count_max: int) -> bool:
    """Give back that many pages at most. Returns whether there may be more to give."""
    spare = spare_pages(connection) if can_compact(connection) else 0
    for _ in range(min(spare, page_count_max)):
        connection.execute("PRAGMA incremental_vacuum(1)")  # a larger number is one row a page, and sqlite3 stops at the first
    return spare > 0  # the file is smaller now, and a tenth of it is less


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
