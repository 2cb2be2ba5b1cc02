"""What the writer of SQLite does between the groups, a slice at a time: forget, seal anew, note archives, release, compact.

Owns which slice an item gets next, and how large. It must never begin or commit (writer.py does). The trap: where a walk stands
is kept in its item, so it moves on only when the slice is durable or may be done again without harm.
"""

from __future__ import annotations

import sqlite3

from relay.clock import Clock
from relay.journal.compact import compact_slice
from relay.journal.items import SLICE_COUNT, ArchivedItem, PruneItem, RekeyItem, ReleaseItem, WalkItem
from relay.journal.keyring import KeyRing
from relay.journal.pace import Pace
from relay.journal.rekey import rekey_slice, take_proposed
from relay.journal.release import note_archive, release_slice
from relay.journal.retention import prune_slice


class Walks:
    def __init__(self, keys: KeyRing, clock: Clock, slice_ms: int) -> None:
        self._keys = keys
        self._clock = clock
        self._paces = {kind: Pace(slice_ms, SLICE_COUNT) for kind in ("prune", "compact", "release")}

    def slice(self, connection: sqlite3.Connection, item: WalkItem) -> Slice:
        """The next slice of `item`, inside the caller's transaction. Raises ValueError for a row that no key opens."""
        if isinstance(item, RekeyItem):
            if item.changes_key:
                take_proposed(connection, self._keys)
                return Slice(item, 0, False, accepts=self._keys)
            before = item.rekeyed_count
            more = rekey_slice(connection, item, self._keys)
            return Slice(item, item.rekeyed_count - before, more)
        if isinstance(item, ArchivedItem):
            note_archive(connection, item.record)
            return Slice(item, 1, False)
        began_ms = self._clock.monotonic_ms()
        if isinstance(item, ReleaseItem):
            pace = self._paces["release"]
            released, position = release_slice(connection, item, pace.count)
            done, rows = Slice(item, released, position < len(item.rows), position), position - item.position
        elif item.is_compacting:
            pace = self._paces["compact"]
            more = compact_slice(connection, pace.count)
            done, rows = Slice(item, 0, more), pace.count if more else 0
        else:
            pace = self._paces["prune"]
            count, more = prune_slice(connection, item, pace.count)
            done, rows = Slice(item, count, True, begins_to_compact=not more), pace.count if more else 0
        pace.took(rows, self._clock.monotonic_ms() - began_ms)
        return done


class Slice:
    """One that was worked; `durable()` once it is committed."""

    __slots__ = ("_accepts", "_begins_to_compact", "_item", "_position", "count", "more")

    def __init__(
        self,
        item: WalkItem,
        count: int,
        more: bool,
        position: int = 0,
        *,
        begins_to_compact: bool = False,
        accepts: KeyRing | None = None,
    ) -> None:
        self.count = count  # of what was changed
        self.more = more
        self._item = item
        self._position = position
        self._begins_to_compact = begins_to_compact
        self._accepts = accepts  # writes with its proposed key from then on

    def durable(self) -> None:
        item = self._item
        if isinstance(item, PruneItem):
            item.pruned_count += self.count
            item.is_compacting = item.is_compacting or self._begins_to_compact
        elif isinstance(item, ReleaseItem):
            item.position = self._position
            item.released_count += self.count
        elif self._accepts is not None:
            self._accepts.accept()
