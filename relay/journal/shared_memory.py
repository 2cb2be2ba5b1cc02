"""Several workers on the memory engine's disk: whose an exchange is, and what each of their items does.

Owns `MemorySharing`, a part of `MemoryDisk`. It must never know a group, a timer or a crash. The trap: it answers as PostgreSQL
does (migrations/0009_workers.sql), or the simulation would prove something about a journal that does not exist;
tests/support/shared_suite.py holds for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from relay.journal.items import IDS_PER_INCARNATION, Item
from relay.journal.port import JournalFailed
from relay.journal.records import LISTED_STATES, OPEN_STATES, Step, StoredExchange, Taken
from relay.journal.shared import (
    FIRST,
    Beat,
    BeatItem,
    FetchItem,
    PlaceItem,
    Share,
    ShareItem,
    Sibling,
    TakeOverItem,
    open_in_order,
)

TAKEN_OVER = "the journal was taken over"


class _Owner(msgspec.Struct):
    incarnation: int
    renewed_ms: int
    inbox: int = 0
    seen: int = -1  # of the inbox, by the life that there is


class Disk(Protocol):
    """What of the memory engine's disk is looked at."""

    exchanges: dict[int, StoredExchange]
    ids: dict[str, int]
    reversal_ids: dict[str, list[int]]
    region_epoch: int


class MemorySharing(msgspec.Struct, eq=False):
    """A part of `disk`. `now_ms` is the one clock that leases go by."""

    owners: dict[int, _Owner] = {}
    lives: dict[int, int] = {}  # incarnation -> worker
    handed: dict[int, int] = {}  # exchange id -> worker, 0: not placed yet

    def begin(self, share: Share | None, incarnation: int, now_ms: int) -> None:
        """A new life: an earlier one of this worker writes nothing any more; of all workers, where there is one only."""
        worker = FIRST if share is None else share.worker
        if share is None:
            self.handed.clear()
            self.lives = dict.fromkeys(self.lives, FIRST)
            for each in self.owners.values():
                each.incarnation = 0
        self.owners[worker] = _Owner(incarnation, now_ms)
        self.lives[incarnation] = worker

    def took(self, record: Taken) -> None:
        if record.is_loose:
            self.handed[record.exchange_id] = 0

    def worker_of(self, exchange_id: int) -> int:
        return self.handed.get(exchange_id) or self.lives.get(exchange_id // IDS_PER_INCARNATION, FIRST)

    def ours(self, share: Share, found: Iterable[StoredExchange]) -> list[StoredExchange]:
        return [stored for stored in found if self._of(stored) == share.worker]

    def may_write(self, share: Share | None, incarnation: int, now_ms: int) -> bool:
        """Renews the lease; False for a life that was taken over."""
        if share is None:
            return True
        owner = self.owners[share.worker]
        if owner.incarnation != incarnation:
            return False
        owner.renewed_ms = now_ms
        return True

    def why_not(self, share: Share, step: Step, disk: Disk) -> str:
        """A step of this worker on any exchange: "" where it may write it. One that it opens again is its own from then on."""
        stored = disk.exchanges.get(step.exchange_id)
        if stored is None or self.worker_of(step.exchange_id) == share.worker:
            return ""
        if stored.state in OPEN_STATES:
            return "the exchange is another worker's"
        if step.state in OPEN_STATES:
            chain = self._chain(stored.taken.original_key or stored.taken.key, disk)
            if any(each.state in OPEN_STATES and self._of(each) != share.worker for each in chain):
                return "its key is open at another worker"
            self.handed[step.exchange_id] = share.worker
        elif step.state is not stored.state and share.worker != FIRST:
            return "the exchange has moved"
        return ""

    def serve(self, share: Share, incarnation: int, item: ShareItem, disk: Disk, now_ms: int) -> object:
        """What the giver of the item is answered."""
        if isinstance(item, BeatItem):
            return self._beat(share, incarnation, disk, now_ms)
        if isinstance(item, PlaceItem):
            return self._place(share, item, disk)
        if isinstance(item, TakeOverItem):
            return self._take_over(share, item, now_ms)
        return open_in_order([disk.exchanges[each] for each in item.ids if self._is_ours(share, each, disk)])

    def _beat(self, share: Share, incarnation: int, disk: Disk, now_ms: int) -> Beat:
        siblings = tuple(
            Sibling(worker, each.incarnation, self._is_lapsed(each, share.lease_ms, now_ms))
            for worker, each in sorted(self.owners.items())
            if worker != share.worker
        )
        mine = self.owners[share.worker]
        came: tuple[int, ...] = ()
        if mine.seen != mine.inbox:
            mine.seen = mine.inbox
            came = tuple(
                each
                for each in sorted(disk.exchanges)
                if (each // IDS_PER_INCARNATION != incarnation or each in self.handed)  # given away, and come back
                and disk.exchanges[each].state in OPEN_STATES
                and self._is_ours(share, each, disk)
            )
        return Beat(disk.region_epoch, siblings, came)

    def _is_lapsed(self, owner: _Owner, lease_ms: int, now_ms: int) -> bool:
        return owner.renewed_ms < now_ms - lease_ms

    def _is_ours(self, share: Share, exchange_id: int, disk: Disk) -> bool:
        return exchange_id in disk.exchanges and self.worker_of(exchange_id) == share.worker

    def _of(self, stored: StoredExchange) -> int:
        return self.worker_of(stored.taken.exchange_id)

    def _chain(self, key: str, disk: Disk) -> Iterable[StoredExchange]:
        first = disk.ids.get(key)
        found = [*(() if first is None else (first,)), *disk.reversal_ids.get(key, ())]
        return [disk.exchanges[each] for each in sorted(found) if each in disk.exchanges]

    def _place(self, share: Share, item: PlaceItem, disk: Disk) -> int:
        given = self.handed.get(item.exchange_id)
        if given:
            return given
        chain = [
            each
            for each in self._chain(item.chain, disk)
            if each.taken.exchange_id != item.exchange_id and self.handed.get(each.taken.exchange_id) != 0
        ]
        open_ones = [each for each in chain if each.state in OPEN_STATES]
        to = share.worker
        if open_ones:
            to = self._of(next((each for each in open_ones if each.taken.key == item.chain), open_ones[0]))
        elif any(each.state in LISTED_STATES for each in chain):
            to = FIRST
        if to == share.worker:
            self.handed.pop(item.exchange_id, None)
        else:
            self.handed[item.exchange_id] = to
            self.owners[to].inbox += 1
        return to

    def _take_over(self, share: Share, item: TakeOverItem, now_ms: int) -> bool:
        sibling = item.sibling.worker
        theirs = self.owners[sibling]
        if theirs.incarnation != item.sibling.incarnation or not self._is_lapsed(theirs, item.lease_ms, now_ms):
            return False
        theirs.incarnation = 0
        for incarnation, worker in self.lives.items():
            if worker == sibling:
                self.lives[incarnation] = share.worker
        for exchange_id, worker in self.handed.items():
            if worker == sibling:
                self.handed[exchange_id] = share.worker
        self.owners[share.worker].inbox += 1
        return True


class MemoryShares(ABC):
    """The `SharedJournal` half of the memory engine. `_share` and `_give` are the engine's."""

    _share: Share | None

    @abstractmethod
    def _give(self, item: Item) -> None: ...

    def beat(self, done: Callable[[Beat | JournalFailed], None]) -> None:
        self._give(BeatItem(self._lease_ms, done))

    def hand_over(self, exchange_id: int, chain: str, done: Callable[[int | JournalFailed], None]) -> None:
        self._give(PlaceItem(exchange_id, chain, done))

    def take_over(self, sibling: Sibling, done: Callable[[bool | JournalFailed], None]) -> None:
        self._give(TakeOverItem(sibling, self._lease_ms, done))

    def fetch(self, ids: Sequence[int], done: Callable[[Sequence[StoredExchange] | JournalFailed], None]) -> None:
        self._give(FetchItem(ids, done))

    @property
    def _lease_ms(self) -> int:
        return 0 if self._share is None else self._share.lease_ms
