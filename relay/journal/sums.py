"""The journal's counts of a business date, summed by the database itself: reads for totals, on a connection of their own.

Owns the SQL that folds a stretch of exchanges into groups, and that reads the few which need a closer look one by one, in the
words that both engines have in common. It must never write, judge a statement, nor read a PAN. The traps: each call is one
short read in a thread (a long one would keep the daemon's log from being folded away), so a day is walked in stretches of
numbers; most exchanges are plain (answered, nothing came after) and are summed by the database, but whatever a reversal, a
completion or a person touched is given out alone; and so is whatever was recorded in the minutes between somebody's cut-over
and the end of the day, where the moment decides the date. On PostgreSQL a join without its own range is planned as a walk
through everything, and so is an EXISTS in a CASE: hence the range said twice, and the look-ups that ask for one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from protocols.vocabulary import MessageClass
from relay.journal import numbers
from relay.journal.numbers import end_of
from relay.journal.records import reverses_whole, unpack_request
from relay.journal.source import Source

STRETCH_COUNT: Final = 20_000  # exchanges of one read
LOOK_COUNT_MAX: Final = 500  # exchanges of one closer look

DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FAR_MS: Final = 1 << 62

# An exchange is plain when its own row says everything: answered with yes or no (or refused, or confirmed), nothing that names
# its key, not a reversal or completion itself, and no person has decided about it.
_PLAIN: Final = (
    "coalesce(s.state, 'recorded') IN ('answered', 'refused', 'confirmed') AND t.message_class <> 'reversal'"
    " AND t.original_key = ''"
    " AND coalesce(s.verdict, '') <> 'doubt'"
    " AND (SELECT r.exchange_id FROM taken AS r WHERE r.original_key = t.key AND r.original_key <> '' LIMIT 1) IS NULL"
    " AND (SELECT h.exchange_id FROM history AS h WHERE h.exchange_id = t.exchange_id AND h.event = 'RESOLVED' LIMIT 1) IS NULL"
)
_MOMENT: Final = (
    "CASE WHEN (t.recorded_ms >= ? AND t.recorded_ms < ?) OR (t.recorded_ms >= ? AND t.recorded_ms < ?)"
    " THEN t.recorded_ms ELSE 0 END"
)
# Materialized, so that the two look-ups are made once for each exchange and not once for each place that asks.
_GROUPS: Final = (
    "WITH seen AS MATERIALIZED (SELECT t.listener AS listener, t.terminal AS terminal, t.kind AS kind, t.currency AS currency,"
    f" t.business_date AS business_date, (t.recorded_ms + ?) / {DAY_MS} AS received, {_MOMENT} AS moment,"
    f" CASE WHEN {_PLAIN} THEN 0 ELSE t.exchange_id END AS alone, s.verdict AS verdict, t.amount_minor AS minor"
    " FROM taken AS t LEFT JOIN standing AS s ON s.exchange_id = t.exchange_id AND s.exchange_id > ? AND s.exchange_id <= ?"
    " WHERE t.exchange_id > ? AND t.exchange_id <= ?)"
    " SELECT listener, terminal, kind, currency, business_date, received, moment, alone, count(*),"
    " CAST(coalesce(sum(minor), 0) AS BIGINT) FROM seen WHERE alone > 0 OR verdict = 'approve'"
    " GROUP BY terminal, kind, currency, business_date, received, moment, alone, listener"
)
_LOOK: Final = (
    "SELECT t.exchange_id, t.message_class, t.kind, t.amount_minor, t.original_key, coalesce(s.state, 'recorded'), s.verdict,"
    " coalesce(s.attention, 1), s.standing_minor, s.outcome,"
    " (SELECT o.kind FROM taken AS o WHERE o.key = t.original_key AND t.original_key <> ''),"
    " (SELECT o.message_class FROM taken AS o WHERE o.key = t.original_key AND t.original_key <> ''), t.key"
    " FROM taken AS t LEFT JOIN standing AS s ON s.exchange_id = t.exchange_id AND s.exchange_id IN ({marks})"
    " WHERE t.exchange_id IN ({marks})"
)
_REVERSALS: Final = (
    "SELECT r.original_key, r.key, r.request FROM taken AS r"
    " WHERE r.original_key <> '' AND r.message_class = 'reversal' AND r.original_key IN ({marks})"
)


class Windows(msgspec.Struct, frozen=True):
    """Two stretches of time, UTC epoch milliseconds, whose exchanges are given out with their moment; empty by default."""

    one_from: int = _FAR_MS
    one_until: int = _FAR_MS
    two_from: int = _FAR_MS
    two_until: int = _FAR_MS


class Group(msgspec.Struct, frozen=True):
    """`count` exchanges that were approved and are alike, or one that needs a closer look (`alone` is its number then, else 0).

    `business_date`: as the message carried it, or "". `received`: the day of receipt by the configured cut-over. `moment`: when
    it was recorded, only inside a window, else 0.
    """

    listener: str
    terminal: str
    kind: str
    currency: str
    business_date: str
    received: str
    moment: int
    alone: int
    count: int
    minor: int


class Look(msgspec.Struct, frozen=True):
    """One exchange that something came after. `standing` is what its reversals leave, None where there is none."""

    exchange_id: int
    message_class: str
    kind: str
    amount_minor: int | None
    original_key: str
    state: str
    verdict: str | None
    attention: int
    standing_minor: int | None
    outcome: bytes | None
    original_kind: str | None
    original_class: str | None
    key: str
    reversed_to: int | None = None


class SumReader:
    """On a source of either engine, which is closed with it. Raises SourceDamaged, and JournalUnusable where its server is
    away. From any thread; one read at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def close(self) -> None:
        self._source.close()

    def lives(self) -> list[int]:
        """The incarnations that took anything, oldest first."""
        return numbers.lives(self._source.all)

    def last_before(self, wall_ms: int, life: int) -> int:
        """The highest number below the first exchange that `life` recorded at or after `wall_ms`."""
        return numbers.last_before_in(self._source.all, life, wall_ms)

    def next_after(self, exchange_id: int) -> tuple[int, int] | None:
        """The next exchange of the same life: its number and when it was recorded."""
        rows = self._source.all(
            "SELECT exchange_id, recorded_ms FROM taken WHERE exchange_id > ? AND exchange_id < ? ORDER BY exchange_id LIMIT 1",
            (exchange_id, end_of(exchange_id)),
        )
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def groups(self, after: int, until: int, shift_ms: int, windows: Windows) -> list[Group]:
        """The exchanges above `after`, up to `until`, folded. `shift_ms` added to UTC gives the day of receipt."""
        rows = self._source.all(_GROUPS, (shift_ms, *msgspec.structs.astuple(windows), after, until, after, until))
        return [
            Group(listener, terminal, kind, currency, business_date, _date(day), moment, alone, count, minor)
            for listener, terminal, kind, currency, business_date, day, moment, alone, count, minor in rows
        ]

    def look(self, wanted: Sequence[int]) -> list[Look]:
        """At most LOOK_COUNT_MAX at once."""
        if len(wanted) > LOOK_COUNT_MAX:
            raise ValueError(f"{len(wanted)} exchanges at once, at most {LOOK_COUNT_MAX}")
        if not wanted:
            return []
        rows = self._source.all(_LOOK.format(marks=_marks(wanted)), (*wanted, *wanted))
        found = [Look(*tuple(row)) for row in rows]
        keys = [look.key for look in found if look.message_class != MessageClass.REVERSAL]
        standing: dict[str, int] = {}
        for original, key, request in self._source.all(_REVERSALS.format(marks=_marks(keys)), tuple(keys)) if keys else ():
            left = 0 if reverses_whole(MessageClass.REVERSAL, request) else unpack_request(key, request, None).standing_minor
            standing[original] = min(standing.get(original, left or 0), left or 0)  # the absolute amount only goes down
        return [msgspec.structs.replace(look, reversed_to=standing.get(look.key)) for look in found]


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    """Days since 1970-01-01 as YYYY-MM-DD."""
    return date.fromordinal(_EPOCH + day).isoformat()


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
