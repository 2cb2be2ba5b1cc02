"""The journal's side of a reconciliation: what each exchange says about one key, read on a connection of its own.

Owns `Side` and its reader, all SQL of reconciliation included. It must never write, and never read a PAN, a request body or
reply data. The traps: it is called from a thread of its own, so that the message path never waits for it, and each call is one
short read, because a long one would keep the daemon's log from being folded away; there is no index by time, so a day's first
number is found by bisection (numbers grow with time, but for a clock that was set back: hence the margin of the caller).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from relay.journal.schema import open_reader

ROWS_MAX: Final = 500

_SELECT: Final = (
    "SELECT e.exchange_id, e.key, e.terminal, e.message_class, e.kind, e.policy, e.state, e.attention, e.verdict,"
    " e.amount_minor, e.currency, e.business_date, e.recorded_ms, e.updated_ms, e.standing_minor, e.outcome, e.incarnation,"
    " EXISTS (SELECT 1 FROM taken AS r WHERE r.original_key = e.key AND r.original_key <> '') AS is_related,"
    " EXISTS (SELECT 1 FROM history AS h WHERE h.exchange_id = e.exchange_id AND h.event = 'RESOLVED') AS is_resolved"
    " FROM exchange AS e"
)


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange, as far as money is concerned. `outcome` is packed evidence (relay/exchange/evidence.py reads it)."""

    exchange_id: int
    key: str
    terminal: str
    message_class: str
    kind: str
    policy: str
    state: str
    is_closed: bool
    verdict: str | None
    amount_minor: int | None
    currency: str
    business_date: str
    recorded_ms: int
    updated_ms: int
    standing_minor: int | None = None
    outcome: bytes | None = None
    incarnation: int = 0
    is_related: bool = False  # a reversal or completion names this key
    is_resolved: bool = False  # a person has decided about it


class SideReader:
    """Raises JournalUnusable at opening, sqlite3.Error later."""

    def __init__(self, path: str) -> None:
        self._connection = open_reader(path)

    def close(self) -> None:
        self._connection.close()

    def by_keys(self, keys: Sequence[str]) -> dict[str, Side]:
        """At most ROWS_MAX keys at once; a key that the journal does not hold is not in the answer."""
        if not keys:
            return {}
        if len(keys) > ROWS_MAX:
            raise ValueError(f"{len(keys)} keys at once, at most {ROWS_MAX}")
        rows = self._connection.execute(f"{_SELECT} WHERE e.key IN ({', '.join('?' * len(keys))})", tuple(keys)).fetchall()
        return {row[1]: _side(row) for row in rows}

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]:
        """The next exchanges above `exchange_id`, in the order of their numbers."""
        rows = self._connection.execute(
            f"{_SELECT} WHERE e.exchange_id > ? ORDER BY e.exchange_id LIMIT ?", (exchange_id, count_max)
        ).fetchall()
        return [_side(row) for row in rows]

    def last_before(self, wall_ms: int) -> int:
        """The highest number below the first exchange that was recorded at or after `wall_ms`."""
        low, high = 0, self._highest() + 1
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(
                "SELECT exchange_id, recorded_ms FROM taken WHERE exchange_id >= ? ORDER BY exchange_id LIMIT 1", (middle,)
            ).fetchone()
            if row is None or row[1] >= wall_ms:
                high = middle
            else:
                low = row[0] + 1
        return low - 1

    def _highest(self) -> int:
        (highest,) = self._connection.execute("SELECT coalesce(max(exchange_id), 0) FROM taken").fetchone()
        return int(highest)


def _side(row: sqlite3.Row | tuple[object, ...]) -> Side:
    cells = tuple(row)
    return msgspec.convert(
        dict(zip(_FIELDS, (*cells[:7], cells[7] == 0, *cells[8:17], bool(cells[17]), bool(cells[18])), strict=True)), Side
    )


_FIELDS: Final = Side.__struct_fields__
