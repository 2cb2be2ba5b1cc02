"""How many of the core's slots all hot lanes may use together: never more than their share, less while others wait for it.

Owns one number, `slots`. Pure. The idea: what everybody else's calls took before anything was hot is remembered; while they
take longer than that, calls queue inside the core, Little's law says how many, and the hot lanes give up that many and some
more. When the others are served as before and the hot lanes use all they have, one slot is added at a time. So the hot
lanes pay first, and the core's own concurrency target, which follows everybody else, is left alone. The traps: a call that
began before the last change says nothing about it; and the storm must not teach us that slow is usual, so what is
remembered moves slowly, and never far at once.
"""

from __future__ import annotations

WINDOW_MS = 200
WINDOW_CALLS_MIN = 8
THIN_WINDOW_MS, THIN_WINDOW_CALLS_MIN = 1_000, 3  # where everybody else says little
CALM_SHARE = 0.01  # of what one window says goes into the remembered latency
CALM_GROWTH_MAX = 2.0
WARM_WINDOWS = 3
SLOW_FACTOR, SLOW_EXTRA_MS = 1.1, 2.0  # above the remembered latency by this: somebody waits inside the core
FINE_FACTOR, FINE_EXTRA_MS = 1.05, 1.0
SHRINK = 0.7
HOLD_MS = 5_000  # after giving up slots, before the first is added again
PROBE_MS = 2_000  # between two that are added
GUARANTEE_DIVISOR = 10  # a tenth of the target is the hot lanes' own, also when everybody else wants all of it


class HotBudget:
    def __init__(self, share_percent: int) -> None:
        self._share_percent = share_percent
        self.slots = 1
        self.calm_ms = 0.0  # mean latency of everybody else's calls while nothing is hot; 0 while unknown
        self._is_hot = False
        self._remembered = 0  # windows
        self._changed_ms = self._grow_ms = 0
        self._window_ms = 0
        self._sum_ms = self._count = self._inflight_sum = self._hot_sum = self._hot_peak = 0

    def most(self, target: int) -> int:
        """The hot lanes' share of the core's concurrency target."""
        return max(1, target * self._share_percent // 100)

    def guaranteed(self, target: int) -> int:
        return max(1, min(self.slots, target // GUARANTEE_DIVISOR))

    def begin(self, target: int, best_ms: int, now_ms: int) -> None:
        """The first hot lane was entered. `best_ms`: the core's best latency lately, for one who has seen no calm time."""
        self._is_hot = True
        self.calm_ms = self.calm_ms or best_ms
        self._set(self.most(target), now_ms)

    def end(self, now_ms: int) -> None:
        """The last one was left."""
        self._is_hot = False
        self._clear(now_ms)

    def observe(self, latency_ms: int, started_ms: int, is_hot: bool, inflight: int, hot_inflight: int, now_ms: int) -> None:
        """A call ended with the core's word. `inflight` counts all calls with this one, `hot_inflight` those of hot lanes."""
        if is_hot:
            self._hot_peak = max(self._hot_peak, hot_inflight)
            return
        if started_ms < self._changed_ms:
            return
        self._sum_ms += latency_ms
        self._count += 1
        self._inflight_sum += inflight
        self._hot_sum += hot_inflight

    def overloaded(self, now_ms: int) -> None:
        """The core refused a hot lane's call, or said nothing: they give way before anybody else does."""
        if now_ms - self._changed_ms >= WINDOW_MS:
            self._grow_ms = now_ms + HOLD_MS
            self._set(int(self.slots * SHRINK), now_ms)

    def decide(self, target: int, now_ms: int, is_pressed: bool) -> None:
        """After each call, and from time to time. `is_pressed`: somebody who is not hot waits to be asked."""
        self.slots = min(self.slots, self.most(target))
        passed_ms = now_ms - self._window_ms
        if passed_ms < WINDOW_MS:
            return
        is_thin = passed_ms >= THIN_WINDOW_MS and self._count >= THIN_WINDOW_CALLS_MIN
        if self._count < WINDOW_CALLS_MIN and not is_thin:
            if self._is_hot and passed_ms >= HOLD_MS:  # nobody else is there to be harmed
                self._grow(target, now_ms)
            return
        mean_ms = self._sum_ms / self._count
        if not self._is_hot:
            if not is_pressed:
                self._remember(mean_ms)
            self._clear(now_ms)
        elif mean_ms > self.calm_ms * SLOW_FACTOR + SLOW_EXTRA_MS and self.calm_ms:
            queued = self._inflight_sum / self._count * (1 - self.calm_ms / mean_ms)
            used = self._hot_sum / self._count
            self._grow_ms = now_ms + HOLD_MS
            self._set(int(min(used - queued - 1, self.slots * SHRINK)), now_ms)
        elif not is_pressed and mean_ms <= self.calm_ms * FINE_FACTOR + FINE_EXTRA_MS:
            self._grow(target, now_ms)
        else:
            self._clear(now_ms)

    def _remember(self, mean_ms: float) -> None:
        """The mean of the first windows, later one that moves slowly; the very first calls open connections: not counted."""
        self._remembered += 1
        number = self._remembered - WARM_WINDOWS
        if number == 1:
            self.calm_ms = mean_ms
        elif number > 1:
            mean_ms = min(mean_ms, self.calm_ms * CALM_GROWTH_MAX)
            self.calm_ms += (mean_ms - self.calm_ms) * max(CALM_SHARE, 1 / number)

    def _grow(self, target: int, now_ms: int) -> None:
        is_used = self._hot_peak >= self.slots
        self._clear(now_ms)
        if is_used and now_ms >= self._grow_ms:
            self.slots = min(self.most(target), self.slots + 1)
            self._grow_ms = now_ms + PROBE_MS

    def _set(self, slots: int, now_ms: int) -> None:
        self.slots = max(1, slots)
        self._changed_ms = now_ms
        self._clear(now_ms)

    def _clear(self, now_ms: int) -> None:
        self._window_ms = now_ms
        self._sum_ms = self._count = self._inflight_sum = self._hot_sum = self._hot_peak = 0
