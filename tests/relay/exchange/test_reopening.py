"""A closed exchange is owed once more: at every crash, beside its terminal's own words, and beside a person."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, Unknown
from relay.core.port import Looked, NotFound, Superseded, Undone
from relay.exchange.limits import DeskLimits
from relay.exchange.people import resolve, retry
from relay.exchange.reopen import Agrees, Decision, ForPerson, Reopens
from relay.exchange.reopening import RETRY_MS, Busy, Reopening, Seen
from relay.exchange.saf import SafLimits
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored

POSTED = Looked(Approved(), 10_000, "tokyo/1/1048577")
NOT_FOUND = Looked(NotFound())
REVERSAL = "ATM1-reversal-9"


def seen(world: DeskWorld, key: str = W1, reversal_key: str = "") -> Seen:
    now = stored(world, key)
    return Seen(key, now.state.value, now.updated_ms, reversal_key=reversal_key)


def begin(world: DeskWorld, looked: Looked, what: Seen) -> list[Decision | Busy]:
    heard: list[Decision | Busy] = []
    Reopening(world.desk.register, world.desk.saf, world.time).judge(what, looked, heard.append)
    return heard


def judged(world: DeskWorld, looked: Looked, reversal_key: str = "") -> Decision | Busy:
    heard = begin(world, looked, seen(world, W1, reversal_key))
    world.time.run(10)
    return heard[0]


def approved(**message: object) -> DeskWorld:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", **message))  # type: ignore[arg-type]
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.core.calls.clear()
    return world


def declined() -> DeskWorld:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(Declined(reason="insufficient-funds"))
    world.time.run(5)
    world.core.calls.clear()
    return world


def ours(world: DeskWorld) -> Looked:
    taken = stored(world, W1).taken
    return Looked(Approved(), 10_000, f"tokyo/{taken.incarnation}/{taken.exchange_id}")


def test_what_is_missing_is_delivered_as_an_advice_under_the_same_key_without_secrets() -> None:
    world = approved()
    assert isinstance(judged(world, NOT_FOUND), Reopens)
    (call,) = world.core.pending
    assert (call.verb, call.key, call.attempt.exchange_id) == ("submit", W1, stored(world, W1).taken.exchange_id)
    assert call.request is not None
    assert (call.request.message_class, call.request.repeat) == (MessageClass.ADVICE, True)
    card = call.request.card
    assert card is not None
    assert (card.track2, card.pin_block) == (None, None), "law 9"
    assert card.pan is not None
    call.reply(Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    lines = list(world.journal.history(call.attempt.exchange_id))
    assert [line.event for line in lines] == ["RECONCILED_MISSING", "DELIVERED"]
    assert (world.states(), world.unexpected()) == ({}, 0)
    assert isinstance(judged(world, POSTED), Agrees), "mended twice is once"


def test_what_must_not_stand_is_reversed_under_its_own_attempt_to_nothing() -> None:
    world = declined()
    assert isinstance(judged(world, ours(world)), Reopens)
    (call,) = world.core.pending
    assert (call.verb, call.key, call.standing_minor, call.automatic) == ("undo", W1, 0, True)
    assert call.attempt.exchange_id == stored(world, W1).taken.exchange_id
    call.reply(Undone("reversed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert (world.states(), world.unexpected()) == ({}, 0)


def test_a_superseded_one_is_taken_over_and_never_looked_at_again() -> None:
    world = declined()
    judged(world, ours(world))
    world.core.last("undo").reply(Superseded())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert isinstance(judged(world, ours(world)), Agrees)


def test_the_terminals_reversal_is_sent_again_as_its_own() -> None:
    world = approved()
    world.say(world.link(), reversal("9", "1"))
    world.core.last("undo").reply(Undone("reversed"))
    world.time.run(5)
    world.core.calls.clear()
    assert isinstance(judged(world, POSTED, REVERSAL), Reopens)
    (call,) = world.core.pending
    assert (call.verb, call.key, call.automatic) == ("undo", W1, False)
    assert stored(world, REVERSAL).state is StoredState.DELIVERING
    assert stored(world, W1).state is StoredState.ANSWERED
    call.reply(Undone("reversed"))
    world.time.run(5)
    assert stored(world, REVERSAL).state is StoredState.SETTLED
    assert world.unexpected() == 0


@pytest.mark.parametrize("standing_minor", [0, 4_000])
def test_what_evidence_had_undone_is_undone_again_to_what_the_evidence_said(standing_minor: int) -> None:
    world = approved(needs_completion=True)
    world.desk.evidence(W1, "part" if standing_minor else "undone", standing_minor or None)
    world.time.run(5)
    world.core.last("undo").reply(Undone("reversed", standing_minor))
    world.time.run(5)
    world.core.calls.clear()
    assert isinstance(judged(world, ours(world)), Reopens)
    world.crash()
    (call,) = world.core.pending
    assert (call.verb, call.standing_minor, call.automatic) == ("undo", standing_minor, True)


@pytest.mark.parametrize("steps", range(9))
@pytest.mark.parametrize("looked", [NOT_FOUND, None])
def test_a_crash_at_any_step_leaves_it_closed_or_owed_once(steps: int, looked: Looked | None) -> None:
    world = declined() if looked is None else approved()
    what = looked or ours(world)
    begin(world, what, seen(world))
    for _ in range(steps):
        world.time.step()
    world.crash()
    now = stored(world, W1)
    is_owed = now.state in (StoredState.DELIVERING, StoredState.UNDOING)
    assert is_owed or now.state is StoredState.ANSWERED
    assert world.desk.saf.owed_count == is_owed
    if not is_owed:
        assert isinstance(judged(world, what), Reopens), "the next run finds the difference again"
    (call,) = world.core.pending
    assert call.key == W1
    assert call.request is None or call.request.message_class is MessageClass.ADVICE
    call.reply(Undone("reversed") if looked is None else Approved())
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert world.unexpected() == 0


@pytest.mark.parametrize("steps", range(6))
def test_the_terminals_repeat_meanwhile_gets_the_one_answer_and_asks_nothing(steps: int) -> None:
    world = approved()
    link = world.link()
    heard = begin(world, NOT_FOUND, seen(world))
    for _ in range(steps):
        world.time.step()
    world.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(10)
    assert link.said == [("1", "approved")]
    if isinstance(heard[0], Busy):  # the repeat was there first: the next run looks again
        assert world.core.calls == []
        assert isinstance(judged(world, NOT_FOUND), Reopens)
    world.core.last("submit").reply(Approved())
    world.desk.open(Message(trace="1", repeat=True), link)
    world.time.run(10)
    assert [call.request.message_class for call in world.core.calls if call.request] == [MessageClass.ADVICE]
    assert world.unexpected() == 0


@pytest.mark.parametrize("steps", range(8))
def test_the_terminals_own_reversal_at_the_same_time_has_the_last_word(steps: int) -> None:
    world = approved()
    begin(world, NOT_FOUND, seen(world))
    for _ in range(steps):
        world.time.step()
    link = world.link()
    world.desk.open(reversal("9", "1"), link)
    held: list[str] = []  # the core: nothing stands after the reversal, and the advice of a reversed key posts nothing
    for _ in range(40):
        world.time.run(50)
        for call in world.core.pending:
            held.append(call.verb)
            if call.verb == "undo":
                call.reply(Undone("tombstone"))
            else:
                call.reply(Declined(reason="reversed") if "undo" in held else Approved())
    assert held[-1] == "undo" or held.index("undo") == 0
    assert stored(world, REVERSAL).state is StoredState.SETTLED
    assert stored(world, W1).state in (StoredState.SETTLED, StoredState.ANSWERED)
    assert (world.states(), world.unexpected()) == ({}, 0)
    world.say(link, Message(trace="1", repeat=True))
    assert link.said[-1] == ("1", "reversed")


def test_what_moved_since_it_was_read_is_not_touched() -> None:
    world = approved()
    before = seen(world)
    world.time.run(1_000)
    world.desk.doubt.intend_late(
        stored(world, W1), world.facts.dialect.to_reply(Message(trace="1"), Approved(), 0), lambda: None
    )
    world.time.run(5)
    heard = begin(world, NOT_FOUND, before)
    world.time.run(5)
    assert isinstance(heard[0], Busy)
    assert world.core.calls == []


def test_what_somebody_else_holds_is_left_alone() -> None:
    world = approved()
    what = seen(world)
    world.desk.register.resolving.add(W1)
    heard = begin(world, NOT_FOUND, what)
    world.time.run(5)
    world.desk.register.resolving.clear()
    world.desk.open(Message(trace="1", repeat=True), world.link())  # on its way through the journal
    heard += begin(world, NOT_FOUND, what)
    world.time.run(10)
    assert all(isinstance(each, Busy) for each in heard) or isinstance(heard[1], Reopens)
    assert isinstance(heard[0], Busy)
    assert world.unexpected() == 0


def test_two_runs_at_once_reopen_it_once() -> None:
    world = approved()
    what = seen(world)
    heard = begin(world, NOT_FOUND, what)
    also = begin(world, NOT_FOUND, what)
    world.time.run(10)
    assert isinstance(heard[0], Reopens)
    assert isinstance(also[0], Busy)
    assert len(world.core.calls) == 1


def test_on_a_full_disk_nothing_is_asked_before_it_is_written() -> None:
    world = approved()
    what = seen(world)
    heard = begin(world, NOT_FOUND, what)
    world.journal.disk.is_full = True
    world.time.run(RETRY_MS + 100)
    assert isinstance(heard[0], Busy)
    assert world.core.calls == []
    assert stored(world, W1).state is StoredState.ANSWERED
    world.journal.disk.is_full = False
    world.time.run(RETRY_MS * 3)
    assert len(heard) == 1, "told once"
    assert [call.key for call in world.core.pending] == [W1]
    assert stored(world, W1).state is StoredState.DELIVERING


def test_a_refused_advice_is_listed_and_a_person_has_it_delivered_again_never_undone() -> None:
    world = approved()
    judged(world, NOT_FOUND)
    world.core.last("submit").reply(Declined(reason="account-closed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    world.crash()
    heard: list[str] = []
    retry(world.desk.register, world.desk.saf, W1, "A. Sato", "open again", heard.append)
    world.time.run(5)
    assert heard == [""]
    (call,) = world.core.pending
    assert call.request is not None, "delivered, not undone: its terminal paid"
    assert call.request.message_class is MessageClass.ADVICE
    call.reply(Declined(reason="account-closed"))
    world.time.run(5)
    resolve(world.desk.register, world.desk.saf, W1, "A. Sato", "booked by hand", heard.append)
    world.time.run(5)
    assert heard == ["", ""]


def test_a_reversal_that_the_core_refuses_is_listed_and_tried_again_as_what_it_is() -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(head_tries_max=1, valid_ms=60_000)))
    world.say(world.link(), Message(trace="1"))
    world.core.last("submit").reply(Declined(reason="x"))
    world.time.run(5)
    judged(world, ours(world))
    for _ in range(100):
        for call in world.core.pending:
            call.reply(Unknown(why="hang"))
        world.time.run(2_000)
    assert stored(world, W1).state is StoredState.LISTED
    heard: list[str] = []
    retry(world.desk.register, world.desk.saf, W1, "A. Sato", "again", heard.append)
    world.time.run(5)
    assert world.core.last("undo").standing_minor == 0
    assert stored(world, W1).state is StoredState.UNDOING


def test_a_deposit_is_never_undone_but_delivered_when_it_was_told_approved() -> None:
    world = approved(kind="deposit", policy=DoubtPolicy.REPEAT)
    assert isinstance(judged(world, NOT_FOUND), Reopens)
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", kind="deposit", policy=DoubtPolicy.REPEAT))
    world.core.last("submit").reply(Declined(reason="x"))
    world.time.run(5)
    assert isinstance(judged(world, ours(world)), ForPerson)
    assert not [call for call in world.core.calls if call.verb == "undo"]


def test_one_that_was_told_nothing_and_is_asked_for_again_meanwhile_hears_doubt_not_approval() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1"))
    world.crash()
    world.core.last("undo").reply(Undone("tombstone"))
    world.time.run(DEADLINE_MS)
    assert stored(world, W1).intent is None
    assert isinstance(judged(world, ours(world)), Reopens)
    link = world.link()
    world.say(link, Message(trace="1", repeat=True))
    assert [code for _, code in link.said] == ["in-doubt"]
    world.core.last("undo").reply(Undone("reversed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED
    assert world.unexpected() == 0
