"""Answers: codes, what an approval adds, and the same answer from the journal."""

import pytest

from protocols.branch.replies import answer_of
from protocols.vocabulary import TAKEN, Answer, Approved, Balance, Declined, Money, Refusal, Reply, Verdict
from tests.support.branchlink import BRANCH_P1, WALL_MS, cancel, code_of, telegram, withdrawal


def reply_to(answer: Answer, message: object = None) -> Reply:
    return BRANCH_P1.to_reply(withdrawal(1) if message is None else message, answer, WALL_MS)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_has_its_code_and_only_doubt_is_doubt(refusal: Refusal) -> None:
    reply = reply_to(refusal)
    assert reply.code == code_of(refusal)
    assert reply.verdict is (Verdict.DOUBT if refusal is Refusal.IN_DOUBT else Verdict.DECLINE)


@pytest.mark.parametrize(
    ("reason", "word"),
    [("insufficient-funds", "insufficient-funds"), ("no-such-word", "do-not-honour"), ("approved", "do-not-honour")],
)
def test_an_unknown_reason_is_never_an_approval(reason: str, word: str) -> None:
    reply = reply_to(Declined(reason=reason))
    assert (reply.verdict, reply.code) == (Verdict.DECLINE, code_of(word))


def test_an_approval_adds_center_serial_and_balance() -> None:
    balances = (Balance("00", "01", Money(1, "JPY")), Balance("00", "02", Money(-42, "JPY")))
    reply = reply_to(Approved(authorisation_id="123456", balances=balances))
    answer = answer_of(withdrawal(1, is_repeat=True), reply, 1)
    assert (answer.message_type, answer.center_serial, answer.confirmed_serial) == ("21", "0000123456", 1)
    assert answer.body == {"authorisation": "123456", "balance_sign": "-", "balance": "42"}
    assert BRANCH_P1.codec.write(answer) == BRANCH_P1.codec.write(answer_of(withdrawal(1), reply, 1))


@pytest.mark.parametrize("identifier", ["", "ABCDEFG", "é", "12345678901"])
def test_what_does_not_fit_is_left_out(identifier: str) -> None:
    answer = answer_of(withdrawal(1), reply_to(Approved(authorisation_id=identifier)), 1)
    assert BRANCH_P1.codec.write(answer)
    assert answer.center_serial in ("0000000000", "0012345678")


def test_a_reversal_is_acknowledged_without_a_body() -> None:
    reply = reply_to(TAKEN, cancel(2, 1))
    answer = answer_of(cancel(2, 1), reply, 2)
    assert (answer.message_type, answer.code, answer.body) == ("25", "0000", {})


def test_what_was_done_offline_is_acknowledged_as_a_transaction() -> None:
    message = telegram("40", operation="01001", serial=1, is_offline=True)
    assert answer_of(message, reply_to(TAKEN, message), 1).message_type == "21"
