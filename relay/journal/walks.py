"""What the writer of SQLite does between the groups, a slice at a time: forget, seal anew, note archives, release, compact.

Owns which slice an item gets next, and how large. It must never begin or commit (writer.py does). The trap: where a walk stands
is kept in its item, so it moves on only when the slice is durable or may be done again without harm.
"""

from __future__ import annotations

import sqlite3

from relay.journal.compact import compact_slice
from relay.journal.items import SLICE_COUNT, ArchivedItem, PruneItem, RekeyItem, WalkItem
from relay.journal.keyring import KeyRing
from relay.journal.pace import Pace
from relay.journal.rekey import rekey_slice
from relay.journal.release import note_archive, release_slice
from relay.journal.retention import prune_slice


class Walks:
    def __init__(self, keys: KeyRing, slice_ms: int) -> None:
        self._keys = keys
        self._paces = {kind: Pace(slice_ms, SLICE_COUNT) for kind in ("prune", "compact", "release")}

    def slice(self, connection: sqlite3.Connection, item: WalkItem, now_ms: int) -> Slice:
        """The next slice of `item`, inside the caller's transaction, begun at `now_ms` (monotonic). Raises ValueError for a row
        that no key opens."""
        if isinstance(item, RekeyItem):
            before = item.rekeyed_count
            more = rekey_slice(connection, item, self._keys)
            return Slice(item, item.rekeyed_count - before, more, None, 0, now_ms)
        if isinstance(item, ArchivedItem):
            note_archive(connection, item.record)
            return Slice(item, 1, False, None, 0, now_ms)
        if isinstance(item, PruneItem):
            if item.is_compacting:
                pace = self._paces["compact"]
                more = compact_slice(connection, pace.count)
                return Slice(item, 0, more, pace, pace.count if more else 0, now_ms)
            pace = self._paces["prune"]
            count, more = prune_slice(connection, item, pace.count)
            return Slice(item, count, True, pace, pace.count if more else 0, now_ms, turns=not more)
        pace = self._paces["release"]
        released, position = release_slice(connection, item, pace.count)
        return Slice(item, released, position < len(item.rows), pace, position - item.position, now_ms, position=position)


class Slice:
    """One that was worked; `durable()` once it is committed."""

    __slots__ = ("_began_ms", "_item", "_pace", "_position", "_rows", "_turns", "count", "more")

    def __init__(
        self,
        item: WalkItem,
        count: int,
        more: bool,
        pace: Pace | None,
        rows: int,
        began_ms: int,
        *,
        position: int = 0,
        turns: bool = False,
    ) -> None:
        self.count = count  # of what was changed
        self.more = more
        self._item = item
        self._pace = pace
        self._rows = rows
        self._began_ms = began_ms
        self._position = position
        self._turns = turns

    def durable(self, now_ms: int) -> None:
        item = self._item
        if self._pace is not None:
            self._pace.took(self._rows, now_ms - self._began_ms)
        if isinstance(item, PruneItem):
            item.pruned_count += self.count
            item.is_compacting = item.is_compacting or self._turns
        elif not isinstance(item, RekeyItem | ArchivedItem):
            item.position = self._position
            item.released_count += self.count
