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
    MESSAGE_COLUMNS,
    STANDING_COLUMNS,
    TAKEN_COLUMNS,
    Archived,
    ArchivedExchange,
    ArchivedMessage,
    ArchiveKind,
    ArchiveRecord,
    Cells,
    Plan,
)
from relay.journal.numbers import EXCHANGES, MESSAGES, Numbered, last_before
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
_MESSAGES: Final = (
    f"SELECT {', '.join(MESSAGE_COLUMNS)}, is_open FROM outbound WHERE outbound_id > ? AND outbound_id <= ?"
    " ORDER BY outbound_id LIMIT ?"
)
_OPEN_MESSAGE: Final = (
    "SELECT outbound_id FROM outbound WHERE is_open AND outbound_id > ? AND outbound_id <= ? ORDER BY outbound_id LIMIT 1"
)
_RECORD_COLUMNS: Final = ArchiveRecord.__struct_fields__
SELECT_ARCHIVES: Final = f"SELECT {', '.join(_RECORD_COLUMNS)} FROM archive"


class NotClosed(Exception):
    """An exchange (or message) of the date still waits for the core, its line or a person."""

    def __init__(self, exchange_id: int) -> None:
        super().__init__(f"exchange {exchange_id} is not closed")
        self.exchange_id = exchange_id


class DayRange(msgspec.Struct, frozen=True):
    """All exchanges received on one business date, or messages of the core taken on it: above `above_id`, up to `last_id`."""

    business_date: str
    ends_ms: int
    above_id: int
    last_id: int
    kind: ArchiveKind = ArchiveKind.DAY


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
    source: Source,
    now_ms: int,
    before_ms: int,
    date_at: Callable[[int], str],
    ends_ms: Callable[[str], int],
    kind: ArchiveKind = ArchiveKind.DAY,
) -> Iterator[DayRange]:
    """Every date not archived yet that ended at or before `before_ms`, oldest first; closed or not. `kind`: DAY or OUTBOUND.

    Ranges follow one another without a gap, whatever the clock did: a row from the future is put to the date of the next
    that is not, and a date that a clock came back to has a second range. Numbers grow with time, so an end is found by
    bisection, as there is no index by time.
    """
    of = MESSAGES if kind.is_of_messages else EXCHANGES
    ranges = f"SELECT above_id, last_id FROM archive WHERE kind = '{kind.value}' ORDER BY above_id"
    known = [(row[0], row[1]) for row in source.all(ranges)]
    highest = int(source.all(f"SELECT coalesce(max({of.column}), 0) FROM {of.table}")[0][0])
    above = -1
    while above < highest:
        covering = next((last for first, last in known if first <= above < last), None)
        if covering is not None:
            above = covering
            continue
        limit = min((first for first, _ in known if first > above), default=highest)
        first = _first_not_ahead(source, of, above, limit, now_ms)
        if first is None:
            if limit == highest:
                return
            above = limit
            continue
        number, recorded_ms = first
        date = date_at(recorded_ms)
        end_ms = ends_ms(date)
        if end_ms > before_ms:
            return
        last = last_before(source.all, number, limit, end_ms, of)
        yield DayRange(date, end_ms, above, last, kind)
        above = last


def first_open(source: Source, day: DayRange) -> int | None:
    """An exchange of the date that is open or listed, from the index of those, or a message of it that is open; None for none
    there."""
    if day.kind.is_of_messages:
        open_ones = source.all(_OPEN_MESSAGE, (day.above_id, day.last_id))
        return int(open_ones[0][0]) if open_ones else None
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
def pages(source: Source, plan: Plan) -> Iterator[Sequence[Archived]]:
    """The exchanges (or messages) of `plan` in the order of their numbers. Raises NotClosed at one that is not."""
    if plan.kind.is_of_messages:
        yield from _messages(source, plan)
        return
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


def _messages(source: Source, plan: Plan) -> Iterator[Sequence[ArchivedMessage]]:
    above = plan.above_id
    while True:
        found = source.all(_MESSAGES, (above, plan.last_id, PAGE_COUNT))
        if not found:
            return
        for row in found:
            if row[len(MESSAGE_COLUMNS)]:
                raise NotClosed(row[0])
        yield [ArchivedMessage(tuple(row)[: len(MESSAGE_COLUMNS)]) for row in found]
        above = found[-1][0]


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


def _first_not_ahead(source: Source, of: Numbered, above: int, limit: int, now_ms: int) -> tuple[int, int] | None:
    """The first row of the range that was not recorded by a clock ahead of now."""
    near = f"SELECT {of.column}, recorded_ms FROM {of.table} WHERE {of.column} > ? AND {of.column} <= ? ORDER BY {of.column}"
    rows = source.all(f"{near} LIMIT 1", (above, limit))
    if not rows or rows[0][1] <= now_ms:
        return (rows[0][0], rows[0][1]) if rows else None
    rows = source.all(
        f"SELECT {of.column}, recorded_ms FROM ({near} LIMIT ?) AS near WHERE recorded_ms <= ? ORDER BY {of.column} LIMIT 1",
        (above, limit, _FUTURE_COUNT_MAX, now_ms),
    )
    return (rows[0][0], rows[0][1]) if rows else None
