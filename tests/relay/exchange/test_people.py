"""A person takes an exchange off the list with a name and a reason, and nothing else comes off it."""

import msgspec
import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy
from relay.exchange.people import resolve
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, stored


def said_of(world: DeskWorld, key: str, who: str = "A. Sato", why: str = "credited by hand, slip 17") -> str:
    heard: list[str] = []
    resolve(world.desk.register, world.desk.saf, key, who, why, heard.append)
    world.time.run(5)
    return heard[0]


@pytest.fixture
def listed() -> DeskWorld:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.time.run(DEADLINE_MS + 100)
    world.core.last("submit").reply(Declined(reason="account-closed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    return world


def test_who_and_why_are_recorded(listed: DeskWorld) -> None:
    assert said_of(listed, W1) == ""
    exchange = stored(listed, W1)
    assert exchange.state is StoredState.SETTLED
    lines = [line.detail for line in listed.journal.history(exchange.taken.exchange_id)]
    assert lines[-1] == "A. Sato: credited by hand, slip 17"


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", " ")])
def test_a_name_and_a_reason_are_needed(listed: DeskWorld, who: str, why: str) -> None:
    assert "a name and a reason" in said_of(listed, W1, who, why)
    assert stored(listed, W1).state is StoredState.LISTED


def test_a_terminal_that_was_told_nothing_hears_no_approval_after_a_person_has_decided() -> None:
    """It was booked, the relay died, a person refunded it by hand; the same message again must not be paid now."""
    world = DeskWorld()
    message = Message(trace="1", policy=DoubtPolicy.HOLD)
    world.say(world.link(), message)
    world.crash()
    world.core.pending[-1].reply(Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    assert said_of(world, W1, why="refunded by hand") == ""
    link = world.link()
    world.say(link, msgspec.structs.replace(message, repeat=True))
    world.time.run(5)
    assert link.said == [("1", "in-doubt")]


def test_what_is_not_on_the_list_stays_as_it_is() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert "not on the list" in said_of(world, W1)
    assert "no exchange" in said_of(world, "nobody")


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("person_first", [True, False])
def test_a_person_and_late_evidence_at_the_same_moment_do_not_both_decide(person_first: bool, steps: int) -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(world.limits.completion_deadline_ms + 1_000)
    assert stored(world, W1).state is StoredState.UNPROVEN
    heard: list[str] = []

    def decide() -> None:
        resolve(world.desk.register, world.desk.saf, W1, "A. Sato", "the cash count fits", heard.append)

    def tell() -> None:
        world.desk.evidence(W1, "undone", None)

    first, second = (decide, tell) if person_first else (tell, decide)
    first()
    for _ in range(steps):
        world.time.step()
    second()
    world.time.run(10)
    is_resolved = heard == [""]
    assert is_resolved == (person_first and steps >= 2), "evidence wins, as long as the person has not signed"
    assert stored(world, W1).state is (StoredState.SETTLED if is_resolved else StoredState.UNDONE)
    assert [call.verb for call in world.core.pending] == ([] if is_resolved else ["undo"])
