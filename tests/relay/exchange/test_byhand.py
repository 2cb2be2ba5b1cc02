"""By hand or by the core, never both: every order in which a person and the relay can meet over one key chain, row by row."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from protocols.vocabulary import Approved, DoubtPolicy, MessageClass, NotProcessed
from relay.core.port import Undone
from relay.exchange.byhand import binds, decided, hinders_retry, tell
from relay.exchange.limits import DeskLimits
from relay.exchange.people import resolve, retry
from relay.exchange.saf import SafLimits
from relay.journal.chain import Decision, Member
from relay.journal.records import StoredState
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message, reversal, stored

R9 = "ATM1-reversal-9"
BY_HAND = "A. Sato: paid back by voucher 8812"
INVALID = NotProcessed(reason="invalid")


def signed(world: DeskWorld, act: str, key: str, although: bool = False) -> str:
    """What the person hears: nothing, or why not."""
    heard: list[str] = []
    who, _, why = BY_HAND.partition(": ")
    if act == "resolve":
        resolve(world.desk.register, world.desk.saf, key, who, why, heard.append, although_owed=although)
    else:
        retry(world.desk.register, world.desk.saf, key, who, why, heard.append, although_resolved=although)
    world.time.run(5)
    return heard[0]


def original_on_list() -> DeskWorld:
    """In doubt, told so, and the core refuses its undo: a person's."""
    world = DeskWorld(DeskLimits(saf=SafLimits(head_tries_max=1)))
    world.say(world.link(), Message(trace="1"))
    world.time.run(DEADLINE_MS + 100)
    world.core.last("undo").reply(INVALID)
    world.time.run(5)
    assert stored(world, W1).state is StoredState.LISTED
    return world


def arrives(world: DeskWorld) -> None:
    """The terminal's own reversal of it, acknowledged whatever becomes of it."""
    link = world.link()
    world.say(link, reversal("9", "1"))
    assert link.said == [("9", "taken")]


def world_where(original: str, its_reversal: str) -> DeskWorld:
    world = original_on_list()
    if its_reversal != "none":
        arrives(world)
        assert world.states() == {R9: "DELIVERING"}
        if its_reversal == "delivered":
            world.core.last("undo").reply(Undone(state="reversed"))
        elif its_reversal != "owed":
            world.core.last("undo").reply(INVALID)
        world.time.run(5)
    if its_reversal == "resolved":
        assert signed(world, "resolve", R9) == ""
    if original == "resolved":
        assert signed(world, "resolve", W1, although=True) == ""
    world.core.calls.clear()
    return world


class Row(NamedTuple):
    original: str
    reversal: str  # as it is when the person acts
    act: str
    key: str
    refused: str  # a word of what the person hears; "" where it is done
    asked: int = 0  # calls to the core that follow


ROWS = [
    Row("listed", "none", "resolve", W1, ""),
    Row("listed", "none", "retry", W1, "", asked=1),
    Row("listed", "owed", "resolve", W1, "is still open (delivering)"),
    Row("listed", "owed", "resolve", R9, "being settled"),
    Row("listed", "listed", "resolve", W1, "is on the list too"),
    Row("listed", "listed", "resolve", R9, ""),
    Row("listed", "listed", "retry", W1, "", asked=1),
    Row("listed", "listed", "retry", R9, "", asked=1),
    Row("listed", "delivered", "resolve", W1, ""),
    Row("listed", "delivered", "retry", W1, "", asked=1),
    Row("listed", "delivered", "resolve", R9, "not on the list"),
    Row("listed", "resolved", "resolve", W1, ""),
    Row("listed", "resolved", "retry", W1, "was resolved"),
    Row("resolved", "listed", "resolve", R9, ""),
    Row("resolved", "listed", "retry", R9, "was resolved"),
    Row("resolved", "resolved", "retry", W1, "not on the list"),
    Row("resolved", "delivered", "retry", R9, "not on the list"),
]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.original}-{row.reversal}-{row.act}-{row.key[5:6]}")
def test_every_order_of_decisions(row: Row, crash: bool) -> None:
    world = world_where(row.original, row.reversal)
    if crash:
        world.crash()
        if row.reversal == "owed":
            assert [call.key for call in world.core.pending] == [W1], "owed on, as nobody has decided"
    before = len(world.core.calls)
    heard = signed(world, row.act, row.key)
    assert row.refused in heard
    assert bool(heard) == bool(row.refused), heard
    assert len(world.core.calls) - before == row.asked
    assert world.unexpected() == 0


@pytest.mark.parametrize(("original", "its_reversal", "key"), [("resolved", "listed", R9), ("listed", "resolved", W1)])
def test_the_refusal_says_who_when_why_and_what_next_and_the_word_is_recorded(
    original: str, its_reversal: str, key: str
) -> None:
    world = world_where(original, its_reversal)
    other = W1 if key == R9 else R9
    heard = signed(world, "retry", key)
    for word in (other, BY_HAND, "UTC", "Resolve this one too", "--although-resolved"):
        assert word in heard
    assert world.core.calls == []
    assert signed(world, "retry", key, although=True) == ""
    assert [call.verb for call in world.core.calls] == ["undo"]
    line = list(world.journal.history(stored(world, key).taken.exchange_id))[-1]
    assert line.detail == f"{BY_HAND} (although {other} was resolved)"
    world.crash()
    assert [call.verb for call in world.core.calls] == ["undo"], "the word outlives a restart"
    world.core.last("undo").reply(INVALID)
    world.time.run(5)
    assert "was resolved" in signed(world, "retry", key), "it is said again, each time"


def test_with_the_word_what_is_owed_goes_to_the_list_at_once_and_its_call_counts_for_nothing() -> None:
    world = world_where("listed", "none")
    arrives(world)
    (call,) = world.core.calls
    assert "is still open" in signed(world, "resolve", W1)
    assert signed(world, "resolve", W1, although=True) == ""
    call.reply(Undone(state="reversed"))
    world.time.run(5)
    assert stored(world, R9).state is StoredState.LISTED
    assert world.states() == {}
    assert list(world.journal.history(stored(world, R9).taken.exchange_id))[-1].detail == f"{W1} was resolved by {BY_HAND}"
    assert (
        list(world.journal.history(stored(world, W1).taken.exchange_id))[-1].detail
        == f"{BY_HAND} (although {R9} was not settled)"
    )
    world.crash()
    assert world.core.calls == []


def test_with_the_word_nothing_of_the_chain_is_tried_on_the_way_to_the_list() -> None:
    world = world_where("listed", "none")
    arrives(world)
    world.say(world.link(), reversal("8", "1", standing_minor=4_000))
    assert len(world.core.calls) == 1, "the second one waits behind the first"
    assert signed(world, "resolve", W1, although=True) == ""
    assert len(world.core.calls) == 1
    assert world.states() == {}
    assert {each.taken.key for each in world.journal.listed()} == {R9, "ATM1-reversal-8"}


def test_what_is_on_its_way_in_is_waited_for_whatever_the_word() -> None:
    world = world_where("listed", "none")
    world.desk.open(reversal("9", "1"), world.link())
    heard: list[str] = []
    resolve(world.desk.register, world.desk.saf, W1, "A. Sato", "by hand", heard.append, although_owed=True)
    while not heard:
        assert world.time.step()
    assert "under way right now" in heard[0]
    assert world.core.calls == []
    world.time.run(1_100)
    assert [call.verb for call in world.core.calls] == ["undo"], "nobody decided, so it is owed"


@pytest.mark.parametrize("crash", [False, True])
def test_a_reversal_that_comes_after_a_person_decided_is_acknowledged_and_listed(crash: bool) -> None:
    world = world_where("resolved", "none")
    if crash:
        world.crash()
    arrives(world)
    assert world.core.calls == []
    (line,) = world.journal.listed()
    assert line.taken.key == R9
    detail = list(world.journal.history(line.taken.exchange_id))[-1].detail
    assert W1 in detail
    assert BY_HAND in detail
    assert world.states() == {}
    assert world.unexpected() == 0


def test_a_second_reversal_after_a_person_decided_about_the_first_is_listed() -> None:
    world = world_where("resolved", "resolved")
    world.say(world.link(), reversal("8", "1"))
    assert world.core.calls == []
    assert [each.taken.key for each in world.journal.listed()] == ["ATM1-reversal-8"]


def test_a_completion_that_comes_after_a_person_decided_is_listed() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="1", needs_completion=True, policy=DoubtPolicy.HOLD))
    world.time.run(DEADLINE_MS + 100)
    world.desk.saf.give(world.desk.register.by_key[W1], "for the test")
    world.time.run(5)
    assert signed(world, "resolve", W1) == ""
    world.core.calls.clear()
    completion = Message(trace="2", message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT, original="1")
    world.say(world.link(), completion)
    assert world.core.calls == []
    assert [each.taken.key for each in world.journal.listed()] == ["ATM1-advice-2"]


def test_evidence_that_comes_after_a_person_decided_about_a_part_reversal_owes_nothing() -> None:
    world = DeskWorld(DeskLimits(saf=SafLimits(head_tries_max=1)))
    world.say(world.link(), Message(trace="1", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.time.run(world.limits.completion_deadline_ms + 1_000)
    world.say(world.link(), reversal("9", "1", standing_minor=4_000))
    world.core.last("undo").reply(INVALID)
    world.time.run(5)
    assert signed(world, "resolve", R9) == ""
    world.core.calls.clear()
    world.desk.evidence(W1, "undone", None)
    world.time.run(10)
    assert world.core.calls == []
    assert [each.taken.key for each in world.journal.listed()] == [W1]


@pytest.mark.parametrize("steps", range(12))
def test_a_death_between_a_reversal_and_the_look_at_its_chain_delivers_nothing(steps: int) -> None:
    world = world_where("resolved", "none")
    world.desk.open(reversal("9", "1"), world.link())
    for _ in range(steps):
        world.time.step()
    world.crash()
    world.time.run(10)
    assert world.core.calls == []
    assert world.states() == {}
    assert [each.taken.key for each in world.journal.listed()] in ([], [R9])


@pytest.mark.parametrize("steps", range(14))
def test_a_person_and_a_reversal_at_the_same_moment_never_both_move_money(steps: int) -> None:
    world = world_where("listed", "none")
    heard: list[str] = []
    resolve(world.desk.register, world.desk.saf, W1, "A. Sato", "by hand", heard.append)
    for _ in range(steps):
        world.time.step()
    world.desk.open(reversal("9", "1"), world.link())
    world.time.run(1_100)
    is_resolved = stored(world, W1).state is StoredState.SETTLED
    assert heard == [""] if is_resolved else len(heard) == 1
    assert bool(world.core.calls) != is_resolved
    assert (stored(world, R9).state is StoredState.LISTED) == is_resolved
    assert world.desk.register.deciding == set()


@pytest.mark.parametrize("steps", range(10))
def test_two_people_at_the_same_moment_never_both_move_money(steps: int) -> None:
    world = world_where("listed", "listed")
    heard: list[str] = []
    resolve(world.desk.register, world.desk.saf, W1, "A. Sato", "by hand", heard.append, although_owed=True)
    for _ in range(steps):
        world.time.step()
    retry(world.desk.register, world.desk.saf, R9, "B. Mori", "again", heard.append)
    world.time.run(20)
    assert len(heard) == 2
    is_resolved = stored(world, W1).state is StoredState.SETTLED
    assert is_resolved
    assert world.core.calls == []


@pytest.mark.parametrize("steps", range(6))
def test_a_retry_first_and_a_decision_beside_it_never_both_move_money(steps: int) -> None:
    world = world_where("listed", "listed")
    heard: list[str] = []
    retry(world.desk.register, world.desk.saf, R9, "B. Mori", "again", heard.append)
    for _ in range(steps):
        world.time.step()
    resolve(world.desk.register, world.desk.saf, W1, "A. Sato", "by hand", heard.append)
    world.time.run(20)
    assert len(heard) == 2
    assert all(heard) or heard[0] == "", "the second one is refused, whatever becomes of the first"
    assert stored(world, W1).state is StoredState.LISTED
    assert bool(world.core.calls) == (heard[0] == "")


def test_while_the_journal_cannot_be_read_nothing_is_owed() -> None:
    world = world_where("resolved", "none")
    world.desk.open(reversal("9", "1"), world.link())
    while world.states().get(R9) != "DELIVERING":
        assert world.time.step()
    world.journal.close()
    world.time.run(3_000)
    assert world.core.calls == []
    world.crash()
    world.time.run(10)
    assert world.core.calls == []
    assert [each.taken.key for each in world.journal.listed()] == [R9]


def test_what_is_being_looked_at_counts_as_owed_at_every_moment() -> None:
    world = original_on_list()
    world.core.calls.clear()
    world.desk.open(reversal("9", "1"), world.link())
    while world.states().get(R9) != "DELIVERING":
        assert world.time.step()
    while not world.core.calls:
        assert world.desk.saf.owed_count == 1, "its terminal has heard yes, and the core has not"
        assert world.time.step()
    world.core.last("undo").reply(Undone(state="reversed"))
    world.time.run(5)
    assert world.desk.saf.owed_count == world.desk.saf.looked_at_count == 0


# ---- the rules by themselves -------------------------------------------------------------------------------------------------
def member(number: int, key: str, **more: object) -> Member:
    kind = MessageClass.FINANCIAL if key == "o" else MessageClass.REVERSAL
    return Member(exchange_id=number, key=key, message_class=kind, state=StoredState.SETTLED, **more)  # type: ignore[arg-type]


DECISION = Decision(10, 1_795_485_059_000, BY_HAND)


def test_one_binds_the_others_and_never_itself() -> None:
    chain = (member(1, "o", resolved=DECISION), member(2, "r"))
    assert decided(chain, 1) is None
    assert decided(chain, 2) == chain[0]
    assert hinders_retry(chain, 1, "o") is None


def test_what_a_person_knew_when_they_had_it_tried_again_binds_it_no_more() -> None:
    before = (member(1, "o", resolved=DECISION), member(2, "r", retried_line_id=9))
    after = (member(1, "o", resolved=DECISION), member(2, "r", retried_line_id=11))
    assert binds(before, 2) == before[0]
    assert binds(after, 2) is None
    assert decided(after, 2) == after[0]


def test_the_last_decision_is_the_one_that_is_told() -> None:
    chain = (member(1, "o", resolved=DECISION), member(2, "r", resolved=Decision(12, 0, "B. Mori: as above")), member(3, "s"))
    found = decided(chain, 3)
    assert found is not None
    assert tell(found, "o") == "its reversal r was resolved at 1970-01-01 00:00:00 UTC by B. Mori: as above"


def test_a_settled_one_whose_history_is_in_an_archive_may_have_been_a_persons() -> None:
    chain = (member(1, "o", is_archived=True), member(2, "r"))
    hindrance = hinders_retry(chain, 2, "o")
    assert hindrance is not None
    assert "archive" in hindrance.why
    assert binds(chain, 2) == chain[0]
    assert binds((chain[0], member(2, "r", retried_line_id=1)), 2) is None
