"""Plans for building are really used, give up on every wrong value, and write what the precise way writes."""

from __future__ import annotations

import pytest

from protocols.iso8583.bitmap import write_bitmaps
from protocols.iso8583.build_plan import BuildPlan, compile_build, written_lengths
from protocols.iso8583.message import IsoMessage, Value
from tests.support.isomessages import CODECS

FIELDS: dict[int, Value] = {
    2: "4111111111111111",
    3: "011000",
    22: "051",
    28: "C00000100",
    35: "4111=2912",
    41: "TERMID01",
    52: b"12345678",
    55: b"\x82\x02\x39\x00",
    70: "301",
}
NAMES = sorted(name for name in CODECS if name.startswith("1987") and name != "1987-utf8")


def plan_for(name: str) -> BuildPlan:
    spec = CODECS[name].spec
    plan = compile_build(spec, tuple(FIELDS), write_bitmaps(spec, FIELDS, False))
    assert plan is not None
    return plan


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_writes_what_the_precise_way_writes(name: str) -> None:
    assert plan_for(name)("0200", FIELDS) == CODECS[name].encode(IsoMessage("0200", FIELDS))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("number", "value"),
    [
        (2, "1" * 20),
        (2, "41x1"),
        (2, "١٢٣٤"),
        (2, b"4111"),
        (3, "01100"),
        (3, 11000),
        (22, "05 "),
        (28, "E00000100"),
        (28, "C0000010x"),
        (35, "4111^2912"),
        (41, "TERM円01x"),
        (41, b"TERMID01"),
        (52, b"1234567"),
        (52, "12345678"),
        (55, "8202"),
        (70, None),
    ],
)
def test_a_wrong_value_makes_it_give_up(name: str, number: int, value: Value) -> None:
    assert plan_for(name)("0200", FIELDS | {number: value}) is None


@pytest.mark.parametrize("mti", ["020", "02000", "02x0", "", "٠٢٠٠"])
def test_a_wrong_type_makes_it_give_up(mti: str) -> None:
    for name in NAMES:
        assert plan_for(name)(mti, FIELDS) is None


def test_a_missing_element_makes_it_give_up() -> None:
    assert plan_for("1987-ascii")("0200", {2: "4111"}) is None


def test_what_stays_with_the_precise_way() -> None:
    spec = CODECS["1987-utf8"].spec
    assert compile_build(spec, (3, 41), b"") is None


def test_lengths_as_they_are_written() -> None:
    field = CODECS["1987-bcd"].spec.fields[2]
    assert written_lengths(field, "hex")[19] == "19"
    assert written_lengths(field, "raw")[19] == b"\x19"
    assert written_lengths(CODECS["1987-ebcdic"].spec.fields[2], "text")[7] == "07"
