"""The desk as transcripts: what a terminal says, what the core is asked, what is durable, what the terminal hears."""

import pytest

from protocols.vocabulary import (
    Approved,
    Declined,
    DoubtPolicy,
    KeyConflict,
    MessageClass,
    NotProcessed,
    Unknown,
    Verdict,
)
from relay.core.port import NotFound, Superseded, Undone
from relay.exchange.desk import DeskLimits
from relay.exchange.lanes import LaneLimits
from relay.exchange.saf import SafLimits
from relay.journal.port import JournalFailed
from relay.journal.records import StoredExchange, StoredState
from tests.support.deskworld import DEADLINE_MS, DeskWorld, Message


@pytest.fixture
def world():
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def stored(world: DeskWorld, key: str) -> StoredExchange:
    found: list[StoredExchange | JournalFailed | None] = []
    world.journal.find(key, found.append)
    world.time.run(5)
    assert isinstance(found[0], StoredExchange)
    return found[0]


W1 = "ATM1-financial-1"


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
    assert kept.intent is not None and kept.intent.verdict is Verdict.APPROVE
    assert world.states() == {}


def test_a_declined_withdrawal_is_replied_with_the_cores_reason(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Declined(reason="insufficient-funds"))
    world.time.run(5)
    assert link.said == [("1", "insufficient-funds")]


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
    assert [call.verb for call in world.core.calls] == ["submit"]


def test_same_key_other_body_at_the_core_is_refused_and_never_reversed(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(KeyConflict())
    world.time.run(60_000)
    assert link.said == [("1", "key-conflict")]
    assert [call.verb for call in world.core.calls] == ["submit"]


# ---- doubt --------------------------------------------------------------------------------------------------------------
def test_an_unknown_outcome_is_inquired_with_the_same_key_and_answered_before_the_deadline(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Unknown(why="closed"))
    world.time.run(600)
    inquiry = world.core.last("inquire")
    assert inquiry.key == W1
    inquiry.reply(Approved(authorisation_id="A1"))
    world.time.run(5)
    assert link.said == [("1", "approved")]


def test_not_found_before_the_deadline_asks_the_same_key_once_more_in_the_same_epoch(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Unknown(why="closed"))
    world.time.run(600)
    world.core.last("inquire").reply(NotFound())
    submits = [call for call in world.core.calls if call.verb == "submit"]
    assert [call.key for call in submits] == [W1, W1]
    assert {call.permit.epoch for call in submits} == {1}
    submits[1].reply(Approved())
    world.time.run(5)
    assert link.said == [("1", "approved")]


def test_not_found_in_another_epoch_asks_nothing_again(world: DeskWorld) -> None:
    from relay.core.port import Permit

    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Unknown(why="closed"))
    world.permit = Permit(2, "osaka")
    world.time.run(600)
    world.core.last("inquire").reply(NotFound())
    world.time.run(100)
    assert [call.verb for call in world.core.calls].count("submit") == 1


def test_not_processed_after_an_unknown_call_of_the_same_key_is_still_doubt(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Unknown(why="closed"))
    world.time.run(600)
    world.core.last("inquire").reply(NotFound())
    world.core.last("submit").reply(NotProcessed(reason="overloaded"))
    world.time.run(5)
    assert link.said == [], "the first call may still be on its way"
    assert world.states() == {W1: "IN_DOUBT"}


def test_the_deadline_makes_doubt_and_the_owed_undo_one_record_before_the_reply(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.time.run(DEADLINE_MS)
    assert link.said == [("1", "in-doubt")]
    kept = stored(world, W1)
    assert kept.state is StoredState.UNDOING
    assert kept.intent is not None and kept.intent.verdict is Verdict.DOUBT
    undo = world.core.last("undo")
    assert (undo.key, undo.standing_minor, undo.automatic) == (W1, 0, True)
    undo.reply(Undone(state="tombstone"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_an_approval_after_the_deadline_is_never_replied(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    call = world.core.last("submit")
    world.time.run(DEADLINE_MS + 100)
    call.is_done = False
    call.reply(Approved())
    world.time.run(100)
    assert link.said == [("1", "in-doubt")]


def test_an_owed_undo_is_repeated_until_the_core_acknowledges_it(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.time.run(DEADLINE_MS)
    for _ in range(5):
        world.core.last("undo").reply(Unknown(why="closed"))
        world.time.run(60_000)
    world.core.last("undo").reply(Undone(state="reversed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    count = len(world.core.calls)
    world.time.run(600_000)
    assert len(world.core.calls) == count


def test_a_superseded_undo_closes_the_exchange_as_taken_over(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS)
    world.core.last("undo").reply(Superseded())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_a_deposit_in_doubt_repeats_the_same_key_and_is_never_undone(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.time.run(DEADLINE_MS + 100)
    assert link.said == [("1", "in-doubt")]
    repeat = world.core.last("submit")
    repeat.reply(Unknown(why="closed"))
    world.time.run(2_000)
    again = world.core.last("submit")
    assert again is not repeat
    assert again.key == W1
    assert again.request is not None and again.request.repeat
    again.reply(Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert "undo" not in [call.verb for call in world.core.calls]


def test_a_deposit_that_the_core_declines_after_doubt_goes_to_a_person(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.time.run(DEADLINE_MS + 100)
    world.core.last("submit").reply(Declined(reason="account-closed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED


def test_a_held_exchange_is_only_inquired(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", kind="transfer", policy=DoubtPolicy.HOLD))
    world.time.run(DEADLINE_MS + 100)
    world.core.last("inquire").reply(Declined(reason="invalid-amount"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert [call.verb for call in world.core.calls] == ["submit", "inquire"]


def test_an_approval_that_nobody_can_receive_is_undone_at_once(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    link.is_open = False
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert world.core.last("undo").key == W1
    assert stored(world, W1).state is StoredState.UNDOING


# ---- law 2 --------------------------------------------------------------------------------------------------------------
def test_the_same_message_again_is_answered_from_the_journal(world: DeskWorld) -> None:
    world.say(first := world.link(), Message(trace="1"))
    world.core.last("submit").reply(Approved(authorisation_id="A1"))
    world.time.run(5)
    second = world.link()
    world.say(second, Message(trace="1", repeat=True))
    assert first.said == second.said == [("1", "approved")]
    assert len(world.core.calls) == 1


def test_the_same_message_again_joins_the_one_in_flight(world: DeskWorld) -> None:
    first, second = world.link(), world.link()
    world.say(first, Message(trace="1"))
    world.say(second, Message(trace="1", repeat=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert first.said == second.said == [("1", "approved")]
    assert len(world.core.calls) == 1


@pytest.mark.parametrize("in_flight", [True, False])
def test_the_same_key_with_another_amount_is_refused_and_never_reversed(world: DeskWorld, in_flight: bool) -> None:
    first, second = world.link(), world.link()
    world.say(first, Message(trace="1", minor=10_000))
    if not in_flight:
        world.core.last("submit").reply(Approved())
        world.time.run(5)
    world.say(second, Message(trace="1", minor=20_000))
    assert second.said == [("1", "key-conflict")]
    if in_flight:
        world.core.last("submit").reply(Approved())
    world.time.run(60_000)
    assert first.said == [("1", "approved")]
    assert [call.verb for call in world.core.calls] == ["submit"]


def test_a_refused_message_that_repeats_an_approved_one_gets_the_approval(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.permit = None
    link = world.link()
    world.say(link, Message(trace="1"))
    world.say(link, Message(trace="2"))
    assert link.said == [("1", "approved"), ("2", "core-unreachable")]


# ---- reversals and advices ----------------------------------------------------------------------------------------------
def reversal(trace: str, original: str, standing_minor: int = 0) -> Message:
    return Message(
        trace=trace,
        message_class=MessageClass.REVERSAL,
        kind="reversal",
        policy=DoubtPolicy.REPEAT,
        original=original,
        standing_minor=standing_minor,
    )


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
    assert first.request is not None and not first.request.repeat
    first.reply(Unknown(why="hang"))
    world.time.run(2_000)
    second = world.core.last("submit")
    assert second.request is not None and second.request.repeat
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


# ---- order and limits ---------------------------------------------------------------------------------------------------
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


def test_a_message_that_waited_past_its_deadline_is_refused_unasked(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1", policy=DoubtPolicy.HOLD))
    world.say(link, Message(trace="2"))
    world.time.run(DEADLINE_MS + 100)
    assert ("2", "overloaded") in link.said
    assert "ATM1-financial-2" not in [call.key for call in world.core.calls]


def test_a_terminal_not_on_the_list_is_refused(world: DeskWorld) -> None:
    import msgspec

    link = world.link()
    link.listener = msgspec.structs.replace(world.facts, terminals=frozenset({"ATM7"}))
    world.say(link, Message(trace="1"))
    assert link.said == [("1", "unknown-terminal")]


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


# ---- completions --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("verdict", "standing", "owed"),
    [("confirmed", None, None), ("part", 4_000, 4_000), ("undone", None, 0), ("unproven", None, None)],
)
def test_evidence_ends_a_reply_that_awaits_completion(
    world: DeskWorld, verdict: str, standing: int | None, owed: int | None
) -> None:
    link = world.link()
    world.say(link, Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.AWAITING_COMPLETION
    world.desk.evidence(W1, verdict, standing)
    world.time.run(5)
    undos = [call for call in world.core.calls if call.verb == "undo"]
    assert [call.standing_minor for call in undos] == ([] if owed is None else [owed])
    for call in undos:
        call.reply(Undone(state="reversed", standing_minor=call.standing_minor or 0))
    world.time.run(5)
    assert stored(world, W1).state in (StoredState.CONFIRMED, StoredState.SETTLED, StoredState.UNPROVEN)


def test_a_missing_completion_is_unproven_after_its_deadline(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(world.limits.completion_deadline_ms + 100)
    assert stored(world, W1).state is StoredState.UNPROVEN
