"""Which business date is to be swept next: the newest that closed, and those that nobody swept when they did.

Owns that choice. Pure. It must never look at a row of the journal, nor ask the core. The essay: a relay that was down over a
cut-over, or whose journal was at work at the other center (a take-over), has closed dates without a report; they are made
up for, or nobody compares them. The traps: the newest comes first, for a core that no longer lists an old date must not keep
the newest report away; a report that an operator made while its day still ran does not count; and of the time before the first
report nothing is made up, because nobody wanted any then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.report import Layer, Report

CATCH_UP_DAYS_MAX: Final = 14  # further back a person asks for a date: relay reconcile now --date


class Due:
    """`newest` has closed and has no report; so have `missed`, the latest first."""

    def __init__(self, reports: Sequence[Report], cutover: Cutover, wall_ms: int, settle_ms: int) -> None:
        def is_over(report: Report) -> bool:
            return report.made_ms >= cutover.begins_ms(report.business_date) + DAY_MS + settle_ms

        done = {each.business_date for each in reports if each.layer is Layer.DAILY and is_over(each)}
        closed = cutover.closed_date(wall_ms, settle_ms)
        self.newest = "" if closed in done else closed
        before = (date.fromisoformat(closed) - timedelta(days=days) for days in range(1, CATCH_UP_DAYS_MAX))
        first = min(done, default=closed)
        self.missed = tuple(day for day in (each.isoformat() for each in before) if day > first and day not in done)
