"""Data elements as shared words: money with its decimals, cards from any track, dates, accounts; nothing secret in extra."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.dates import day_of
from protocols.iso8583.dialect import default_profile
from protocols.iso8583.mapping import (
    BadValue,
    Currencies,
    any_date,
    card_of,
    compile_accounts,
    compile_amount,
    compile_business_date,
    compile_extra,
    split_track2,
)
from protocols.vocabulary import CardData, Money, Pan, Secret
from tests.support.isolink import PAN, WALL_MS, withdrawal

DAY = day_of(WALL_MS)
PLAIN = Currencies({})


@pytest.mark.parametrize(
    ("digits", "code", "expected"),
    [
        ("000000010000", "392", Money(10_000, "JPY")),
        ("000000010000", "840", Money(10_000, "USD")),
        ("000000010000", "USD", Money(10_000, "USD")),
        ("000000010000", "414", Money(10_000, "KWD")),
        ("000000000000", "392", Money(0, "JPY")),
        ("999999999999", "392", Money(999_999_999_999, "JPY")),
    ],
)
def test_amounts(digits: str, code: str, expected: Money) -> None:
    assert PLAIN.money(digits, code) == expected
    assert PLAIN.wire(expected)[1] == int(digits)


def test_a_link_that_writes_yen_with_two_decimals() -> None:
    link = Currencies({"JPY": 2, "KWD": 2})
    assert link.money("000001000000", "392") == Money(10_000, "JPY")
    assert link.wire(Money(10_000, "JPY")) == ("392", 1_000_000)
    assert link.money("000000000100", "414") == Money(1_000, "KWD")
    assert link.wire(Money(1_009, "KWD")) == ("414", 100)  # what the link cannot say is cut towards zero
    assert link.wire(Money(-1_009, "KWD")) == ("414", -100)
    assert link.decimals("JPY") == 2
    with pytest.raises(BadValue, match="fraction"):
        link.money("000001000050", "392")


@pytest.mark.parametrize(
    ("digits", "code"), [("00000001000A", "392"), ("", "392"), ("000000010000", "998"), ("1", ""), ("1", "XAU")]
)
def test_amounts_that_are_none(digits: str, code: str) -> None:
    with pytest.raises(BadValue):
        PLAIN.money(digits, code)
    with pytest.raises(BadValue):
        PLAIN.wire(Money(1, "XAU"))


def test_amounts_of_2003_carry_currency_and_exponent() -> None:
    assert PLAIN.money_with_exponent("3920000000010000") == Money(10_000, "JPY")
    assert PLAIN.money_with_exponent("3922000001000000") == Money(10_000, "JPY")
    assert PLAIN.money_with_exponent("4142000000000100") == Money(1_000, "KWD")
    for wrong in ("3922000001000001", "9990000000010000", "39", "39X0000000010000"):
        with pytest.raises(BadValue):
            PLAIN.money_with_exponent(wrong)


@given(st.integers(0, 10**12 - 1), st.sampled_from(["JPY", "USD", "KWD", "CLF"]))
def test_every_amount_survives_the_link(minor: int, name: str) -> None:
    numeric, wire = PLAIN.wire(Money(minor, name))
    assert PLAIN.money(f"{wire:012}", numeric) == Money(minor, name)


def test_amount_of_a_message() -> None:
    amount = compile_amount(default_profile(), PLAIN)
    assert amount(withdrawal().fields) == Money(10_000, "JPY")
    assert amount({}) is None
    with pytest.raises(BadValue):
        amount({4: "000000010000"})  # no currency, and the profile has none
    with_default = compile_amount(default_profile(currency_default="USD"), PLAIN)
    assert with_default({4: "000000010000"}) == Money(10_000, "USD")
    assert compile_amount(default_profile(version="2003"), PLAIN)({}) is None


# ---- cards ---------------------------------------------------------------------------------------------------------------
def test_everything_of_a_card() -> None:
    card = card_of(
        {
            2: PAN,
            14: "3012",
            22: "051",
            23: "001",
            35: f"{PAN}=30121011234",
            36: f"01{PAN}=0",
            45: f"B{PAN}^SATO/T^30121011",
            52: bytes.fromhex("0123456789abcdef"),
            55: bytes.fromhex("9f2608deadbeef"),
        }
    )
    assert card == CardData(
        pan=Pan(PAN),
        expiry="3012",
        sequence="001",
        track1=Secret(f"B{PAN}^SATO/T^30121011"),
        track2=Secret(f"{PAN}=30121011234"),
        track3=Secret(f"01{PAN}=0"),
        pin_block=Secret("0123456789ABCDEF"),
        emv=Secret("9F2608DEADBEEF"),
        entry_mode="051",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {2: PAN},
        {35: f"{PAN}=30121011234"},
        {35: f"{PAN}D30121011234"},
        {35: f"{PAN}d30121011234"},
        {35: f";{PAN}=30121011234?"},
        {35: f"B{PAN}D30121011234F"},
        {45: f"B{PAN}^SATO/T^30121011"},
        {45: f"%B{PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]}^SATO/T^30121011"},
        {36: f"01{PAN}=0"},
    ],
)
def test_the_pan_is_the_same_from_anywhere(fields: dict[int, str | bytes]) -> None:
    card = card_of(fields)
    assert card is not None
    assert card.pan == Pan(PAN)
    assert PAN not in repr(card)


def test_expiry_comes_from_track_2_where_de_14_is_absent() -> None:
    card = card_of({35: f"{PAN}=30121011234"})
    assert card is not None
    assert card.expiry == "3012"
    card = card_of({35: f"{PAN}=30121011234", 14: "2901"})
    assert card is not None
    assert card.expiry == "2901"
    card = card_of({35: f"{PAN}==1234"})
    assert card is not None
    assert card.expiry is None


def test_no_card_and_half_a_card() -> None:
    assert card_of({3: "990000"}) is None
    assert card_of({35: "no separator here"}) == CardData(track2=Secret("no separator here"))
    assert card_of({52: b"12345678"}) == CardData(pin_block=Secret("3132333435363738"))
    assert card_of({22: bytes.fromhex("a0b1")}) == CardData(entry_mode="A0B1")


@pytest.mark.parametrize("fields", [{2: "4000A01234567899"}, {2: "1" * 20}, {35: "12X4=3012"}])
def test_a_pan_is_digits(fields: dict[int, str | bytes]) -> None:
    with pytest.raises(BadValue) as caught:
        card_of(fields)
    assert "4000" not in str(caught.value)


def test_track_2_without_a_separator() -> None:
    assert split_track2("12345") == ("", "")
    assert split_track2("") == ("", "")


# ---- the rest ------------------------------------------------------------------------------------------------------------
def test_accounts() -> None:
    accounts = compile_accounts(default_profile(account_types={"60": "loyalty"}))
    extra: dict[str, str] = {}
    assert accounts("401020", {102: " 123-456 ", 103: "789"}, extra) == ("123-456", "789")
    assert extra == {"from_account_type": "savings", "to_account_type": "checking"}
    extra = {}
    assert accounts("016000", {}, extra) == (None, None)
    assert extra == {"from_account_type": "loyalty"}
    extra = {}
    accounts("017500", {102: "  "}, extra)
    assert extra == {"from_account_type": "75"}  # unknown to us, perhaps not to the core


def test_extra_has_clear_names_and_no_card() -> None:
    extra = compile_extra(default_profile(extra_fields={"fees": 28}))
    found = extra({**withdrawal().fields, 25: "02", 24: "003", 28: "D00000100", 52: b"12345678", 55: b"\x9f"})
    assert found == {
        "transmission_time": "1105010203",
        "local_time": "100203",
        "local_date": "1105",
        "retrieval_reference": "110500000002",
        "card_acceptor": "BRANCH 000001",
        "condition_code": "02",
        "network_id": "003",
        "fees": "D00000100",
    }
    later = compile_extra(default_profile(version="1993"))
    assert later({24: "200", 25: "1510"}) == {"function_code": "200", "reason_code": "1510"}


def test_business_date() -> None:
    business_date = compile_business_date(
        default_profile(),
    )
    assert business_date({15: "1106"}, DAY) == "2026-11-06"
    assert business_date({15: "0000"}, DAY) is None
    assert business_date({}, DAY) is None
    with pytest.raises(BadValue):
        business_date({15: "1306"}, DAY)
    assert compile_business_date(default_profile(business_date="none"))({15: "1106"}, DAY) is None
    assert compile_business_date(default_profile(business_date="17"))({17: "1104"}, DAY) == "2026-11-04"


@pytest.mark.parametrize("text", ["1105", "261105", "20261105", "261105100203", "20261105100203"])
def test_any_date(text: str) -> None:
    assert any_date(text, DAY) == "20261105"


def test_no_date() -> None:
    assert any_date("110", DAY) is None
    assert any_date("20261131", DAY) is None
