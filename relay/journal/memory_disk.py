"""What of the simulation's journal survives a crash, and what the disk does to the next writes.

Owns the durable dictionaries and what is read from them whole. It must never know a group, a timer or an incarnation's memory
(memory.py). The trap: it is shared by one life after another, so nothing in it may be of one life only.
"""

from __future__ import annotations

import msgspec

from protocols.vocabulary import MessageClass
from relay.journal.apply import blanked
from relay.journal.chain import Chain, remembered
from relay.journal.items import PruneItem
from relay.journal.outbound_memory import MemoryOutbound
from relay.journal.records import LISTED_STATES, OPEN_STATES, HistoryLine, StoredExchange, reverses_whole
from relay.journal.shared_memory import MemorySharing


class MemoryDisk(msgspec.Struct, eq=False, kw_only=True):
    """`sync_fails` and the like are set from outside: a test, or the weather."""

    exchanges: dict[int, StoredExchange] = {}
    ids: dict[str, int] = {}  # by key
    reversal_ids: dict[str, list[int]] = {}  # by the key of the original
    lines: list[HistoryLine] = []
    signed: dict[int, list[tuple[int, HistoryLine]]] = {}  # those of them that people signed, by exchange, with their numbers
    link_variables: dict[str, dict[str, bytes]] = {}
    outbound: MemoryOutbound = msgspec.field(default_factory=MemoryOutbound)
    sharing: MemorySharing = msgspec.field(default_factory=MemorySharing)
    region_epoch: int = 0
    incarnation: int = 0
    in_use: bool = False
    is_full: bool = False
    sync_fails: bool = False
    keeps_failed_sync: bool = False  # whether a group whose sync failed is on the disk all the same

    def chain(self, key: str) -> Chain:
        numbers = sorted({self.ids.get(key, 0), *self.reversal_ids.get(key, ())})
        return remembered([self.exchanges[each] for each in numbers if each in self.exchanges], self.signed)

    def with_reversal(self, stored: StoredExchange) -> StoredExchange:
        if stored.taken.message_class is not MessageClass.FINANCIAL:
            return stored
        for exchange_id in self.reversal_ids.get(stored.taken.key, ()):
            reversal = self.exchanges.get(exchange_id)
            if reversal is not None and reverses_whole(reversal.taken.message_class, reversal.taken.request):
                return msgspec.structs.replace(stored, reversed_by=exchange_id)
        return stored

    def prune(self, item: PruneItem) -> int:
        count = 0
        for exchange_id, stored in list(self.exchanges.items()):
            if stored.state in OPEN_STATES or stored.state in LISTED_STATES:
                continue
            if stored.taken.recorded_ms < item.keys_before_ms and exchange_id < item.keys_below_id:
                del self.exchanges[exchange_id], self.ids[stored.taken.key]
                self.lines = [line for line in self.lines if line.exchange_id != exchange_id]
                count += 1
            elif stored.taken.recorded_ms < item.bodies_before_ms and stored.taken.request:
                self.exchanges[exchange_id] = blanked(stored)
                count += 1
        return count + self.outbound.prune(item)
