"""The day as transcripts: 開局, resumed, opened again, 精査 before 閉局, and what a count proves."""

import pytest

from protocols.branch import codes
from protocols.branch.session import State
from protocols.branch.till import TillBook, unpack
from protocols.dialect import (
    Action,
    BytesArrived,
    CommandRequested,
    Evidence,
    Identify,
    LinkClosed,
    Note,
    Tell,
    Timer,
    TimerFired,
)
from protocols.vocabulary import Refusal
from tests.support.branchlink import (
    BRANCH_P1,
    DAY,
    BranchLink,
    code_of,
    completion,
    count,
    deposit,
    make_branch,
    opening,
    request_of,
    telegram,
    withdrawal,
)

NAME = "till-9901-123-0042"
NEXT_DAY = "20261126"


def book_of(link: BranchLink) -> TillBook:
    return unpack(link.stored[NAME])


def evidence(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.key, action.verdict) for action in actions if isinstance(action, Evidence)]


def notes(actions: list[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Note)]


def tells(actions: list[Action]) -> list[str]:
    return [action.event for action in actions if isinstance(action, Tell)]


def close(link: BranchLink, cash: int, **changes: object) -> list[Action]:
    """閉局要求, and the count that is asked for."""
    actions = link.say(telegram("12", **changes))
    if "16 0000" in link.codes(actions):
        actions += link.say(count(cash))
    return actions


def test_a_day_opens_and_says_who_it_is() -> None:
    link = BranchLink()
    actions = link.say(opening(500_000))
    assert Identify("9901-123-0042") in actions
    assert (link.codes(actions), notes(actions), tells(actions)) == (["11 0000"], ["signed-on"], ["session-up"])
    assert (book_of(link).date, book_of(link).cash) == (DAY, 500_000)


def test_the_same_day_goes_on_where_it_was_on_a_new_link() -> None:
    first = BranchLink().open()
    first.do(withdrawal(1))
    second = BranchLink(stored=first.stored)
    (answer,) = second.sent(second.say(opening(7)))
    assert (answer.code, answer.confirmed_serial) == ("0000", 1)
    assert (book_of(second).cash, len(book_of(second).pending)) == (1_000_000, 1)


@pytest.mark.parametrize(
    ("message", "word"),
    [(opening(business_date="20261124"), codes.DATE_WRONG), (opening(business_date="00000000"), codes.DATE_WRONG)],
)
def test_a_day_of_the_past_does_not_open(message: object, word: str) -> None:
    link = BranchLink().open()
    assert link.codes(link.say(message)) == [f"11 {code_of(word)}"]


def test_a_closed_day_opens_again_only_with_an_approver() -> None:
    link = BranchLink().open()
    assert link.codes(close(link, 1_000_000)) == ["16 0000", "13 0000"]
    assert link.codes(link.say(opening())) == [f"11 {code_of(codes.DAY_CLOSED)}"]
    assert link.codes(link.say(withdrawal(1))) == [f"21 {code_of(codes.DAY_CLOSED)}"]
    assert link.codes(link.say(opening(approver="MGR00001"))) == ["11 0000"]
    link.say(withdrawal(1))
    assert len(link.asked) == 1


def test_a_closed_day_stays_closed_on_a_new_link() -> None:
    link = BranchLink().open()
    close(link, 1_000_000)
    again = BranchLink(stored=link.stored)
    assert again.codes(again.say(opening())) == [f"11 {code_of(codes.DAY_CLOSED)}"]


def test_a_new_day_begins_at_one_and_leaves_the_unproven_to_a_person() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    actions = link.say(opening(800_000, business_date=NEXT_DAY))
    assert evidence(actions) == [(request_of(withdrawal(1)).key, "unproven")]
    assert {"pending-unproven", "day-not-closed"} <= set(notes(actions))
    assert (book_of(link).date, book_of(link).last, book_of(link).cash) == (NEXT_DAY, 0, 800_000)
    assert link.codes(link.say(withdrawal(2))) == [f"21 {code_of(codes.DATE_WRONG)}"]


def test_the_count_that_fits_ends_the_day() -> None:
    link = BranchLink().open()
    link.do(deposit(1))
    actions = close(link, 1_010_000)
    assert link.codes(actions) == ["16 0000", "13 0000"]
    assert tells(actions) == ["till-check", "session-down"]
    assert link.dialogue.state is State.DAY_CLOSED
    assert not link.dialogue.is_signed_on
    assert book_of(link).is_closed


@pytest.mark.parametrize(("cash", "verdict"), [(990_000, "confirmed"), (1_000_000, "undone")])
def test_the_count_decides_what_is_unproven(cash: int, verdict: str) -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    actions = close(link, cash)
    assert evidence(actions) == [(request_of(withdrawal(1)).key, verdict)]
    assert link.codes(actions)[-1] == "13 0000"
    assert (book_of(link).cash, book_of(link).pending) == (cash, ())


def test_a_count_that_differs_keeps_the_day_open_and_proves_nothing() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    actions = close(link, 995_000)
    assert link.codes(actions)[-1] == f"13 {code_of(codes.COUNT_WRONG)}"
    assert (evidence(actions), link.dialogue.state) == ([], State.OPEN)
    link.say(completion(1, 10_000))
    assert link.codes(close(link, 990_000))[-1] == "13 0000"


def test_an_approver_ends_a_day_that_differs_and_leaves_it_to_a_person() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    actions = close(link, 995_000, approver="MGR00001")
    assert evidence(actions) == [(request_of(withdrawal(1)).key, "unproven")]
    assert link.codes(actions)[-1] == "13 0000"


def test_a_deposit_that_the_notes_deny_is_told() -> None:
    link = BranchLink().open()
    link.say(deposit(1))
    again = BranchLink(stored=link.stored).open()
    actions = close(again, 1_000_000)
    assert "deposit-unproven" in notes(actions)
    assert evidence(actions) == []


def test_a_day_with_an_open_question_does_not_end() -> None:
    link = BranchLink().open()
    link.say(withdrawal(1))
    assert link.codes(close(link, 1_000_000)) == [f"13 {code_of(codes.BUSY)}"]
    link.answer(link.asked[0])
    link.say(completion(1, 10_000))
    link.say(withdrawal(3))
    assert link.codes(close(link, 990_000)) == [f"13 {code_of(codes.BUSY)}"], "a gap is open"


def test_no_new_question_while_the_notes_are_counted() -> None:
    link = BranchLink().open()
    link.say(telegram("12"))
    assert link.codes(link.say(withdrawal(1))) == [f"21 {code_of(codes.BUSY)}"]
    assert link.codes(link.say(withdrawal(1, is_repeat=True))) == [f"21 {code_of(codes.BUSY)}"]
    link.step(TimerFired("count"))
    link.say(withdrawal(2))
    assert [message.serial for message in link.asked] == [2], "the refused number is used up: no gap"


def test_a_count_that_does_not_come_keeps_the_day_open() -> None:
    link = BranchLink().open()
    link.say(telegram("12"))
    actions = link.step(TimerFired("count"))
    assert link.codes(actions) == [f"13 {code_of(codes.COUNT_MISSING)}"]
    assert link.dialogue.state is State.OPEN
    assert link.step(TimerFired("count")) == []


def test_an_operators_count_in_the_middle_of_the_day_decides_nothing() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    assert link.codes(link.step(CommandRequested("till-check"))) == ["16 0000"]
    actions = link.say(count(990_000))
    assert (evidence(actions), notes(actions)) == ([], ["till-check"])
    assert len(book_of(link).pending) == 1


def test_the_count_can_be_switched_off() -> None:
    link = BranchLink(make_branch(session={"count_before_close": False})).open()
    assert link.codes(link.say(telegram("12"))) == ["13 0000"]


def test_without_a_journal_no_day_opens() -> None:
    link = BranchLink()
    actions = link.step(BytesArrived(BRANCH_P1.codec.write(opening())), is_writable=lambda store: False)
    assert link.codes(actions) == [f"11 {code_of(Refusal.NO_JOURNAL)}"]


def test_a_lost_link_is_told_once_a_day_was_open() -> None:
    assert tells(BranchLink().open().step(LinkClosed("peer-lost"))) == ["session-down"]
    assert tells(BranchLink().step(LinkClosed("peer-lost"))) == []
    link = BranchLink().open()
    close(link, 1_000_000)
    assert tells(link.step(LinkClosed("peer-closed"))) == []


def test_a_day_too_far_ahead_does_not_open() -> None:
    """A wrong clock would shut the terminal out of every real day until then."""
    link = BranchLink(make_branch(session={"days_ahead_max": 7}))
    today = link.branch.rules.latest_date
    assert today() >= DAY
    late = f"{int(today()) + 1}"
    assert link.codes(link.say(opening(business_date=late))) == [f"11 {code_of(codes.DATE_WRONG)}"]
    assert link.codes(link.say(opening(business_date=today()))) == ["11 0000"]


def test_a_closing_whose_answer_was_lost_is_answered_again() -> None:
    link = BranchLink().open()
    close(link, 1_000_000)
    assert link.codes(link.say(telegram("12", is_repeat=True))) == ["13 0000"]
    assert link.codes(link.say(withdrawal(1))) == [f"21 {code_of(codes.DAY_CLOSED)}"]


def test_without_a_count_what_is_unproven_is_a_persons() -> None:
    link = BranchLink(make_branch(session={"count_before_close": False})).open()
    link.do(withdrawal(1))
    actions = link.say(telegram("12"))
    assert [verdict for _, verdict in evidence(actions)] == ["unproven"]
    assert link.codes(actions) == ["13 0000"]


def test_a_pending_one_of_an_older_link_is_still_told_when_overdue() -> None:
    old = BranchLink().open()
    old.do(withdrawal(1))
    assert Timer("completion", 60_000) in BranchLink(stored=old.stored).say(opening())
    assert not [one for one in BranchLink().say(opening()) if isinstance(one, Timer) and one.name == "completion"]


def test_an_opening_in_the_middle_of_a_count_ends_the_wait_for_it() -> None:
    link = BranchLink().open()
    link.say(telegram("12"))
    assert Timer("count", None) in link.say(opening())
