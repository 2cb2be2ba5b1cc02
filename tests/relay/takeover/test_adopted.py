"""The adopted business speaks in the name of the center that it belongs to, and knows when nothing of it is open."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy
from relay.core.port import Looked, NotFound, Reversed, Undone
from relay.journal.memory import MemoryJournal
from relay.outbound.desk import OutboundLimits
from relay.takeover.adopted import Adopted
from relay.telemetry.metrics import Metrics
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored
from tests.support.scriptedcore import Call, ScriptedCore


def adopted(world: DeskWorld) -> Adopted:
    """What `world` leaves when it dies, adopted."""
    world.desk.fence()
    world.core.calls.clear()
    world.journal.crash()
    world.journal = MemoryJournal(world.journal.disk, world.time, world.time)
    core: Any = world.core
    made = Adopted(
        "tokyo",
        world.journal,
        core,
        lambda: world.permit,
        lambda listener, line: None,
        lambda listener, line: "",
        world.time,
        world.time,
        Metrics(),
        Random(1),
        world.limits,
        OutboundLimits(),
    )
    made.take_up()
    return made


class LookedAt(ScriptedCore):
    """With the inquiry that counts as no answer."""

    def look(self, key: str, attempt: Any, permit: Any, timeout_ms: int, done: Callable[[Any], None]) -> Call:
        return self._keep(Call("look", key, attempt, permit, done))


def left(policy: DoubtPolicy = DoubtPolicy.UNDO, needs_completion: bool = False) -> tuple[DeskWorld, Adopted]:
    """One exchange that is recorded in the copy, without an intent."""
    world = DeskWorld(core=LookedAt())
    world.say(world.link(), Message(trace="1", policy=policy, needs_completion=needs_completion))
    return world, adopted(world)


def outlive_the_word(world: DeskWorld) -> None:
    """The time is over in which its terminal may come and say what it heard."""
    world.time.run(world.limits.completion_deadline_ms + 1_000)


def answer_look(world: DeskWorld, finding: Any, attempt: str = "") -> None:
    world.core.last("look").reply(Looked(finding, attempt=attempt))
    world.time.run(20)


@pytest.mark.parametrize("policy", DoubtPolicy)
def test_nothing_is_undone_or_posted_because_the_copy_lacks_an_intent(policy: DoubtPolicy) -> None:
    world, business = left(policy)
    outlive_the_word(world)
    answer_look(world, NotFound())
    world.time.run(600_000)
    assert {call.verb for call in world.core.calls} == {"look"}
    assert business.open_count == 1
    assert world.unexpected() == 0


def test_an_approval_of_which_nobody_says_anything_goes_to_a_person() -> None:
    world, business = left()
    asked = world.core.calls
    assert business.open_count > 0
    world.time.run(5_000)
    assert asked == [], "its terminal may still come and say what it heard"
    outlive_the_word(world)
    answer_look(world, Approved())
    inquiry = world.core.last("inquire")
    assert (inquiry.key, inquiry.attempt.center, inquiry.attempt.incarnation) == (W1, "tokyo", 1)
    inquiry.reply(Approved())
    world.time.run(20)
    assert stored(world, W1).state.value == "listed"
    assert business.open_count == 0
    assert "undo" not in {call.verb for call in asked}


@pytest.mark.parametrize("finding", [Declined(reason="no-funds"), Reversed()])
def test_what_does_not_stand_is_settled(finding: Any) -> None:
    world, business = left()
    outlive_the_word(world)
    answer_look(world, finding)
    assert stored(world, W1).state.value == "settled"
    assert business.open_count == 0


def test_what_its_terminal_asked_for_here_since_is_taken_over() -> None:
    world, business = left()
    outlive_the_word(world)
    answer_look(world, Approved(), attempt="osaka/1/7")
    assert stored(world, W1).state.value == "settled"
    assert business.open_count == 0
    assert [call.verb for call in world.core.calls] == ["look"], "and nothing was said that counts as an answer"


def test_its_own_attempt_is_nobody_elses() -> None:
    world, _ = left()
    outlive_the_word(world)
    answer_look(world, Approved(), attempt=world.core.last("look").attempt.text())
    assert world.core.last("inquire").key == W1


def test_a_terminal_that_asks_again_hears_the_cores_word() -> None:
    world, business = left()
    link = world.link()
    business.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(1_000)
    assert link.said == [], "doubt would leave a customer without the money that was posted"
    answer_look(world, Approved())
    world.core.last("inquire").reply(Approved(authorisation_id="A"))
    world.time.run(20)
    assert link.said == [("1", "approved")]
    assert stored(world, W1).state.value == "settled"
    business.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(20)
    assert link.said == [("1", "approved")] * 2
    assert business.open_count == 0


def test_a_terminal_that_asks_again_hears_doubt_when_the_core_is_silent_and_a_person_gets_it() -> None:
    world, business = left()
    link = world.link()
    business.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(DEADLINE_MS + 100)
    assert link.said == [("1", "in-doubt")]
    answer_look(world, Approved())
    world.core.last("inquire").reply(Approved())
    world.time.run(20)
    assert stored(world, W1).state.value == "listed"
    assert link.said == [("1", "in-doubt")]
    assert business.open_count == 0


def test_a_terminal_that_reverses_it_ends_the_wait() -> None:
    world, business = left()
    link = world.link()
    business.desk.open(reversal("2", "1"), link)
    world.time.run(20)
    assert link.said == [("2", "taken")]
    undo = world.core.last("undo")
    assert (undo.key, undo.automatic) == (W1, False)
    undo.reply(Undone("reversed"))
    world.time.run(20)
    assert stored(world, W1).state.value == "settled"
    assert business.open_count == 0


def test_a_reversal_that_the_copy_has_ends_it_too() -> None:
    world = DeskWorld(core=LookedAt())
    world.say(world.link(), Message(trace="1"))
    disk = world.journal.disk
    recorded = dict(disk.exchanges)
    world.say(world.link(), reversal("2", "1"))
    disk.exchanges |= recorded  # the original's last step came after the reversal, and the copy lacks it
    business = adopted(world)
    world.time.run(20)
    assert [call.verb for call in world.core.calls] == ["undo"]
    world.core.last("undo").reply(Undone("reversed"))
    world.time.run(20)
    assert stored(world, W1).state.value == "settled"
    assert business.open_count == 0


def test_a_new_life_gives_no_number_again() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    before = set(world.journal.disk.exchanges)
    business = adopted(world)
    business.desk.open(Message(trace="2"), world.link())
    world.time.run(5)
    assert before < set(world.journal.disk.exchanges)
    assert len(world.journal.disk.exchanges) == 2


def test_stopped_or_fenced_it_says_nothing_more() -> None:
    for end in ("stop", "fence"):
        world = DeskWorld()
        world.say(world.link(), Message(trace="1"))
        business = adopted(world)
        getattr(business, end)()
        world.time.run(60_000)
        assert not world.core.calls
        assert business.open_count > 0, "what is open stays so on disk"
