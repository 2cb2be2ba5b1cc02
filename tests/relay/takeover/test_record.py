"""The record of a take-over lies in this center's own journal, beside the listeners' variables."""

from __future__ import annotations

from relay.journal.generation import PER_GENERATION
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.takeover.record import Record, Signed, TakeoverBook
from relay.takeover.states import State
from tests.support.virtualtime import VirtualTime


def test_it_outlives_the_process() -> None:
    time = VirtualTime()
    journal = MemoryJournal(MemoryDisk(), time, time)
    book = TakeoverBook(journal)
    assert book.record() == Record()
    assert (book.record().state, book.record().fence) == (State.NONE, 0)
    record = Record(
        state_name="PROMOTING", run="osaka-1", center="tokyo", generation=1, began=Signed("Sato", "Suzuki", "no power", 5)
    )
    told: list[object] = []
    book.keep(record, told.append)
    time.run(10)
    assert told == [None]
    journal.crash()
    again = TakeoverBook(journal.survivor()).record()
    assert again == record
    assert (again.state, again.fence) == (State.PROMOTING, PER_GENERATION)
