"""What is believed of the active region: the ratchet, whose epoch it is, and the permit of law 5. Pure.

Owns the decision what an answer of GET /v1/region means. It must never look at health, nor at a clock. There are two ways to
a higher epoch. Where the core is the source, the region's own word raises it. Where DNS is, only `named` does (by the agreement
of name servers, or by a pin), and the region's word can no more than confirm it: without that there is no permit. The traps:
from hearing of the new epoch until it is durable there is no permit at all, for the old one is known to be over; an
answer from below the ratchet is an old region talking; silence changes nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from relay.permit import Permit


class RegionWord(Protocol):
    """What a region says of itself; the contract's RegionAnswer fulfils it."""

    @property
    def region(self) -> str: ...

    @property
    def epoch(self) -> int: ...

    @property
    def state(self) -> str:
        """serving | blocked | standby"""
        ...


class Verdict(Enum):
    """What became of one answer; also the metric label."""

    SERVING = "serving"
    SUSPENDED = "suspended"  # blocked or standby
    RAISE = "higher-epoch"  # make it durable, then hear the same word again
    AHEAD = "ahead-of-dns"  # a higher epoch than DNS names: not believed, and nobody is asked under the lower one
    UNNAMED = "unnamed"  # nobody with the authority has said yet whose this epoch is
    LOWER_EPOCH = "lower-epoch"
    CONTRADICTION = "contradiction"  # another region under the epoch that we know
    SILENT = "silent"


class RegionView:
    """`region` is whose the ratchet's epoch is, as far as that is durable; empty where it is not."""

    def __init__(self, epoch: int, region: str = "", follows_dns: bool = False) -> None:
        self.epoch = epoch  # as durable
        self.heard_epoch = epoch  # the highest ever heard: what is below is over, durable or not
        self.region = region
        self.named_region = region  # whose `heard_epoch` is, durable or not: never another one's
        self.follows_dns = follows_dns
        self.permit: Permit | None = None

    def heard(self, word: RegionWord | None) -> Verdict:
        if word is None:
            return Verdict.SILENT
        if word.epoch < self.heard_epoch:
            return Verdict.LOWER_EPOCH
        if word.epoch > self.epoch:
            self.permit = None
            if self.follows_dns:
                return Verdict.AHEAD
            self.heard_epoch = word.epoch
            return Verdict.RAISE
        if self.follows_dns and not self.region:
            return Verdict.UNNAMED
        if self.region and word.region != self.region:
            return Verdict.CONTRADICTION
        self.region = word.region
        if word.state != "serving":
            self.permit = None
            return Verdict.SUSPENDED
        if self.permit is None:
            self.permit = Permit(self.epoch, word.region)
        return Verdict.SERVING

    def named(self, epoch: int, region: str) -> bool:
        """Somebody with the authority says so: it is to be made durable. False for what is known, or against what is."""
        if epoch < self.heard_epoch or (epoch == self.epoch and self.region):
            return False
        if epoch == self.heard_epoch and self.named_region not in ("", region):
            return False
        self.heard_epoch, self.named_region = epoch, region
        self.permit = None
        return True

    def raised(self, epoch: int, region: str = "") -> None:
        """The epoch is durable, and where it was named, its region too. Raises ValueError for a step back."""
        if epoch < self.epoch:
            raise ValueError(f"the epoch never goes back: {self.epoch} -> {epoch}")
        if epoch > self.epoch or region:
            self.epoch = epoch
            self.heard_epoch = max(self.heard_epoch, epoch)
            self.region = region
            self.permit = None
