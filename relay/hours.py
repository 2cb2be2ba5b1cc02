"""The bank's day as behaviour: whether a class of messages, or one line, is within its hours of service. Pure.

Owns the spans, how they are written, and the question "open now, and until when". It must never refuse anything itself
(relay/exchange/gate.py does), nor know a holiday: protocols/zengin/bankdays.py does, from the law, for the Zengin lines, the
failover run and this. The traps: hours are of the bank's wall clock, whatever the host's zone is; a span ends at the minute
that it names and does not hold it; and the question is asked for each message, so an answer is kept for as long as it holds,
and a clock that is set back asks anew.

Source of the cycle: batch from midnight to 6:00, ATMs 7:00 to 21:00, core hours 9:00 to 15:00 (the daily cycle of the bank).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.zengin.bankdays import BankDays
from relay.standing import Standing

if TYPE_CHECKING:
    from relay.hourssettings import HoursSettings

MINUTE_MS: Final = 60_000
DAY_MINUTES: Final = 24 * 60
DAY_MS: Final = DAY_MINUTES * MINUTE_MS
LOOK_AHEAD_DAYS: Final = 40  # longer than any row of rest days
NEVER: Final = 0
_EPOCH: Final = date(1970, 1, 1)
_SPAN: Final = re.compile(r"(?:(bank-days|rest-days) )?([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])")
CLASSES: Final = ("atm", "branch", "partner", "inquiry")  # as relay/exchange/gate.py has them; a test compares

Spans = tuple["Span", ...]


class Days(StrEnum):
    ALL = "all"
    BANK = "bank-days"
    REST = "rest-days"


class Span(msgspec.Struct, frozen=True):
    """From the first minute of the day to before the second, 0 to 1440, on days of one kind."""

    days: Days
    from_minute: int
    to_minute: int


def parse_span(text: str) -> Span:
    """`07:00-21:00`, `bank-days 09:00-15:00` or `rest-days 09:00-17:00`. Raises ValueError, which says what to write."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no span of hours: write 07:00-21:00, bank-days 09:00-15:00 or rest-days 09:00-17:00')
    start, end = int(found[2]) * 60 + int(found[3]), int(found[4]) * 60 + int(found[5])
    if max(start, end) > DAY_MINUTES:
        raise ValueError(f'"{text}": a day ends at 24:00')
    if start == end:
        raise ValueError(f'"{text}" is no time at all: the whole day is 00:00-24:00')
    if start > end:
        kind = f"{found[1]} " if found[1] else ""
        parts = f"{kind}{text[-11:-6]}-24:00", f"{kind}00:00-{text[-5:]}"
        raise ValueError(f'"{text}" crosses midnight: write it as two, "{parts[0]}" and "{parts[1]}"')
    return Span(Days(found[1] or Days.ALL), start, end)


def parse_line(text: str) -> tuple[str, Span]:
    """`convenience=00:00-24:00`: a listener's or dialer's name, and a span. Raises ValueError."""
    name, equals, span = text.partition("=")
    if not equals or not name:
        raise ValueError(f'"{text}" names no line: write convenience=00:00-24:00')
    return name, parse_span(span)


def parse_days(texts: Sequence[str]) -> frozenset[date]:
    """`2026-12-31`, ... Raises ValueError."""
    found = set[date]()
    for text in texts:
        try:
            found.add(date.fromisoformat(text))
        except ValueError:
            raise ValueError(f'"{text}" is no day: write 2026-12-31') from None
    return frozenset(found)


class Hours:
    """`by_class` has classes of CLASSES, `by_line` names of listeners and dialers; who is in neither is always open."""

    def __init__(
        self,
        by_class: Mapping[str, Spans],
        by_line: Mapping[str, Spans],
        is_bank_day: Callable[[date], bool],
        utc_offset_minutes: int,
    ) -> None:
        self._by_class = {name: spans for name, spans in by_class.items() if spans}
        self._by_line = {name: spans for name, spans in by_line.items() if spans}
        self._is_bank_day = is_bank_day
        self._offset_ms = utc_offset_minutes * MINUTE_MS
        self._kept: dict[Spans, tuple[bool, int, int]] = {}

    def is_open(self, line: str, message_class: str, wall_ms: int) -> bool:
        """Whether a new message of this class on this line is within its hours. `wall_ms`: UTC epoch milliseconds."""
        spans = self._by_line.get(line) or self._by_class.get(message_class)
        if spans is None:
            return True
        kept = self._kept.get(spans)
        if kept is None or not kept[1] <= wall_ms < kept[2]:
            # No longer than this day: a calendar is asked once a day, not for weeks ahead.
            day, minute = self._local(wall_ms)
            edges = sorted({0, DAY_MINUTES, *(m for span in spans for m in (span.from_minute, span.to_minute))})
            start, end = next((a, b) for a, b in pairwise(edges) if a <= minute < b)
            kept = self._kept[spans] = self._is_within(spans, day, minute), self._utc_ms(day, start), self._utc_ms(day, end)
        return kept[0]

    def standings(self, wall_ms: int) -> tuple[Standing, ...]:
        """Of each class and line that has hours, classes first."""
        return tuple(self._standings(wall_ms))

    def open_now(self, wall_ms: int) -> dict[tuple[str, str], bool]:
        """Of each (class, "") and ("", line) that has hours, whether it is within them; a line may be called "atm", too."""
        today, minute = self._local(wall_ms)
        classes = {(name, ""): self._is_within(spans, today, minute) for name, spans in self._by_class.items()}
        return classes | {("", name): self._is_within(spans, today, minute) for name, spans in self._by_line.items()}

    def _standings(self, wall_ms: int) -> Iterator[Standing]:
        for (message_class, line), is_open in self.open_now(wall_ms).items():
            spans = self._by_line[line] if line else self._by_class[message_class]
            changes_ms = self._changes_ms(spans, is_open, wall_ms)
            yield Standing(
                name=line or message_class,
                is_line=bool(line),
                is_open=is_open,
                changes_ms=changes_ms,
                changes_at="" if changes_ms == NEVER else self._in_words(changes_ms),
            )

    def _changes_ms(self, spans: Spans, is_open: bool, wall_ms: int) -> int:
        today, now = self._local(wall_ms)
        edges = sorted({0, *(m for span in spans for m in (span.from_minute, span.to_minute) if m < DAY_MINUTES)})
        for ahead in range(LOOK_AHEAD_DAYS):
            day = today + timedelta(days=ahead)
            for minute in edges:
                if (ahead or minute > now) and self._is_within(spans, day, minute) is not is_open:
                    return self._utc_ms(day, minute)
        return NEVER

    def _is_within(self, spans: Spans, day: date, minute: int) -> bool:
        return any(span.from_minute <= minute < span.to_minute and self._holds(span.days, day) for span in spans)

    def _holds(self, days: Days, day: date) -> bool:
        return days is Days.ALL or self._is_bank_day(day) is (days is Days.BANK)

    def _local(self, wall_ms: int) -> tuple[date, int]:
        days, rest_ms = divmod(wall_ms + self._offset_ms, DAY_MS)
        return _EPOCH + timedelta(days=days), rest_ms // MINUTE_MS

    def _in_words(self, wall_ms: int) -> str:
        day, minute = self._local(wall_ms)
        return f"{day.isoformat()} {minute // 60:02d}:{minute % 60:02d}"

    def _utc_ms(self, day: date, minute: int) -> int:
        return (day - _EPOCH).days * DAY_MS + minute * MINUTE_MS - self._offset_ms


def hours_of(settings: HoursSettings, utc_offset_minutes: int) -> Hours:
    """From the configuration, which was checked. Raises ValueError for what `relay check` finds."""
    by_class = {name: tuple(parse_span(text) for text in spans_of(settings, name)) for name in CLASSES}
    by_line: dict[str, Spans] = {}
    for text in settings.lines:
        name, span = parse_line(text)
        by_line[name] = (*by_line.get(name, ()), span)
    days = BankDays(parse_days(settings.extra_holidays), parse_days(settings.extra_bank_days))
    return Hours(by_class, by_line, days.is_bank_day, utc_offset_minutes)


def spans_of(settings: HoursSettings, message_class: str) -> tuple[str, ...]:
    """As they were written, of a class of CLASSES."""
    found: tuple[str, ...] = getattr(settings, message_class)
    return found


def always_open() -> Hours:
    """Where nobody has hours."""
    return Hours({}, {}, lambda day: True, 0)
