"""What the two centers' sights mean together: one table. Pure.

Owns the words for what has failed. It must never choose a region nor take anything over: a finding is shown, and drives
nothing but the detour through the peer (detour.py). The essay: "I cannot reach the region" is said by a center whose
cross-connect is cut, by one whose region is gone, and by one that is cut off itself. Only the other center's eyes tell these
apart, and they are there only while it is heard; without them nothing is concluded but that nothing can be concluded.

The trap: what comes here has been debounced on both sides, but not at the same moment, so that a region that is lost looks for
a second like a cut cross-connect: a finding is told when it has stood for `settle_ms` (Settling).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from relay.pair.beat import Sight
from relay.pair.hearing import PathState


class Paths(Enum):
    """How many of the ways to the peer are up."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


class Finding(Enum):
    """Also the metric label."""

    STARTING = "starting"  # not looked for long enough
    NORMAL = "normal"
    PATH_LOST = "path-lost"  # the peer is there, on one way only
    PEER_LOST = "peer-lost"  # on no way; from here a dead center and two cut ways look the same
    CROSS_CONNECT_LOST = "cross-connect-lost"  # we cannot reach the active region, and the peer can
    PEER_CROSS_CONNECT_LOST = "peer-cross-connect-lost"  # the other way round
    REGION_LOST = "region-lost"  # neither can
    REGION_UNREACHABLE = "region-unreachable"  # we cannot, and the peer does not say
    CUT_OFF = "cut-off"  # we reach nobody at all: it is us


_A, _S, _N = Paths.ALL, Paths.SOME, Paths.NONE
_OK, _BAD, _Q = Sight.OK, Sight.FAILING, Sight.UNKNOWN

# (how we see the active region, how the peer sees it, the ways to the peer)
TABLE: Final[dict[tuple[Sight, Sight, Paths], Finding]] = {
    (_OK, _OK, _A): Finding.NORMAL,
    (_OK, _OK, _S): Finding.PATH_LOST,
    (_OK, _BAD, _A): Finding.PEER_CROSS_CONNECT_LOST,
    (_OK, _BAD, _S): Finding.PEER_CROSS_CONNECT_LOST,
    (_OK, _Q, _A): Finding.NORMAL,  # it has just begun, or believes another region: that is told by itself
    (_OK, _Q, _S): Finding.PATH_LOST,
    (_OK, _Q, _N): Finding.PEER_LOST,
    (_BAD, _OK, _A): Finding.CROSS_CONNECT_LOST,
    (_BAD, _OK, _S): Finding.CROSS_CONNECT_LOST,
    (_BAD, _BAD, _A): Finding.REGION_LOST,
    (_BAD, _BAD, _S): Finding.REGION_LOST,
    (_BAD, _Q, _A): Finding.REGION_UNREACHABLE,
    (_BAD, _Q, _S): Finding.REGION_UNREACHABLE,
    (_BAD, _Q, _N): Finding.REGION_UNREACHABLE,
    (_Q, _OK, _A): Finding.STARTING,
    (_Q, _OK, _S): Finding.STARTING,
    (_Q, _BAD, _A): Finding.STARTING,
    (_Q, _BAD, _S): Finding.STARTING,
    (_Q, _Q, _A): Finding.STARTING,
    (_Q, _Q, _S): Finding.STARTING,
    (_Q, _Q, _N): Finding.STARTING,
}


def paths_of(states: Sequence[PathState]) -> Paths:
    """A way that is not known yet, or leads in one direction only, is none."""
    up = sum(state is PathState.UP for state in states)
    return Paths.NONE if not up else Paths.ALL if up == len(states) else Paths.SOME


def find(ours: Sight, peers: Sight, states: Sequence[PathState], others: Sequence[Sight]) -> Finding:
    """`others` is how we see everybody else that we look at: the other regions, the name servers; where there is nobody else, a
    region and a peer that are both away cannot be told from a center that is cut off. A peer that is not heard sees
    nothing, whatever it said before."""
    paths = paths_of(states)
    if paths is Paths.NONE:
        peers = Sight.UNKNOWN
        if any(state is PathState.UNKNOWN for state in states):
            return Finding.STARTING
    finding = TABLE[ours, peers, paths]
    is_alone = bool(others) and all(sight is Sight.FAILING for sight in others)
    if finding is Finding.REGION_UNREACHABLE and paths is Paths.NONE and is_alone:
        return Finding.CUT_OFF
    return finding


class Settling:
    """The finding that is told: the last one that stood for `settle_ms`."""

    def __init__(self, settle_ms: int, now_ms: int) -> None:
        self._settle_ms = settle_ms
        self._candidate = Finding.STARTING
        self._candidate_ms = now_ms
        self.finding = Finding.STARTING
        self.since_ms = now_ms

    def saw(self, finding: Finding, now_ms: int) -> bool:
        """True when what is told changes."""
        if finding is not self._candidate:
            self._candidate, self._candidate_ms = finding, now_ms
        if finding is self.finding or now_ms - self._candidate_ms < self._settle_ms:
            return False
        self.finding, self.since_ms = finding, now_ms
        return True
