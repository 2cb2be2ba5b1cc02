"""How often each terminal, branch or account asks: decaying counters over a bounded number of keys.

Owns one table of rates: what a key does now (a short half-life) and what is usual for it (a long one). Pure: time is an
argument. It must never decide what is too much (hotspots.py does). Space-saving: a key that finds the table full takes the
place of the coolest one and inherits its count, so a busy key is never missed; what it inherited is taken off again before
anybody is judged. The trap: counters are not made smaller as time passes, new events weigh more instead; so the order of
two keys never changes by waiting, a heap finds the coolest, and all of them are scaled down together before a float would
overflow.

Source of the algorithm: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements" (2005); the
weights are forward decay, Cormode et al. (2009).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from math import log

EXPONENT_MAX = 500.0  # half-lives of the short kind between two scalings; a float has room for 1,000
RECENT_FACTOR = 8  # short half-lives in the one of what is too recent to be usual
TICK_BITS = 4  # weights are made anew every 16 ms, which is a hundredth of the shortest half-life that makes sense


class Tracked:
    """One key's counters, in weights of the time at which they were raised."""

    __slots__ = ("fast", "inherited", "key", "recent", "since_ms", "usual")

    def __init__(self, key: str, inherited: float, since_ms: int) -> None:
        self.key = key
        self.fast = inherited
        self.inherited = inherited
        self.recent = 0.0
        self.usual = 0.0
        self.since_ms = since_ms


class Heat:
    """`suspects` are the keys that reached `alarm_per_s` since somebody emptied it."""

    def __init__(self, keys_count_max: int, fast_half_life_ms: int, usual_half_life_ms: int, alarm_per_s: float) -> None:
        self._keys_count_max = keys_count_max
        self._fast_half_life_ms = fast_half_life_ms
        self._usual_half_life_ms = usual_half_life_ms
        self._alarm_count = alarm_per_s * fast_half_life_ms / 1_000 / log(2)
        self._table: dict[str, Tracked] = {}
        self._coolest: list[tuple[float, int, str]] = []  # count when pushed, serial, key: never above the key's count now
        self._serial = 0
        self._tick = -1
        self._fast_landmark_ms = self._usual_landmark_ms = 0
        self._fast_weight = self._recent_weight = self._usual_weight = 1.0
        self._alarm = self._alarm_count
        self.frozen: set[str] = set()  # keys whose usual rate is not learned at present
        self.suspects: set[str] = set()

    def __len__(self) -> int:
        return len(self._table)

    def observe(self, key: str, now_ms: int) -> None:
        """One message of `key`."""
        if now_ms >> TICK_BITS != self._tick:
            self._weigh(now_ms)
        tracked = self._table.get(key)
        if tracked is None:
            tracked = self._admit(key, now_ms)
        tracked.fast += self._fast_weight
        if tracked.fast >= self._alarm:
            self.suspects.add(key)
        if key not in self.frozen:
            tracked.recent += self._recent_weight
            tracked.usual += self._usual_weight

    def rate_per_s(self, key: str, now_ms: int) -> float:
        """Messages per second now, less what may be somebody else's; 0 for a key that is not tracked."""
        tracked = self._table.get(key)
        return 0.0 if tracked is None else self._rate(tracked, now_ms)

    def usual_per_s(self, key: str, now_ms: int, learning_ms: int) -> float | None:
        """Messages per second over the long half-life; None while the key is known for less than `learning_ms`, or for so
        short a time that most of it is recent."""
        tracked = self._table.get(key)
        learning_ms = max(learning_ms, 2 * RECENT_FACTOR * self._fast_half_life_ms)
        if tracked is None or now_ms - tracked.since_ms < learning_ms:
            return None
        return self._usual(tracked, now_ms)

    def set_usual(self, key: str, per_s: float, now_ms: int) -> None:
        """What is usual for `key` is known from before: it goes on from there."""
        tracked = self._table.get(key)
        if tracked is not None:
            self._weigh(now_ms)
            before = per_s * self._before_ms(tracked, now_ms) / 1_000 / log(2)
            tracked.usual = (before + tracked.recent / self._recent_weight) * self._usual_weight

    def active(self, now_ms: int) -> Iterator[tuple[str, float]]:
        """Keys that said something within the last few short half-lives, with their rates."""
        self._weigh(now_ms)
        for tracked in self._table.values():
            if tracked.fast - tracked.inherited >= 0.25 * self._fast_weight:
                yield tracked.key, self._rate(tracked, now_ms)

    def hottest(self, count: int, now_ms: int) -> list[tuple[str, float]]:
        """The `count` busiest keys with their rates, busiest first."""
        return heapq.nlargest(count, self.active(now_ms), key=lambda row: (row[1], row[0]))

    # ---- the table -----------------------------------------------------------------------------------------------------
    def _admit(self, key: str, now_ms: int) -> Tracked:
        inherited = 0.0
        if len(self._table) >= self._keys_count_max:
            inherited = self._drop_coolest()
        tracked = self._table[key] = Tracked(key, inherited, now_ms)
        self._serial += 1
        heapq.heappush(self._coolest, (inherited, self._serial, key))
        return tracked

    def _drop_coolest(self) -> float:
        """Forget the key with the smallest count, and return that count. One that is judged at present stays."""
        heap = self._coolest
        kept: list[tuple[float, int, str]] = []
        while True:
            pushed, serial, key = heap[0]
            now = self._table[key].fast
            if key in self.frozen and len(kept) < len(heap) - 1:
                kept.append(heapq.heappop(heap))
            elif now > pushed:
                heapq.heapreplace(heap, (now, serial, key))
            else:
                heapq.heappop(heap)
                break
        for one in kept:
            heapq.heappush(heap, one)
        del self._table[key]
        self.suspects.discard(key)
        return now

    def _weigh(self, now_ms: int) -> None:
        tick = now_ms >> TICK_BITS
        if tick == self._tick:
            return
        if self._tick < 0:
            self._fast_landmark_ms = self._usual_landmark_ms = now_ms
        self._tick = tick
        exponent = (now_ms - self._fast_landmark_ms) / self._fast_half_life_ms
        if exponent > EXPONENT_MAX:
            self._scale(now_ms, exponent)
            exponent = 0.0
        self._fast_weight = 2.0**exponent
        self._recent_weight = 2.0 ** (exponent / RECENT_FACTOR)
        self._usual_weight = 2.0 ** ((now_ms - self._usual_landmark_ms) / self._usual_half_life_ms)
        self._alarm = self._alarm_count * self._fast_weight

    def _scale(self, now_ms: int, exponent: float) -> None:
        fast = 2.0 ** -min(exponent, 1_000.0)
        recent = 2.0 ** -min(exponent / RECENT_FACTOR, 1_000.0)
        usual = 2.0 ** -min((now_ms - self._usual_landmark_ms) / self._usual_half_life_ms, 1_000.0)
        for tracked in self._table.values():
            tracked.fast *= fast
            tracked.inherited *= fast
            tracked.recent *= recent
            tracked.usual *= usual
        self._fast_landmark_ms = self._usual_landmark_ms = now_ms
        self._coolest = [(tracked.fast, n, tracked.key) for n, tracked in enumerate(self._table.values())]
        heapq.heapify(self._coolest)
        self._serial = len(self._coolest)

    def _rate(self, tracked: Tracked, now_ms: int) -> float:
        self._weigh(now_ms)
        return (tracked.fast - tracked.inherited) / self._fast_weight * log(2) * 1_000 / self._fast_half_life_ms

    def _usual(self, tracked: Tracked, now_ms: int) -> float:
        """Less what is recent: a storm must not raise the rate that it is held against."""
        self._weigh(now_ms)
        before = tracked.usual / self._usual_weight - tracked.recent / self._recent_weight
        return max(0.0, before) * log(2) * 1_000 / self._before_ms(tracked, now_ms)

    def _before_ms(self, tracked: Tracked, now_ms: int) -> float:
        """The weighted length of this key's past, less the recent part."""
        age_ms = max(1, now_ms - tracked.since_ms)
        return max(
            1.0, _weighted(age_ms, self._usual_half_life_ms) - _weighted(age_ms, self._fast_half_life_ms * RECENT_FACTOR)
        )


def _weighted(age_ms: int, half_life_ms: int) -> float:
    """What an age counts for by weight, in half-lives' length: all of it while it is young, one half-life at most."""
    return float(half_life_ms * (1.0 - 2.0 ** (-age_ms / half_life_ms)))
