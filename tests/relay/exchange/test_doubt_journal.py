"""Doubt while the journal cannot write: nothing is told, nothing is stuck, nothing is forgotten."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved
from relay.core.port import Undone
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def test_an_approval_that_cannot_be_recorded_and_a_deadline_in_between_end_in_an_undo(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.time.run(DEADLINE_MS - 100)
    world.journal._sync_ms = 600  # so that the deadline passes while the intent is on its way
    world.core.last("submit").reply(Approved(authorisation_id="A1"))
    world.journal.disk.is_full = True
    world.time.run(1_000)
    world.journal.disk.is_full = False
    world.journal._sync_ms = 1
    world.time.run(5_000)
    world.core.last("undo").reply(Undone("reversed", 0))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert link.said == [("1", "in-doubt")]
    world.say(link, Message(trace="2"))
    assert world.core.last("submit").key == "ATM1-financial-2"  # the terminal's lane is free


def test_an_approval_that_cannot_be_recorded_before_the_deadline_is_inquired_and_told(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.journal.disk.is_full = True
    world.core.last("submit").reply(Approved(authorisation_id="A1"))
    world.time.run(100)
    world.journal.disk.is_full = False
    world.time.run(1_000)
    world.core.last("inquire").reply(Approved(authorisation_id="A1"))
    world.time.run(5)
    assert link.said == [("1", "approved")]


def test_what_was_settled_while_the_disk_was_full_is_written_down_when_it_is_not(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("9", "1"))
    world.journal.disk.is_full = True
    world.core.last("undo").reply(Undone("reversed", 0))
    world.time.run(3_000)
    world.journal.disk.is_full = False
    assert stored(world, "ATM1-reversal-9").state is StoredState.DELIVERING
    world.time.run(60_000)
    assert stored(world, "ATM1-reversal-9").state is StoredState.SETTLED
    assert world.states() == {}


def test_evidence_that_comes_while_the_disk_is_full_is_written_down_when_it_is_not(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved(authorisation_id="A1"))
    world.time.run(5)
    world.journal.disk.is_full = True
    world.desk.evidence(W1, "part", 4_000)
    world.time.run(3_000)
    assert [call.verb for call in world.core.pending] == []  # nothing is owed before it is durable
    world.journal.disk.is_full = False
    world.time.run(10_000)
    assert stored(world, W1).state is StoredState.PART_UNDONE
    assert world.core.last("undo").standing_minor == 4_000


def test_a_reversed_original_in_memory_is_told_so_only_when_that_is_durable(world: DeskWorld) -> None:
    """After a restart the original still owes its own undo, so it is open, reversed, and has no intent on disk."""
    link = world.link()
    world.say(link, Message(trace="1"))
    world.desk.open(reversal("9", "1"), link)
    world.time.run(1)  # the reversal is durable, what it did to the original is not
    world.crash()
    link = world.link()
    assert world.states()[W1] == "UNDOING"
    world.desk.open(Message(trace="1", repeat=True), link)
    world.journal.disk.is_full = True
    world.time.run(100)
    world.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(100)
    assert link.said == []
    world.journal.disk.is_full = False
    world.time.run(1_000)
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("1", "reversed")]
