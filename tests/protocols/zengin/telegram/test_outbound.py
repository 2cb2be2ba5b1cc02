"""The core's posted messages as telegrams, or the reason why one of them cannot be sent."""

from __future__ import annotations

import msgspec
import pytest

from protocols.errors import LocalMisuse
from protocols.zengin.telegram.codec import Letters
from protocols.zengin.telegram.kinds import SUBJECTS
from protocols.zengin.telegram.message import Enquiry, EnquiryAnswer, Instruction, TransferNotice
from protocols.zengin.telegram.outbound import Sender, make
from protocols.zengin.telegram.reference import Reference, compose, load

SENDER = Sender("0001", SUBJECTS, "0", Letters())
DAY = "20261126"
FIELDS = {"to_bank": "0005", "to_branch": "002", "amount": "30000", "account_type": "1", "account": "7654321"}


def body(**changes: object) -> bytes:
    return msgspec.json.encode({**FIELDS, **changes})


def tables() -> Reference:
    fees = compose("fees", "v", [("1", "29999", "52"), ("30000", "59999", "105")])
    empty = [load(compose(name, "v", []), name) for name in ("banks", "branches")]
    return Reference(*empty, load(fees, "fees"))


def test_a_transfer_in_any_kana() -> None:
    made = make("interbank-transfer", body(beneficiary="ｶ)ガッキ ストアー", date=DAY), DAY, SENDER, None)
    assert isinstance(made, TransferNotice)
    assert (made.head.from_bank, made.head.to_bank, made.head.subject, made.head.date) == ("0001", "0005", "1000", DAY)
    assert made.details.amount == 30_000
    assert made.details.beneficiary == "ｶ)ｶﾞﾂｷ ｽﾄｱ-", "small kana and the long vowel as the rules want them"
    assert made.head.serial == 0, "numbers are given by the line"


def test_the_fee_comes_from_the_table_or_from_the_rc() -> None:
    made = make("interbank-transfer", body(), DAY, SENDER, tables())
    assert (made.details.fee, made.details.fee_by) == (105, "0")
    by_rc = make("interbank-transfer", body(), DAY, msgspec.structs.replace(SENDER, fee_by="1"), tables())
    assert (by_rc.details.fee, by_rc.details.fee_by) == (0, "1")
    assert make("interbank-transfer", body(), DAY, SENDER, None).details.fee == 0, "enrichment is bypassed"
    with pytest.raises(LocalMisuse, match="no band of the fee table"):
        make("interbank-transfer", body(amount="60000"), DAY, SENDER, tables())


def test_enquiries_answers_and_instructions() -> None:
    plain = {"to_bank": "0005", "to_branch": "002", "original_date": DAY, "original_serial": 9}
    data = msgspec.json.encode(plain)
    made = [make(kind, data, DAY, SENDER, None) for kind in ("interbank-enquiry", "interbank-answer", "interbank-request")]
    assert [type(telegram) for telegram in made] == [Enquiry, EnquiryAnswer, Instruction]
    assert {telegram.head.original_serial for telegram in made} == {9}


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        ("interbank-transfer", b"{", "does not fit"),
        ("interbank-transfer", b"\xff", "JSON|fit"),
        ("interbank-transfer", body(amount="0"), "does not fit"),
        ("interbank-transfer", body(amount=1000), "does not fit"),
        ("interbank-transfer", body(colour="red"), "does not fit"),
        ("interbank-transfer", body(account="0000000"), "an amount and an account"),
        ("interbank-transfer", body(amount=None), "an amount and an account"),
        ("interbank-transfer", body(subject="2000"), "no 種目コード"),
        ("interbank-transfer", body(date="20261127"), "another 取組日"),
        ("interbank-transfer", body(beneficiary="山田"), "is no character"),
        ("cash-out", body(), "not sent on this line"),
    ],
)
def test_what_cannot_be_sent_says_why(kind: str, data: bytes, problem: str) -> None:
    with pytest.raises(LocalMisuse, match=problem):
        make(kind, data, DAY, SENDER, None)
