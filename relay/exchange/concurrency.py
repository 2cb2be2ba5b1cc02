"""How many calls the core gets at once: a target that follows its latency.

Owns one number. Pure. The idea: while calls come back near the best latency seen lately, the target grows by a tenth each
window; when they take clearly longer, or the core says that it is overloaded, it shrinks by multiplication, once per window.
The trap: a target grows only when it is used, or a quiet night would leave it at its ceiling for the morning's storm.
"""

from __future__ import annotations

WINDOW_MS = 200  # one decision per window
WINDOW_CALLS_MIN = 8  # fewer finished calls than this say nothing
BASE_AGE_MS = 10_000  # the best latency is forgotten after one to two of these
SLOW_FACTOR = 3  # mean latency above base * this + SLOW_EXTRA_MS counts as congestion
SLOW_EXTRA_MS = 20
SHRINK_SLOW = 0.9
SHRINK_REFUSED = 0.7


class ConcurrencyTarget:
    """`start`: what it begins with, within floor and ceiling."""

    def __init__(self, floor: int, ceiling: int, start: int = 64) -> None:
        if not 1 <= floor <= ceiling:
            raise ValueError("the floor is between 1 and the ceiling")
        self._floor = floor
        self._ceiling = ceiling
        self.target = min(ceiling, max(floor, start))
        self.mean_ms = 0.0  # of the last window that said something
        self.why = "start"  # of the target as it is: start, used, slow or refused
        self._sum = 0
        self._count = 0
        self._refused = False
        self._peak = 0
        self._window_end = 0
        self._base_now = self._base_before = 1 << 30
        self._base_end = 0

    def observe(self, latency_ms: int, refused: bool, inflight: int, now_ms: int) -> None:
        """One call ended. `refused`: the core's own "overloaded", or no answer at all."""
        if refused:
            self._refused = True
        else:
            self._sum += latency_ms
            self._count += 1
            if latency_ms < self._base_now:
                self._base_now = latency_ms
        if inflight > self._peak:
            self._peak = inflight
        if now_ms >= self._window_end and (self._count >= WINDOW_CALLS_MIN or self._refused):
            self._decide(now_ms)

    def expected_wait_ms(self, waiting: int) -> int:
        """How long `waiting` messages take to be asked at the present pace, milliseconds."""
        return int(self.mean_ms * waiting / self.target)

    @property
    def best_ms(self) -> int:
        """The best latency seen lately, milliseconds; 0 while none was."""
        base = min(self._base_now, self._base_before)
        return 0 if base == 1 << 30 else base

    def _decide(self, now_ms: int) -> None:
        base = min(self._base_now, self._base_before)
        before = self.target
        if self._count:
            self.mean_ms = self._sum / self._count
        if self._refused:
            self.target = max(self._floor, int(self.target * SHRINK_REFUSED))
        elif self.mean_ms > base * SLOW_FACTOR + SLOW_EXTRA_MS:
            self.target = max(self._floor, int(self.target * SHRINK_SLOW))
        elif self._peak * 5 >= self.target * 4:
            self.target = min(self._ceiling, self.target + max(1, self.target // 10))
        if self.target != before:
            self.why = "used" if self.target > before else "refused" if self._refused else "slow"
        self._sum = self._count = self._peak = 0
        self._refused = False
        self._window_end = now_ms + WINDOW_MS
        if now_ms >= self._base_end:
            self._base_before, self._base_now = self._base_now, 1 << 30
            self._base_end = now_ms + BASE_AGE_MS
