"""The standby of a simulated journal: the keys that it has on its own disk, some time after the journal has them.

Owns the copy and what a look at it says. It must never know who is acknowledged. Three ways to be away: *paused* (it is
connected, and its disk gets nothing more), *gone* (nobody is connected), and *mute* (a look is not answered for long).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from relay.clock import Timers
from relay.journal.memory_disk import MemoryDisk
from relay.journal.standby import Look

SHIP_MS, LOOK_MS, MUTE_MS = 3, 1, 2_000


class CopiedDisk:
    """`timers` are the world's: the copy lives at the other center, and outlives the one that it copies."""

    def __init__(self, disk: MemoryDisk, timers: Timers, name: str = "db1") -> None:
        self.disk = disk
        self.name = name
        self.is_paused = self.is_gone = self.is_mute = False
        self.keys: dict[str, int] = {}  # as MemoryDisk.ids: what a promotion would find
        self._timers = timers
        self._ship()

    def _ship(self) -> None:
        if not self.is_paused and not self.is_gone and len(self.keys) < len(self.disk.ids):
            new = len(self.disk.ids) - len(self.keys)
            self.keys.update(reversed(list(islice(reversed(self.disk.ids.items()), new))))
        self._timers.after(SHIP_MS, self._ship)

    def ask(self, done: Callable[[Look], None]) -> None:
        """For relay.journal.standby.Standby: a key is a byte of the log."""
        at_peer = None if self.is_gone else len(self.keys)
        look = Look(self.name, len(self.disk.ids), at_peer, "nobody follows" if self.is_gone else "")
        self._timers.after(MUTE_MS if self.is_mute else LOOK_MS, lambda: done(look))

    def heal(self) -> None:
        self.is_paused = self.is_gone = self.is_mute = False
