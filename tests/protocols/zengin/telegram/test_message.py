"""Typed telegrams: which code is which, and what identifies one."""

from __future__ import annotations

from protocols.zengin.telegram.message import BUSINESS, CONTROL, Control, Details, Figures, Head, code_of

HEAD = Head(from_bank="0001", from_branch="001", to_bank="0005", to_branch="002", date="20261126", serial=7, center_serial=99)


def test_each_kind_has_its_code() -> None:
    assert {code_of(made(HEAD, Details())): made.__name__ for made in BUSINESS.values()} == {
        "KT": "TransferNotice",
        "KS": "Enquiry",
        "KK": "EnquiryAnswer",
        "KI": "Instruction",
    }
    assert code_of(Control(HEAD, Figures())) == CONTROL


def test_identity_is_bank_date_and_serial() -> None:
    assert HEAD.identity == ("0001", "20261126", 7)
