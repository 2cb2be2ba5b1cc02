"""What is owed to the core, as transcripts: reversals and advices, in order per key, until confirmed."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, NotProcessed, Unknown
from relay.core.port import Undone
from relay.exchange.exchange import Event
from relay.exchange.limits import DeskLimits
from relay.exchange.register import deliver_stored, rebuild
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


def test_what_is_held_waits_and_holds_up_no_other_key(world: DeskWorld) -> None:
    """A completion, until its original was asked for in a new region."""
    is_held = True
    world.desk.saf.holds = lambda entry: is_held and entry.key == "ATM1-advice-2"
    for trace in "23":
        world.say(world.link(), Message(trace=trace, message_class=MessageClass.ADVICE, original="1" if trace == "2" else None))
    world.time.run(60_000)
    assert {call.key for call in world.core.calls} == {"ATM1-advice-3"}
    is_held = False
    world.time.run(60_000)
    assert "ATM1-advice-2" in {call.key for call in world.core.calls}


@pytest.mark.parametrize("wait_ms", [0, 700])
def test_an_original_that_is_owed_again_goes_before_what_follows_it(world: DeskWorld, wait_ms: int) -> None:
    """Its part reversal is under way, or waits for its next try: on a key that the core has lost it can only be refused."""
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.say(link, reversal("9", "1", standing_minor=4_000))
    part = world.core.last("undo")
    if wait_ms:
        part.reply(NotProcessed(reason="invalid"))
        world.time.run(10)
    world.core.calls.clear()
    reopened = rebuild(stored(world, W1), world.time.monotonic_ms())
    assert world.desk.register.move(reopened, Event.RECONCILED_MISSING)
    deliver_stored(reopened)
    world.desk.register.by_key[W1] = reopened
    world.desk.saf.owe(reopened)
    world.time.run(5_000)
    assert {call.verb for call in world.core.calls} == {"submit"}, "the original alone"
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert [call.verb for call in world.core.pending] == ["undo"]
    world.core.last("undo").reply(Undone(state="reversed", standing_minor=4_000))
    world.time.run(60_000)
    assert world.states() == {}
    assert [call.verb for call in world.core.calls].count("undo") == 1, "it stood in the line once"


@pytest.mark.parametrize(
    ("policy", "reverses", "state"),
    [
        (DoubtPolicy.UNDO, False, StoredState.LISTED),  # another center's own undo may have found nothing
        (DoubtPolicy.REPEAT, False, StoredState.SETTLED),  # nobody undoes that by itself
        (DoubtPolicy.UNDO, True, StoredState.SETTLED),  # its terminal did, here
    ],
)
def test_what_was_told_approved_and_is_found_reversed(
    world: DeskWorld, policy: DoubtPolicy, reverses: bool, state: StoredState
) -> None:
    link = world.link()
    world.say(link, Message(trace="1", policy=policy))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    reopened = rebuild(stored(world, W1), world.time.monotonic_ms())
    assert world.desk.register.move(reopened, Event.RECONCILED_MISSING)
    deliver_stored(reopened)
    world.desk.register.by_key[W1] = reopened
    world.desk.saf.owe(reopened)
    if reverses:
        world.say(link, reversal("9", "1"))
    world.core.last("submit").reply(Declined(reason="reversed"))
    world.time.run(5)
    assert stored(world, W1).state is state
