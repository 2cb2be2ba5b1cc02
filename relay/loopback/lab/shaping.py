"""What a cable does to a frame: hold it for its delay, or lose it. Pure; time and chance are arguments.

Owns the queue of one direction. It must never read a frame. The trap: a cable does not turn frames round, so whatever is in
front leaves first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

HELD_COUNT_MAX = 20_000  # frames: beyond it a cable loses what comes, as a full queue does


class Cable:
    """One direction. `chance` gives a number from 0 to 1."""

    def __init__(self, delay_ms: float, loss: float, chance: Callable[[], float]) -> None:
        self.delay_ms = delay_ms
        self.loss = loss
        self.lost_count = 0
        self._chance = chance
        self._held: deque[tuple[float, bytes]] = deque()

    def take(self, frame: bytes, now_ms: float) -> None:
        if (self.loss and self._chance() < self.loss) or len(self._held) >= HELD_COUNT_MAX:
            self.lost_count += 1
        else:
            self._held.append((now_ms + self.delay_ms, frame))

    def due(self, now_ms: float) -> list[bytes]:
        """What leaves now, in its order."""
        leaving = []
        while self._held and self._held[0][0] <= now_ms:
            leaving.append(self._held.popleft()[1])
        return leaving

    def next_ms(self) -> float | None:
        """When the next one leaves."""
        return self._held[0][0] if self._held else None
