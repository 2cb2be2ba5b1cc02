"""Dates as Zengin files write them: month and day without a year, and Japanese years without an era.

Owns both ways of finding the year. It must never read a clock: today is an argument. The trap: 010501 is 1 May 1989 and 1 May
2019, and 070101 is 1995 and 2025; the candidate nearest to today is taken, which is a rule of ours and written down as such.

Sources: the eras' first days, Meiji and Taisho left out because no file is that old. Showa 1926-12-25, Heisei 1989-01-08, Reiwa
2019-05-01.
"""

from __future__ import annotations

from datetime import date

# first day, last day, the year that is year 0 of the era
ERAS = (
    (date(1926, 12, 25), date(1989, 1, 7), 1925),
    (date(1989, 1, 8), date(2019, 4, 30), 1988),
    (date(2019, 5, 1), date.max, 2018),
)


def wareki_candidates(text: str) -> list[date]:
    """Every date that YYMMDD of the Japanese calendar may be, oldest first; empty where it is none."""
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        return []
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    found = []
    for first, last, zero in ERAS:
        try:
            candidate = date(zero + year, month, day)
        except ValueError:
            continue
        if year and first <= candidate <= last:
            found.append(candidate)
    return found


def from_wareki(text: str, today: date) -> date | None:
    """The candidate nearest to `today`; None where there is none."""
    return min(wareki_candidates(text), key=lambda candidate: abs((candidate - today).days), default=None)


def to_wareki(day: date) -> str:
    """YYMMDD in the era of that day. Raises ValueError before Showa."""
    for first, last, zero in ERAS:
        if first <= day <= last:
            return f"{day.year - zero:02}{day.month:02}{day.day:02}"
    raise ValueError("before the first era known here")


def from_month_day(text: str, today: date) -> date | None:
    """MMDD in the year that puts it nearest to `today`; None where no year has such a day."""
    if len(text) != 4 or not (text.isascii() and text.isdigit()):
        return None
    candidates = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            candidates.append(date(year, int(text[:2]), int(text[2:])))
        except ValueError:
            continue
    return min(candidates, key=lambda candidate: abs((candidate - today).days), default=None)
