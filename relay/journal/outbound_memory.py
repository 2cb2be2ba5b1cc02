"""Outbound messages on the memory engine's disk: what each item does to it.

Owns `MemoryOutbound`, a part of `MemoryDisk`. It must never know a group, a timer or a crash. The trap: it answers as SQLite
does, or the simulation would prove something about a journal that does not exist; tests/relay/journal/test_engines.py
compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from relay.journal.items import FRESH, OutboundFindItem, OutboundStepItem, OutboundTakeItem, PruneItem
from relay.journal.outbound import (
    OutboundExisting,
    OutboundState,
    StoredOutbound,
    outbound_blanked,
    outbound_stepped,
    outbound_taken,
)
from relay.journal.port import JournalFailed


class MemoryOutbound(msgspec.Struct, eq=False):
    messages: dict[int, StoredOutbound] = {}
    ids: dict[str, int] = {}  # by key

    def apply(self, item: OutboundTakeItem | OutboundStepItem | OutboundFindItem) -> object:
        """What the giver of the item is answered."""
        if isinstance(item, OutboundTakeItem):
            holder = self.ids.get(item.record.key)
            if holder is not None:
                return OutboundExisting(self.messages[holder])
            self.ids[item.record.key] = item.record.outbound_id
            self.messages[item.record.outbound_id] = outbound_taken(item.record)
            return FRESH
        if isinstance(item, OutboundFindItem):
            holder = self.ids.get(item.key)
            return None if holder is None else self.messages[holder]
        stored = self.messages.get(item.record.outbound_id)
        if stored is None:
            return JournalFailed("the record cannot be stored: no such outbound message")
        self.messages[item.record.outbound_id] = outbound_stepped(stored, item.record)
        return None

    def prune(self, item: PruneItem) -> int:
        """How many were deleted or blanked."""
        count = 0
        for outbound_id, message in list(self.messages.items()):
            if message.is_open:
                continue
            if message.updated_ms < item.keys_before_ms and outbound_id < item.keys_below_id:
                del self.messages[outbound_id], self.ids[message.taken.key]
                count += 1
            elif message.updated_ms < item.bodies_before_ms and message.taken.body:
                self.messages[outbound_id] = outbound_blanked(message)
                count += 1
        return count

    def all_open(self) -> Iterable[StoredOutbound]:
        return [stored for _, stored in sorted(self.messages.items()) if stored.is_open]

    def newest(self, states: Sequence[OutboundState], count_max: int) -> Iterable[StoredOutbound]:
        newest = sorted(self.messages.items(), reverse=True)
        return [stored for _, stored in newest if not states or stored.state in states][:count_max]

    def of(self, key: str) -> StoredOutbound:
        """As it is on the disk now. Raises KeyError where nothing was taken under `key`."""
        return self.messages[self.ids[key]]
