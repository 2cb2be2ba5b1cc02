"""Whether what has hours of service is open now, as it is shown.

Owns the value. It must never know how hours are written or which days are holidays (relay/hours.py does): a tool that shows a
status needs neither.
"""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Of one class or line that has hours. `changes_ms`: UTC epoch milliseconds, with `changes_at` on the bank's own clock,
    2026-11-28 07:00; both empty where it never changes."""

    name: str
    is_line: bool = False
    is_open: bool = True
    changes_ms: int = 0
    changes_at: str = ""
