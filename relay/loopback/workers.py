"""The fake core's workers: so many requests are worked on at once, each takes so long, the rest waits its turn.

Owns the line before the workers. Time comes in as a callable, so the same line runs on sockets and in tests. The trap: a
core that only delays its answers never saturates, however many ask; with workers its latency rises when more is asked than
it can do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Later = Callable[[float, Callable[[], None]], object]  # (seconds, what to do then)


class Workers:
    """`count_max` requests at once, `work_ms` each. Nothing is refused: the line is as long as its askers have connections."""

    def __init__(self, count_max: int, work_ms: float, later: Later) -> None:
        if count_max < 1:
            raise ValueError("at least one worker")
        self._count_max = count_max
        self._work_s = work_ms / 1_000
        self._later = later
        self._line: deque[Callable[[], None]] = deque()
        self.busy = 0

    @property
    def waiting_count(self) -> int:
        return len(self._line)

    def do(self, work: Callable[[], None]) -> None:
        """Run `work` when a worker has had it for its time."""
        self._line.append(work)
        self._begin()

    def _begin(self) -> None:
        while self._line and self.busy < self._count_max:
            self.busy += 1
            work = self._line.popleft()
            self._later(self._work_s, lambda work=work: self._end(work))  # type: ignore[misc]  # a default binds it now

    def _end(self, work: Callable[[], None]) -> None:
        self.busy -= 1
        try:
            work()
        finally:
            self._begin()
