"""Why a new financial message is refused at the door, before it is asked: draining, out of hours, suspended, nobody to ask.

Owns the classes that people may block, and the order of the reasons. It must never look at load (traffic.py does). The traps:
only *new financial* messages are refused here, advices and reversals are taken whatever is blocked, for the money has moved
already; and a message belongs to one class alone, so that releasing inquiries does not open the cash dispensers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from protocols.vocabulary import Refusal, Request
from relay.hours import Hours, always_open
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
    """`is_draining` and `blocked` are set by whoever is told to, `hours` by whoever reads the configuration, `awaited` by
    whoever replays a lost tail; `is_sealed` asks whether people sealed the region's epoch."""

    def __init__(self, permit: Callable[[], Permit | None], is_sealed: Callable[[], bool]) -> None:
        self._permit = permit
        self._is_sealed = is_sealed
        self.is_draining = False
        self.hours: Hours = always_open()
        self.blocked: Collection[str] = frozenset()
        self.awaited: Collection[str] = frozenset()

    def refusal(self, request: Request, line: str, wall_ms: int) -> Refusal | None:
        """Why it is shut for this message of a listener or dialer, received at `wall_ms` (UTC epoch), or None."""
        if self.is_draining:
            return Refusal.DRAINING
        message_class = class_of(request.channel, request.kind)
        if not self.hours.is_open(line, message_class, wall_ms):
            return Refusal.OUT_OF_HOURS
        if message_class in self.blocked or message_class in self.awaited:
            return Refusal.SUSPENDED
        if self._permit() is None:
            return Refusal.SUSPENDED if self._is_sealed() else Refusal.CORE_UNREACHABLE
        return None
