"""The simulation's engine keeps what several workers are promised."""

from __future__ import annotations

import pytest

from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.records import StoredState
from relay.journal.shared import Share
from tests.support.journal_suite import step_to, taken
from tests.support.shared_suite import LEASE_MS, SharedRig, SharedSuite
from tests.support.virtualtime import VirtualTime


class MemorySharedRig:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.disk = MemoryDisk()
        self.journals: list[MemoryJournal] = []

    def open(self, worker: int) -> MemoryJournal:
        share = Share(worker, LEASE_MS) if worker else None
        self.journals.append(MemoryJournal(self.disk, self.time, self.time, share=share))
        return self.journals[-1]

    def settle(self) -> None:
        while any(journal.waiting_count() for journal in self.journals):
            assert self.time.step(), "an answer is owed and nothing is scheduled"

    def lapse(self, worker: int) -> None:
        self.disk.sharing.owners[worker].renewed_ms -= 10 * LEASE_MS


class TestMemoryShared(SharedSuite):
    @pytest.fixture
    def rig(self) -> SharedRig:
        return MemorySharedRig()


def test_what_was_on_its_way_to_the_disk_of_a_life_that_was_taken_over_never_arrives() -> None:
    rig = MemorySharedRig()
    second = rig.open(2)
    record = taken(second, "a")
    second.take(record, lambda _: None)
    rig.settle()
    second.step(step_to(record.exchange_id, StoredState.SETTLED), lambda _: None)
    rig.time.step()  # the group is under way
    rig.disk.sharing.owners[2].incarnation = 0
    second.crash(keep_in_flight=True)
    assert rig.disk.exchanges[record.exchange_id].state is StoredState.RECORDED
