"""Power off at any point: what was durable takes up its duty, what was replied is never undone by itself."""

import pytest

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass
from relay.core.port import NotFound, Undone
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored


@pytest.fixture
def world():
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def test_a_withdrawal_without_intent_is_undone_after_a_crash_naming_its_own_attempt(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    asked = world.core.last("submit").attempt
    world.crash()
    undo = world.core.last("undo")
    assert (undo.key, undo.automatic, undo.attempt) == (W1, True, asked)
    undo.reply(Undone(state="reversed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_an_approval_whose_intent_is_durable_is_left_alone_after_a_crash(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.crash()
    world.time.run(60_000)
    assert world.core.calls == []
    again = world.link()
    world.say(again, Message(trace="1", repeat=True))
    assert again.said == link.said


def test_a_withdrawal_that_comes_again_after_a_crash_hears_doubt_while_it_is_undone(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.crash()
    link = world.link()
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("1", "in-doubt")]
    world.core.last("undo").reply(Undone(state="reversed"))
    world.time.run(5)
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("1", "in-doubt"), ("1", "in-doubt")]
    assert "submit" not in [call.verb for call in world.core.calls]


def test_a_recovered_deposit_is_inquired_never_posted_by_itself(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.crash()
    world.core.last("inquire").reply(NotFound())
    world.time.run(5_000)
    assert {call.verb for call in world.core.calls} == {"inquire"}


def test_a_recovered_deposit_whose_terminal_comes_back_is_posted_with_its_secrets_and_answered(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.crash()
    world.core.last("inquire").reply(NotFound())
    link = world.link()
    world.say(link, Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT, repeat=True))
    again = world.core.last("submit")
    assert again.key == W1
    assert again.request is not None
    assert again.request.card is not None
    assert again.request.card.pin_block is not None
    again.reply(Approved())
    world.time.run(5)
    assert link.said == [("1", "approved")]
    assert stored(world, W1).state is StoredState.SETTLED


def test_a_recovered_deposit_nobody_can_find_goes_to_a_person(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.crash()
    for _ in range(world.limits.saf.head_tries_max):
        world.core.last("inquire").reply(NotFound())
        world.time.run(60_000)
    assert stored(world, W1).state is StoredState.LISTED


def test_an_acknowledged_reversal_is_delivered_after_a_crash(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("9", "1"))
    assert link.said == [("9", "taken")]
    world.crash()
    undo = world.core.last("undo")
    assert (undo.key, undo.automatic) == (W1, False)


def test_an_acknowledged_advice_is_delivered_after_a_crash_without_its_secrets(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="5", message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT))
    world.crash()
    request = world.core.last("submit").request
    assert request is not None
    assert request.card is not None
    assert request.card.pan is not None
    assert request.card.pan.reveal() == "4111111111111111"
    assert request.card.track2 is None
    assert request.card.pin_block is None


def test_an_undo_owed_at_the_deadline_is_owed_after_a_crash(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 100)
    world.crash()
    assert world.core.last("undo").key == W1


def test_a_message_not_yet_durable_at_the_crash_is_new_when_it_comes_again(world: DeskWorld) -> None:
    world.desk.open(Message(trace="1"), world.link())
    world.crash()
    assert world.recovered == {}
    link = world.link()
    world.say(link, Message(trace="1", repeat=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert link.said == [("1", "approved")]


def test_completion_awaited_before_a_crash_is_awaited_after_it(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.crash()
    world.desk.evidence(W1, "undone", None)
    world.time.run(5)
    assert world.core.last("undo").standing_minor == 0
