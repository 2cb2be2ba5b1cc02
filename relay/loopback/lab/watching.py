"""What terminals see of a trouble: how long nobody was answered, who lost a session and when all were back. Pure.

Owns the arithmetic. It must never know a socket. The trap: a pause is only as short as the traffic is dense; a dialect that
asks twice a second cannot see a tenth of a second.
"""

from __future__ import annotations

import msgspec


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect since the mark, times in milliseconds. `pause_ms`: the longest without an answer of the core. `back_ms`:
    from the mark until everybody was there again, 0 where nobody was missing, -1 where somebody still is."""

    name: str
    expected: int
    present: int
    missing_most: int
    back_ms: float
    pause_ms: float
    answers: int
    refused: int
    doubted: int
    timed_out: int


class Watcher:
    """Of one dialect, from the moment it is made. `counts` are answers of the core, refusals of the relay, doubts, silences."""

    def __init__(self, name: str, expected: int, counts: tuple[int, int, int, int], now_ms: float) -> None:
        self._name = name
        self._expected = expected
        self._first = counts
        self._last = counts
        self._since_ms = self._marked_ms = now_ms
        self._pause_ms = 0.0
        self._present = expected
        self._missing_most = 0
        self._back_ms = 0.0

    def look(self, present: int, counts: tuple[int, int, int, int], now_ms: float) -> None:
        self._pause_ms = max(self._pause_ms, now_ms - self._since_ms)
        if counts[0] != self._last[0]:
            self._since_ms = now_ms
        self._last = counts
        missing = self._expected - present
        if missing > 0:
            self._missing_most = max(self._missing_most, missing)
            self._back_ms = -1.0
        elif self._back_ms < 0:
            self._back_ms = now_ms - self._marked_ms
        self._present = present

    def seen(self) -> Seen:
        answers, refused, doubted, timed_out = (last - first for last, first in zip(self._last, self._first, strict=True))
        return Seen(
            name=self._name,
            expected=self._expected,
            present=self._present,
            missing_most=self._missing_most,
            back_ms=self._back_ms,
            pause_ms=self._pause_ms,
            answers=answers,
            refused=refused,
            doubted=doubted,
            timed_out=timed_out,
        )
