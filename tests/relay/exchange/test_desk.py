"""The desk as transcripts: what a terminal says, what the core is asked, what is durable, what the terminal hears."""

from collections.abc import Iterator

import msgspec
import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, KeyConflict, NotProcessed, Verdict
from relay.exchange.lanes import LaneLimits
from relay.exchange.limits import DeskLimits
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, stored


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def refusals(world: DeskWorld) -> dict[str, float]:
    """Reason -> how often, by the desk's own metric."""
    samples = [sample for family in world.metrics.refusals.collect() for sample in family.samples]
    return {sample.labels["reason"]: sample.value for sample in samples if sample.name.endswith("_total")}


def test_an_approved_withdrawal_is_recorded_asked_decided_and_only_then_replied(world: DeskWorld) -> None:
    link = world.link()
    world.desk.open(Message(trace="1"), link)
    assert not world.core.calls, "nothing goes to the core before its record is durable"
    world.time.run(5)
    call = world.core.last("submit")
    call.reply(Approved(authorisation_id="A1"))
    assert link.said == [], "no reply before its intent is durable"
    world.time.run(5)
    assert link.said == [("1", "approved")]
    kept = stored(world, W1)
    assert kept.state is StoredState.ANSWERED
    assert kept.intent is not None
    assert kept.intent.verdict is Verdict.APPROVE
    assert world.states() == {}


def test_a_declined_withdrawal_is_replied_with_the_cores_reason(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Declined(reason="insufficient-funds"))
    world.time.run(5)
    assert link.said == [("1", "insufficient-funds")]
    assert refusals(world) == {}, "the core's own word is no refusal of the relay"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("unreachable", "core-unreachable"),
        ("overloaded", "overloaded"),
        ("wrong-region", "region-switching"),
        ("superseded-relay", "suspended"),
        ("invalid", "internal"),
    ],
)
def test_not_processed_is_refused_honestly_and_owes_nothing(world: DeskWorld, reason: str, code: str) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(NotProcessed(reason=reason))
    world.time.run(60_000)
    assert link.said == [("1", code)]
    assert refusals(world) == {code: 1}
    assert [call.verb for call in world.core.calls] == ["submit"]


def test_same_key_other_body_at_the_core_is_refused_and_never_reversed(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(KeyConflict())
    world.time.run(60_000)
    assert link.said == [("1", "key-conflict")]
    assert [call.verb for call in world.core.calls] == ["submit"]


def test_one_terminal_is_fifo_and_another_does_not_wait(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.say(link, Message(trace="2"))
    world.say(link, Message(trace="3", terminal="ATM2"))
    assert [call.key for call in world.core.calls] == [W1, "ATM2-financial-3"]
    world.core.calls[0].reply(Approved())
    world.time.run(5)
    assert world.core.calls[-1].key == "ATM1-financial-2"


def test_what_does_not_fit_the_queue_is_refused_at_once() -> None:
    world = DeskWorld(DeskLimits(lanes=LaneLimits(terminal_queue_count_max=1)))
    link = world.link()
    for trace in "123":
        world.say(link, Message(trace=trace))
    assert link.said == [("3", "overloaded")]
    assert refusals(world) == {"overloaded": 1}
    world.say(link, Message(trace="3"))
    assert link.said == [("3", "overloaded")] * 2
    assert refusals(world) == {"overloaded": 1}, "a repeat is answered from the journal and counted as such"


def test_a_message_that_waited_past_its_deadline_is_refused_unasked(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1", policy=DoubtPolicy.HOLD))
    world.say(link, Message(trace="2"))
    world.time.run(DEADLINE_MS + 100)
    assert ("2", "overloaded") in link.said
    assert refusals(world) == {"overloaded": 1}
    assert "ATM1-financial-2" not in [call.key for call in world.core.calls]


def test_a_terminal_not_on_the_list_is_refused(world: DeskWorld) -> None:
    link = world.link()
    link.listener = msgspec.structs.replace(world.facts, terminals=frozenset({"ATM7"}))
    world.say(link, Message(trace="1"))
    assert link.said == [("1", "unknown-terminal")]


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_draining_link_gets_no_to_what_is_new_and_its_own_answer_to_a_repeat(world: DeskWorld, is_taken: bool) -> None:
    """A reload drains links one by one; a "no" without a look into the journal would contradict what was taken."""
    link = world.link()
    if is_taken:
        world.say(link, Message(trace="1"))
    link.is_draining = True
    world.say(link, Message(trace="1", repeat=True))
    world.time.run(5)
    assert link.said == ([] if is_taken else [("1", "draining")])
    if is_taken:
        world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert {code for _, code in link.said} == {"approved" if is_taken else "draining"}
    other = world.link()
    world.say(other, Message(trace="1", repeat=True))
    world.time.run(5)
    assert other.said == [("1", "approved" if is_taken else "draining")], "the first word stays, on another link too"


def test_a_draining_desk_refuses_new_messages_and_finishes_those_in_flight(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.desk.drain()
    world.say(link, Message(trace="2", terminal="ATM2"))
    assert world.desk.inflight_count == 1
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert link.said == [("2", "draining"), ("1", "approved")]
    assert world.desk.inflight_count == 0
