"""Reversals as section 4 of the contract has them: each case that can come, from the terminal's word to the core's."""

from collections.abc import Iterator

import pytest

from protocols.vocabulary import Approved, Declined, KeyConflict, MessageClass, NotProcessed, Unknown
from relay.core.port import Ground, NotFound, Superseded, Undone
from relay.exchange.exchange import TRANSITIONS, Event, State
from relay.exchange.saf import CONCLUSIONS, STUBBORN
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored

R9 = "ATM1-reversal-9"


@pytest.fixture
def world() -> Iterator[DeskWorld]:
    world = DeskWorld()
    yield world
    assert world.unexpected() == 0


def undos(world: DeskWorld) -> list[tuple[str, int | None, bool | None]]:
    return [(call.key, call.standing_minor, call.automatic) for call in world.core.calls if call.verb == "undo"]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("confirmed_first", [False, True])
def test_before_its_original_and_of_an_unknown_one_it_leaves_a_tombstone(
    world: DeskWorld, crash: bool, confirmed_first: bool
) -> None:
    """The core has never heard of the key: it promises never to post it. The original that comes late is not asked."""
    world.say(world.link(), reversal("9", "1"))
    assert undos(world) == [(W1, 0, False)]
    if confirmed_first:
        world.core.last("undo").reply(Undone(state="tombstone"))
        world.time.run(5)
        assert stored(world, R9).state is StoredState.SETTLED
    if crash:
        world.crash()
    link = world.link()
    world.say(link, Message(trace="1"))
    assert link.said == [("1", "reversed")]
    assert not [call for call in world.core.calls if call.verb == "submit"]


def test_a_part_then_the_whole_each_states_what_is_to_stand(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.say(link, reversal("8", "1", standing_minor=4_000))
    world.say(link, reversal("9", "1"))
    assert undos(world) == [(W1, 4_000, False)]
    world.core.last("undo").reply(Unknown(why="hang"))
    world.time.run(1_000)
    assert undos(world) == [(W1, 4_000, False)] * 2, "the second waits for the first, whatever it takes"
    world.core.last("undo").reply(Undone(state="reversed", standing_minor=4_000))
    world.time.run(5)
    world.core.last("undo").reply(Undone(state="reversed", standing_minor=0))
    world.time.run(5)
    assert undos(world)[2:] == [(W1, 0, False)]
    assert world.states() == {}


def test_a_part_after_the_whole_raises_nothing_again(world: DeskWorld) -> None:
    """Monotone: the core answers with what stands, which is less than what was said, and that is a confirmation."""
    link = world.link()
    world.say(link, reversal("8", "1"))
    world.say(link, reversal("9", "1", standing_minor=4_000))
    world.core.last("undo").reply(Undone(state="reversed", standing_minor=0))
    world.time.run(5)
    world.core.last("undo").reply(Undone(state="reversed", standing_minor=0))
    world.time.run(5)
    assert stored(world, R9).state is StoredState.SETTLED


@pytest.mark.parametrize("crash", [False, True])
def test_the_same_one_twice_is_owed_once(world: DeskWorld, crash: bool) -> None:
    world.say(world.link(), reversal("9", "1"))
    if crash:
        world.crash()
    link = world.link()
    world.say(link, reversal("9", "1"))
    assert link.said == [("9", "taken")]
    assert world.desk.saf.owed_count == 1
    assert len(undos(world)) == 1


def test_two_of_one_original_are_both_owed_and_the_second_changes_nothing(world: DeskWorld) -> None:
    link = world.link()
    world.say(link, reversal("8", "1"))
    world.say(link, reversal("9", "1"))
    assert link.said == [("8", "taken"), ("9", "taken")]
    for _ in range(2):
        world.core.last("undo").reply(Undone(state="reversed"))
        world.time.run(5)
    assert undos(world) == [(W1, 0, False)] * 2
    assert world.states() == {}


def test_an_automatic_one_of_a_superseded_attempt_owes_nothing_any_more(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 1)
    undo = world.core.last("undo")
    assert undo.automatic
    undo.reply(Superseded())
    world.time.run(5)
    exchange = stored(world, W1)
    assert exchange.state is StoredState.SETTLED
    assert [line.event for line in world.journal.history(exchange.taken.exchange_id)][-1] == "SUPERSEDED"
    assert world.desk.saf.owed_count == 0


CONTESTED = NotProcessed(reason="contested")


@pytest.mark.parametrize("why", ["silence", "a restart", "its link is gone"])
def test_an_automatic_one_says_that_its_attempt_told_nobody(world: DeskWorld, why: str) -> None:
    link = world.link()
    world.say(link, Message(trace="1"))
    if why == "silence":
        world.time.run(DEADLINE_MS + 1)
    elif why == "a restart":
        world.crash()
    else:
        link.is_open = False
        world.core.last("submit").reply(Approved())
        world.time.run(5)
    assert world.core.last("undo").ground is Ground.UNTOLD


def test_what_was_told_and_is_undone_on_evidence_does_not_say_so(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.desk.evidence(W1, "undone", None)
    world.time.run(5)
    assert world.core.last("undo").ground is Ground.EVIDENCE
    world.say(world.link(), reversal("9", "7"))
    assert world.core.last("undo").ground is Ground.TERMINAL


def test_a_contested_one_is_said_again_until_the_other_attempt_has_told_nobody_either(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 1)
    world.core.last("undo").reply(CONTESTED)
    world.time.run(31_000)
    assert stored(world, W1).state is StoredState.UNDOING
    world.core.last("undo").reply(Undone(state="reversed"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


@pytest.mark.parametrize("crash", [False, True])
def test_a_contested_one_goes_to_a_person_and_is_neither_undone_nor_kept_in_silence(world: DeskWorld, crash: bool) -> None:
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 1)
    for _ in range(world.limits.saf.head_tries_max - 1):
        world.core.last("undo").reply(CONTESTED)
        world.time.run(31_000)
        assert stored(world, W1).state is StoredState.UNDOING
    if crash:
        world.crash()
    world.core.last("undo").reply(CONTESTED)
    world.time.run(5)
    exchange = stored(world, W1)
    assert exchange.state is StoredState.LISTED
    assert [line.detail for line in world.journal.history(exchange.taken.exchange_id)][-1] == "contested"
    link = world.link()
    world.say(link, Message(trace="1", repeat=True))
    assert link.said == [("1", "in-doubt")]


def test_the_terminals_own_one_always_applies_so_superseded_is_a_wrong_answer_and_ends_nothing(world: DeskWorld) -> None:
    world.say(world.link(), reversal("9", "1"))
    for _ in range(world.limits.saf.head_tries_max - 1):
        world.core.last("undo").reply(Superseded())
        world.time.run(31_000)
        assert stored(world, R9).state is StoredState.DELIVERING
    world.core.last("undo").reply(Superseded())
    world.time.run(5)
    assert stored(world, R9).state is StoredState.LISTED


def test_an_automatic_one_names_the_attempt_of_the_life_that_asked(world: DeskWorld) -> None:
    world.say(world.link(), Message(trace="1"))
    asked_by = world.core.last("submit").attempt
    world.crash()
    undo = world.core.last("undo")
    assert undo.automatic
    assert undo.attempt == asked_by


@pytest.mark.parametrize("finding", [NotFound(), Unknown(why="hang")])
def test_only_an_acknowledged_one_or_its_tombstone_ends_an_undo(world: DeskWorld, finding: NotFound | Unknown) -> None:
    world.say(world.link(), Message(trace="1"))
    for _ in range(600):
        for call in world.core.pending:
            call.reply(finding if call.verb == "inquire" else Unknown(why="hang"))
        world.time.run(100)
    assert stored(world, W1).state is StoredState.UNDOING
    world.time.run(31_000)
    world.core.last("undo").reply(Undone(state="tombstone"))
    world.time.run(5)
    assert stored(world, W1).state is StoredState.SETTLED


def test_a_completion_and_its_reversal_keep_their_order_behind_the_original(world: DeskWorld) -> None:
    """One key chain: original advice, completion, reversal; each waits for the one before, and none for another key."""
    link = world.link()
    world.say(link, Message(trace="1", message_class=MessageClass.ADVICE))
    world.say(link, Message(trace="2", message_class=MessageClass.ADVICE))
    world.say(link, reversal("9", "7"))
    assert [(call.verb, call.key) for call in world.core.calls] == [
        ("submit", "ATM1-advice-1"),
        ("submit", "ATM1-advice-2"),
        ("undo", "ATM1-financial-7"),
    ]


def test_every_conclusion_has_its_row_in_the_table() -> None:
    for (state, _), event in CONCLUSIONS.items():
        assert (state, event) in TRANSITIONS, f"{state.name} cannot take {event.name}"
    owed = {state for state, _ in STUBBORN} | {state for state, _ in CONCLUSIONS}
    assert owed == {State.UNDOING, State.REPEATING, State.HELD, State.DELIVERING, State.PART_UNDONE, State.UNDONE}
    assert all((state, Event.GIVEN_TO_PERSON) in TRANSITIONS for state in owed), "whatever is owed may expire"


@pytest.mark.parametrize("word", [Declined(reason="account-closed"), KeyConflict()])
def test_a_refused_advice_goes_to_a_person_with_the_reason_at_once(world: DeskWorld, word: Declined | KeyConflict) -> None:
    world.say(world.link(), Message(trace="5", message_class=MessageClass.ADVICE))
    world.core.last("submit").reply(word)
    world.time.run(5)
    exchange = stored(world, "ATM1-advice-5")
    assert exchange.state is StoredState.LISTED
    reasons = [line.detail for line in world.journal.history(exchange.taken.exchange_id) if line.detail]
    assert reasons[-1] in ("declined: account-closed", "the core holds this key with another body")
