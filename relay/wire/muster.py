"""How many of the expected fleet are back, and when the rest will be. Pure.

Owns the counts of the last seconds. It must never count anything itself. The trap: an estimate out of one second jumps with
every batch, and one since the start never forgets the ramp, so the pace is that of the last `WINDOW_MS`; where nobody came in
that time, there is no estimate, for "never" would be a guess as well.
"""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_MS: Final = 10_000


class Muster:
    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()  # when, how many
        self._expected = 0

    def count(self, present: int, expected: int, now_ms: int) -> None:
        """As of now, `present` sessions of the listeners of which `expected` are expected."""
        if expected != self._expected:
            self._seen.clear()  # other listeners: what was counted before says nothing
            self._expected = expected
        self._seen.append((now_ms, present))
        while len(self._seen) > 2 and self._seen[1][0] <= now_ms - WINDOW_MS:
            self._seen.popleft()

    @property
    def per_s(self) -> float:
        """Sessions that came in the last seconds, less those that went, per second."""
        if len(self._seen) < 2:
            return 0.0
        (first_ms, first), (last_ms, last) = self._seen[0], self._seen[-1]
        return (last - first) * 1_000 / max(1, last_ms - first_ms)

    @property
    def left_ms(self) -> int | None:
        """Until all are back at this pace, milliseconds: 0 when they are, None where there is no saying."""
        if not self._seen or not self._expected:
            return None
        missing = self._expected - self._seen[-1][1]
        if missing <= 0:
            return 0
        per_s = self.per_s
        return None if per_s <= 0 else int(missing * 1_000 / per_s)
