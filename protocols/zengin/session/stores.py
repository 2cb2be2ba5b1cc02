"""What waits for a durable write: nothing is said to anybody before `Stored` came back.

Owns the continuations of one link, first in, first out per name, as the journal answers. It must never know what is stored.
The trap: a link that is gone gets no `Stored`; what waited for it is never done, and the next link starts from what is on
disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from protocols.dialect import Action, Store, Stored

Then: TypeAlias = Callable[[int, list[Action]], None]  # now_ms, actions


def nothing(now_ms: int, actions: list[Action]) -> None:
    """Nobody waits for this one."""


class Stores:
    __slots__ = ("_waiting", "prefix")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix  # of every name: links of one listener share their variables
        self._waiting: dict[str, deque[Then]] = {}

    @property
    def is_waiting(self) -> bool:
        return any(self._waiting.values())

    def put(self, name: str, value: bytes, actions: list[Action], then: Then = nothing) -> None:
        """Store `value`; `then` runs once it is durable."""
        full = self.prefix + name
        self._waiting.setdefault(full, deque()).append(then)
        actions.append(Store(full, value))

    def stored(self, event: Stored, now_ms: int, actions: list[Action]) -> bool:
        """The journal answered. False: it could not store, and whatever waited must not happen."""
        waiting = self._waiting.get(event.name)
        if not waiting:
            return True
        then = waiting.popleft()
        if not event.ok:
            self._waiting.clear()
            return False
        then(now_ms, actions)
        return True
