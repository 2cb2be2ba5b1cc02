"""The terminal's own reversal ends every approval, whatever came first and however often it is asked."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, NotProcessed, Unknown
from relay.core.port import Undone
from relay.journal.records import StoredState
from tests.support.deskworld import W1, DeskWorld, Message, reversal, stored

APPROVED = Approved(authorisation_id="A1")
UNDONE = Undone("reversed", 0)


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def test_a_repeat_of_an_approved_original_after_its_reversal_is_not_approved_again(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(APPROVED)
    world.time.run(5)
    world.say(link, Message(trace="1", repeat=True))  # before the reversal: answered from the journal
    world.say(link, reversal("9", "1"))
    world.say(link, Message(trace="1", repeat=True))
    world.core.last("undo").reply(UNDONE)
    world.time.run(5)
    world.crash()
    link_after = world.link()
    world.say(link_after, Message(trace="1", repeat=True))
    assert link.said == [("1", "approved"), ("1", "approved"), ("9", "taken"), ("1", "reversed")]
    assert link_after.said == [("1", "reversed")]
    assert [call.verb for call in world.core.calls] == []  # and nobody asked the core again


def test_a_part_reversal_leaves_the_approval_standing(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(APPROVED)
    world.time.run(5)
    world.say(link, reversal("9", "1", standing_minor=4_000))
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("1", "approved"), ("9", "taken"), ("1", "approved")]


def test_a_reversal_in_the_same_read_before_its_original_keeps_the_original_from_the_core(world: DeskWorld) -> None:
    link = world.link()
    world.desk.open(reversal("9", "1"), link)
    world.desk.open(Message(trace="1"), link)
    world.time.run(5)
    assert link.said == [("9", "taken"), ("1", "reversed")]
    assert [call.verb for call in world.core.calls] == ["undo"]
    world.say(link, Message(trace="1", repeat=True))
    assert link.said[-1] == ("1", "reversed")


def test_a_reversal_while_the_approval_is_on_its_way_to_disk_ends_in_reversed_for_every_repeat(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(APPROVED)  # the intent waits for the disk
    world.desk.open(reversal("9", "1"), link)
    world.time.run(10)
    world.say(link, Message(trace="1", repeat=True))
    assert ("1", "approved") not in link.said[1:]
    assert link.said[-1] == ("1", "reversed")


def test_the_late_original_of_a_reversal_that_went_to_a_person_is_refused(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("9", "1"))
    while world.core.pending:
        world.core.pending[-1].reply(NotProcessed(reason="invalid"))
        world.time.run(31_000)
    assert stored(world, "ATM1-reversal-9").state is StoredState.LISTED
    asked_before = len(world.core.calls)
    world.say(link, Message(trace="1"))
    assert link.said == [("9", "taken"), ("1", "reversed")]
    assert len(world.core.calls) == asked_before


def test_a_repeat_of_a_withdrawn_original_in_doubt_is_told_so(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Unknown(why="closed"))
    world.say(link, reversal("9", "1"))
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("9", "taken"), ("1", "reversed")]
    assert stored(world, W1).reversed_by


def test_after_a_restart_a_reversed_original_that_awaited_its_completion_is_settled(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(APPROVED)
    world.time.run(5)
    world.desk.open(reversal("9", "1"), link)
    world.time.run(2)  # the reversal is durable, what it did to the original is not
    world.crash()
    link = world.link()
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("1", "reversed")]
    assert stored(world, W1).state is StoredState.SETTLED
