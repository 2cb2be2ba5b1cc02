"""A telegram as a request: kind, accounts, amount, policy, and what has happened already."""

import pytest

from protocols.branch.message import BranchMessage
from protocols.vocabulary import DoubtPolicy, MessageClass, Money, Pan, Received, Refusal, Secret
from tests.support.branchlink import (
    ACCOUNT,
    BRANCH_P1,
    REALM,
    WALL_MS,
    cancel,
    correct,
    deposit,
    opening,
    request_of,
    telegram,
    withdrawal,
)

RECEIVED = Received(WALL_MS, "branch", REALM, "branch")


def test_a_withdrawal_of_an_atm() -> None:
    request = request_of(withdrawal(7))
    assert (request.kind, request.message_class, request.doubt_policy) == (
        "withdrawal",
        MessageClass.FINANCIAL,
        DoubtPolicy.UNDO,
    )
    assert (request.amount, request.from_account, request.to_account) == (Money(10_000, "JPY"), "123-1-0000001", None)
    assert (request.terminal, request.trace, request.business_date) == ("9901-123-0042", "000007", "2026-11-25")
    assert request.needs_completion
    assert request.channel == "branch"


def test_only_the_kinds_of_terminal_that_complete_are_waited_for() -> None:
    assert not request_of(withdrawal(7, terminal_kind="T")).needs_completion
    assert not request_of(deposit(7)).needs_completion


def test_approver_operator_and_value_date_travel() -> None:
    extra = request_of(deposit(1, approver="MGR00001", operator="TEL00001", value_date="20261124")).extra
    assert (extra["approver"], extra["operator"], extra["value_date"]) == ("MGR00001", "TEL00001", "2026-11-24")
    assert "value_date" not in request_of(deposit(1)).extra
    assert extra["name"] == "ﾔﾏﾀﾞ ﾊﾅｺ"


def test_a_transfer_has_two_accounts() -> None:
    body = {**ACCOUNT, "payee_branch": "321", "payee_type": "2", "payee_account": "7654321", "amount": "000000000500"}
    request = request_of(telegram("20", operation="01003", serial=1, body=body))
    assert (request.kind, request.from_account, request.to_account) == ("transfer", "123-1-0000001", "321-2-7654321")


def test_what_was_done_offline_is_an_advice_and_never_undone() -> None:
    message = telegram("40", operation="01002", serial=3, is_offline=True, body={**ACCOUNT, "amount": "000000010000"})
    request = request_of(message)
    assert (request.message_class, request.doubt_policy) == (MessageClass.ADVICE, DoubtPolicy.REPEAT)
    assert not request.needs_completion


def test_a_cancellation_leaves_nothing_and_a_correction_its_amount() -> None:
    whole = request_of(cancel(8, 7))
    assert (whole.message_class, whole.original_key, whole.standing_minor) == (
        MessageClass.REVERSAL,
        request_of(withdrawal(7)).key,
        0,
    )
    part = request_of(correct(9, 7, 10_000, 4_000))
    assert (part.standing_minor, part.original_key) == (4_000, whole.original_key)
    assert part.key != whole.key


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (withdrawal(1, 0), Refusal.FORMAT_ERROR),
        (correct(9, 7, 10_000, 10_000), Refusal.FORMAT_ERROR),
        (correct(9, 7, 10_000, 12_000), Refusal.FORMAT_ERROR),  # more than before is a new transaction
        (correct(9, 7, 10_000, 0), Refusal.FORMAT_ERROR),
        (cancel(9, 7, amount=0), Refusal.FORMAT_ERROR),
        (cancel(9, 9), Refusal.FORMAT_ERROR),
        (telegram("20", operation="77777", serial=1), Refusal.UNSUPPORTED),
        (opening(), Refusal.UNSUPPORTED),
    ],
)
def test_what_is_no_request(message: BranchMessage, refusal: Refusal) -> None:
    assert BRANCH_P1.to_request(message, RECEIVED) is refusal


def test_card_data_are_wrapped() -> None:
    pan, pin = Pan("4000001234567899"), Secret("0123456789ABCDEF")
    request = request_of(
        telegram("20", operation="01012", serial=1, body={"pan": pan, "amount": "000000010000", "pin_block": pin})
    )
    assert request.card is not None
    assert (request.card.pan, request.card.pin_block) == (pan, pin)
    assert "4000001234567899" in request.fingerprint_text.reveal()
    assert "0123456789ABCDEF" not in request.fingerprint_text.reveal()
    assert "1234567899" not in repr(request)


def test_the_fingerprint_changes_with_amount_and_account() -> None:
    other = {**ACCOUNT, "account": "0000002", "amount": "000000010000"}
    texts = [request_of(m).fingerprint_text.reveal() for m in (withdrawal(1), withdrawal(1, 20_000), withdrawal(1, body=other))]
    assert len(set(texts)) == 3
    assert texts[0] == request_of(withdrawal(1, is_repeat=True)).fingerprint_text.reveal()
