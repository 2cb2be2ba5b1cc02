"""Response codes: every refusal and every reason has one in every version, row by row."""

from __future__ import annotations

import pytest

from protocols.iso8583 import codes
from protocols.vocabulary import Refusal

# The situations of the standard, 1987 and 1993, as written in the field's own tables.
ROWS = [
    ("approved", "00", "000"),
    ("approved-partial", "10", "002"),
    ("reversal-accepted", "00", "400"),
    ("network-accepted", "00", "800"),
    ("function-not-supported", "40", "115"),
    ("mac-wrong", "96", "916"),
    ("key-out-of-step", "96", "917"),
    ("format-error", "30", "904"),
    ("unsupported", "12", "902"),
    ("not-signed-on", "58", "120"),
    ("unknown-terminal", "58", "120"),
    ("overloaded", "91", "907"),
    ("no-journal", "96", "909"),
    ("core-unreachable", "91", "907"),
    ("region-switching", "91", "907"),
    ("suspended", "91", "912"),
    ("out-of-hours", "91", "912"),
    ("draining", "91", "912"),
    ("key-conflict", "94", "913"),
    ("in-progress", "09", "923"),
    ("in-doubt", "68", "911"),
    ("original-not-found", "25", "914"),
    ("too-late", "68", "911"),
    ("internal", "96", "909"),
    ("insufficient-funds", "51", "116"),
    ("invalid-card", "14", "111"),
    ("expired-card", "54", "101"),
    ("incorrect-pin", "55", "117"),
    ("pin-tries-exceeded", "75", "106"),
    ("limit-exceeded", "61", "121"),
    ("frequency-exceeded", "65", "123"),
    ("account-closed", "52", "114"),
    ("no-such-account", "52", "114"),
    ("not-permitted", "57", "119"),
    ("terminal-not-permitted", "58", "120"),
    ("do-not-honour", "05", "100"),
    ("lost-card", "41", "208"),
    ("stolen-card", "43", "209"),
    ("suspected-fraud", "59", "102"),
    ("invalid-amount", "13", "110"),
    ("invalid-transaction", "12", "902"),
    ("issuer-unavailable", "91", "912"),
    ("reversed", "05", "100"),
    ("duplicate", "94", "913"),
    ("cut-off-running", "90", "906"),
    ("no-route", "92", "908"),
]


@pytest.mark.parametrize(("word", "y1987", "y1993"), ROWS)
def test_row(word: str, y1987: str, y1993: str) -> None:
    assert codes.all_codes("1987", {})[word] == y1987
    assert codes.all_codes("1993", {})[word] == y1993


@pytest.mark.parametrize("version", ["1987", "1993", "2003"])
def test_every_refusal_has_a_code_of_the_versions_length(version: str) -> None:
    table = codes.all_codes(version, {})
    assert {str(refusal) for refusal in Refusal} <= table.keys()
    assert {len(code) for code in table.values()} == {codes.CODE_LENGTH[version]}


def test_the_2003_column_is_the_1993_one_with_a_second_digit() -> None:
    for rows in (codes.SPOKEN, codes.REFUSED, codes.DECLINED):
        for word, row in rows.items():
            second = "1" if row.y1993[0] == "9" else "0"
            assert row.y2003 == row.y1993[0] + second + row.y1993[1:], word


def test_no_refusal_and_no_reason_reads_as_approved() -> None:
    for version in ("1987", "1993", "2003"):
        table = codes.all_codes(version, {})
        good = {table[word] for word in codes.SPOKEN} - {table[codes.FUNCTION_NOT_SUPPORTED], table[codes.MAC_WRONG]}
        good -= {table[codes.KEY_OUT_OF_STEP]}
        for word in [*codes.REFUSED, *codes.DECLINED]:
            assert table[word] not in good, word


def test_overrides_lie_on_top() -> None:
    table = codes.all_codes("1987", {"reversed": "21", "house-rule": "N1"})
    assert table["reversed"] == "21"
    assert table["house-rule"] == "N1"
    assert table["approved"] == "00"
