"""Workers that share a journal wrongly, each in one way: the simulation of several must notice them all.

Owns the table `WORKERS`, as mutations.py has the one for a single relay.
"""

from __future__ import annotations

from typing import Any

from relay.exchange import siblings
from relay.exchange.register import Open, rebuild
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.shared_memory import MemorySharing
from tests.simulation.mutations import Mutation, Put


def _no_swap(put: Put) -> None:
    """What is on the disk becomes ours, and whoever had it is not shut out."""

    def taken(self: MemorySharing, share: Any, item: Any, now_ms: int) -> bool:
        for incarnation, worker in self.lives.items():
            if worker == item.sibling.worker:
                self.lives[incarnation] = share.worker
        self.owners[share.worker].inbox += 1
        return True

    put(MemorySharing, "_take_over", taken)


def _generation_not_checked(put: Put) -> None:
    def may_write(self: MemorySharing, share: Any, incarnation: int, now_ms: int) -> bool:
        if share is not None:
            self.owners[share.worker].renewed_ms = now_ms
        return True

    put(MemorySharing, "may_write", may_write)


def _posted_again(put: Put) -> None:
    """What came from another worker is asked as if its terminal had just said it."""

    def whole(stored: Any, now_ms: int) -> Open:
        entry = rebuild(stored, now_ms)
        entry.has_body = True
        return entry

    put(siblings, "rebuild", whole)


def _not_placed(put: Put) -> None:
    put(siblings.Siblings, "place", lambda self, entry: self._desk.doubt.owed(entry))


def _not_asked_again(put: Put) -> None:
    """What came is taken up as the beat saw it, and not as it is."""
    put(siblings.Siblings, "_fetch", lambda self: None)


def _handed_and_kept(put: Put) -> None:
    def placed(self: siblings.Siblings, entry: Open, result: Any) -> None:
        whole(self, entry, self.worker)

    whole = siblings.Siblings._placed
    put(siblings.Siblings, "_placed", placed)


def _everything_recovered(put: Put) -> None:
    """A life takes up what is open, and not only its own worker's."""
    put(MemorySharing, "ours", lambda self, share, found: list(found))


def _owner_by_number_alone(put: Put) -> None:
    """Who took it has it for ever."""
    put(
        MemorySharing,
        "worker_of",
        lambda self, exchange_id: self.lives.get(exchange_id // IDS_PER_INCARNATION, 1),
    )


WORKERS = (
    Mutation("take-over without compare-and-swap", "section 5", _no_swap, caught_by="both hold"),
    Mutation("generation not checked in a write", "section 5", _generation_not_checked, caught_by="both", first=7),
    Mutation("new owner posts again", "law 9", _posted_again, caught_by="posted again", first=2),
    Mutation("reversal delivered where it came", "law 7", _not_placed, caught_by="law 7", first=11),
    Mutation("what came is never taken up", "law 1", _not_asked_again, caught_by="nobody has it", first=47, seeds=60),
    Mutation("handed over and kept", "section 5", _handed_and_kept, caught_by="both"),
    Mutation("every open exchange recovered by each", "section 5", _everything_recovered, caught_by="both hold"),
    Mutation("handed over, and owned by who took it", "law 1", _owner_by_number_alone, first=7),
)
