"""Dates as ISO 8583 sends them, without a year or without a century, made whole around the day of receipt.

Owns the expansion and the two clock fields of messages that we send ourselves. It must never read a clock: the day comes as
an argument. The trap: a date that is missing its year is decided by nearness, so that a message of 31 December received on
1 January belongs to last year; and 29 February exists only in some of the years around.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

DAY_MS = 86_400_000
FAR_DAYS = 190  # farther than this from the day of receipt, a date without a year is a mistake and not a date


def day_of(wall_ms: int) -> int:
    """Days since 1970-01-01 UTC."""
    return wall_ms // DAY_MS


@lru_cache(maxsize=4096)
def expand_month_day(mmdd: str, day: int) -> str | None:
    """MMDD as YYYYMMDD in the year that brings it nearest to `day` (days since 1970). None where there is no such date."""
    if len(mmdd) != 4 or not _digits(mmdd):
        return None
    today = date.fromordinal(_EPOCH + day)
    return _nearest(today, [(year, int(mmdd[:2]), int(mmdd[2:])) for year in range(today.year - 1, today.year + 2)], FAR_DAYS)


@lru_cache(maxsize=4096)
def expand_year(yymmdd: str, day: int) -> str | None:
    """YYMMDD as YYYYMMDD in the century that brings it nearest to `day`. None where there is no such date."""
    if len(yymmdd) != 6 or not _digits(yymmdd):
        return None
    today = date.fromordinal(_EPOCH + day)
    century = today.year // 100 * 100
    years = (century + offset + int(yymmdd[:2]) for offset in (-100, 0, 100))
    return _nearest(today, [(year, int(yymmdd[2:4]), int(yymmdd[4:])) for year in years], 36_600)


@lru_cache(maxsize=4096)
def check_date(yyyymmdd: str) -> str | None:
    """The same eight digits where they are a date, else None."""
    if len(yyyymmdd) != 8 or not _digits(yyyymmdd):
        return None
    return None if _day(int(yyyymmdd[:4]), int(yyyymmdd[4:6]), int(yyyymmdd[6:])) is None else yyyymmdd


def date_part(local_time: str, day: int) -> str | None:
    """The date inside a DE 12 of twelve (YYMMDDhhmmss) or fourteen (YYYYMMDDhhmmss) digits, as YYYYMMDD."""
    if len(local_time) == 12:
        return expand_year(local_time[:6], day)
    if len(local_time) == 14:
        return check_date(local_time[:8])
    return None


def dashed(yyyymmdd: str) -> str:
    """YYYYMMDD as YYYY-MM-DD."""
    return f"{yyyymmdd[:4]}-{yyyymmdd[4:6]}-{yyyymmdd[6:]}"


def clock_text(wall_ms: int) -> str:
    """UTC as YYYYMMDDhhmmss: DE 7 is its last ten digits, DE 12 of 1993 its last twelve."""
    return datetime.fromtimestamp(wall_ms // 1000, UTC).strftime("%Y%m%d%H%M%S")


_EPOCH = date(1970, 1, 1).toordinal()


def _nearest(today: date, candidates: list[tuple[int, int, int]], days_max: int) -> str | None:
    days = [found for found in (_day(*candidate) for candidate in candidates) if found is not None]
    if not days:
        return None
    best = min(days, key=lambda found: abs((found - today).days))
    return best.strftime("%Y%m%d") if abs((best - today).days) <= days_max else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
