"""Whether core calls go through the other center: a table of two states, and how long the way back is waited for. Pure.

Owns the decision and its damping. It must never dial, nor know a region's name: the calls of this center are the same calls,
with its own epochs, on another road. The essay: going takes a settled finding that we alone do not reach the active region;
coming back takes the direct way to have been good for `return_after_ms` without a break, or the peer to be no use any more,
for then nothing is lost by it. Who goes again within `damping_window_ms` of coming back waits twice as long the next time, up
to `return_max_ms`: a cross-connect that comes and goes must not move every call each time.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from relay.pair.beat import Sight
from relay.pair.findings import Finding


class Way(Enum):
    DIRECT = "direct"
    THROUGH_PEER = "through-peer"


class Turn(Enum):
    """What happened, as far as the way is concerned."""

    ONLY_WE_ARE_CUT = "only-we-are-cut"
    PEER_NO_USE = "peer-no-use"
    GOOD_FOR_LONG = "good-for-long"
    NOTHING = "nothing"


TABLE: Final[dict[tuple[Way, Turn], Way]] = {
    (Way.DIRECT, Turn.ONLY_WE_ARE_CUT): Way.THROUGH_PEER,
    (Way.DIRECT, Turn.PEER_NO_USE): Way.DIRECT,
    (Way.DIRECT, Turn.GOOD_FOR_LONG): Way.DIRECT,
    (Way.DIRECT, Turn.NOTHING): Way.DIRECT,
    (Way.THROUGH_PEER, Turn.ONLY_WE_ARE_CUT): Way.THROUGH_PEER,
    (Way.THROUGH_PEER, Turn.PEER_NO_USE): Way.DIRECT,
    (Way.THROUGH_PEER, Turn.GOOD_FOR_LONG): Way.DIRECT,
    (Way.THROUGH_PEER, Turn.NOTHING): Way.THROUGH_PEER,
}


class DetourRules(msgspec.Struct, frozen=True):
    return_after_ms: int = 10_000
    return_max_ms: int = 300_000
    damping_window_ms: int = 600_000


class Detour:
    def __init__(self, rules: DetourRules) -> None:
        self._rules = rules
        self._good_since_ms: int | None = None
        self._returned_ms: int | None = None
        self.return_after_ms = rules.return_after_ms
        self.way = Way.DIRECT

    def look(self, finding: Finding, direct: Sight, peer_serves: bool, now_ms: int) -> bool:
        """`finding` has settled; `direct` is how we see the active region by ourselves; `peer_serves`: it is heard, reaches the
        region and forwards. True when the way changed."""
        turn = self._turn(finding, direct, peer_serves, now_ms)
        becomes = TABLE[self.way, turn]
        if becomes is self.way:
            return False
        self._changed(becomes, now_ms)
        return True

    def _turn(self, finding: Finding, direct: Sight, peer_serves: bool, now_ms: int) -> Turn:
        if direct is not Sight.OK:
            self._good_since_ms = None
        elif self._good_since_ms is None:
            self._good_since_ms = now_ms
        if self.way is Way.THROUGH_PEER:
            if not peer_serves:
                return Turn.PEER_NO_USE
            good_since_ms = self._good_since_ms
            is_long = good_since_ms is not None and now_ms - good_since_ms >= self.return_after_ms
            return Turn.GOOD_FOR_LONG if is_long else Turn.NOTHING
        return Turn.ONLY_WE_ARE_CUT if finding is Finding.CROSS_CONNECT_LOST and peer_serves else Turn.NOTHING

    def _changed(self, becomes: Way, now_ms: int) -> None:
        rules, self.way = self._rules, becomes
        if becomes is Way.DIRECT:
            self._returned_ms = now_ms
            return
        is_again = self._returned_ms is not None and now_ms - self._returned_ms < rules.damping_window_ms
        self.return_after_ms = min(self.return_after_ms * 2, rules.return_max_ms) if is_again else rules.return_after_ms
