"""The simulation's engine keeps the suite, and loses exactly what a power cut may lose."""

from __future__ import annotations

from typing import Any

import pytest

from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.port import Fresh, JournalFailed, JournalState
from tests.support.journal_suite import JournalSuite, Rig, answered, taken
from tests.support.virtualtime import VirtualTime


class MemoryRig:
    def __init__(self, clock: Clock | None = None) -> None:
        self.time = VirtualTime()
        self.disk = MemoryDisk()
        self.failures: list[str] = []
        self.journal = MemoryJournal(self.disk, self.time, clock or self.time, on_failed=self.failures.append)

    def settle(self) -> None:
        while self.journal.waiting_count():
            assert self.time.step(), "an answer is owed and nothing is scheduled"

    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.journal.survivor()

    def crash(self) -> None:
        self.disk.sync_fails = False
        self.journal.crash()
        self.journal = self.journal.survivor()

    def set_full(self, full: bool) -> None:
        self.disk.is_full = full
        self.time.run(600)

    def fail_sync(self) -> None:
        self.disk.sync_fails = True

    def later(self, by_ms: int) -> None:
        self.time.run(by_ms)


class TestMemory(JournalSuite):
    @pytest.fixture
    def rig(self) -> Rig:
        return MemoryRig()


@pytest.mark.parametrize("kept", [False, True])
def test_a_crash_takes_the_group_whole_or_leaves_it_whole(kept: bool) -> None:
    rig = MemoryRig()
    results: list[Any] = []
    journal = rig.journal
    durable, syncing, waiting = (taken(journal, key) for key in ("durable", "syncing", "waiting"))
    journal.take(durable, results.append)
    rig.settle()
    journal.take(syncing, results.append)
    journal.step(answered(durable.exchange_id), results.append)
    rig.time.step()  # the group is on its way to the disk
    journal.take(waiting, results.append)
    journal.crash(keep_in_flight=kept)
    rig.time.run(10_000)
    assert results == [Fresh()], "nobody is answered after a crash"
    rig.journal = journal.survivor()
    keys = [each.taken.key for each in rig.journal.open_exchanges()]
    assert keys == (["syncing"] if kept else ["durable"])


@pytest.mark.parametrize("kept", [False, True])
def test_a_failed_sync_may_have_written_all_the_same(kept: bool) -> None:
    rig = MemoryRig()
    rig.disk.sync_fails, rig.disk.keeps_failed_sync = True, kept
    results: list[Any] = []
    rig.journal.take(taken(rig.journal, "k1"), results.append)
    rig.settle()
    assert isinstance(results[0], JournalFailed)
    assert not results[0].certain
    assert len(rig.failures) == 1
    rig.crash()
    assert [each.taken.key for each in rig.journal.open_exchanges()] == (["k1"] if kept else [])


def test_a_second_incarnation_needs_the_first_gone() -> None:
    rig = MemoryRig()
    with pytest.raises(JournalUnusable, match="in use"):
        rig.journal.survivor()
    rig.journal.close()
    rig.disk.is_full = True
    with pytest.raises(JournalUnusable, match="full"):
        rig.journal.survivor()


def test_a_group_is_no_larger_than_its_limit() -> None:
    time = VirtualTime()
    journal = MemoryJournal(MemoryDisk(), time, time, group_count_max=2, sync_ms=10)
    when: list[int] = []
    for number in range(5):
        journal.take(taken(journal, f"k{number}"), lambda _: when.append(time.monotonic_ms()))
    time.run(100)
    assert [at - when[0] for at in when] == [0, 0, 10, 10, 20]
    assert journal.state is JournalState.WRITABLE
