"""A terminal that asks again after a restart is always told something, and late evidence still counts."""

from collections.abc import Iterator

import msgspec
import pytest

from protocols.vocabulary import Approved, DoubtPolicy, KeyConflict, MessageClass
from relay.core.port import Reversed
from relay.exchange.limits import DeskLimits
from relay.journal.records import StoredState
from tests.support.deskworld import W1, DeskWorld, ListLink, Message, stored

APPROVED = Approved(authorisation_id="A1")


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def restarted(world: DeskWorld, policy: DoubtPolicy, needs_completion: bool = False) -> ListLink:
    """The message was asked, the relay died, the terminal repeats it."""
    kind = "deposit" if policy is DoubtPolicy.REPEAT else "transfer"
    message = Message(trace="1", kind=kind, policy=policy, needs_completion=needs_completion)
    world.say(world.link(), message)
    world.crash()
    link = world.link()
    world.say(link, msgspec.structs.replace(message, repeat=True))
    return link


@pytest.mark.parametrize("policy", [DoubtPolicy.REPEAT, DoubtPolicy.HOLD])
def test_a_key_that_was_reversed_is_told_as_reversed(world: DeskWorld, policy: DoubtPolicy) -> None:
    link = restarted(world, policy)
    world.core.pending[-1].reply(Reversed(0))
    world.time.run(5)
    assert link.said == [("1", "reversed")]


def test_what_goes_to_a_person_is_told_as_doubt(world: DeskWorld) -> None:
    link = restarted(world, DoubtPolicy.REPEAT)
    while world.core.pending:
        world.core.pending[-1].reply(KeyConflict())
        world.time.run(600)
    assert link.said == [("1", "in-doubt")]
    assert stored(world, W1).state is StoredState.LISTED


def test_a_hold_that_turns_out_booked_while_its_terminal_waits_is_told_and_not_listed(world: DeskWorld) -> None:
    link = restarted(world, DoubtPolicy.HOLD)
    world.core.pending[-1].reply(APPROVED)
    world.time.run(5)
    assert link.said == [("1", "approved")]
    assert stored(world, W1).state is StoredState.SETTLED


def test_what_needs_a_completion_is_not_approved_when_it_turns_out_booked(world: DeskWorld) -> None:
    """It is closed then: nobody would wait for the completion, and a dispense of unknown end would be on no list (law 4)."""
    link = restarted(world, DoubtPolicy.HOLD, needs_completion=True)
    world.core.pending[-1].reply(APPROVED)
    world.time.run(5)
    assert link.said == [("1", "in-doubt")]
    assert stored(world, W1).state is StoredState.LISTED


def test_a_repeat_that_needs_a_completion_is_told_as_doubt(world: DeskWorld) -> None:
    link = restarted(world, DoubtPolicy.REPEAT, needs_completion=True)
    world.core.pending[-1].reply(APPROVED)
    world.time.run(5)
    assert link.said == [("1", "in-doubt")]
    assert stored(world, W1).state is StoredState.SETTLED


def test_a_hold_that_turns_out_booked_with_nobody_waiting_goes_to_a_person(world: DeskWorld) -> None:
    restarted(world, DoubtPolicy.HOLD).is_open = False
    world.core.pending[-1].reply(APPROVED)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED


def unproven(world: DeskWorld) -> ListLink:
    link = world.link()
    world.say(link, Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(APPROVED)
    world.time.run(DeskLimits().completion_deadline_ms + 1_000)
    assert [each.taken.key for each in world.journal.listed()] == [W1]
    return link


def test_a_completion_that_comes_late_takes_its_original_off_the_list(world: DeskWorld) -> None:
    link = unproven(world)
    advice = Message(trace="2", message_class=MessageClass.ADVICE, original="1", policy=DoubtPolicy.REPEAT)
    world.say(link, advice)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.CONFIRMED
    assert list(world.journal.listed()) == []


def test_late_evidence_of_a_part_dispense_owes_the_reversal_of_the_rest(world: DeskWorld) -> None:
    unproven(world)
    world.desk.evidence(W1, "part", 4_000)
    world.time.run(10)
    undo = world.core.last("undo")
    assert (undo.key, undo.standing_minor) == (W1, 4_000)
    assert stored(world, W1).state is StoredState.PART_UNDONE


@pytest.mark.parametrize("key", [W1, "nobody"])
def test_evidence_about_nothing_that_waits_changes_nothing(world: DeskWorld, key: str) -> None:
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(APPROVED)
    world.time.run(5)
    world.desk.evidence(key, "undone", None)
    world.time.run(10)
    assert stored(world, W1).state is StoredState.ANSWERED
    assert [call.verb for call in world.core.calls] == ["submit"]


def test_an_advice_is_delivered_without_secrets_from_the_first_time(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT))
    card = world.core.last("submit").request.card
    assert card is not None
    assert card.pan is not None
    assert (card.track2, card.pin_block) == (None, None)


def refusals(world: DeskWorld) -> dict[str, float]:
    """Reason -> how often, by the desk's own metric."""
    samples = [sample for family in world.metrics.refusals.collect() for sample in family.samples]
    return {sample.labels["reason"]: sample.value for sample in samples if sample.name.endswith("_total")}


def test_what_a_waiting_terminal_is_told_after_a_restart_is_counted_as_a_refusal(world: DeskWorld) -> None:
    restarted(world, DoubtPolicy.HOLD)
    world.core.pending[-1].reply(Reversed(0))
    world.time.run(5)
    assert refusals(world) == {"reversed": 1}


def test_an_approval_told_after_a_restart_is_no_refusal(world: DeskWorld) -> None:
    restarted(world, DoubtPolicy.HOLD)
    world.core.pending[-1].reply(APPROVED)
    world.time.run(5)
    assert refusals(world) == {}


def completed_in_part(world: DeskWorld, standing_minor: int) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(APPROVED)
    world.time.run(5)
    world.desk.evidence(W1, "part", standing_minor)
    world.time.run(5)


def test_a_part_that_is_the_whole_amount_is_a_confirmation_and_owes_nothing(world: DeskWorld) -> None:
    completed_in_part(world, 10_000)
    assert stored(world, W1).state is StoredState.CONFIRMED
    assert not [call for call in world.core.calls if call.verb == "undo"]


def test_a_part_of_more_than_the_amount_proves_nothing(world: DeskWorld) -> None:
    completed_in_part(world, 10_001)
    assert [each.taken.key for each in world.journal.listed()] == [W1]


def test_a_part_owes_the_rest(world: DeskWorld) -> None:
    completed_in_part(world, 9_999)
    assert world.core.last("undo").standing_minor == 9_999
