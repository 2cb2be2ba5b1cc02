"""One relay center of the history: its disk, and the life that there is.

Owns what outlives a process. It must never decide when one dies or sleeps.
"""

from __future__ import annotations

from relay.journal.memory_disk import MemoryDisk
from tests.simulation.regions.relay import ProcessTime, RegionRelay


class Center:
    """One relay center: its disk, and the life that there is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.disk = MemoryDisk()
        self.relay: RegionRelay | None = None
        self.time: ProcessTime | None = None
        self.is_away = False  # alive, and no terminal reaches it
        self.epochs_seen = 0
        self.sealed: set[int] = set()  # epochs whose seal it has acknowledged, in whatever life

    @property
    def is_asleep(self) -> bool:
        return self.time is not None and self.time.is_asleep
