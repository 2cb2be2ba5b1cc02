"""What can be given to an engine, each with its callback; and the limits that all engines share.

Owns the items and the numbers. It must never know an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from relay.journal.archive.record import ArchiveRecord, Released
from relay.journal.audit import Reveal
from relay.journal.chain import Chain
from relay.journal.outbound import OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.port import Fresh, JournalFailed, OutboundTakeResult, StepResult, TakeResult
from relay.journal.records import Step, StoredExchange, Taken
from relay.journal.shared import SHARES, ShareItem

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


class RevealItem(msgspec.Struct, eq=False, gc=False):
    record: Reveal
    done: Callable[[StepResult], None]


class FindItem(msgspec.Struct, eq=False, gc=False):
    """`done` gets what the port says for `find`; with `is_chain`, for `find_chain`."""

    key: str
    done: Callable[[StoredExchange | JournalFailed | None], None] | Callable[[Chain | JournalFailed], None]
    is_chain: bool = False


class PruneItem(msgspec.Struct, eq=False, gc=False):
    """Delete closed exchanges recorded before `keys_before_ms`, blank bodies recorded before `bodies_before_ms` (wall).

    `only_archived`: bodies are left to the archive, and a key goes only when nothing of its exchange is left but itself.
    """

    keys_before_ms: int
    bodies_before_ms: int
    done: Callable[[int | JournalFailed], None]
    only_archived: bool = False
    keys_below_id: int = (1 << 63) - 1  # what has this number or a higher one is younger than its clock may have said
    above_id: int = -1  # where the walk stands
    pruned_count: int = 0
    is_compacting: bool = False  # everything is forgotten: what is left is to give pages back

    @property
    def count(self) -> int:
        return self.pruned_count


class RekeyItem(msgspec.Struct, eq=False, gc=False):
    """Seal anew, with the current key, whatever an older key sealed; then the older keys are needed no more.

    With `changes_key` nothing is walked: the journal takes into use what was proposed to its key ring, and `done` gets 0.
    """

    done: Callable[[int | JournalFailed], None]
    changes_key: bool = False
    above_id: int = -1  # where the walk over exchanges stands
    above_outbound_id: int = -1
    rekeyed_count: int = 0
    key_id: str = ""  # of the key that the walk seals with: under another one it begins anew
    spans: list[tuple[int, int]] | None = None  # numbers that exchanges may have, first and last of each; None: not looked

    @property
    def count(self) -> int:
        return self.rekeyed_count

    def begin_under(self, key_id: str) -> None:
        """What was sealed under another key before this slice has to be sealed again."""
        if self.key_id != key_id:
            self.key_id = key_id
            self.above_id = self.above_outbound_id = -1
            self.spans = None

    @property
    def left_count(self) -> int:
        """Exchanges not looked at yet, at most: those that were pruned or never recorded are counted with them."""
        return sum(max(0, last - max(first - 1, self.above_id)) for first, last in self.spans or ())


class ArchivedItem(msgspec.Struct, eq=False, gc=False):
    """An archive is verified and durable: the journal is to know it."""

    record: ArchiveRecord
    done: Callable[[int | JournalFailed], None]

    @property
    def count(self) -> int:
        return 1


class ReleaseItem(msgspec.Struct, eq=False, gc=False):
    """These exchanges, or messages of the core, are in the archive `file_name`: where they still stand as they do there, body
    and history go."""

    file_name: str
    rows: Sequence[Released]
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
# Whatever has a transaction of its own, between the groups or in its place among the records.
TurnItem: TypeAlias = WalkItem | ShareItem
TURNS: Final = (*WALKS, *SHARES)
OutboundWrite: TypeAlias = OutboundTakeItem | OutboundStepItem
WriteItem: TypeAlias = TakeItem | StepItem | VariableItem | EpochItem | OutboundWrite | RevealItem
Item: TypeAlias = WriteItem | FindItem | TurnItem | OutboundFindItem


def left_over(item: Item) -> int | JournalFailed:
    """What the giver of an item hears that the close came before: a walk that the next start begins anew did what it did so
    far, and nothing else was done."""
    return item.count if isinstance(item, PruneItem | RekeyItem) else JournalFailed("the journal is closed")
