"""Whether this center's own life is still listened to by the core, or was taken over by the other center.

Owns that one answer: unknown, clear or superseded; and the question at the start. It must never open a door itself (who
asks it does). The traps: a center that was taken over while it was down knows nothing of it, so in a pair nothing is taken
before the core has said that it is clear; and once it was refused as superseded it stays so for this life, whatever is said
later, because what it has in memory is another's by now.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from protocols.vocabulary import NotProcessed, Unknown
from relay.clock import Cancellable, Timers
from relay.core.client import CoreClient
from relay.core.contract import CenterAnswer
from relay.permit import Permit
from relay.telemetry.log import get_log

log = get_log("takeover")


class Standing(Enum):
    UNKNOWN = "unknown"
    CLEAR = "clear"
    SUPERSEDED = "superseded"


class OwnStanding:
    """`relay_epoch` is with what this life speaks; `told` hears of each change."""

    def __init__(
        self,
        center: str,
        relay_epoch: int,
        client: CoreClient,
        permit: Callable[[], Permit | None],
        timers: Timers,
        told: Callable[[Standing], None],
        look_ms: int,
        call_timeout_ms: int,
    ) -> None:
        self._center = center
        self._relay_epoch = relay_epoch
        self._client = client
        self._permit = permit
        self._timers = timers
        self._told = told
        self._look_ms = look_ms
        self._call_timeout_ms = call_timeout_ms
        self._timer: Cancellable | None = None
        self.standing = Standing.UNKNOWN
        self.by = ""  # who has taken over, as the core said it
        client.on_superseded = self.superseded

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def superseded(self) -> None:
        """The core refused a call of this life: 412."""
        if self.standing is not Standing.SUPERSEDED:
            log.error("this center was taken over: the core refuses its life", center=self._center, by=self.by or "not told")
            self.standing = Standing.SUPERSEDED
            self._told(self.standing)

    def _look(self) -> None:
        self._timer = None
        permit = self._permit()
        if self.standing is not Standing.UNKNOWN:
            return
        if permit is None:
            self._later()
        else:
            self._client.center(self._center, permit, self._call_timeout_ms, self._heard)

    def _later(self) -> None:
        self._timer = self._timers.after(self._look_ms, self._look)

    def _heard(self, answer: CenterAnswer | NotProcessed | Unknown) -> None:
        if self.standing is not Standing.UNKNOWN:
            return
        if not isinstance(answer, CenterAnswer):
            self._later()
        elif answer.newest > self._relay_epoch:
            self.by = answer.by
            self.superseded()
        else:
            self.standing = Standing.CLEAR
            self._told(self.standing)
