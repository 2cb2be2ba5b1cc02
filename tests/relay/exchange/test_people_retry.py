"""A person has the core asked again: what is owed at once, what is listed by the duty that it had; signed, on disk first."""

from __future__ import annotations

import msgspec
import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, NotProcessed, Unknown
from relay.core.port import Undone
from relay.exchange.limits import DeskLimits
from relay.exchange.people import resolve, retry
from relay.exchange.saf import SafLimits
from relay.journal.records import Step, StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored

ADVICE = "ATM1-advice-5"
HOUR_MS = 3_600_000


def retried(world: DeskWorld, key: str, who: str = "A. Sato", why: str = "the account is open again") -> str:
    heard: list[str] = []
    retry(world.desk.register, world.desk.saf, key, who, why, heard.append)
    world.time.run(5)
    return heard[0]


def resolved(world: DeskWorld, key: str) -> str:
    heard: list[str] = []
    resolve(world.desk.register, world.desk.saf, key, "A. Sato", "credited by hand", heard.append)
    world.time.run(5)
    return heard[0]


def listed_advice() -> DeskWorld:
    world = DeskWorld()
    world.say(world.link(), Message(trace="5", message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT))
    world.core.last("submit").reply(Declined(reason="account-closed"))
    world.time.run(5)
    assert stored(world, ADVICE).state is StoredState.LISTED
    return world


def last_line(world: DeskWorld, key: str) -> tuple[str, str]:
    line = list(world.journal.history(stored(world, key).taken.exchange_id))[-1]
    return line.event, line.detail


def test_a_refused_advice_is_delivered_again_and_who_and_why_are_recorded() -> None:
    world = listed_advice()
    assert retried(world, ADVICE) == ""
    assert last_line(world, ADVICE) == ("RETRIED_DELIVERY", "A. Sato: the account is open again")
    call = world.core.last("submit")
    assert not call.is_done
    assert call.request is not None
    assert call.request.repeat
    call.reply(Approved())
    world.time.run(5)
    assert stored(world, ADVICE).state is StoredState.SETTLED
    assert world.states() == {}
    assert world.unexpected() == 0


def test_what_was_held_because_a_copy_lacked_its_intent_is_inquired_again_and_never_undone() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.desk.fence()
    world.journal.crash()
    world.journal = world.journal.survivor()
    world._start(is_copy=True)
    world.time.run(5)
    world.core.last("inquire").reply(Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    assert retried(world, W1) == ""
    assert last_line(world, W1)[0] == "RETRIED_HOLD"
    world.core.last("inquire").reply(Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    assert "undo" not in {call.verb for call in world.core.calls}


def test_refused_again_it_is_listed_again() -> None:
    world = listed_advice()
    retried(world, ADVICE)
    world.core.last("submit").reply(Declined(reason="account-closed"))
    world.time.run(5)
    assert [each.taken.key for each in world.journal.listed()] == [ADVICE]
    assert resolved(world, ADVICE) == ""


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", " ")])
def test_a_name_and_a_reason_are_needed(who: str, why: str) -> None:
    world = listed_advice()
    assert "a name and a reason" in retried(world, ADVICE, who, why)
    assert stored(world, ADVICE).state is StoredState.LISTED
    world.say(world.link(), reversal("9", "1"))
    assert "a name and a reason" in retried(world, "ATM1-reversal-9", who, why)


def test_what_is_owed_is_tried_now_and_not_at_the_end_of_its_back_off() -> None:
    world = DeskWorld()
    world.say(world.link(), reversal("9", "1"))
    key = "ATM1-reversal-9"
    assert "right now" in retried(world, key)
    for _ in range(8):
        world.core.last("undo").reply(Unknown(why="hang"))
        world.time.run(31_000)
    world.core.last("undo").reply(Unknown(why="hang"))
    world.time.run(5)
    assert world.core.pending == []
    assert retried(world, key) == ""
    assert last_line(world, key) == ("OUTCOME_UNKNOWN", "tried now, A. Sato: the account is open again")
    (call,) = world.core.pending
    call.reply(Undone(state="reversed"))
    world.time.run(60_000)
    assert stored(world, key).state is StoredState.SETTLED
    assert len([c for c in world.core.calls if c.verb == "undo"]) == 10, "the back-off that was cut short fires no more"


def test_what_waits_behind_another_of_its_key_is_not_tried_before_it() -> None:
    world = DeskWorld()
    link = world.link()
    world.say(link, reversal("8", "1", standing_minor=4_000))
    world.say(link, reversal("9", "1"))
    assert "waits behind" in retried(world, "ATM1-reversal-9")
    assert len(world.core.calls) == 1


def given_up(policy: DoubtPolicy) -> DeskWorld:
    """In doubt, told so, and owed for longer than an hour to a silent core."""
    world = DeskWorld(DeskLimits(saf=SafLimits(valid_ms=HOUR_MS)))
    world.say(world.link(), Message(trace="1", policy=policy))
    while stored(world, W1).state is not StoredState.LISTED:
        for call in world.core.pending:
            call.reply(Unknown(why="hang"))
        world.time.run(10_000)
    world.core.calls.clear()
    return world


@pytest.mark.parametrize(
    ("policy", "state", "verb"),
    [
        (DoubtPolicy.UNDO, StoredState.UNDOING, "undo"),
        (DoubtPolicy.REPEAT, StoredState.REPEATING, "inquire"),
        (DoubtPolicy.HOLD, StoredState.HELD, "inquire"),
    ],
)
@pytest.mark.parametrize("crash", [False, True])
def test_an_expired_duty_is_taken_up_as_what_it_was(policy: DoubtPolicy, state: StoredState, verb: str, crash: bool) -> None:
    world = given_up(policy)
    if crash:
        world.crash()
        assert world.core.calls == [], "a listed one is tried by nobody"
    assert retried(world, W1) == ""
    assert stored(world, W1).state is state
    assert [call.verb for call in world.core.calls] == [verb], "never posted again: its secrets are gone"
    world.core.pending[0].reply(Unknown(why="hang"))
    world.time.run(60_000)
    assert stored(world, W1).state is state, "it has its time again"
    assert world.unexpected() == 0


@pytest.mark.parametrize("standing_minor", [0, 4_000])
def test_what_evidence_had_undone_is_undone_to_what_the_evidence_said(standing_minor: int) -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(head_tries_max=1)))
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.desk.evidence(W1, "part" if standing_minor else "undone", standing_minor or None)
    world.time.run(5)
    world.core.last("undo").reply(NotProcessed(reason="invalid"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    world.crash()
    assert retried(world, W1) == ""
    undo = world.core.last("undo")
    assert (undo.key, undo.standing_minor) == (W1, standing_minor)
    assert stored(world, W1).state is (StoredState.PART_UNDONE if standing_minor else StoredState.UNDONE)
    undo.reply(Undone(state="reversed", standing_minor=standing_minor))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_a_terminal_that_came_while_the_list_could_not_be_written_hears_doubt_and_no_approval() -> None:
    """Booked, its terminal told nothing: a person gets it. The disk is full just then, and the terminal asks again."""
    world = DeskWorld(DeskLimits(saf=SafLimits(retry_max_ms=5_000)))
    message = Message(trace="1", policy=DoubtPolicy.HOLD)
    world.say(world.link(), message)
    world.crash()
    world.journal.disk.is_full = True
    world.core.pending[-1].reply(Approved())
    world.time.run(50)
    assert world.states() == {W1: "LISTED"}
    link = world.link()
    world.say(link, msgspec.structs.replace(message, repeat=True))
    world.journal.disk.is_full = False
    world.time.run(6_000)
    assert stored(world, W1).state is StoredState.LISTED
    assert link.said == [("1", "in-doubt")]


def test_what_was_booked_is_listed_though_the_disk_was_full_while_its_terminal_waited_for_the_word() -> None:
    """It was to be settled, with the approval told. Neither could be written before the terminal's deadline."""
    world = DeskWorld(DeskLimits(saf=SafLimits(retry_max_ms=15_000)))
    message = Message(trace="1", policy=DoubtPolicy.HOLD)
    world.say(world.link(), message)
    world.crash()
    link = world.link()
    world.say(link, msgspec.structs.replace(message, repeat=True))
    world.journal.disk.is_full = True
    world.core.pending[-1].reply(Approved())
    world.time.run(50)
    world.journal.disk.is_full = False
    world.time.run(DEADLINE_MS + 6_000)
    assert link.said == []
    world.core.last("inquire").reply(Approved())
    world.time.run(50)
    assert stored(world, W1).state is StoredState.LISTED
    world.say(link, msgspec.structs.replace(message, repeat=True))
    assert link.said == [("1", "in-doubt")]


def test_what_was_told_approved_and_has_no_evidence_against_it_is_never_undone() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", policy=DoubtPolicy.HOLD))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    exchange_id = stored(world, W1).taken.exchange_id
    listed = Step(exchange_id=exchange_id, event="GIVEN_TO_PERSON", state=StoredState.LISTED, at_ms=world.time.wall_ms())
    world.journal.step(listed, lambda result: None)
    world.time.run(5)
    assert "can only be resolved" in retried(world, W1)
    assert stored(world, W1).state is StoredState.LISTED
    assert [call.verb for call in world.core.calls] == ["submit"]


def test_what_waits_for_evidence_and_what_is_closed_cannot_be_retried() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    assert "nothing of it is owed" in retried(world, W1)
    world.time.run(world.limits.completion_deadline_ms + 1_000)
    assert "waits for evidence" in retried(world, W1)
    assert resolved(world, W1) == ""
    assert "not on the list" in retried(world, W1)
    assert "no exchange" in retried(world, "nobody")


def test_nothing_is_asked_before_the_decision_is_on_disk() -> None:
    world = listed_advice()
    world.core.calls.clear()
    heard: list[str] = []
    world.journal.disk.is_full = True
    retry(world.desk.register, world.desk.saf, ADVICE, "A. Sato", "again", heard.append)
    assert heard == []
    world.time.run(10)
    assert heard[0].startswith("not recorded")
    assert world.core.calls == []
    assert world.states() == {}
    world.journal.disk.is_full = False
    world.time.run(2_000)
    assert stored(world, ADVICE).state is StoredState.LISTED
    assert retried(world, ADVICE) == ""


@pytest.mark.parametrize("steps", range(6))
def test_a_crash_anywhere_leaves_it_listed_or_owed_never_gone(steps: int) -> None:
    world = listed_advice()
    retry(world.desk.register, world.desk.saf, ADVICE, "A. Sato", "again", lambda _: None)
    for _ in range(steps):
        world.time.step()
    world.crash()
    state = stored(world, ADVICE).state
    assert state in (StoredState.LISTED, StoredState.DELIVERING)
    assert world.desk.saf.owed_count == (state is StoredState.DELIVERING)


def test_two_people_at_once_decide_once() -> None:
    """Whoever signs for the end of it comes first: that is written before a duty is opened again."""
    world = listed_advice()
    heard: list[str] = []
    retry(world.desk.register, world.desk.saf, ADVICE, "A. Sato", "again", heard.append)
    resolve(world.desk.register, world.desk.saf, ADVICE, "B. Mori", "credited by hand", heard.append)
    world.time.run(10)
    assert sorted(heard) == ["", "the exchange is being settled right now: look again"]
    assert stored(world, ADVICE).state is StoredState.SETTLED


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_reversal_of_the_terminal_while_the_retry_is_written_leaves_nothing_owed_of_it(by_itself: bool) -> None:
    world = given_up(DoubtPolicy.REPEAT)
    retry(world.desk.register, world.desk.saf, W1, "A. Sato", "again", lambda _: None)
    while world.states().get(W1) != "REPEATING":
        assert world.time.step()
    if by_itself:
        world.desk.open(reversal("9", "1"), world.link())
    else:  # as if its record were durable before the decision's is
        world.desk.doubt.withdraw(world.desk.register.by_key[W1], by=9)
    world.time.run(10)
    assert [(call.verb, call.key) for call in world.core.pending] == ([("undo", W1)] if by_itself else [])
    assert W1 not in world.states()
    assert world.unexpected() == 0
