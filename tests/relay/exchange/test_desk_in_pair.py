"""A message that says it is a repeat, and is new here, may have been asked by the other center: never refused, but in doubt."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, NotProcessed
from relay.core.port import NotFound
from relay.journal.port import JournalState
from tests.support.deskworld import DEADLINE_MS, DeskWorld, Message, stored

DEPOSIT = Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT, repeat=True)


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    world.desk.is_in_pair = True
    yield world
    assert world.unexpected() == 0


def shut(world: DeskWorld, why: str) -> None:
    if why == "unreachable":
        world.permit = None
    elif why == "blocked":
        world.desk.gate.blocked = {"atm"}
    else:
        world.desk.drain()


@pytest.mark.parametrize("why", ["unreachable", "blocked", "draining"])
@pytest.mark.parametrize(
    ("policy", "state"), [(DoubtPolicy.REPEAT, "REPEATING"), (DoubtPolicy.HOLD, "HELD"), (DoubtPolicy.UNDO, "UNDOING")]
)
def test_what_would_be_refused_at_the_door_is_in_doubt(world: DeskWorld, why: str, policy: DoubtPolicy, state: str) -> None:
    link = world.link()
    shut(world, why)
    world.say(link, Message(trace="1", policy=policy, repeat=True))
    assert link.said == []
    world.time.run(DEADLINE_MS)
    assert link.said == [("1", "in-doubt")]
    assert world.states() == {"ATM1-financial-1": state}


@pytest.mark.parametrize("why", ["unreachable", "blocked", "draining"])
def test_the_first_copy_is_refused_as_ever(world: DeskWorld, why: str) -> None:
    link = world.link()
    shut(world, why)
    world.say(link, Message(trace="1", repeat=False))
    (answer,) = link.said
    assert answer[1] != "in-doubt"
    assert world.states() == {}


def test_a_relay_without_another_center_refuses_as_ever(world: DeskWorld) -> None:
    world.desk.is_in_pair = False
    link = world.link()
    shut(world, "unreachable")
    world.say(link, DEPOSIT)
    assert link.said == [("1", "core-unreachable")]


def test_an_inquiry_before_the_deadline_brings_what_the_other_center_was_told(world: DeskWorld) -> None:
    link = world.link()
    shut(world, "blocked")
    world.say(link, DEPOSIT)
    world.time.run(2_000)
    world.core.last("inquire").reply(Approved(authorisation_id="A1"))
    world.time.run(5)
    assert link.said == [("1", "approved")]
    assert "submit" not in [call.verb for call in world.core.calls]


def test_not_found_says_nothing_of_the_other_centers_call_and_asks_nothing_anew(world: DeskWorld) -> None:
    link = world.link()
    shut(world, "blocked")
    world.say(link, DEPOSIT)
    world.time.run(2_000)
    world.core.last("inquire").reply(NotFound())
    world.time.run(DEADLINE_MS)
    assert link.said == [("1", "in-doubt")]


def test_not_processed_speaks_of_this_call_only(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, DEPOSIT)
    world.core.last("submit").reply(NotProcessed(reason="overloaded"))
    world.time.run(5)
    assert link.said == []
    world.time.run(2_000)
    world.core.last("inquire").reply(Declined(reason="no-account"))
    world.time.run(5)
    assert link.said == [("1", "no-account")]


def test_one_that_waited_in_its_lane_until_the_deadline_is_in_doubt(world: DeskWorld) -> None:
    first, second = world.link(), world.link()
    world.say(first, Message(trace="2"))  # its terminal's lane is busy with it
    world.say(second, DEPOSIT)
    world.time.run(DEADLINE_MS + 10)
    assert second.said == [("1", "in-doubt")]
    assert world.states()["ATM1-financial-1"] == "REPEATING"


def test_nothing_is_said_where_it_cannot_be_recorded(world: DeskWorld) -> None:
    link = world.link()
    world.journal.disk.is_full = True
    world.say(link, Message(trace="9", terminal="ATM2"))  # the first to meet the full disk
    assert world.journal.state is not JournalState.WRITABLE
    world.say(link, DEPOSIT)
    world.time.run(DEADLINE_MS)
    assert [trace for trace, _ in link.said] == ["9"]


def test_an_advice_that_cannot_be_recorded_is_refused_as_ever(world: DeskWorld) -> None:
    link = world.link()
    world.journal.disk.is_full = True
    world.say(link, Message(trace="9", terminal="ATM2"))
    world.say(link, Message(trace="1", message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT, repeat=True))
    assert link.said[-1] == ("1", "no-journal")


def test_a_copy_on_another_link_may_have_been_elsewhere_too(world: DeskWorld) -> None:
    """Its terminal was at the other center between the two: the first copy's refusal would not be its last word."""
    first, second = world.link(), world.link()
    world.say(first, Message(trace="2"))
    world.say(first, Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.say(second, DEPOSIT)
    world.time.run(DEADLINE_MS + 10)
    assert second.said == [("1", "in-doubt")]


def test_its_own_reversal_ends_it_as_ever(world: DeskWorld) -> None:
    link = world.link()
    shut(world, "blocked")
    world.say(link, Message(trace="1", repeat=True))
    world.say(link, Message(trace="7", message_class=MessageClass.REVERSAL, policy=DoubtPolicy.REPEAT, original="1"))
    assert link.said == [("7", "taken")]
    assert stored(world, "ATM1-financial-1").reversed_by
    world.time.run(DEADLINE_MS)
    assert link.said == [("7", "taken")]
