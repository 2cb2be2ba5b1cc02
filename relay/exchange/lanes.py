"""Who is asked next: FIFO per terminal, round robin between terminals, never more than the target at once.

Owns the waiting messages between "durable" and "asked". Pure: time is an argument. It must never know the core or the
journal, nor why a message belongs to a group: groups are the hot lanes, and "" is everybody else. The traps: a terminal's
next message waits until its former one is *answered*, not only until the call ended; a terminal is in line in the group of
its oldest message, whatever is behind it, so that a move between groups can never change a terminal's own order (law 7);
and a message that cannot be asked before its reply deadline is refused at the door instead of growing old here (law 8).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec


class Waiting(Protocol):
    """What a lane holds: something of one terminal. `group` is kept here: the hot lane, or "" for everybody else."""

    group: str

    @property
    def lane(self) -> str: ...


ItemT = TypeVar("ItemT", bound=Waiting)


class LaneLimits(msgspec.Struct, frozen=True):
    queue_count_max: int = 2_000  # waiting over all terminals
    terminal_queue_count_max: int = 8  # waiting behind one terminal's message in flight
    margin_ms: int = 200  # what must remain of the reply deadline when the call starts


class _Lane(Generic[ItemT]):
    """One terminal. It stands in line, once, exactly while it is not busy and something of it waits."""

    __slots__ = ("busy", "queue")

    def __init__(self) -> None:
        self.queue: deque[ItemT] = deque()
        self.busy = False


class Lanes(Generic[ItemT]):
    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._lanes: dict[str, _Lane[ItemT]] = {}
        self._ready: dict[str, deque[str]] = {"": deque()}  # group -> terminals whose oldest message is in it
        self._waiting: dict[str, int] = {}  # group -> messages, of whatever place in their terminal's queue
        self.waiting_count = 0

    def may_admit(self, lane: str, remaining_ms: int, expected_wait_ms: int) -> bool:
        """May one more message of this terminal come in? `expected_wait_ms` is what the queue costs at today's pace."""
        if self.waiting_count >= self._limits.queue_count_max or not self.has_room_behind(lane):
            return False
        return expected_wait_ms + self._limits.margin_ms <= remaining_ms

    def has_room_behind(self, lane: str) -> bool:
        """May one more message wait behind this terminal's own?"""
        own = self._lanes.get(lane)
        return own is None or len(own.queue) < self._limits.terminal_queue_count_max

    def waiting_of(self, group: str) -> int:
        """Messages of this group that wait."""
        return self._waiting.get(group, 0)

    def ready_of(self, group: str) -> int:
        """Terminals of this group whose next message could be asked at once."""
        ready = self._ready.get(group)
        return 0 if ready is None else len(ready)

    def offer(self, item: ItemT) -> None:
        """A durable message waits for its turn."""
        name = item.lane
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        lane.queue.append(item)
        self._count(item.group, 1)
        if not lane.busy and len(lane.queue) == 1:
            self._line_up(name, lane)

    def take_next(self, group: str = "") -> ItemT | None:
        """The next message of this group to ask, its terminal now busy; None when nobody is ready."""
        ready = self._ready.get(group)
        if not ready:
            return None
        lane = self._lanes[ready.popleft()]
        lane.busy = True
        item = lane.queue.popleft()
        self._count(group, -1)
        return item

    def finish(self, name: str) -> None:
        """The terminal's message in flight was answered (or ended in doubt): its next one may go."""
        lane = self._lanes.get(name)
        if lane is None:
            return
        lane.busy = False
        if lane.queue:
            self._line_up(name, lane)
        else:
            del self._lanes[name]

    def withdraw(self, item: ItemT) -> bool:
        """Take a waiting message out; False when it does not wait here (any more)."""
        lane = self._lanes.get(item.lane)
        if lane is None or item not in lane.queue:
            return False
        is_in_line = not lane.busy and lane.queue[0] is item
        lane.queue.remove(item)
        self._count(item.group, -1)
        if not lane.queue and not lane.busy:
            del self._lanes[item.lane]
        if is_in_line and (not lane.queue or lane.queue[0].group != item.group):
            self._ready[item.group].remove(item.lane)
            if lane.queue:
                self._line_up(item.lane, lane)
        return True

    def regroup(self, group_of: Callable[[ItemT], str]) -> None:
        """Groups came or went: every waiting message is put where it belongs now. Terminals keep their order in line, within
        a group and, where groups are joined, those of everybody else first."""
        self._waiting.clear()
        self.waiting_count = 0
        for lane in self._lanes.values():
            for item in lane.queue:
                item.group = group_of(item)
                self._count(item.group, 1)
        in_line = [name for ready in self._ready.values() for name in ready]
        self._ready = {"": deque()}
        for name in in_line:
            self._line_up(name, self._lanes[name])

    def _line_up(self, name: str, lane: _Lane[ItemT]) -> None:
        group = lane.queue[0].group
        ready = self._ready.get(group)
        if ready is None:
            ready = self._ready[group] = deque()
        ready.append(name)

    def _count(self, group: str, change: int) -> None:
        self.waiting_count += change
        count = self._waiting.get(group, 0) + change
        if count:
            self._waiting[group] = count
        else:
            del self._waiting[group]
