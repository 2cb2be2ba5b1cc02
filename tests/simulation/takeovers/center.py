"""One relay center of the history: its disk, its copy of the other's, and the life that there is.

Owns what outlives a process, and the copying of a disk. It must never decide when one dies, sleeps or is lost.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

from protocols.iso8583.message import IsoMessage
from relay.journal.memory_disk import MemoryDisk
from tests.simulation.regions.relay import ProcessTime
from tests.simulation.regions.room import AtmRoom
from tests.simulation.takeovers.relay import CenterRelay, SimulatedCopy


class Center:
    """What outlives a life: `disk` is its journal, `copy` its copy of the other's."""

    def __init__(self, name: str, promoted: Callable[[], MemoryDisk], chance: Random) -> None:
        self.name = name
        self.disk = MemoryDisk()
        self.copy = SimulatedCopy(promoted, chance)
        self.relay: CenterRelay | None = None
        self.time: ProcessTime | None = None
        self.is_lost = False
        self.is_orphan = False  # nobody copies its disk any more: nothing becomes durable there


class PairRoom(AtmRoom):
    """`excused` says whether an approval after its reversal is what no center could know just now."""

    def __init__(self, excused: Callable[[], bool], *args: Any) -> None:
        self._excused = excused
        super().__init__(*args)

    def _watch(self, terminal: str, message: IsoMessage, is_reversed: bool) -> None:
        is_approval = message.mti == "0210" and message.fields.get(39) in ("00", "10")
        super()._watch(terminal, message, is_reversed and not (is_approval and self._excused()))


def copy_of(disk: MemoryDisk) -> MemoryDisk:
    """Everything that is durable on `disk`; what is stored is frozen, and shared."""
    return MemoryDisk(
        exchanges=dict(disk.exchanges),
        ids=dict(disk.ids),
        reversal_ids={key: list(numbers) for key, numbers in disk.reversal_ids.items()},
        lines=list(disk.lines),
        signed={number: list(lines) for number, lines in disk.signed.items()},
        link_variables={name: dict(values) for name, values in disk.link_variables.items()},
        outbound=copy.deepcopy(disk.outbound),
        sharing=copy.deepcopy(disk.sharing),
        region_epoch=disk.region_epoch,
        incarnation=disk.incarnation,
    )
