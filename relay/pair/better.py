"""Whether the other center would serve the terminals better than this one. Pure.

Owns one question that announcing asks (relay/announce/health.py). It must never move anything. The essay: a center that steps
back to standby is still preferred to the other one's standby, so that where both have lost the region nothing moves. Where only
this one has, the first remedy is the way through the other center, which moves no session; and only where that is not there, or
was taken and did not help, the terminals have to go to where the region is reached. The traps: what the other center says
counts while it is heard and has settled (`Finding.CROSS_CONNECT_LOST` is both); and it must be announced itself, or both would
be gone.
"""

from __future__ import annotations

from typing import Final

from relay.pair.beat import Beat
from relay.pair.detour import Way
from relay.pair.findings import Finding

DETOUR_PATIENCE_MS: Final = 10_000  # what the way through the other center gets to bring an answer
ANNOUNCED: Final = frozenset({"standby", "holding"})  # roles in its heartbeat (relay/announce/role.py)


def serves_better(finding: Finding, beat: Beat | None, can_detour: bool, way: Way, on_way_ms: int) -> bool:
    """`finding` has settled and `beat` is the other center's last, None while it is not heard; `can_detour`: calls could go
    through it; `on_way_ms`: since the last turn of the way, or the beginning."""
    if finding is not Finding.CROSS_CONNECT_LOST or beat is None or beat.role not in ANNOUNCED:
        return False
    return not can_detour or (way is Way.THROUGH_PEER and on_way_ms >= DETOUR_PATIENCE_MS)
