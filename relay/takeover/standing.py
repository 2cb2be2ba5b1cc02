"""Whether this center's own life is still listened to by the core, or was taken over by the other center.

Owns that one answer: unknown, clear or superseded; and the question, at the start and then again and again. It must never
open a door itself (who asks it does). The traps: a center that was taken over while it was down knows nothing of it, so nothing
is taken before the core has said that it is clear; one that is taken over while it is idle has no call that would be refused,
and would keep its route and its sessions, so it goes on asking; once it was refused as superseded it stays so for this life,
whatever is said later, because what it has in memory is another's by now; and a refusal does not say by whom, so that is asked
for, too.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from protocols.vocabulary import NotProcessed, Unknown
from relay.clock import Cancellable, Timers
from relay.core.client import CoreClient
from relay.core.contract import CenterAnswer
from relay.core.mapping import Remark
from relay.permit import Permit
from relay.telemetry.log import get_log

log = get_log("takeover")
RARE_MS: Final = 300_000  # to a core that does not know the question: RelayCoreAnswersRefused speaks of more in 15 minutes


class Standing(Enum):
    UNKNOWN = "unknown"
    CLEAR = "clear"
    SUPERSEDED = "superseded"


class OwnStanding:
    """`relay_epoch` is with what this life speaks; `told` hears of each change. `look_ms` between two questions while an answer
    is awaited, `own_look_ms` while this life is clear. `is_awaited`: nobody is served before the first answer."""

    def __init__(
        self,
        center: str,
        relay_epoch: int,
        client: CoreClient,
        permit: Callable[[], Permit | None],
        timers: Timers,
        told: Callable[[Standing], None],
        look_ms: int,
        own_look_ms: int,
        call_timeout_ms: int,
        is_awaited: bool = True,
    ) -> None:
        self._is_awaited = is_awaited
        self._center = center
        self._relay_epoch = relay_epoch
        self._client = client
        self._permit = permit
        self._timers = timers
        self._told = told
        self._look_ms = look_ms
        self._own_look_ms = own_look_ms
        self._call_timeout_ms = call_timeout_ms
        self._timer: Cancellable | None = None
        self._is_calm = False  # nothing is awaited: the next question is only the next look
        self._is_stopped = False
        self.standing = Standing.UNKNOWN
        self.by = ""  # who has taken over, as the core said it
        client.on_superseded = self.superseded

    @property
    def bars_doors(self) -> bool:
        """Nobody is served yet: the first answer is awaited."""
        return self._is_awaited and self.standing is Standing.UNKNOWN

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        self._is_stopped = True
        self._disarm()

    def superseded(self) -> None:
        """The core refused a call of this life: 412."""
        if self.standing is not Standing.SUPERSEDED:
            log.error("this center was taken over: the core refuses its life", center=self._center, by=self.by or "not told")
            self.standing = Standing.SUPERSEDED
            self._told(self.standing)
            if not self.by and self._is_calm and not self._is_stopped:
                self._look()

    def _look(self) -> None:
        self._disarm()
        self._is_calm = False
        permit = self._permit()
        if permit is None:
            self._later()
        else:
            self._client.center(self._center, permit, self._call_timeout_ms, self._heard)

    def _later(self, is_known: bool = True) -> None:
        """`is_known`: the core has not said that it does not know this question."""
        if self._is_stopped:
            return
        self._is_calm = self.standing is Standing.CLEAR
        pause_ms = self._own_look_ms if self._is_calm or not self._is_awaited else self._look_ms
        if not is_known and not self._is_calm and (not self._is_awaited or self.standing is Standing.SUPERSEDED):
            pause_ms = RARE_MS
        self._timer = self._timers.after(pause_ms, self._look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _heard(self, answer: CenterAnswer | NotProcessed | Unknown) -> None:
        if not isinstance(answer, CenterAnswer):
            said = answer.reason if isinstance(answer, NotProcessed) else answer.why
            self._later(is_known=said not in (Remark.STATUS.value, Remark.INVALID.value))  # 404, with or without our problem
            return
        if answer.newest > self._relay_epoch:
            self.by = answer.by
            if self.standing is Standing.SUPERSEDED:
                log.error("the core says who has taken this center over", center=self._center, by=self.by or "nobody")
            self.superseded()
        if self.standing is Standing.UNKNOWN:
            self.standing = Standing.CLEAR
            self._told(self.standing)
        if self.standing is Standing.CLEAR:
            self._later()
