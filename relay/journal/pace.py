"""How many rows one slice may take, so that a walk never holds the writer for longer than its limit.

Owns that number; pure. It must never read a clock: whoever works a slice says how long it took. The rule: twice as long as the
limit, half as many rows; within half of it, half as many more. So the first slice of a walk may be too long once, and the next
ones are not. The trap: the commit's sync is not in it. It takes as long for one row as for a hundred, and a slow disk would
shrink the slices until a walk is nothing but syncs.
"""

from __future__ import annotations

from typing import Final

COUNT_MIN: Final = 8  # rows: below this a walk would be nothing but syncs
COUNT_MAX: Final = 500  # each may touch a page of its own, and pages are written at the commit


class Pace:
    __slots__ = ("_limit_ms", "count")

    def __init__(self, limit_ms: int, count: int) -> None:
        self._limit_ms = limit_ms
        self.count = count

    def took(self, rows: int, elapsed_ms: int) -> None:
        """A slice of `rows` held the writer for `elapsed_ms`. One that found less than it asked for says little."""
        if elapsed_ms > self._limit_ms:
            allowed = self.count * self._limit_ms // elapsed_ms
            self.count = max(COUNT_MIN, min(allowed, self.count - 1))
        elif 2 * elapsed_ms <= self._limit_ms and rows >= self.count:
            self.count = min(COUNT_MAX, self.count + max(1, self.count // 2))
