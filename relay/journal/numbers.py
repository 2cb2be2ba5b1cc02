"""Which number a moment has: what every walk over days begins with, for both engines.

Owns the lives of a journal and the bisection by time. It must never read a row. The traps: there is no index by time, so a
day's first number is found by halving; numbers grow with time within one life of the journal only (workers that share a
journal live at the same time), and not where a clock was set back: hence the margins of those who ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from relay.journal.items import IDS_PER_INCARNATION

Ask = Callable[[str, Sequence[int]], list[Any]]  # a short read: a statement and its cells


class Numbered(msgspec.Struct, frozen=True):
    """A table whose rows have a number and the time of their taking."""

    table: str
    column: str


EXCHANGES: Final = Numbered("taken", "exchange_id")
MESSAGES: Final = Numbered("outbound", "outbound_id")  # that the core started; of the same count as exchanges


def end_of(number: int) -> int:
    """The first number of the next life."""
    return (number // IDS_PER_INCARNATION + 1) * IDS_PER_INCARNATION


def lives(ask: Ask) -> list[int]:
    """The incarnations that took anything, oldest first."""
    found: list[int] = []
    while True:
        above = ((found[-1] + 1) if found else 0) * IDS_PER_INCARNATION
        rows = ask("SELECT exchange_id FROM taken WHERE exchange_id >= ? ORDER BY exchange_id LIMIT 1", (above,))
        if not rows:
            return found
        found.append(int(rows[0][0]) // IDS_PER_INCARNATION)


def last_before_in(ask: Ask, life: int, wall_ms: int) -> int:
    """The number of the last exchange of `life` before the first one recorded at or after `wall_ms`, UTC epoch milliseconds."""
    low = life * IDS_PER_INCARNATION + 1
    highest = ask("SELECT coalesce(max(exchange_id), 0) FROM taken WHERE exchange_id < ?", (end_of(low),))[0][0]
    return last_before(ask, low, max(low - 1, int(highest)), wall_ms)


def last_before(ask: Ask, first: int, limit: int, wall_ms: int, of: Numbered = EXCHANGES) -> int:
    """The number of the last row up to `limit` before the first one, from `first` on, that was recorded at or after `wall_ms`;
    `first - 1` where there is none."""
    low, high = first, limit + 1
    sql = (
        f"SELECT {of.column}, recorded_ms FROM {of.table} WHERE {of.column} >= ? AND {of.column} <= ?"
        f" ORDER BY {of.column} LIMIT 1"
    )
    while low < high:
        middle = (low + high) // 2
        rows = ask(sql, (middle, limit))
        if not rows or rows[0][1] >= wall_ms:
            high = middle
        else:
            low = int(rows[0][0]) + 1
    return low - 1
