"""One relay center of the history: its disk, its copy of the other's, and the life that there is.

Owns what outlives a process, the copying of a disk, and how far the copy is behind. It must never decide when one dies, sleeps
or is lost. The trap: a copy is behind by whole groups, the newest, and never by one from the middle; and by none before the
last whose acknowledgement waited for the copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Any

import msgspec

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import MessageClass
from relay.journal.answers import Outcomes
from relay.journal.items import Item, TakeItem, VariableItem
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.outbound_memory import MemoryOutbound
from relay.journal.records import StoredState
from relay.journal.shared_memory import MemorySharing
from tests.simulation.regions.relay import ProcessTime
from tests.simulation.regions.room import AtmRoom
from tests.simulation.takeovers.relay import CenterRelay, SimulatedCopy

BEHIND_GROUPS_MAX = 30  # what a copy may lack


class Lag(Enum):
    """What is acknowledged before the copy has it (`pair.ack_needs_*`)."""

    EXACT = "exact"  # nothing
    BEHIND = "behind"  # replies to questions: the default, while the copy follows
    AWAY = "away"  # those, and advices and reversals that the core has confirmed: while it does not


class Center:
    """What outlives a life: `disk` is its journal, `copy` its copy of the other's; `past` its disk as it was, the newest last,
    as far back as the copy of it may be."""

    def __init__(self, name: str, promoted: Callable[[], MemoryDisk], chance: Random, lag: Lag) -> None:
        self.name = name
        self.lag = lag
        self.past: deque[MemoryDisk] = deque(maxlen=BEHIND_GROUPS_MAX)
        self.disk = MemoryDisk()
        self.copy = SimulatedCopy(promoted, chance)
        self.relay: CenterRelay | None = None
        self.time: ProcessTime | None = None
        self.is_lost = False
        self.is_orphan = False  # nobody copies its disk any more: nothing becomes durable there

    def written(self, is_needed_there: bool) -> None:
        """A group is on the disk. `is_needed_there`: it holds what is acknowledged only when the copy has it."""
        if self.lag is Lag.EXACT or self.is_orphan:
            return
        if is_needed_there and self.lag is Lag.BEHIND:
            self.past.clear()
        self.past.append(copy_of(self.disk))

    def copied(self, chance: Random) -> tuple[MemoryDisk, int]:
        """What the copy has now, and by how many groups it is behind."""
        behind = chance.randrange(len(self.past)) if self.past else 0
        return (self.past[-1 - behind] if behind else copy_of(self.disk)), behind


class CopiedJournal(MemoryJournal):
    """A life's journal, whose groups its center's copy follows."""

    def __init__(self, center: Center, *args: Any, **named: Any) -> None:
        super().__init__(center.disk, *args, **named)
        self._center = center
        center.written(is_needed_there=False)

    def _commit(self, group: list[Item]) -> Outcomes:
        outcomes = super()._commit(group)
        self._center.written(any(_is_waited_for(item) for item in group))
        return outcomes


def _is_waited_for(item: Item) -> bool:
    """Whether something is said only when the copy has it: what happened already, and the numbers of lines."""
    if isinstance(item, TakeItem):
        return item.record.message_class is not MessageClass.FINANCIAL
    return isinstance(item, VariableItem)


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
        outbound=MemoryOutbound(dict(disk.outbound.messages), dict(disk.outbound.ids)),
        sharing=_sharing_of(disk.sharing),
        region_epoch=disk.region_epoch,
        incarnation=disk.incarnation,
    )


def _sharing_of(sharing: MemorySharing) -> MemorySharing:
    owners = {worker: msgspec.structs.replace(owner) for worker, owner in sharing.owners.items()}
    return MemorySharing(owners, dict(sharing.lives), dict(sharing.handed))


def lacking(disk: MemoryDisk, copied: MemoryDisk) -> MemoryDisk:
    """What is on `disk` and not in its copy: nobody at the other center knows of it, and reconciliation finds it. As if it were
    on a list, for a history has no reconciliation."""
    gone = {id_: stored for id_, stored in disk.exchanges.items() if stored.taken.key not in copied.ids}
    listed = {id_: msgspec.structs.replace(stored, state=StoredState.LISTED) for id_, stored in gone.items()}
    return MemoryDisk(exchanges=listed, ids={stored.taken.key: id_ for id_, stored in listed.items()})
