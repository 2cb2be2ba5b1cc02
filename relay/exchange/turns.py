"""So many at once, the others in turn. Pure.

Owns the places and who waits for one. It must never know what is done in a place. The trap: whoever waits may have no use for
its turn any more, and then takes no place; the next one has to get it in the same moment, or it waits for nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

Said = TypeVar("Said")


class Turns:
    """`count_max` places."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._taken = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_passing = False

    @property
    def taken_count(self) -> int:
        return self._taken

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def has_to_wait(self, again: Callable[[], None]) -> bool:
        """True where every place is taken: `again` is called when it is its turn, once, and asks anew."""
        if self._taken < self._count_max:
            return False
        self._waiting.append(again)
        return True

    def take(self, done: Callable[[Said], None]) -> Callable[[Said], None]:
        """A place is taken until the result is called, which calls `done` first."""
        self._taken += 1

        def ended(said: Said) -> None:
            self._taken -= 1
            done(said)
            self._pass_on()

        return ended

    def _pass_on(self) -> None:
        if self._is_passing:
            return
        self._is_passing = True
        try:
            while self._waiting and self._taken < self._count_max:
                self._waiting.popleft()()
        finally:
            self._is_passing = False
