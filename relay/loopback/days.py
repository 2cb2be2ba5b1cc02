"""The bank's day of a demo or a load: the date in Japan at its beginning, and no midnight for at least nine hours.

Owns the choice of the day's clock. It must never read one. The trap: who counts days in Japan and who counts them in UTC agree
on the date until 15:00 UTC and from then on do not; so whatever counts by the day in one run counts by this one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

JAPAN_MINUTES: Final = 540
HOUR_MS: Final = 3_600_000
_JAPAN_TURNS_HOUR: Final = 15  # of UTC, when it is midnight in Japan


def offset_minutes(wall_ms: int) -> int:
    """East of UTC: of UTC while its date is Japan's, else of Japan. `wall_ms`: UTC epoch milliseconds."""
    return JAPAN_MINUTES if wall_ms // HOUR_MS % 24 >= _JAPAN_TURNS_HOUR else 0


def date_at(wall_ms: int, minutes: int) -> str:
    """YYYY-MM-DD, `minutes` east of UTC."""
    return (datetime.fromtimestamp(wall_ms / 1_000, UTC) + timedelta(minutes=minutes)).date().isoformat()
