"""Law 2: the same message again has the same key, whatever the peer restamps; another message never has it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.dates import day_of
from protocols.iso8583.dialect import default_profile
from protocols.iso8583.keys import KEY_CHARACTERS_MAX, compile_key, compile_original_key, compile_terminal, printable
from protocols.iso8583.message import IsoMessage, Value
from tests.support.isolink import PAN, WALL_MS, reversal, wall_ms_of, withdrawal, withdrawal_1993, withdrawal_2003

DAY = day_of(WALL_MS)
Changes = dict[int, Value | None]


def key(message: IsoMessage, day: int = DAY, **recipe: object) -> str | None:
    version = {"0": "1987", "1": "1993", "2": "2003"}[message.mti[0]]
    return compile_key(default_profile(version=version, key=recipe))(message.mti, message.fields, "bank", day)


def original_key(message: IsoMessage, day: int = DAY, **recipe: object) -> str | None:
    version = {"0": "1987", "1": "1993", "2": "2003"}[message.mti[0]]
    return compile_original_key(default_profile(version=version, key=recipe))(message.mti, message.fields, "bank", day)


def test_what_a_key_says() -> None:
    assert key(withdrawal()) == "bank:iso8583:440011:ATM00001:0200:000002:20261105"
    assert key(withdrawal_1993()) == "bank:iso8583:440011:ATM00001:1200:000002:20261105"
    assert key(withdrawal_2003()) == "bank:iso8583:440011:ATM00001:2200:000000000002:20261105"


@pytest.mark.parametrize("mti", ["0201", "0204", "0205"])
def test_a_repeat_has_the_key_of_the_first(mti: str) -> None:
    restamped: Changes = {7: "1106235959", 37: "999999999999", 2: None, 35: f"{PAN}=3012101"}
    assert key(withdrawal(mti, restamped)) == key(withdrawal())


def test_a_repeat_after_midnight_has_the_key_of_the_first() -> None:
    late = withdrawal("0200", {13: "1231", 7: "1231235959"})
    before = day_of(wall_ms_of(2026, 12, 31, 23, 59))
    after = day_of(wall_ms_of(2027, 1, 1, 0, 1))
    weeks_after = day_of(wall_ms_of(2027, 2, 4))
    assert key(late, before) == key(withdrawal("0201", {13: "1231", 7: "0101000001"}), after) == key(late, weeks_after)
    assert (key(late, before) or "").endswith(":20261231")
    assert (key(withdrawal("0200", {13: "0101"}), before) or "").endswith(":20270101")  # local time ahead of UTC


@pytest.mark.parametrize(
    "changes",
    [{11: "000003"}, {13: "1104"}, {32: "440012"}, {41: "ATM00002"}, {32: None}],
)
def test_another_identity_is_another_key(changes: Changes) -> None:
    assert key(withdrawal("0200", changes)) != key(withdrawal())


def test_classes_keep_apart() -> None:
    messages = [withdrawal(mti) for mti in ("0100", "0120", "0200", "0220", "0400", "0500", "0520")]
    assert len({key(message) for message in messages}) == len(messages)


@pytest.mark.parametrize("element", [11, 13, 41])
def test_a_mandatory_part_missing(element: int) -> None:
    assert key(withdrawal("0200", {element: None})) is None


@pytest.mark.parametrize("date", ["0000", "1332", "0230"])
def test_no_date_no_key(date: str) -> None:
    assert key(withdrawal("0200", {13: date})) is None


def test_a_blank_terminal_is_a_missing_one() -> None:
    assert key(withdrawal("0200", {41: "        "})) is None
    assert key(withdrawal("0200", {41: "ATM1    "})) == key(withdrawal("0200", {41: "ATM1"}))


def test_leading_zeros_of_the_acquirer_do_not_matter() -> None:
    assert key(withdrawal("0200", {32: "00000440011"})) == key(withdrawal())
    assert key(withdrawal("0200", {32: "00000000000"})) == key(withdrawal("0200", {32: None}))


@pytest.mark.parametrize(
    ("recipe", "tail"),
    [
        ({"date": "13"}, "20261105"),
        ({"date": "7"}, "20261105010203"),
        ({"date": "12"}, "100203"),
        ({"date": "12+13"}, "20261105100203"),
    ],
)
def test_recipes_1987(recipe: dict[str, object], tail: str) -> None:
    assert (key(withdrawal(), **recipe) or "").endswith(f":{tail}")


def test_recipes_of_other_shapes() -> None:
    assert key(withdrawal(), acquirer="none") == "bank:iso8583:-:ATM00001:0200:000002:20261105"
    both = key(withdrawal(), terminal="42+41")
    assert both == "bank:iso8583:440011:BRANCH%20000001%2FATM00001:0200:000002:20261105"
    assert key(withdrawal("0200", {42: None}), terminal="42+41") is None
    assert (key(withdrawal_1993(), date="12+13") or "").endswith(":20261105100203")
    long_time = withdrawal("0200", {12: "261104235959", 13: None})  # links of 1987 with a long DE 12
    assert (key(long_time, date="12") or "").endswith(":20261104")
    assert (key(long_time, date="12+13") or "").endswith(":20261104235959")


@pytest.mark.parametrize("wrong", ["1005010a", "", "110501020"])
def test_malformed_stamps_make_no_key(wrong: str) -> None:
    for recipe in ("7", "12", "12+13"):
        assert key(withdrawal("0200", {7: wrong, 12: wrong}), date=recipe) is None


def test_terminal_names() -> None:
    fields: dict[int, str | bytes] = {41: "ATM1    ", 42: "SHOP"}
    assert compile_terminal(default_profile())(fields) == "ATM1"
    assert compile_terminal(default_profile(key={"terminal": "42+41"}))(fields) == "SHOP/ATM1"


# ---- originals -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mti", ["0200", "0100", "0220", "0201"])
@pytest.mark.parametrize("recipe", [{}, {"date": "7"}, {"date": "12"}, {"date": "12+13"}, {"acquirer": "none"}])
def test_a_reversal_names_the_key_of_its_original(mti: str, recipe: dict[str, object]) -> None:
    original = withdrawal(mti)
    for undo in (reversal(original), reversal(original, "0400"), reversal(original, "0421")):
        assert original_key(undo, **recipe) == key(original, **recipe)
        assert key(undo, **recipe) != key(original, **recipe)


def test_a_reversal_next_day_still_names_its_original() -> None:
    original = withdrawal("0200", {13: "1231", 7: "1231145959", 12: "235959"})
    undo = reversal(original)
    assert original_key(undo, day_of(wall_ms_of(2027, 1, 1))) == key(original, day_of(wall_ms_of(2026, 12, 31)))


def test_the_acquirer_comes_from_original_data_when_there() -> None:
    original = withdrawal()
    elsewhere = reversal(original, "0420", {32: "999"})  # a switch puts its own number into DE 32
    assert original_key(elsewhere) == key(original)
    unknown = reversal(original, "0420", {90: f"0200000002{'0' * 32}"})
    assert original_key(unknown) == key(original)


def test_the_date_comes_from_original_data_where_the_reversal_has_none() -> None:
    original = withdrawal()
    assert original_key(reversal(original, "0420", {13: None})) == key(original)
    own_date = reversal(original, "0420", {13: "1106"})
    assert original_key(own_date) != key(original)
    assert original_key(own_date, original_date="original-data") == key(original)


def test_reversals_that_name_nothing() -> None:
    original = withdrawal()
    assert original_key(reversal(original, "0420", {90: None})) is None
    assert original_key(reversal(original, "0420", {90: "0" * 42})) is None
    assert original_key(reversal(original, "0420", {90: "12"})) is None
    assert original_key(reversal(original, "0420", {13: None, 90: f"0200000002{'0' * 32}"})) is None
    assert original_key(reversal(original, "0420", {41: None})) is None


def test_a_reversal_that_keeps_the_trace() -> None:
    original = withdrawal()
    kept = reversal(original, "0420", {90: None, 11: "000002"})
    assert original_key(kept, reversal_keeps_trace=True) == key(original)
    assert original_key(kept) is None
    broken = reversal(original, "0420", {90: "12", 11: "000002"})
    assert original_key(broken, reversal_keeps_trace=True) is None  # a broken DE 90 is never replaced by a guess
    authorised = withdrawal("0100")
    kept = reversal(authorised, "0420", {90: None, 11: "000002"})
    assert original_key(kept, reversal_keeps_trace=True, original_mti="0100") == key(authorised)


def test_originals_of_1993_and_2003() -> None:
    first = withdrawal_1993()
    undo = withdrawal_1993("1420", {11: "000777", 12: "261106000001", 24: "400", 56: "1200000002261105100203" + "06440011"})
    assert original_key(undo) == key(first)
    second = withdrawal_2003()
    undo = withdrawal_2003("2420", {11: "000000000777", 24: "400", 56: "220000000000000220261105100203440011"})
    assert original_key(undo) == key(second)


# ---- properties ----------------------------------------------------------------------------------------------------------
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=8)


DIGITS = "0123456789"


@given(terminal=TEXT, acquirer=st.text(DIGITS, min_size=1, max_size=11), trace=st.text(DIGITS, min_size=6, max_size=6))
def test_keys_are_short_printable_and_hold_no_card(terminal: str, acquirer: str, trace: str) -> None:
    made = key(withdrawal("0200", {41: terminal, 32: acquirer, 11: trace}))
    if made is None:
        assert not terminal.strip()
    else:
        assert re.fullmatch(r"[!-~]{1,255}", made)
        assert PAN not in made


def test_a_key_that_would_be_too_long_is_none() -> None:
    room = KEY_CHARACTERS_MAX - len(key(withdrawal("0200", {41: "A"})) or "") + 1
    assert len(key(withdrawal("0200", {41: "A" * room})) or "") == KEY_CHARACTERS_MAX
    assert key(withdrawal("0200", {41: "A" * (room + 1)})) is None


@given(TEXT, TEXT)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) == (one.strip() == other.strip())
    assert ":" not in printable(one)


def test_a_reversal_without_the_recipes_date_is_dated_by_its_original() -> None:
    undo = reversal(withdrawal(), "0420", {13: None})
    assert key(undo) == key(reversal(withdrawal())) == key(reversal(withdrawal(), "0421", {13: None, 7: "1106235959"}))
    assert key(reversal(withdrawal(), "0420", {13: None, 90: None})) is None
    assert key(withdrawal("0220", {13: None})) is None
