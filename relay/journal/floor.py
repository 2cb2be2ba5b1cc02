"""Which exchanges are recorded and nothing else, and the number below which there is none, where recovery need not look.

Owns that count for a writer; pure. It must never know an engine. The trap: the floor may have passed a number that was given
out and is recorded only now, so whoever writes takes lowers it, durably, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.journal.batch import Group
from relay.journal.records import StoredState


class RecordedFloor:
    __slots__ = ("_highest_id", "_recorded", "stored")

    def __init__(self, stored: int, recorded_ids: set[int]) -> None:
        self.stored = stored  # as it is on disk
        self._recorded = recorded_ids
        self._highest_id = 0

    def note(self, group: Group, fresh_ids: dict[int, int]) -> None:
        """`group` is durable, and of its takes those in `fresh_ids` were new."""
        recorded = self._recorded
        recorded.update(fresh_ids)
        for item in group.takes:
            record = item.record
            if record.state is not StoredState.RECORDED or record.intent is not None:
                recorded.discard(record.exchange_id)
        for step in group.steps:
            recorded.discard(step.record.exchange_id)
        if fresh_ids:
            self._highest_id = max(self._highest_id, max(fresh_ids))

    def expect(self, recorded_ids: Iterable[int], stored: int) -> None:
        """What was recorded by somebody whose work is ours now."""
        self._recorded.update(recorded_ids)
        self.stored = min(self.stored, stored)

    def may_rise_to(self) -> int:
        """The highest floor that is true now."""
        return min(self._recorded) if self._recorded else self._highest_id + 1
