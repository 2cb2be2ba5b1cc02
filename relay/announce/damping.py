"""How often a route may move: a least stay that grows with every flap, and a budget of changes per minute. Pure.

Owns the two limits. They hold back what gets *better* only: a sick center is withdrawn at once, whatever it cost. That the
budget holds all the same is kept by reserve: nothing gets better unless the minute also has room for all the steps down that
may follow. The trap: a limit that held back withdrawals would keep a dead center announced; one without a reserve would be
broken by the first of them.
"""

from __future__ import annotations

from collections import deque

import msgspec

from relay.announce.port import Level
from relay.announce.role import STEPS_DOWN

MINUTE_MS = 60_000
CHANGES_MIN = 4  # up to HOLDING and down again takes as many


class DampingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`stay_ms`: a level is kept for so long before it may get better; doubled by each flap up to `stay_ms_max`. `calm_ms`
    without a flap, and they are forgotten. `changes_per_minute_max`: changes of the route in any minute."""

    stay_ms: int = 5_000
    stay_ms_max: int = 300_000
    calm_ms: int = 600_000
    changes_per_minute_max: int = 6


class Damping:
    """All times are monotonic milliseconds."""

    def __init__(self, limits: DampingLimits) -> None:
        if limits.changes_per_minute_max < CHANGES_MIN:
            raise ValueError(f"changes_per_minute_max is at least {CHANGES_MIN}")
        self._limits = limits
        self._changes: deque[int] = deque()
        self._flaps = 0
        self._flapped_ms = 0
        self._since_ms: int | None = None  # of the last change

    @property
    def since_ms(self) -> int | None:
        return self._since_ms

    def stay_ms(self, now_ms: int) -> int:
        """How long the present level has to be kept before it may get better."""
        if self._flaps and now_ms - self._flapped_ms >= self._limits.calm_ms:
            self._flaps = 0
        return min(self._limits.stay_ms_max, self._limits.stay_ms << min(self._flaps, 20))

    def wait_ms(self, now_ms: int, level: Level) -> int:
        """How long the way up to `level` is held back from now; 0 where it is free."""
        stay = 0 if self._since_ms is None else self._since_ms + self.stay_ms(now_ms) - now_ms
        room = self._limits.changes_per_minute_max - 1 - STEPS_DOWN[level]
        self._forget(now_ms)
        budget = 0
        if len(self._changes) > room:
            budget = self._changes[len(self._changes) - room - 1] + MINUTE_MS - now_ms
        return max(0, stay, budget)

    def changed(self, now_ms: int, is_flap: bool) -> None:
        """The route moved. A flap is one that people did not ask for, and that did not make it better."""
        self._forget(now_ms)
        self._changes.append(now_ms)
        self._since_ms = now_ms
        if is_flap:
            self.stay_ms(now_ms)
            self._flaps += 1
            self._flapped_ms = now_ms

    def _forget(self, now_ms: int) -> None:
        while self._changes and now_ms - self._changes[0] >= MINUTE_MS:
            self._changes.popleft()
