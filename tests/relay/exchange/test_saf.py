"""What is owed to the core, as transcripts: reversals and advices, in order per key, until confirmed."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass, NotProcessed, Unknown
from relay.core.port import Undone
from relay.exchange.limits import DeskLimits
from relay.exchange.saf import SafLimits
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def test_a_reversal_is_acknowledged_at_once_while_the_core_is_silent(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("9", "1"))
    assert link.said == [("9", "taken")]
    undo = world.core.last("undo")
    assert (undo.key, undo.standing_minor, undo.automatic) == (W1, 0, False)


def test_a_reversal_cancels_its_original_in_flight_and_is_delivered(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    original = world.core.last("submit")
    world.say(link, reversal("9", "1"))
    assert original.is_done, "the call was cancelled"
    assert link.said == [("9", "taken")], "the original is answered no more"
    world.core.last("undo").reply(Undone(state="reversed"))
    world.time.run(DEADLINE_MS + 100)
    assert world.states() == {}
    assert [call.verb for call in world.core.calls] == ["submit", "undo"]


def test_a_late_original_whose_reversal_is_still_owed_is_refused(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("9", "1"))
    world.say(link, Message(trace="1"))
    assert link.said == [("9", "taken"), ("1", "reversed")]
    assert "submit" not in [call.verb for call in world.core.calls]


def test_a_reversal_waits_for_no_other_key(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("8", "1"))
    world.core.last("undo").reply(Unknown(why="hang"))
    world.say(link, reversal("9", "2"))
    assert world.core.last("undo").key == "ATM1-financial-2"


def test_partial_then_full_reversal_of_one_key_go_in_order(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("8", "1", standing_minor=4_000))
    world.say(link, reversal("9", "1"))
    assert [call.standing_minor for call in world.core.calls] == [4_000]
    world.core.last("undo").reply(Undone(state="reversed", standing_minor=4_000))
    world.time.run(5)
    assert [call.standing_minor for call in world.core.calls] == [4_000, 0]


def test_an_advice_is_delivered_until_confirmed_with_the_repeat_indicator(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="5", message_class=MessageClass.ADVICE, kind="purchase", policy=DoubtPolicy.REPEAT))
    assert link.said == [("5", "taken")]
    first = world.core.last("submit")
    assert first.request is not None
    assert not first.request.repeat
    first.reply(Unknown(why="hang"))
    world.time.run(2_000)
    second = world.core.last("submit")
    assert second.request is not None
    assert second.request.repeat
    second.reply(Approved())
    world.time.run(5)
    assert stored(world, "ATM1-advice-5").state is StoredState.SETTLED


def test_a_stubborn_refusal_of_an_advice_goes_to_a_person_after_head_tries_max() -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(head_tries_max=3)))
    link = world.link()
    world.say(link, Message(trace="5", message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT))
    for _ in range(3):
        assert stored(world, "ATM1-advice-5").state is StoredState.DELIVERING
        world.core.last("submit").reply(NotProcessed(reason="invalid"))
        world.time.run(60_000)
    assert stored(world, "ATM1-advice-5").state is StoredState.LISTED
    assert len(world.core.calls) == 3


def test_a_reversal_that_the_core_calls_a_conflict_goes_to_a_person_and_is_not_repeated_for_ever(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 1)
    for _ in range(world.limits.saf.head_tries_max):
        world.core.last("undo").reply(Unknown(why="key-conflict"))
        world.time.run(31_000)
    assert stored(world, W1).state is StoredState.LISTED
    assert world.desk.saf.owed_count == 0
