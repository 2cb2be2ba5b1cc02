"""The journal's rows as an archive takes them: page by page, each a short read on a connection that cannot write.

Owns the questions, in the words that both engines have in common. It must never join: on PostgreSQL without statistics a join
over a range is planned as a walk through everything, so each table is asked by exchange number and put together here. The trap:
a row may change between two questions. State is read before history, and what leaves the journal later is compared with what
was read, so a change is noticed then; here only an exchange that is not closed is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from relay.journal.archive.record import (
    HISTORY_COLUMNS,
    STANDING_COLUMNS,
    TAKEN_COLUMNS,
    ArchivedExchange,
    ArchiveKind,
    ArchiveRecord,
    Cells,
    Plan,
)
from relay.journal.rows import CLOSED, LISTED, OPEN
from relay.journal.source import Source

PAGE_COUNT: Final = 200  # exchanges in one read
LATE_COUNT_MAX: Final = 20_000  # exchanges in one archive of late ones
_FUTURE_COUNT_MAX: Final = 50_000  # rows with a date still to come that are stepped over in one look
_HIGHEST: Final = (1 << 63) - 1

_TAKEN: Final = f"SELECT {', '.join(TAKEN_COLUMNS)} FROM taken WHERE"
_STANDING: Final = f"SELECT {', '.join(STANDING_COLUMNS)} FROM standing WHERE"
_HISTORY: Final = f"SELECT {', '.join(HISTORY_COLUMNS)} FROM history WHERE"
_BETWEEN: Final = "exchange_id > ? AND exchange_id <= ?"
_LATE: Final = (
    "SELECT b.exchange_id FROM body_kept AS b"
    f" WHERE (SELECT s.attention FROM standing AS s WHERE s.exchange_id = b.exchange_id) = {CLOSED}"
    " ORDER BY b.exchange_id LIMIT ?"
)
_RECORD_COLUMNS: Final = ArchiveRecord.__struct_fields__
SELECT_ARCHIVES: Final = f"SELECT {', '.join(_RECORD_COLUMNS)} FROM archive"


class NotClosed(Exception):
    """An exchange of the date still waits for the core or for a person."""

    def __init__(self, exchange_id: int) -> None:
        super().__init__(f"exchange {exchange_id} is not closed")
        self.exchange_id = exchange_id


class DayRange(msgspec.Struct, frozen=True):
    """All exchanges received on one business date: above `above_id` and up to `last_id`."""

    business_date: str
    ends_ms: int
    above_id: int
    last_id: int


# ---- what is archived already -------------------------------------------------------------------------------------------
def records(source: Source, where: str = "ORDER BY archive_id", cells: Sequence[Any] = ()) -> list[ArchiveRecord]:
    return [record_of(row) for row in source.all(f"{SELECT_ARCHIVES} {where}", cells)]


def record_of(row: Sequence[Any]) -> ArchiveRecord:
    cells: dict[str, Any] = dict(zip(_RECORD_COLUMNS, row, strict=True))
    return ArchiveRecord(**cells | {"kind": ArchiveKind(cells["kind"]), "is_released": bool(cells["is_released"])})


def journal_id(source: Source) -> int:
    return int(source.all("SELECT value FROM meta WHERE name = 'journal_id'")[0][0])


def keys_in_use(source: Source) -> int:
    """Above one while rows are sealed anew after a change of keys."""
    return sum(1 for _, cleared in source.all("SELECT key_id, cleared FROM journal_key") if not cleared)


# ---- what is to be archived ---------------------------------------------------------------------------------------------
def day_ranges(
    source: Source, now_ms: int, before_ms: int, date_at: Callable[[int], str], ends_ms: Callable[[str], int]
) -> Iterator[DayRange]:
    """Every date not archived yet that ended at or before `before_ms`, oldest first; closed or not.

    Ranges follow one another without a gap, whatever the clock did: a row from the future is put to the date of the next
    that is not, and a date that a clock came back to has a second range. Numbers grow with time, so an end is found by
    bisection, as there is no index by time.
    """
    known = [
        (row[0], row[1]) for row in source.all("SELECT above_id, last_id FROM archive WHERE kind = 'day' ORDER BY above_id")
    ]
    highest = int(source.all("SELECT coalesce(max(exchange_id), 0) FROM taken")[0][0])
    above = -1
    while above < highest:
        covering = next((last for first, last in known if first <= above < last), None)
        if covering is not None:
            above = covering
            continue
        limit = min((first for first, _ in known if first > above), default=highest)
        first = _first_not_ahead(source, above, limit, now_ms)
        if first is None:
            if limit == highest:
                return
            above = limit
            continue
        exchange_id, recorded_ms = first
        date = date_at(recorded_ms)
        end_ms = ends_ms(date)
        if end_ms > before_ms:
            return
        last = _last_before(source, exchange_id, limit, end_ms)
        yield DayRange(date, end_ms, above, last)
        above = last


def first_open(source: Source, day: DayRange) -> int | None:
    """An exchange of the date that is open or listed, from the index of those; None for none there."""
    for attention in (OPEN, LISTED):
        rows = source.all(
            f"SELECT exchange_id FROM standing WHERE attention > 0 AND attention = {attention} AND {_BETWEEN}"
            " ORDER BY exchange_id LIMIT 1",
            (day.above_id, day.last_id),
        )
        if rows:
            return int(rows[0][0])
    return None


def late_ids(source: Source) -> tuple[int, ...]:
    """Closed exchanges that no archive of their date can take any more."""
    return tuple(row[0] for row in source.all(_LATE, (LATE_COUNT_MAX,)))


def oldest_open_ms(source: Source) -> int | None:
    """When the oldest open exchange was recorded; None where nothing is open, or only what has just been recorded."""
    rows = source.all(
        f"SELECT recorded_ms FROM taken WHERE exchange_id = (SELECT min(exchange_id) FROM standing"
        f" WHERE attention > 0 AND attention = {OPEN})"
    )
    return int(rows[0][0]) if rows else None


# ---- the rows -----------------------------------------------------------------------------------------------------------
def pages(source: Source, plan: Plan) -> Iterator[list[ArchivedExchange]]:
    """The exchanges of `plan` in the order of their numbers. Raises NotClosed at one that is not."""
    if plan.exchange_ids:
        for start in range(0, len(plan.exchange_ids), PAGE_COUNT):
            part = plan.exchange_ids[start : start + PAGE_COUNT]
            which = f"exchange_id IN ({', '.join('?' * len(part))})"
            yield _put_together(source, source.all(f"{_TAKEN} {which} ORDER BY exchange_id", part), which, part)
        return
    above = plan.above_id
    while True:
        taken = source.all(f"{_TAKEN} {_BETWEEN} ORDER BY exchange_id LIMIT ?", (above, plan.last_id, PAGE_COUNT))
        if not taken:
            return
        yield _put_together(source, taken, _BETWEEN, (above, taken[-1][0]))
        above = taken[-1][0]


def _put_together(source: Source, taken: list[Any], which: str, cells: Sequence[int]) -> list[ArchivedExchange]:
    standing = {row[0]: tuple(row) for row in source.all(f"{_STANDING} {which}", cells)}
    history: dict[int, list[Cells]] = {}
    for line in source.all(f"{_HISTORY} {which} ORDER BY line_id", cells):
        history.setdefault(line[1], []).append(tuple(line))
    found = []
    for row in taken:
        stands = standing.get(row[0])
        if stands is None or stands[2] != CLOSED:
            raise NotClosed(row[0])
        found.append(ArchivedExchange(tuple(row), stands, tuple(history.get(row[0], ()))))
    return found


def _first_not_ahead(source: Source, above: int, limit: int, now_ms: int) -> tuple[int, int] | None:
    """The first exchange of the range that was not recorded by a clock ahead of now."""
    rows = source.all(
        f"SELECT exchange_id, recorded_ms FROM taken WHERE {_BETWEEN} ORDER BY exchange_id LIMIT 1", (above, limit)
    )
    if not rows or rows[0][1] <= now_ms:
        return (rows[0][0], rows[0][1]) if rows else None
    rows = source.all(
        "SELECT exchange_id, recorded_ms FROM (SELECT exchange_id, recorded_ms FROM taken"
        f" WHERE {_BETWEEN} ORDER BY exchange_id LIMIT ?) AS near WHERE recorded_ms <= ? ORDER BY exchange_id LIMIT 1",
        (above, limit, _FUTURE_COUNT_MAX, now_ms),
    )
    return (rows[0][0], rows[0][1]) if rows else None


def _last_before(source: Source, first_id: int, limit: int, end_ms: int) -> int:
    """The highest number up to `limit` below the first exchange, from `first_id` on, that was recorded at or after `end_ms`."""
    low, high = first_id, limit + 1
    while low < high:
        middle = (low + high) // 2
        rows = source.all(
            "SELECT exchange_id, recorded_ms FROM taken WHERE exchange_id >= ? AND exchange_id <= ?"
            " ORDER BY exchange_id LIMIT 1",
            (middle, limit),
        )
        if not rows or rows[0][1] >= end_ms:
            high = middle
        else:
            low = rows[0][0] + 1
    return low - 1
