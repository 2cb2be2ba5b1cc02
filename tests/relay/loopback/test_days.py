"""The day of a run, from every hour at which it may begin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.loopback.days import HOUR_MS, JAPAN_MINUTES, date_at, offset_minutes

NEW_YEARS_EVE_MS = int(datetime(2026, 12, 31, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize("hour", range(24))
def test_it_is_the_date_in_japan_and_stays_so_for_nine_hours(hour: int) -> None:
    """Else the far ends state the totals of two days, and each is out of balance."""
    for began_ms in (NEW_YEARS_EVE_MS + hour * HOUR_MS, NEW_YEARS_EVE_MS + (hour + 1) * HOUR_MS - 1):
        minutes = offset_minutes(began_ms)
        day = date_at(began_ms, minutes)
        assert day == date_at(began_ms, JAPAN_MINUTES) == ("2027-01-01" if hour >= 15 else "2026-12-31")
        assert date_at(began_ms + 9 * HOUR_MS, minutes) == day
