"""Which days are bank days in Japan: the one door to the holiday library.

Owns the question, and the bank's own rest days that no holiday law names. It must never know an hour or a window. The traps:
holidays are made by law each year, so the library must be kept up to date (docs/dependencies.md), and a day that a bank
decrees, or a holiday the library does not know yet, is a setting (`extra_holidays`), not a new release.

Source: Banking Act enforcement order, article 5: Saturdays, Sundays, public holidays, 31 December to 3 January.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import jpholiday

SEARCH_DAYS_MAX = 60  # longer than any row of rest days


class BankDays:
    """`extra_holidays` are rest days, `extra_bank_days` working days, whatever the calendar says."""

    def __init__(self, extra_holidays: Collection[date] = (), extra_bank_days: Collection[date] = ()) -> None:
        self._closed = frozenset(extra_holidays)
        self._open = frozenset(extra_bank_days)
        self._known: tuple[date, bool] | None = None

    def is_bank_day(self, day: date) -> bool:
        if day in self._open:
            return True
        if day in self._closed or day.weekday() >= 5 or (day.month, day.day) in ((12, 31), (1, 1), (1, 2), (1, 3)):
            return False
        known = self._known
        if known is None or known[0] != day:
            known = self._known = (day, not jpholiday.is_holiday(day))
        return known[1]

    def next_bank_day(self, day: date) -> date:
        """The first bank day after `day`."""
        for step in range(1, SEARCH_DAYS_MAX):
            candidate = day + timedelta(days=step)
            if self.is_bank_day(candidate):
                return candidate
        raise ValueError(f"no bank day within {SEARCH_DAYS_MAX} days after {day}")

    def is_last_of_month(self, day: date) -> bool:
        """Is `day` the last bank day of its month?"""
        return self.is_bank_day(day) and self.next_bank_day(day).month != day.month
