"""Records of reveals in a journal on PostgreSQL: written by the relay in its groups, or by a command on its own connection.

Owns both ways of writing. It must never show anything. A lone record is safe beside a running relay: it is a row of its own,
which no other statement reads or changes, and it commits as everything does, with the standby.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.journal.audit import (
    COUNT_REVEALS,
    INSERT_REVEAL,
    SELECT_REVEALS,
    Reveal,
    StoredReveal,
    read_reveal,
    reveal_row,
)
from relay.journal.postgres.door import Connection
from relay.journal.postgres.group import numbered

_INSERT = numbered(INSERT_REVEAL)
_SELECT = numbered(SELECT_REVEALS)


async def write_reveals(connection: Connection, reveals: Iterable[Reveal]) -> None:
    """Inside the caller's transaction, or each in its own."""
    for reveal in reveals:
        await connection.rows(_INSERT, *reveal_row(reveal))


async def read_reveals(connection: Connection, above_id: int, count_max: int) -> list[StoredReveal]:
    return [read_reveal(row) for row in await connection.rows(_SELECT, above_id, count_max)]


async def count_reveals(connection: Connection) -> int:
    return int((await connection.rows(COUNT_REVEALS))[0][0])
