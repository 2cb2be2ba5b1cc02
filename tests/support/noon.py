"""A bank whose clock stood at noon when the tests began: no test meets its midnight, nor the sweep that follows one.

Owns the offset, read once: two that are reckoned on both sides of an hour, or of midnight in UTC, would be two different days.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

NOON_MINUTES: Final = (12 - datetime.now(UTC).hour) * 60  # east of UTC; the date there is that of UTC
