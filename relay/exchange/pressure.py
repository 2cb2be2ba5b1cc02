"""What the queue before the core did lately: waits, refusals at the door and why, and how the core's target moved.

Owns the figures that `relay report pressure` shows. Pure: time is an argument. It must never decide. The trap: a figure
since the start says nothing at three in the morning, so everything here is of the last one to two minutes, and the moves
are the latest few.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from enum import StrEnum

import msgspec

WINDOW_MS = 60_000  # figures are of this window and what has passed of the next
MOVES_COUNT_MAX = 64
BOUNDS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)
COOLDOWN_MS = 1_000  # moves of the target closer together than this are shown as one


class Why(StrEnum):
    """Why a financial message was refused for want of room."""

    QUEUE_FULL = "queue-full"
    TERMINAL_QUEUE_FULL = "terminal-queue-full"
    TOO_LATE = "too-late"  # it could not be asked before its reply deadline
    WAITED_TOO_LONG = "waited-too-long"  # it was let in, and its turn did not come in time


class TargetMove(msgspec.Struct, frozen=True):
    at_ms: int  # monotonic
    before: int
    after: int
    why: str


class Waits:
    """Percentiles of how long messages waited to be asked: of the present window and the one before."""

    def __init__(self) -> None:
        self._now = [0] * (len(BOUNDS_MS) + 1)
        self._before = self._now
        self._largest = self._largest_before = 0
        self._ends_ms = 0

    def add(self, wait_ms: int, now_ms: int) -> None:
        self._turn(now_ms)
        self._now[bisect_left(BOUNDS_MS, wait_ms)] += 1
        self._largest = max(self._largest, wait_ms)

    def percentile(self, percent: int, now_ms: int) -> int | None:
        """An upper bound, milliseconds; None where nobody waited."""
        self._turn(now_ms)
        counts = [a + b for a, b in zip(self._now, self._before, strict=True)]
        rank = -(-sum(counts) * percent // 100)
        if not rank:
            return None
        largest = max(self._largest, self._largest_before)
        for bound, count in zip((*BOUNDS_MS, largest), counts, strict=True):
            rank -= count
            if rank <= 0:
                return min(bound, largest)
        return largest

    def count(self, now_ms: int) -> int:
        self._turn(now_ms)
        return sum(self._now) + sum(self._before)

    def _turn(self, now_ms: int) -> None:
        if now_ms >= self._ends_ms:
            is_next = now_ms < self._ends_ms + WINDOW_MS
            empty = [0] * (len(BOUNDS_MS) + 1)
            self._before, self._now = (self._now if is_next else empty), empty[:]
            self._largest_before, self._largest = (self._largest if is_next else 0), 0
            self._ends_ms = now_ms + WINDOW_MS


class Pressure:
    def __init__(self) -> None:
        self.waits = {False: Waits(), True: Waits()}  # is it of a hot lane?
        self.moves: deque[TargetMove] = deque(maxlen=MOVES_COUNT_MAX)
        self._refused: Counter[tuple[bool, Why]] = Counter()
        self._refused_before: Counter[tuple[bool, Why]] = Counter()
        self._ends_ms = 0

    def refused(self, is_hot: bool, why: Why, now_ms: int) -> None:
        self._turn(now_ms)
        self._refused[is_hot, why] += 1

    def refusals(self, now_ms: int) -> dict[tuple[bool, Why], int]:
        self._turn(now_ms)
        return dict(self._refused + self._refused_before)

    def target_moved(self, before: int, after: int, why: str, now_ms: int) -> None:
        """Steps the same way for the same reason, soon after each other, are one move."""
        if self.moves:
            last = self.moves[-1]
            if last.why == why and now_ms - last.at_ms <= COOLDOWN_MS:
                self.moves[-1] = TargetMove(now_ms, last.before, after, why)
                return
        self.moves.append(TargetMove(now_ms, before, after, why))

    def _turn(self, now_ms: int) -> None:
        if now_ms >= self._ends_ms:
            is_next = now_ms < self._ends_ms + WINDOW_MS
            self._refused_before = self._refused if is_next else Counter()
            self._refused = Counter()
            self._ends_ms = now_ms + WINDOW_MS
