"""Times as people type and read them: `2026-11-24`, `2026-11-24T15:30`, `2h`; shown in the host's own time zone.

Owns the reading and the writing of moments. It must never ask the clock: now is an argument. The trap: the journal keeps UTC
milliseconds and an operator thinks in local time, so a time without a zone is local, and what is shown says its offset.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta, tzinfo

_AGO = re.compile(r"(\d{1,6})\s*(s|m|min|h|d)")
_SPACED_OFFSET = re.compile(r"(\d) ([+-]\d)")  # as show_moment writes it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_MS = {"s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_moment(text: str, now_ms: int, zone: tzinfo | None = None) -> int:
    """UTC epoch milliseconds. `2h` means two hours before `now_ms`; a time without a zone is in `zone` (None: local).

    Raises argparse.ArgumentTypeError.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        moment = datetime.fromisoformat(_SPACED_OFFSET.sub(r"\1\2", text.strip()))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f'"{text}" is no time: write 2026-11-24, 2026-11-24T15:30 or 2h (ago)') from None


def show_moment(wall_ms: int, zone: tzinfo | None = None) -> str:
    """`2026-11-24 15:30:03.120 +0900`."""
    moment = (_EPOCH + timedelta(milliseconds=wall_ms)).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{wall_ms % 1_000:03d} {moment:%z}"
