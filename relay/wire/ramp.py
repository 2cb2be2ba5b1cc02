"""How much of the accept rate is given after a take-over: a part at first, twice as much after each good step. Pure.

Owns one number, `percent`. Why it exists: whoever comes back to a relay that has just begun brings cold caches, cold
connections and repeats of what was in flight, all at once; what the core and this process bear is not known before it was
tried. A step is good when the 99th percentile of everything that was observed in it (each source for itself: calls to the
core, the event loop) is within its limit; a step that is not is repeated. It must never know what it limits. The trap: a step
in which nothing was observed is good, or a relay without traffic would stay at its first step for ever.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec

BOUNDS_MS: Final = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)
FULL_PERCENT: Final = 100
BEYOND_MS: Final = 1 << 30  # longer than the last bound


class RampRules(msgspec.Struct, frozen=True):
    """`start_percent` at first, twice as much after each good step of `step_ms`. Good: `p99_ms_max` at most."""

    start_percent: int = 25
    step_ms: int = 5_000
    p99_ms_max: int = 500


class Percentile:
    """Counts of milliseconds by upper bound."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_MS) + 1)
        self.count = 0

    def add(self, ms: float, times: int = 1) -> None:
        self._counts[bisect_left(BOUNDS_MS, ms)] += times
        self.count += times

    def p99_ms(self) -> int:
        """An upper bound; 0 where nothing was added."""
        left = self.count - self.count // 100
        if not left:
            return 0
        for bound, count in zip(BOUNDS_MS, self._counts, strict=False):
            left -= count
            if left <= 0:
                return bound
        return BEYOND_MS


class Ramp:
    """Nothing is limited before the first `begin`."""

    def __init__(self, rules: RampRules) -> None:
        self._rules = rules
        self.percent = FULL_PERCENT
        self.why = ""  # of the last beginning
        self.held = 0  # steps in a row that were not good
        self.worst_ms = 0  # p99 of the last step, of the slowest source
        self._ends_ms = 0
        self._seen: dict[str, Percentile] = {}

    @property
    def is_ramping(self) -> bool:
        return self.percent < FULL_PERCENT

    @property
    def start_percent(self) -> int:
        return self._rules.start_percent

    def use(self, rules: RampRules) -> None:
        """Other rules from the next step on."""
        self._rules = rules

    def begin(self, why: str, now_ms: int) -> None:
        """The whole fleet may come now: a start, a role gained, another epoch."""
        self.why = why
        self.percent = min(FULL_PERCENT, self._rules.start_percent)
        self.held = self.worst_ms = 0
        self._next_step(now_ms)

    def observe(self, source: str, ms: float, times: int = 1) -> None:
        """How long something took, `times` times. `source`: one of a few names."""
        if self.is_ramping:
            seen = self._seen.get(source)
            if seen is None:
                seen = self._seen[source] = Percentile()
            seen.add(ms, times)

    def look(self, now_ms: int) -> bool:
        """Judge the step if it is over; True where `percent` changed."""
        if not self.is_ramping or now_ms < self._ends_ms:
            return False
        self.worst_ms = max((seen.p99_ms() for seen in self._seen.values()), default=0)
        is_good = self.worst_ms <= self._rules.p99_ms_max
        self._next_step(now_ms)
        if not is_good:
            self.held += 1
            return False
        self.held = 0
        self.percent = min(FULL_PERCENT, self.percent * 2)
        return True

    def full_after_ms(self, now_ms: int) -> int:
        """Milliseconds until it is over, if all steps are good."""
        percent, left_ms = self.percent, 0
        while percent < FULL_PERCENT:
            left_ms += self._rules.step_ms if left_ms else max(1, self._ends_ms - now_ms)
            percent *= 2
        return left_ms

    def _next_step(self, now_ms: int) -> None:
        self._ends_ms = now_ms + self._rules.step_ms
        self._seen = {}
