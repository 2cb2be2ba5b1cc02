"""Time as a heap: a clock, timers and "soon" that run at the speed of the CPU.

Owns virtual monotonic and wall time for tests and the simulation. Nothing here sleeps. Calls due at the same instant run in
the order in which they were given, so the same seed gives the same history.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

WALL_START_MS = 1_795_478_400_000  # 2026-11-24 00:00:00 UTC


class VirtualTimer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualTime:
    """Fulfils `Clock` and `Timers`."""

    def __init__(self, wall_start_ms: int = WALL_START_MS) -> None:
        self._now_ms = 1_000
        self._wall_offset_ms = wall_start_ms - self._now_ms
        self._heap: list[tuple[int, int, VirtualTimer]] = []
        self._serial = 0
        self.steps = 0

    def monotonic_ms(self) -> int:
        return self._now_ms

    def wall_ms(self) -> int:
        return self._now_ms + self._wall_offset_ms

    def jump_wall(self, by_ms: int) -> None:
        """The wall clock is set; the monotonic clock does not notice."""
        self._wall_offset_ms += by_ms

    def after(self, delay_ms: int, callback: Callable[[], None]) -> VirtualTimer:
        timer = VirtualTimer(callback)
        self._serial = serial = self._serial + 1
        heappush(self._heap, (self._now_ms + delay_ms if delay_ms > 0 else self._now_ms, serial, timer))
        return timer

    def soon(self, callback: Callable[[], None]) -> None:
        self.after(0, callback)

    def step(self) -> bool:
        """Run the next due call; False when nothing is scheduled."""
        heap = self._heap
        while heap:
            due_ms, _, timer = heappop(heap)
            callback = timer.callback
            if callback is None:
                continue
            if due_ms > self._now_ms:
                self._now_ms = due_ms
            timer.callback = None
            self.steps += 1
            callback()
            return True
        return False

    def run(self, for_ms: int) -> None:
        """Run everything due within the next `for_ms` milliseconds, and let that much time pass."""
        end_ms = self._now_ms + for_ms
        heap = self._heap
        while heap and heap[0][0] <= end_ms:
            if heap[0][2].callback is None:
                heappop(heap)  # cancelled: the next one may be due only after `end_ms`
            else:
                self.step()
        self._now_ms = end_ms
