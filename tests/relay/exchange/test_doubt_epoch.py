"""Evidence that comes in a later epoch than its exchange's call: the region that serves now is told what happened."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, MessageClass
from relay.core.port import Permit
from relay.journal.port import StepResult
from relay.journal.records import StoredState
from tests.support.deskworld import W1, DeskWorld, Message, stored
from tests.support.scriptedcore import Call

APPROVED = Approved(authorisation_id="A1")


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def paid_out(world: DeskWorld) -> None:
    """Approved in epoch 1, and the machine was told; whether it gave the notes is not known yet."""
    epoch(world, 1, "tokyo")
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(APPROVED)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.AWAITING_COMPLETION


def epoch(world: DeskWorld, number: int, region: str) -> None:
    results: list[StepResult] = []
    world.journal.raise_epoch(number, results.append)
    world.time.run(5)
    assert results == [None]
    world.permit = Permit(number, region)


def told(world: DeskWorld) -> Call:
    """What the core was asked last: the withdrawal as something that has happened, and nothing secret with it."""
    call = world.core.last("submit")
    assert call.request is not None
    assert (call.key, call.request.message_class, call.request.repeat) == (W1, MessageClass.ADVICE, True)
    assert call.request.card is not None
    assert (call.request.card.track2, call.request.card.pin_block) == (None, None)
    assert call.permit.epoch == 2
    return call


def test_a_payment_that_is_known_in_a_later_epoch_only_is_told_to_the_region_that_serves_now(world: DeskWorld) -> None:
    paid_out(world)
    epoch(world, 2, "osaka")
    world.desk.evidence(W1, "confirmed", None)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.DELIVERING
    told(world).reply(APPROVED)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_it_is_told_after_a_restart_too(world: DeskWorld) -> None:
    paid_out(world)
    epoch(world, 2, "osaka")
    world.desk.evidence(W1, "confirmed", None)
    world.time.run(5)
    world.crash()
    world.time.run(2_000)
    told(world).reply(APPROVED)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_one_that_went_to_the_list_meanwhile_is_told_when_its_evidence_comes(world: DeskWorld) -> None:
    paid_out(world)
    world.time.run(world.limits.completion_deadline_ms + 100)
    assert stored(world, W1).state is StoredState.UNPROVEN
    epoch(world, 2, "osaka")
    world.desk.evidence(W1, "confirmed", None)
    world.time.run(5)
    told(world)


def test_in_the_same_epoch_nothing_is_told_again(world: DeskWorld) -> None:
    paid_out(world)
    calls = len(world.core.calls)
    world.desk.evidence(W1, "confirmed", None)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.CONFIRMED
    assert len(world.core.calls) == calls


def test_a_completion_of_its_own_says_it_to_the_core_itself(world: DeskWorld) -> None:
    paid_out(world)
    epoch(world, 2, "osaka")
    world.say(world.link(), Message(trace="2", message_class=MessageClass.ADVICE, kind="completion", original="1"))
    assert stored(world, W1).state is StoredState.CONFIRMED
    assert world.core.last("submit").key != W1
