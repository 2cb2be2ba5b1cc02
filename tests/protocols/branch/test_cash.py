"""Notes as transcripts: approval, 完了確認, 不成立通知, 前回確定通番, 取消 and 訂正, and the till book after each."""

import msgspec
import pytest

from protocols.branch.message import BranchMessage
from protocols.branch.till import Pending, TillBook, unpack
from protocols.dialect import Action, BytesArrived, Evidence, Note, ReplyDecided, Send, Store, Timer, TimerFired
from protocols.vocabulary import TAKEN, Answer, Approved, Declined, Refusal, Reply, Verdict
from tests.support.branchlink import (
    ACCOUNT,
    BRANCH_P1,
    WALL_MS,
    BranchLink,
    cancel,
    completion,
    correct,
    deposit,
    make_branch,
    request_of,
    telegram,
    withdrawal,
)

NAME = "till-9901-123-0042"
OPENING = 1_000_000


def key(serial: int) -> str:
    return request_of(withdrawal(serial)).key


def book_of(link: BranchLink) -> TillBook:
    return unpack(link.stored[NAME])


def evidence(actions: list[Action]) -> list[Evidence]:
    return [action for action in actions if isinstance(action, Evidence)]


def notes(actions: list[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Note)]


@pytest.fixture
def paid() -> BranchLink:
    """A withdrawal of 10,000 yen was approved; the ATM has not said yet what it did."""
    link = BranchLink().open(OPENING)
    link.do(withdrawal(1))
    return link


def test_the_book_says_approved_before_the_approval_leaves() -> None:
    link = BranchLink().open(OPENING)
    link.say(withdrawal(1))
    reply = BRANCH_P1.to_reply(withdrawal(1), Approved(), WALL_MS)
    actions = link.dialogue.step(ReplyDecided(withdrawal(1), reply), 0)
    assert [type(action) for action in actions] == [Store]
    assert unpack(actions[0].value).pending == (Pending(1, key(1), -10_000, True),)


def test_an_approval_that_awaits_completion_is_timed_and_told_when_overdue(paid: BranchLink) -> None:
    assert book_of(paid).cash == OPENING
    actions = paid.step(TimerFired("completion"))
    assert actions == [Note("completion-overdue", "000001")]
    again = paid.do(withdrawal(2))
    assert Timer("completion", 60_000) in again


@pytest.mark.parametrize(
    ("message", "verdict", "standing", "cash"),
    [
        (completion(1, 10_000), "confirmed", None, 990_000),
        (completion(1, 4_000), "part", 4_000, 996_000),
        (completion(1, 0, "23"), "undone", None, 1_000_000),
        (completion(1, 3_000, "23"), "part", 3_000, 997_000),
        (completion(1, 20_000), "unproven", None, 980_000),
        (completion(1, 0), "unproven", None, 1_000_000),  # "completed", and nothing left: a contradiction
        (completion(1, 10_000, "23"), "unproven", None, 990_000),
    ],
)
def test_the_terminals_own_word(
    paid: BranchLink, message: BranchMessage, verdict: str, standing: int | None, cash: int
) -> None:
    actions = paid.say(message)
    assert evidence(actions) == [Evidence(key(1), verdict, standing)]
    assert not [action for action in actions if isinstance(action, Send)], "it is never answered"
    assert (book_of(paid).cash, book_of(paid).pending) == (cash, ())
    paid.say(message)
    assert book_of(paid).cash == cash, "the same word twice moves nothing"


def test_evidence_goes_to_the_desk_before_the_book_forgets(paid: BranchLink) -> None:
    actions = paid.dialogue.step(TimerFired("completion"), 0)
    assert actions
    data = BRANCH_P1.codec.write(completion(1, 10_000))
    assert [type(action) for action in paid.dialogue.step(BytesArrived(data), 0)] == [Evidence, Store]


def test_a_completion_before_the_approval_waits_for_its_answer() -> None:
    link = BranchLink().open(OPENING)
    link.say(withdrawal(1))
    actions = link.say(completion(1, 0, "23"))
    assert (evidence(actions), notes(actions)) == ([], ["completion-early"])
    link.answer(link.asked[0])
    assert evidence(link.say(completion(1, 0, "23"))) == [Evidence(key(1), "undone")]


@pytest.mark.parametrize("number", [0, 2, 999_999])
def test_a_last_confirmed_number_says_nothing_about_others(paid: BranchLink, number: int) -> None:
    actions = paid.say(withdrawal(2, confirmed_serial=number))
    assert evidence(actions) == []
    assert book_of(paid).find(1) == Pending(1, key(1), -10_000, True)


def test_a_last_confirmed_number_confirms_what_it_names(paid: BranchLink) -> None:
    actions = paid.say(withdrawal(2, confirmed_serial=1))
    assert evidence(actions) == [Evidence(key(1), "confirmed")]
    assert book_of(paid).cash == 990_000


def test_a_last_confirmed_number_never_confirms_what_was_not_approved() -> None:
    link = BranchLink().open(OPENING)
    link.say(withdrawal(1))
    assert evidence(link.say(telegram("20", operation="01009", serial=2, confirmed_serial=1, body=ACCOUNT))) == []
    assert book_of(link).find(1) is not None


def test_after_a_power_cut_the_number_on_the_next_opening_confirms(paid: BranchLink) -> None:
    link = BranchLink(stored=paid.stored)
    actions = link.say(telegram("10", body={"opening_cash": "000000990000"}, confirmed_serial=1))
    assert evidence(actions) == [Evidence(key(1), "confirmed")]


@pytest.mark.parametrize(
    ("message", "answer", "cash"),
    [
        (deposit(1), Approved(), OPENING + 10_000),
        (deposit(1), Declined(reason="no-such-account"), OPENING),
        (deposit(1), Refusal.IN_DOUBT, OPENING + 10_000),  # repeated until posted: the notes stay in the till
        (withdrawal(1, terminal_kind="T"), Approved(), OPENING - 10_000),
        (withdrawal(1, terminal_kind="T"), Refusal.IN_DOUBT, OPENING),  # undone: nothing was paid
        (withdrawal(1), Declined(reason="insufficient-funds"), OPENING),
    ],
)
def test_what_an_answer_moves(message: BranchMessage, answer: Answer, cash: int) -> None:
    link = BranchLink().open(OPENING, terminal_kind=message.terminal_kind)
    link.do(message, answer)
    assert (book_of(link).cash, book_of(link).pending) == (cash, ())
    link.say(msgspec.structs.replace(message, is_repeat=True))
    link.answer(link.asked[-1], answer)
    assert book_of(link).cash == cash, "the same answer again moves nothing"


def test_in_progress_is_neither_yes_nor_no() -> None:
    link = BranchLink().open(OPENING)
    link.do(deposit(1), Refusal.IN_PROGRESS)
    assert book_of(link).find(1) is not None
    link.answer(link.asked[0])
    assert book_of(link).cash == OPENING + 10_000


def test_a_decline_that_a_later_repeat_turns_into_an_approval_counts_once() -> None:
    link = BranchLink().open(OPENING)
    link.do(deposit(1), Refusal.CORE_UNREACHABLE)
    link.do(deposit(1, is_repeat=True))
    assert book_of(link).cash == OPENING + 10_000


def test_an_answer_on_a_newer_link_brings_its_number_with_it() -> None:
    old = BranchLink()
    old.open(OPENING)
    before = dict(old.stored)
    old.say(withdrawal(1))
    newer = BranchLink(stored=before).open(OPENING)
    actions = newer.answer(old.asked[0])
    assert newer.codes(actions) == ["21 0000"]
    assert book_of(newer).pending == (Pending(1, key(1), -10_000, True),)
    newer.say(withdrawal(1, is_repeat=True))
    assert [message.serial for message in newer.asked] == [1]


@pytest.mark.parametrize(
    ("first", "answer", "second", "cash"),
    [
        (withdrawal(1, terminal_kind="T"), Approved(), cancel(2, 1), OPENING),
        (withdrawal(1, terminal_kind="T"), Approved(), correct(2, 1, 10_000, 4_000), OPENING - 4_000),
        (deposit(1), Approved(), cancel(2, 1, operation="01001"), OPENING),
        (deposit(1), Approved(), correct(2, 1, 10_000, 4_000, "01001"), OPENING + 4_000),
        (withdrawal(1, terminal_kind="T"), Refusal.IN_DOUBT, cancel(2, 1), OPENING),  # it never moved: nothing moves back
        (withdrawal(1, terminal_kind="T"), Declined(reason="reversed"), cancel(2, 1), OPENING),
        (withdrawal(1), Approved(), cancel(2, 1), OPENING),  # not proven: together they leave nothing
        (withdrawal(1), Approved(), correct(2, 1, 10_000, 4_000), OPENING - 4_000),
    ],
)
def test_cancelled_and_corrected(first: BranchMessage, answer: Answer, second: BranchMessage, cash: int) -> None:
    link = BranchLink().open(OPENING, terminal_kind=first.terminal_kind)
    link.do(first, answer)
    actions = link.do(msgspec.structs.replace(second, terminal_kind=first.terminal_kind), TAKEN)
    assert link.codes(actions) == [f"{int(second.message_type) + 1} 0000"]
    assert (book_of(link).cash, book_of(link).pending) == (cash, ())


def test_an_answer_that_cannot_be_written_leaves_its_code() -> None:
    link = BranchLink().open(OPENING)
    link.say(deposit(1))
    actions = link.step(ReplyDecided(deposit(1), Reply(Verdict.APPROVE, "0000", b"\xff")))
    assert link.codes(actions) == ["21 0000"]


def test_a_completion_of_another_day_is_the_desks(paid: BranchLink) -> None:
    named = {"original_date": "20261124", "serial": 9, "original_serial": 9}
    actions = paid.say(telegram("23", body={"paid": "0"}, **named))
    assert [one.verdict for one in evidence(actions)] == ["undone"]
    assert notes(actions) == ["completion-unmatched"]
    assert book_of(paid).find(1) is not None


def test_a_completion_of_something_forgotten_says_what_was_paid_and_the_desk_knows_of_how_much() -> None:
    link = BranchLink().open(OPENING)
    assert evidence(link.say(completion(1, 4_000))) == [Evidence(key(1), "part", 4_000)]
    assert evidence(link.say(completion(1, 3_000, "23"))) == [Evidence(key(1), "part", 3_000)]
    assert evidence(link.say(completion(1, 0))) == []


def test_notes_come_back_once_however_often_the_original_is_cancelled(paid: BranchLink) -> None:
    paid.say(completion(1, 10_000))
    for serial in (2, 3):
        paid.do(cancel(serial, 1), TAKEN)
        assert book_of(paid).cash == OPENING


def test_a_cancelled_amount_that_was_never_moved_does_not_come_back() -> None:
    """元金額 is the terminal's word; what the original moved is in the book."""
    link = BranchLink().open(OPENING)
    link.do(deposit(1, 3_000))
    link.do(cancel(2, 1, amount=50_000, operation="01001"), TAKEN)
    assert book_of(link).cash == OPENING


def test_two_corrections_leave_the_lower_amount_and_a_rise_changes_nothing() -> None:
    link = BranchLink().open(OPENING)
    link.do(deposit(1, 9_000))
    for serial, standing, cash in ((2, 5_000, 5_000), (3, 2_000, 2_000), (4, 8_000, 2_000)):
        link.do(correct(serial, 1, 9_000, standing, operation="01001"), TAKEN)
        assert book_of(link).cash == OPENING + cash


def test_a_withdrawal_held_in_doubt_moved_no_notes() -> None:
    rule = {"kind": "withdrawal", "body": "withdrawal", "cash": "out", "doubt": "hold"}
    link = BranchLink(make_branch(operations={"01002": rule})).open(OPENING)
    link.do(withdrawal(1), Refusal.IN_DOUBT)
    assert (book_of(link).cash, book_of(link).pending) == (OPENING, ())
    link.do(withdrawal(1, is_repeat=True))
    assert book_of(link).cash == OPENING - 10_000, "the core's word came in the end"


def test_an_approval_whose_book_is_not_durable_does_not_leave_before_the_terminal_repeats() -> None:
    link = BranchLink().open(OPENING)
    link.say(withdrawal(1))
    reply = BRANCH_P1.to_reply(withdrawal(1), Approved(), WALL_MS)
    actions = link.step(ReplyDecided(withdrawal(1), reply), is_writable=lambda store: False)
    assert (link.sent(actions), notes(actions)) == ([], ["till-book-not-stored"])
    assert book_of(link).pending == (Pending(1, key(1), -10_000, False),)
    assert link.codes(link.do(withdrawal(1, is_repeat=True))) == ["21 0000"]
    assert book_of(link).pending == (Pending(1, key(1), -10_000, True),)


def test_an_answer_later_than_sixteen_other_numbers_still_becomes_pending() -> None:
    link = BranchLink().open(OPENING)
    link.say(withdrawal(1))
    body = {**ACCOUNT, "amount": "000000001000", "name": "", "remark": ""}
    for serial in range(2, 20):
        link.do(telegram("40", operation="01001", serial=serial, is_offline=True, body=body), TAKEN)
    link.answer(link.asked[0])
    assert Pending(1, key(1), -10_000, True) in book_of(link).pending
