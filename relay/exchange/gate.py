"""Why a new financial message is refused at the door, before it is asked: draining, suspended by people, or nobody to ask.

Owns the classes that people may block, and the order of the reasons. It must never look at load (traffic.py does). The traps:
only *new financial* messages are refused here, advices and reversals are taken whatever is blocked, for the money has moved
already; and a message belongs to one class alone, so that releasing inquiries does not open the cash dispensers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from protocols.vocabulary import Refusal, Request
from relay.permit import Permit

INQUIRY: Final = "inquiry"
CLASSES: Final = ("atm", "branch", "partner", INQUIRY)  # partner: Zengin, and switches of other networks
INQUIRY_KINDS: Final = frozenset({"balance-inquiry"})

# What is said where the core says "not processed".
REFUSAL_OF: Final = {
    "unreachable": Refusal.CORE_UNREACHABLE,
    "overloaded": Refusal.OVERLOADED,
    "wrong-region": Refusal.REGION_SWITCHING,
    "superseded-relay": Refusal.SUSPENDED,
    "invalid": Refusal.INTERNAL,
}


def class_of(channel: str, kind: str) -> str:
    """Of a message of `channel` (atm, branch, partner) and `kind`."""
    return INQUIRY if kind in INQUIRY_KINDS else channel


class Gate:
    """`is_draining` and `blocked` are set by whoever is told to, `awaited` by whoever replays a lost tail; `is_sealed` asks
    whether people sealed the region's epoch."""

    def __init__(self, permit: Callable[[], Permit | None], is_sealed: Callable[[], bool]) -> None:
        self._permit = permit
        self._is_sealed = is_sealed
        self.is_draining = False
        self.blocked: Collection[str] = frozenset()
        self.awaited: Collection[str] = frozenset()

    def refusal(self, request: Request) -> Refusal | None:
        """Why it is shut for this message, or None."""
        if self.is_draining:
            return Refusal.DRAINING
        if self.blocked and class_of(request.channel, request.kind) in self.blocked:
            return Refusal.SUSPENDED
        if self.awaited and class_of(request.channel, request.kind) in self.awaited:
            return Refusal.SUSPENDED
        if self._permit() is None:
            return Refusal.SUSPENDED if self._is_sealed() else Refusal.CORE_UNREACHABLE
        return None
