"""Doubt as transcripts: inquiry, the deadline, what is owed afterwards, completions."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, NotProcessed, Unknown, Verdict
from relay.core.port import NotFound, Permit, Superseded, Undone
from relay.exchange.doubt import DoubtLimits
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


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


def in_doubt(world: DeskWorld, count: int) -> None:
    """So many terminals asked, and the core fell silent for all of them in the same moment."""
    for number in range(count):
        world.say(world.link(), Message(terminal=f"T{number:04}", trace="1"))
    for call in [call for call in world.core.calls if call.verb == "submit"]:
        call.reply(Unknown(why="closed"))


def test_those_who_fell_in_doubt_together_do_not_inquire_together() -> None:
    world = DeskWorld()
    in_doubt(world, 30)
    moments = []
    for _ in range(600):
        before = len(world.core.calls)
        world.time.run(1)
        moments += [world.time.monotonic_ms()] * (len(world.core.calls) - before)
    limits = DoubtLimits()
    assert len(moments) == 30, "all of them, within the first pause"
    assert len(set(moments)) > 20
    assert max(moments) - min(moments) <= limits.inquiry_first_ms // 2 + 1, "the later half of it is left to chance"


def test_no_more_inquiries_at_once_than_allowed_and_the_next_when_one_ends() -> None:
    world = DeskWorld()
    allowed = DoubtLimits().inquiry_inflight_count_max
    in_doubt(world, allowed + 8)
    world.time.run(600)
    inquiries = [call for call in world.core.calls if call.verb == "inquire"]
    assert len(inquiries) == allowed
    for call in inquiries[:3]:
        call.reply(Approved())
    inquiries = [call for call in world.core.calls if call.verb == "inquire"]
    assert len(inquiries) == allowed + 3
    for call in inquiries[3:6]:
        call.cancel()  # its terminal took the message back
    assert sum(call.verb == "inquire" for call in world.core.calls) == allowed + 6


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
    assert kept.intent is not None
    assert kept.intent.verdict is Verdict.DOUBT
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
    assert again.request is not None
    assert again.request.repeat
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
    assert [one.taken.key for one in world.journal.listed()] == [W1], "a person hears of it"


@pytest.mark.parametrize(
    ("verdict", "after", "line"),
    [
        ("confirmed", StoredState.CONFIRMED, "last status good"),
        ("undone", StoredState.UNDONE, "last status good"),
        ("unproven", StoredState.UNPROVEN, "last status good"),
    ],
)
def test_late_evidence_closes_what_was_listed_or_is_kept_for_the_person(
    world: DeskWorld, verdict: str, after: StoredState, line: str
) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(world.limits.completion_deadline_ms + 100)
    assert stored(world, W1).state is StoredState.UNPROVEN
    world.desk.evidence(W1, verdict, None, "last status good")
    world.time.run(5)
    assert stored(world, W1).state is after
    history = world.journal.history(stored(world, W1).taken.exchange_id)
    assert [one.detail for one in history][-1] == line
    assert bool([call for call in world.core.calls if call.verb == "undo"]) is (verdict == "undone")


def test_what_evidence_says_stands_in_the_history(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.desk.evidence(W1, "unproven", None, "cash handler E3")
    world.time.run(5)
    history = world.journal.history(stored(world, W1).taken.exchange_id)
    assert [one.detail for one in history][-1] == "cash handler E3"


def test_evidence_about_nothing_and_about_what_is_settled_changes_nothing(world: DeskWorld) -> None:
    world.desk.evidence("nobody's", "confirmed", None)
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    before = stored(world, W1)
    world.desk.evidence(W1, "undone", None)
    world.time.run(5)
    assert stored(world, W1) == before


@pytest.mark.parametrize(
    ("verdict", "standing", "owed", "after"),
    [
        ("confirmed", None, None, StoredState.CONFIRMED),
        ("part", 4_000, 4_000, StoredState.SETTLED),
        ("undone", None, 0, StoredState.SETTLED),
        ("unproven", None, None, StoredState.UNPROVEN),
    ],
)
def test_evidence_after_the_deadline_still_counts_where_nothing_was_proven(
    world: DeskWorld, verdict: str, standing: int | None, owed: int | None, after: StoredState
) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(world.limits.completion_deadline_ms + 100)
    world.desk.evidence(W1, verdict, standing)
    world.time.run(5)
    undos = [call for call in world.core.calls if call.verb == "undo"]
    assert [call.standing_minor for call in undos] == ([] if owed is None else [owed])
    for call in undos:
        call.reply(Undone(state="reversed", standing_minor=call.standing_minor or 0))
    world.time.run(5)
    assert stored(world, W1).state is after
    assert W1 not in world.desk.register.by_key
    world.desk.evidence(W1, "undone", None)  # once proven, nothing more is undone
    world.time.run(5)
    late = [call for call in world.core.calls if call.verb == "undo"][len(undos) :]
    assert bool(late) is (verdict == "unproven")


@pytest.mark.parametrize("needs_completion", [False, True])
def test_an_approval_that_its_reversal_overtakes_is_not_replied(world: DeskWorld, needs_completion: bool) -> None:
    link = world.link()
    world.say(link, Message(trace="1", needs_completion=needs_completion))
    world.desk.open(reversal("9", "1"), link)
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert link.said == [("9", "taken")]
    world.core.last("undo").reply(Undone(state="reversed"))
    world.time.run(world.limits.completion_deadline_ms + 100)
    assert world.states() == {}
    assert stored(world, W1).state in (StoredState.ANSWERED, StoredState.SETTLED)
