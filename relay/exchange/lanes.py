"""Who is asked next: FIFO per terminal, round robin between terminals, never more than the target at once.

Owns the waiting messages between "durable" and "asked". Pure: time is an argument. It must never know the core or the
journal. The traps: a terminal's next message waits until its former one is *answered*, not only until the call ended; and a
message that cannot be asked before its reply deadline is refused at the door instead of growing old here (law 8).
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

import msgspec


class Waiting(Protocol):
    """What a lane holds: something of one terminal."""

    @property
    def lane(self) -> str: ...


ItemT = TypeVar("ItemT", bound=Waiting)


class LaneLimits(msgspec.Struct, frozen=True):
    queue_count_max: int = 2_000  # waiting over all terminals
    terminal_queue_count_max: int = 8  # waiting behind one terminal's message in flight
    margin_ms: int = 200  # what must remain of the reply deadline when the call starts


class _Lane(Generic[ItemT]):
    __slots__ = ("busy", "queue")

    def __init__(self) -> None:
        self.queue: deque[ItemT] = deque()
        self.busy = False


class Lanes(Generic[ItemT]):
    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._lanes: dict[str, _Lane[ItemT]] = {}
        self._ready: deque[str] = deque()
        self.waiting_count = 0

    def may_admit(self, lane: str, remaining_ms: int, expected_wait_ms: int) -> bool:
        """May one more message of this terminal come in? `expected_wait_ms` is what the queue costs at today's pace."""
        limits = self._limits
        if self.waiting_count >= limits.queue_count_max:
            return False
        own = self._lanes.get(lane)
        if own is not None and len(own.queue) >= limits.terminal_queue_count_max:
            return False
        return expected_wait_ms + limits.margin_ms <= remaining_ms

    def offer(self, item: ItemT) -> None:
        """A durable message waits for its turn."""
        name = item.lane
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        lane.queue.append(item)
        self.waiting_count += 1
        if not lane.busy and len(lane.queue) == 1:
            self._ready.append(name)

    def take_next(self) -> ItemT | None:
        """The next message to ask, its terminal now busy; None when nobody is ready."""
        while self._ready:
            name = self._ready.popleft()
            lane = self._lanes.get(name)
            if lane is None or lane.busy or not lane.queue:
                continue  # its message was withdrawn meanwhile
            lane.busy = True
            self.waiting_count -= 1
            return lane.queue.popleft()
        return None

    def finish(self, name: str) -> None:
        """The terminal's message in flight was answered (or ended in doubt): its next one may go."""
        lane = self._lanes.get(name)
        if lane is None:
            return
        lane.busy = False
        if lane.queue:
            self._ready.append(name)
        else:
            del self._lanes[name]

    def withdraw(self, item: ItemT) -> bool:
        """Take a waiting message out; False when it does not wait here (any more)."""
        lane = self._lanes.get(item.lane)
        if lane is None or item not in lane.queue:
            return False
        lane.queue.remove(item)
        self.waiting_count -= 1
        if not lane.queue and not lane.busy:
            del self._lanes[item.lane]
        return True
