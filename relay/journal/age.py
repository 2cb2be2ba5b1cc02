"""How old a record surely is, whatever somebody does to the clock: what is forgotten by age goes by this and not by the wall.

Owns two bounds, for every engine. It must never know a record. The traps: a clock that is set forward makes everything look
older than it is, and a key that is forgotten early lets its repeat be posted again (law 2); so the time of this life counts no
faster than its own, unset clock. And what was taken while a clock stood in the past looks old at once when it is put right; but
what this life took is no older than this life. What an earlier life took under a wrong clock is beyond both bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.clock import Clock
from relay.journal.items import IDS_PER_INCARNATION, PruneItem
from relay.journal.port import JournalFailed

_ANY: Final = (1 << 63) - 1


class Age:
    """Of the life that begins when this is made."""

    def __init__(self, clock: Clock, incarnation: int) -> None:
        self._clock = clock
        self._first_id = incarnation * IDS_PER_INCARNATION
        self._wall_ms = clock.wall_ms()
        self._monotonic_ms = clock.monotonic_ms()

    @property
    def _lived_ms(self) -> int:
        return self._clock.monotonic_ms() - self._monotonic_ms

    def now_ms(self) -> int:
        """UTC epoch milliseconds, as late as it surely is."""
        return min(self._clock.wall_ms(), self._wall_ms + self._lived_ms)

    def below_id(self, window_ms: int) -> int:
        """The number from which on nothing is as old as `window_ms`, milliseconds."""
        return _ANY if self._lived_ms >= window_ms else self._first_id

    def forgetting(
        self, keys_ms: int, bodies_ms: int, done: Callable[[int | JournalFailed], None], *, only_archived: bool = False
    ) -> PruneItem:
        """Of keys older than `keys_ms`, and bodies older than `bodies_ms`."""
        now_ms = self.now_ms()
        return PruneItem(now_ms - keys_ms, now_ms - bodies_ms, done, only_archived, self.below_id(keys_ms))
