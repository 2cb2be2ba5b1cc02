"""What the charts are drawn from: one point every few seconds, in a ring that never grows. Pure.

Owns the difference of two readings, the percentiles in it, and the two rings (fine and coarse). It must never read a metric
itself (sampler.py does). The traps: a percentile of averages is none, so histograms are kept as counts and merged as counts;
and a counter that went back belongs to another life, so there is no point between the two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

FINE_MS: Final = 5_000
FINE_COUNT_MAX: Final = 360  # half an hour
COARSE_EVERY: Final = 12  # fine ones in a coarse one: a minute
COARSE_COUNT_MAX: Final = 1_440  # a day
SHARES: Final = ("approve", "decline", "taken", "doubt", "refused")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start. `reply` and `core` are counts per bucket of `bounds_ms`, one more for what is above them all."""

    at_ms: int
    endings: Mapping[str, int]
    reply: Sequence[int]
    core: Sequence[int]
    sessions: int = 0
    queue: int = 0


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Of the time up to `at_ms` (wall clock). Percentiles are None where nobody was answered."""

    at_ms: int
    per_s: Mapping[str, float]
    p50_ms: float | None = None
    p99_ms: float | None = None
    core_p99_ms: float | None = None
    sessions: int = 0
    queue: int = 0

    @property
    def all_per_s(self) -> float:
        return sum(self.per_s.values())


class Ring:
    """`bounds_ms` are the histograms' upper bounds."""

    def __init__(self, bounds_ms: Sequence[float]) -> None:
        self._bounds_ms = bounds_ms
        self._last: Reading | None = None
        self._minute: Reading | None = None
        self._since_minute = 0
        self._fine: deque[Point] = deque(maxlen=FINE_COUNT_MAX)
        self._coarse: deque[Point] = deque(maxlen=COARSE_COUNT_MAX)

    def add(self, reading: Reading) -> None:
        if self._last is not None and (point := between(self._last, reading, self._bounds_ms)) is not None:
            self._fine.append(point)
        self._last = reading
        self._since_minute += 1
        if self._minute is None:
            self._minute, self._since_minute = reading, 0
        elif self._since_minute >= COARSE_EVERY:
            if (point := between(self._minute, reading, self._bounds_ms)) is not None:
                self._coarse.append(point)
            self._minute, self._since_minute = reading, 0

    def fine(self) -> tuple[Point, ...]:
        """Oldest first."""
        return tuple(self._fine)

    def coarse(self) -> tuple[Point, ...]:
        return tuple(self._coarse)


def between(first: Reading, second: Reading, bounds_ms: Sequence[float]) -> Point | None:
    """What happened from one reading to the next; None where no time passed or a counter went back."""
    span_s = (second.at_ms - first.at_ms) / 1_000
    reply = _less(second.reply, first.reply)
    core = _less(second.core, first.core)
    rates = {name: (second.endings.get(name, 0) - first.endings.get(name, 0)) / max(span_s, 0.001) for name in SHARES}
    if span_s <= 0 or reply is None or core is None or min(rates.values()) < 0:
        return None
    return Point(
        at_ms=second.at_ms,
        per_s=rates,
        p50_ms=percentile(reply, bounds_ms, 0.50),
        p99_ms=percentile(reply, bounds_ms, 0.99),
        core_p99_ms=percentile(core, bounds_ms, 0.99),
        sessions=second.sessions,
        queue=second.queue,
    )


def percentile(counts: Sequence[int], bounds_ms: Sequence[float], share: float) -> float | None:
    """By straight lines within a bucket, as Prometheus does; the last bucket has no end, so its beginning is told."""
    total = sum(counts)
    if not total:
        return None
    wanted, before = share * total, 0
    edges = [0.0, *bounds_ms]
    for count, (low, high) in zip(counts, pairwise(edges), strict=False):
        if before + count >= wanted and count:
            return low + (high - low) * (wanted - before) / count
        before += count
    return edges[-1]


def _less(later: Sequence[int], earlier: Sequence[int]) -> list[int] | None:
    """A histogram that is new had nothing before."""
    before = list(earlier) + [0] * (len(later) - len(earlier))
    taken = [count - old for count, old in zip(later, before, strict=False)]
    return None if len(earlier) > len(later) or any(count < 0 for count in taken) else taken
