"""All limits of the exchange floor in one value, as the daemon makes it out of the configuration.

Owns names, units and defaults. It must never know the configuration. The trap: a limit of the whole floor is not the sum of
its parts' limits; what is waiting for the core is bounded in lanes.py, what is waiting for the disk here.
"""

from __future__ import annotations

import msgspec

from relay.exchange.doubt import DoubtLimits
from relay.exchange.hotspots import HotLimits
from relay.exchange.lanes import LaneLimits
from relay.exchange.saf import SafLimits


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
