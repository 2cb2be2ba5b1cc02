"""What can be given to an engine, each with its callback; and the limits that all engines share.

Owns the items and the numbers. It must never know an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from relay.journal.archive.record import ArchiveRecord, ReleasedRow
from relay.journal.outbound import OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.port import Fresh, JournalFailed, OutboundTakeResult, StepResult, TakeResult
from relay.journal.records import Step, StoredExchange, Taken

DAY_MS: Final = 86_400_000
IDS_PER_INCARNATION: Final = 1_000_000_000_000  # an id reads as incarnation, then twelve digits of a count
SLICE_COUNT: Final = 100  # rows in the first slice of a walk; the next ones follow what it took
PROBE_INTERVAL_MS: Final = 500  # how often a full disk is tried again

FRESH: Final = Fresh()


class TakeItem(msgspec.Struct, eq=False, gc=False):
    record: Taken
    done: Callable[[TakeResult], None]


class StepItem(msgspec.Struct, eq=False, gc=False):
    record: Step
    done: Callable[[StepResult], None]


class VariableItem(msgspec.Struct, eq=False, gc=False):
    link_name: str
    name: str
    value: bytes | None  # None: forget it
    done: Callable[[StepResult], None]


class EpochItem(msgspec.Struct, eq=False, gc=False):
    epoch: int
    done: Callable[[StepResult], None]


class OutboundTakeItem(msgspec.Struct, eq=False, gc=False):
    record: OutboundTaken
    done: Callable[[OutboundTakeResult], None]


class OutboundStepItem(msgspec.Struct, eq=False, gc=False):
    record: OutboundStep
    done: Callable[[StepResult], None]


class OutboundFindItem(msgspec.Struct, eq=False, gc=False):
    key: str
    done: Callable[[StoredOutbound | JournalFailed | None], None]


class FindItem(msgspec.Struct, eq=False, gc=False):
    key: str
    done: Callable[[StoredExchange | JournalFailed | None], None]


class PruneItem(msgspec.Struct, eq=False, gc=False):
    """Delete closed exchanges recorded before `keys_before_ms`, blank bodies recorded before `bodies_before_ms` (wall).

    `only_archived`: bodies are left to the archive, and a key goes only when nothing of its exchange is left but itself.
    """

    keys_before_ms: int
    bodies_before_ms: int
    done: Callable[[int | JournalFailed], None]
    only_archived: bool = False
    above_id: int = -1  # where the walk stands
    pruned_count: int = 0
    is_compacting: bool = False  # everything is forgotten: what is left is to give pages back

    @property
    def count(self) -> int:
        return self.pruned_count


class RekeyItem(msgspec.Struct, eq=False, gc=False):
    """Seal anew, with the current key, whatever an older key sealed; then the older keys are needed no more."""

    done: Callable[[int | JournalFailed], None]
    above_id: int = -1  # where the walk over exchanges stands
    above_outbound_id: int = -1
    rekeyed_count: int = 0

    @property
    def count(self) -> int:
        return self.rekeyed_count


class ArchivedItem(msgspec.Struct, eq=False, gc=False):
    """An archive is verified and durable: the journal is to know it."""

    record: ArchiveRecord
    done: Callable[[int | JournalFailed], None]

    @property
    def count(self) -> int:
        return 1


class ReleaseItem(msgspec.Struct, eq=False, gc=False):
    """These exchanges are in the archive `file_name`: where they still stand as they do there, body and history go."""

    file_name: str
    rows: Sequence[ReleasedRow]
    is_last: bool
    done: Callable[[int | JournalFailed], None]
    position: int = 0  # of the next row
    released_count: int = 0

    @property
    def count(self) -> int:
        return self.released_count


# Whatever is done in slices of its own between the groups.
WalkItem: TypeAlias = PruneItem | RekeyItem | ArchivedItem | ReleaseItem
WALKS: Final = (PruneItem, RekeyItem, ArchivedItem, ReleaseItem)
OutboundWrite: TypeAlias = OutboundTakeItem | OutboundStepItem
WriteItem: TypeAlias = TakeItem | StepItem | VariableItem | EpochItem | OutboundWrite
Item: TypeAlias = WriteItem | FindItem | WalkItem | OutboundFindItem
