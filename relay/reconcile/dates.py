"""Which bank day a message belongs to, and when a day is over.

Owns the cut-over rule. Pure; times are UTC epoch milliseconds, dates YYYY-MM-DD. The trap: a message may carry its own
business date, which wins; near the cut-over, relay and core may file one without a date under neighbouring days, so a row that
is missing on its day is asked for by key before anybody calls it a difference.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec

DAY_MS = 86_400_000


class Cutover(msgspec.Struct, frozen=True):
    """The bank day begins `minute` minutes after local midnight, at `utc_offset_minutes` east of UTC."""

    minute: int = 0
    utc_offset_minutes: int = 540

    def date_at(self, wall_ms: int) -> str:
        moved = wall_ms + (self.utc_offset_minutes - self.minute) * 60_000
        return datetime.fromtimestamp(moved / 1000, UTC).date().isoformat()

    def begins_ms(self, business_date: str) -> int:
        """Raises ValueError for what is no date."""
        day = date.fromisoformat(business_date)
        midnight_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
        return midnight_ms - (self.utc_offset_minutes - self.minute) * 60_000

    def date_of(self, carried: str, recorded_ms: int) -> str:
        """The day of a message: its own, else that of its receipt."""
        return carried or self.date_at(recorded_ms)

    def closed_date(self, wall_ms: int, settle_ms: int) -> str:
        """The newest day that ended at least `settle_ms` ago."""
        today = date.fromisoformat(self.date_at(wall_ms - settle_ms))
        return (today - timedelta(days=1)).isoformat()


def days_apart(one: str, other: str) -> int | None:
    """Absolute distance in days; None where one of them is no date."""
    try:
        return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)
    except ValueError:
        return None
