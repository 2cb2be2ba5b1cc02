"""The journal's side of a reconciliation: what each exchange says about one key, read on a connection of its own.

Owns `Side`, `Moved` and their reader, all SQL of reconciliation included, for both engines. It must never write, and never read
a PAN, a request body or reply data. The traps: it is called from a thread of its own, so that the message path never waits for
it, and each call is one short read, because a long one would keep the daemon's log from being folded away; and what a late
event moved has an old number, so the history has a mark of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

import msgspec

from relay.journal import numbers
from relay.journal.numbers import end_of
from relay.journal.rows import Cell
from relay.journal.source import Source

ROWS_MAX: Final = 500
MOVED_ROWS_MAX: Final = 5_000  # of the short kind, in one read

# The terminal's newest settled reversal of a key; none on the happy path, which the index knows.
_REVERSAL: Final = (
    "SELECT {} FROM taken AS r JOIN standing AS s ON s.exchange_id = r.exchange_id"
    " WHERE r.original_key = e.key AND r.original_key <> '' AND r.message_class = 'reversal'"
    " AND s.state = 'settled' AND s.outcome IS NOT NULL ORDER BY r.exchange_id DESC LIMIT 1"
)
_SELECT: Final = (
    "SELECT e.exchange_id, e.key, e.terminal, e.message_class, e.kind, e.policy, e.state, e.attention, e.verdict,"
    " e.amount_minor, e.currency, e.business_date, e.recorded_ms, e.updated_ms, e.standing_minor, e.outcome, e.incarnation,"
    " EXISTS (SELECT 1 FROM taken AS r WHERE r.original_key = e.key AND r.original_key <> '') AS is_related,"
    " EXISTS (SELECT 1 FROM history AS h WHERE h.exchange_id = e.exchange_id AND h.event = 'RESOLVED') AS is_resolved,"
    " (SELECT count(*) FROM history AS h WHERE h.exchange_id = e.exchange_id AND substr(h.event, 1, 10) = 'RECONCILED')"
    " + (SELECT count(*) FROM taken AS r JOIN history AS h ON h.exchange_id = r.exchange_id WHERE r.original_key = e.key"
    " AND r.original_key <> '' AND r.message_class = 'reversal' AND substr(h.event, 1, 10) = 'RECONCILED')"
    f" AS times, ({_REVERSAL.format('r.key')}) AS reversal_key, ({_REVERSAL.format('s.outcome')}) AS reversal_outcome,"
    " e.epoch_now, e.original_key FROM exchange AS e"
)
_MOVED_ROWS: Final = (
    "SELECT exchange_id, exchange_id, terminal, business_date, recorded_ms, recorded_ms FROM taken"
    f" WHERE exchange_id > ? AND exchange_id < ? ORDER BY exchange_id LIMIT {MOVED_ROWS_MAX}"
)
_MOVED_LINES: Final = (
    "SELECT h.line_id, h.exchange_id, t.terminal, t.business_date, t.recorded_ms, h.at_ms FROM history AS h"
    " JOIN taken AS t ON t.exchange_id = h.exchange_id"
    f" WHERE h.line_id > ? ORDER BY h.line_id LIMIT {MOVED_ROWS_MAX}"
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
    times: int = 0  # that reconciliation opened it, or its terminal's reversal of it, again
    reversal_key: str | None = None  # the terminal's newest settled reversal of it
    reversal_outcome: bytes | None = None  # and what the core said to that one
    epoch: int = 0  # the region epoch in which the core was asked last
    original_key: str = ""


class Moved(msgspec.Struct, frozen=True):
    """An exchange of which something was written. `mark` is where the walk stands after it."""

    mark: int
    exchange_id: int
    terminal: str
    business_date: str
    recorded_ms: int
    at_ms: int


class SideReader:
    """On a source of either engine, which is closed with it. Raises SourceDamaged, and JournalUnusable where its server is
    away. From any thread; one read at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = Lock()

    def close(self) -> None:
        with self._lock:  # after the read that is under way in another thread
            self._source.close()

    def by_keys(self, keys: Sequence[str]) -> dict[str, Side]:
        """At most ROWS_MAX keys at once; a key that the journal does not hold is not in the answer."""
        return {side.key: side for side in self._among("key", keys)}

    def by_ids(self, exchange_ids: Sequence[int]) -> dict[int, Side]:
        """As `by_keys`, by number."""
        return {side.exchange_id: side for side in self._among("exchange_id", exchange_ids)}

    def lives(self) -> list[int]:
        """The incarnations that took anything, oldest first."""
        return numbers.lives(self._all)

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]:
        """The next exchanges of the same life above `exchange_id`, in the order of their numbers."""
        where = "WHERE e.exchange_id > ? AND e.exchange_id < ? ORDER BY e.exchange_id LIMIT ?"
        return [_side(row) for row in self._all(f"{_SELECT} {where}", (exchange_id, end_of(exchange_id), count_max))]

    def moved_rows(self, exchange_id: int) -> list[Moved]:
        """What the same life has taken since: at most MOVED_ROWS_MAX, in the order of their numbers."""
        return [Moved(*row) for row in self._all(_MOVED_ROWS, (exchange_id, end_of(exchange_id)))]

    def moved_lines(self, line_id: int) -> list[Moved]:
        """What has a line in the history since: at most MOVED_ROWS_MAX, in the order of the lines."""
        return [Moved(*row) for row in self._all(_MOVED_LINES, (line_id,))]

    def last_line(self) -> int:
        """The number of the newest line of the history; 0 for none."""
        return int(self._all("SELECT coalesce(max(line_id), 0) FROM history")[0][0])

    def last_before(self, wall_ms: int, life: int) -> int:
        """The highest number below the first exchange that `life` recorded at or after `wall_ms`."""
        return numbers.last_before_in(self._all, life, wall_ms)

    def _all(self, sql: str, parameters: Sequence[Cell] = ()) -> list[Any]:
        with self._lock:
            return self._source.all(sql, parameters)

    def _among(self, column: str, wanted: Sequence[str] | Sequence[int]) -> list[Side]:
        if not wanted:
            return []
        if len(wanted) > ROWS_MAX:
            raise ValueError(f"{len(wanted)} rows at once, at most {ROWS_MAX}")
        sql = f"{_SELECT} WHERE e.{column} IN ({', '.join('?' * len(wanted))})"
        return [_side(row) for row in self._all(sql, tuple(wanted))]


def _side(row: Any) -> Side:
    cells = (*row[:7], row[7] == 0, *row[8:17], bool(row[17]), bool(row[18]), *row[19:24])
    return msgspec.convert(dict(zip(_FIELDS, cells, strict=True)), Side)


_FIELDS: Final = Side.__struct_fields__
msgspec.json.Decoder(Side)  # msgspec prepares a type when it is first used; two threads at once would kill the process in that
