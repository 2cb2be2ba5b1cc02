"""When a line may be open: core time and More Time as windows of a business calendar.

Owns the windows: which one covers a moment, and when the next begins or this one ends. It must never read a clock. The traps:
a window may cross midnight, so that yesterday's is asked too; the business date in More Time is the next bank day by default,
not the date on the wall; and Japan has no summer time, so one offset serves, which is a setting all the same.

Source: core time 8:30-15:30, last bank day of a month 7:30-16:30; More Time since 2018-10-09 on nights and rest days.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import msgspec

from protocols.zengin.bankdays import BankDays
from protocols.zengin.session.profile import CalendarRules

LOOK_AHEAD_DAYS = 31


class Window(msgspec.Struct, frozen=True):
    """One stretch of service, UTC epoch milliseconds, and the 取組日 (YYYYMMDD) that telegrams carry in it."""

    opens_ms: int
    closes_ms: int
    business_date: str


class Calendar:
    def __init__(self, rules: CalendarRules) -> None:
        self._rules = rules
        self._zone = timedelta(minutes=rules.utc_offset_minutes)
        self.days = BankDays(
            [date.fromisoformat(text) for text in rules.extra_holidays],
            [date.fromisoformat(text) for text in rules.extra_bank_days],
        )

    def at(self, wall_ms: int) -> Window | None:
        """The window that covers this moment, or None. Its closing moment belongs to it no longer."""
        found = self._covering(wall_ms)
        return None if found is None else self._joined(found)

    def _covering(self, wall_ms: int) -> Window | None:
        today = self._local(wall_ms).date()
        windows = (*self._windows(today - timedelta(days=1)), *self._windows(today))
        covering = (window for window in windows if window.opens_ms <= wall_ms < window.closes_ms)
        return max(covering, key=lambda window: window.closes_ms, default=None)

    def _joined(self, window: Window) -> Window:
        """With every window of the same business date that goes on where this one ends: nobody closes in between."""
        for _ in range(LOOK_AHEAD_DAYS):
            following = self._covering(window.closes_ms)
            if following is None or following.business_date != window.business_date:
                break
            window = Window(window.opens_ms, following.closes_ms, window.business_date)
        return window

    def next_after(self, wall_ms: int) -> Window | None:
        """The first window that opens after this moment; None where none does within a month."""
        today = self._local(wall_ms).date()
        for step in range(LOOK_AHEAD_DAYS):
            later = [w for w in self._windows(today + timedelta(days=step)) if w.opens_ms > wall_ms]
            if later:
                return min(later, key=lambda window: window.opens_ms)
        return None

    def stamp(self, wall_ms: int) -> str:
        """Local YYYYMMDDhhmmss."""
        return self._local(wall_ms).strftime("%Y%m%d%H%M%S")

    def _local(self, wall_ms: int) -> datetime:
        return datetime.fromtimestamp(wall_ms / 1000, UTC) + self._zone

    def _windows(self, day: date) -> list[Window]:
        rules = self._rules
        is_bank_day = self.days.is_bank_day(day)
        if rules.service == "always":
            return [self._window(day, "00:00", "24:00", day)]
        if rules.service == "core":
            if not is_bank_day:
                return []
            hours = rules.month_end if self.days.is_last_of_month(day) else rules.core
            return [self._window(day, hours.opens, hours.closes, day)]
        found = []
        for hours in rules.more_time:
            if hours.days == "all" or (hours.days == "bank-days") is is_bank_day:
                booked = self.days.next_bank_day(day) if rules.more_time_date == "next-bank-day" else day
                found.append(self._window(day, hours.opens, hours.closes, booked))
        return found

    def _window(self, day: date, opens: str, closes: str, booked: date) -> Window:
        start, end = self._moment(day, opens), self._moment(day, closes)
        if end <= start:
            end += 86_400_000
        return Window(start, end, booked.strftime("%Y%m%d"))

    def _moment(self, day: date, text: str) -> int:
        if text == "24:00":
            return self._moment(day + timedelta(days=1), "00:00")
        local = datetime.combine(day, time.fromisoformat(text), UTC)
        return round((local - self._zone).timestamp() * 1000)
