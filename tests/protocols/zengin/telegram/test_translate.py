"""Inward telegrams as requests: key, fingerprint, kind; and what the center may stamp without changing either."""

from __future__ import annotations

import msgspec
import pytest

from protocols.vocabulary import DoubtPolicy, MessageClass, Money, Received, Refusal, Request
from protocols.zengin.telegram.kinds import SUBJECTS
from protocols.zengin.telegram.message import Business, Details, Enquiry, EnquiryAnswer, Head, Instruction, TransferNotice
from protocols.zengin.telegram.reference import Reference, compose, load
from protocols.zengin.telegram.translate import dashed, key_of, to_request

RECEIVED = Received(0, "zengin", "bank", "partner")
HEAD = Head(
    subject="1000",
    from_bank="0005",
    from_branch="002",
    to_bank="0001",
    to_branch="003",
    date="20261126",
    serial=7,
    receipt_serial=3,
)
DETAILS = Details(amount=5_000, account_type="1", account="1234567", beneficiary="ﾔﾏﾀﾞ", remitter="ｽｽﾞｷ")
NOTICE = TransferNotice(HEAD, DETAILS)


def asked(telegram: Business, reference: Reference | None = None) -> Request:
    request = to_request(telegram, RECEIVED, SUBJECTS, "0001", reference)
    assert isinstance(request, Request)
    return request


def test_a_credit_is_an_advice_that_is_repeated_until_answered() -> None:
    request = asked(NOTICE)
    assert request.key == "bank:zrc:0005:20261126:7"
    assert request.message_class is MessageClass.ADVICE
    assert request.doubt_policy is DoubtPolicy.REPEAT
    assert (request.kind, request.amount, request.to_account) == ("interbank-transfer", Money(5_000, "JPY"), "003-1-1234567")
    assert (request.terminal, request.acquirer, request.trace) == ("0005-002", "0005", "7")
    assert request.business_date == "2026-11-26"
    assert request.extra == {"beneficiary": "ﾔﾏﾀﾞ", "remitter": "ｽｽﾞｷ", "subject": "1000"}


def test_the_same_telegram_again_is_the_same_request_whatever_the_center_stamps() -> None:
    again = msgspec.structs.replace(HEAD, resent="1", center_serial=5, receipt_serial=88, sent_at="20261126120000")
    first, second = asked(NOTICE), asked(TransferNotice(again, DETAILS))
    assert first.key == second.key
    assert first.fingerprint_text == second.fingerprint_text
    assert (first.repeat, second.repeat) == (False, True)


@pytest.mark.parametrize(
    "changed",
    [
        TransferNotice(HEAD, msgspec.structs.replace(DETAILS, amount=5_001)),
        TransferNotice(HEAD, msgspec.structs.replace(DETAILS, account="1234568")),
        TransferNotice(HEAD, msgspec.structs.replace(DETAILS, beneficiary="ﾔﾏﾀﾆ")),
        TransferNotice(msgspec.structs.replace(HEAD, to_branch="004"), DETAILS),
        TransferNotice(msgspec.structs.replace(HEAD, subject="1100"), DETAILS),
        Enquiry(HEAD, DETAILS),
    ],
)
def test_another_body_under_the_same_key_has_another_fingerprint(changed: Business) -> None:
    assert asked(changed).key == key_of(HEAD, "bank")
    assert asked(changed).fingerprint_text != asked(NOTICE).fingerprint_text


def test_the_other_kinds_move_no_money() -> None:
    for made, kind in ((Enquiry, "enquiry"), (EnquiryAnswer, "answer"), (Instruction, "request")):
        head = msgspec.structs.replace(HEAD, original_date="20261125", original_serial=4, result="0101")
        request = asked(made(head, Details()))
        assert (request.kind, request.amount, request.to_account) == (f"interbank-{kind}", None, None)
        assert request.extra == {"subject": "1000", "original": "20261125-4", "result": "0101"}


def test_names_are_added_from_the_tables_where_they_know_them() -> None:
    banks = load(compose("banks", "v", [("0005", "ﾐﾂﾋﾞｼ", "三菱")]), "banks")
    tables = Reference(banks, load(compose("branches", "v", []), "branches"), load(compose("fees", "v", []), "fees"))
    extra = asked(NOTICE, tables).extra
    assert extra["from_bank_name"] == "三菱"
    assert "from_branch_name" not in extra


@pytest.mark.parametrize(
    ("telegram", "refusal"),
    [
        (TransferNotice(msgspec.structs.replace(HEAD, subject="7777"), DETAILS), Refusal.UNSUPPORTED),
        (TransferNotice(msgspec.structs.replace(HEAD, date="20260230"), DETAILS), Refusal.FORMAT_ERROR),
        (TransferNotice(msgspec.structs.replace(HEAD, serial=0), DETAILS), Refusal.FORMAT_ERROR),
        (TransferNotice(HEAD, msgspec.structs.replace(DETAILS, amount=0)), Refusal.FORMAT_ERROR),
        (TransferNotice(HEAD, msgspec.structs.replace(DETAILS, account="0000000")), Refusal.FORMAT_ERROR),
        (TransferNotice(msgspec.structs.replace(HEAD, to_bank="0009"), DETAILS), Refusal.UNKNOWN_TERMINAL),
    ],
)
def test_what_is_not_for_the_core(telegram: Business, refusal: Refusal) -> None:
    assert to_request(telegram, RECEIVED, SUBJECTS, "0001", None) is refusal


def test_dates() -> None:
    assert dashed("20240229") == "2024-02-29"
    assert [dashed(text) for text in ("20230229", "20261301", "20260100", "00000000", "2026112")] == [None] * 5
