"""Codes: every refusal has one, all have four digits, nothing but an approval says approved."""

from protocols.branch.codes import APPROVED, CODES, all_codes
from protocols.branch.rules import REASON_OF
from protocols.vocabulary import Refusal


def test_every_refusal_has_a_code_of_four_digits() -> None:
    assert set(map(str, Refusal)) <= set(map(str, CODES))
    assert all(len(code) == 4 and code.isdecimal() for code in CODES.values())


def test_only_one_word_is_approved_and_no_two_share_a_code() -> None:
    assert [word for word, code in CODES.items() if code == "0000"] == [APPROVED]
    assert len(set(CODES.values())) == len(CODES)


def test_a_profile_goes_over_single_rows() -> None:
    table = all_codes({"serial-wrong": "9999"})
    assert table["serial-wrong"] == "9999"
    assert table[str(Refusal.OVERLOADED)] == CODES[Refusal.OVERLOADED]


def test_every_word_of_the_line_has_a_shared_reason() -> None:
    assert set(map(str, Refusal)) <= set(REASON_OF)
