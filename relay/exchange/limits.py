"""All limits of the exchange floor in one value, as the daemon makes it out of the configuration.

Owns names, units and defaults, and how they follow from the configuration. It must never decide anything. The trap: a limit
of the whole floor is not the sum of its parts' limits; what is waiting for the core is bounded in lanes.py, what is waiting
for the disk here.
"""

from __future__ import annotations

import msgspec

from relay.exchange.doubt import DoubtLimits
from relay.exchange.hotspots import HotLimits
from relay.exchange.lanes import LaneLimits
from relay.exchange.saf import SafLimits
from relay.settings import Settings


class DeskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """All limits of the exchange floor; milliseconds where they end in _ms."""

    journal_waiting_count_max: int = 20_000
    call_timeout_ms: int = 4_000
    inflight_count_min: int = 4
    inflight_count_max: int = 512
    completion_deadline_ms: int = 120_000
    lanes: LaneLimits = LaneLimits()
    hot: HotLimits = HotLimits()
    doubt: DoubtLimits = DoubtLimits()
    saf: SafLimits = SafLimits()


def desk_limits(settings: Settings) -> DeskLimits:
    """The exchange floor's limits out of the configuration."""
    core = settings.core
    return DeskLimits(
        journal_waiting_count_max=settings.journal.waiting_count_max,
        call_timeout_ms=core.call_timeout_ms,
        inflight_count_min=core.inflight_count_min,
        inflight_count_max=core.inflight_count_max,
        completion_deadline_ms=settings.relay.completion_deadline_ms,
        lanes=LaneLimits(queue_count_max=core.queue_count_max),
        hot=HotLimits(**settings.hot_lanes.model_dump()),
        doubt=DoubtLimits(inquiry_first_ms=core.inquiry_first_ms),
        saf=SafLimits(
            call_timeout_ms=core.call_timeout_ms,
            retry_first_ms=core.retry_first_ms,
            retry_max_ms=core.retry_max_ms,
            head_tries_max=core.saf_head_tries_max,
            valid_ms=core.saf_valid_hours * 3_600_000,
        ),
    )
