"""A period of one's own for each link, so that twenty thousand links that began together do not say "are you there?" together.

Owns one function. Pure: the same link has the same period for all its life, whatever the machine, so a dialogue stays a
function of its events. The trap: a link may only be *earlier* than its profile says, never later, for a firewall between the
two forgets a silent connection at a fixed time.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

EARLIER_PERCENT: Final = 20  # of the period, at most


def spread_ms(period_ms: int, link_id: str) -> int:
    """`period_ms` milliseconds, up to a fifth earlier by chance of `link_id` (of `LinkOpened`). Unchanged for a link without
    one, and where it is 0 (never)."""
    if not link_id or period_ms < 2:
        return period_ms
    chance = int.from_bytes(blake2b(link_id.encode(), digest_size=4).digest(), "big")
    return period_ms - chance * (period_ms * EARLIER_PERCENT // 100 + 1) // (1 << 32)
