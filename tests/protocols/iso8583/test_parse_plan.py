"""Plans are really used for good bodies, never speak about bad ones, and hold nothing of a message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.iso8583.bitmap import read_bitmaps
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.parse_plan import TABLE_MAX, ParsePlan, common_charset, compile_parse, is_plannable, lengths_of
from tests.support.isomessages import CODECS, QUICK, messages

WITHDRAWAL = IsoMessage(
    "0200",
    {2: "4111111111111111", 3: "011000", 4: "000000010000", 11: "000001", 28: "C00000100", 35: "4111=2912", 41: "TERMID01"},
)
SINGLE_BYTE = sorted(set(CODECS) - {"1987-utf8"})


def plan_for(name: str, body: bytes) -> ParsePlan | None:
    spec = CODECS[name].spec
    maps = read_bitmaps(spec, body, spec.mti_bytes)
    return compile_parse(spec, maps.numbers, maps.end, maps.wide)


@pytest.mark.parametrize("name", sorted(name for name in SINGLE_BYTE if name.startswith("1987")))
def test_a_good_body_is_read_by_its_plan(name: str) -> None:
    body = CODECS[name].encode(WITHDRAWAL)
    plan = plan_for(name, body)
    assert plan is not None
    assert plan(body, b"head") == IsoMessage(WITHDRAWAL.mti, WITHDRAWAL.fields, b"head")


@given(st.sampled_from(SINGLE_BYTE), st.data())
@settings(max_examples=200)
def test_most_random_messages_have_a_plan_and_all_plans_are_right(name: str, data: st.DataObject) -> None:
    message = data.draw(messages(CODECS[name].spec))
    body = CODECS[name].encode(message)
    plan = plan_for(name, body)
    if plan is not None:
        assert plan(body, message.header) in (message, None)
        assert plan(body[:-1], b"") is None
        assert plan(body + b"0", b"") is None


def test_what_stays_with_the_precise_way() -> None:
    fields = CODECS["1987-utf8"].spec.fields
    assert not is_plannable(fields[41])
    assert common_charset([fields[41], CODECS["1987-ascii"].spec.fields[42]]) is None
    assert common_charset([CODECS["1987-bcd"].spec.fields[3]]) == "ascii"
    assert plan_for("1987-utf8", CODECS["1987-utf8"].encode(WITHDRAWAL)) is None


def test_lengths_are_known_by_their_bytes() -> None:
    ascii_lengths, bcd_lengths = (lengths_of(CODECS[name].spec.fields[2]) for name in ("1987-ascii", "1987-bcd"))
    assert len(ascii_lengths) == len(bcd_lengths) == 20
    assert (ascii_lengths[b"19"], bcd_lengths[b"\x19"]) == (19, 19)
    assert b"20" not in ascii_lengths


def test_elements_that_are_alike_share_a_table_and_long_ones_have_none() -> None:
    fields = CODECS["1987-ascii"].spec.fields
    assert lengths_of(fields[32]) is lengths_of(fields[33])
    assert lengths_of(fields[46]) is lengths_of(fields[63])
    assert CODECS["2003-bcd"].spec.fields[43].max > TABLE_MAX


@pytest.mark.parametrize("name", ["2003-ascii", "2003-bcd", "2003-ebcdic"])
@pytest.mark.parametrize("count", [0, 999, 1000, 9999])
def test_long_elements_have_plans_too(name: str, count: int) -> None:
    message = IsoMessage("2200", {11: "000000000001", 43: b"x" * count})
    codec = QUICK[name]
    body = codec.encode(message)
    assert body == codec.encode(message) == CODECS[name].encode(message)
    plan = plan_for(name, body)
    assert plan is not None
    assert plan(body, b"") == message
    assert plan(body + b"x", b"") is None


@pytest.mark.parametrize("name", ["1987-bcd", "1987-bcd-left", "1987-bcd-fpad"])
@pytest.mark.parametrize("number", [2, 22, 35])
def test_a_pad_nibble_that_is_not_the_agreed_one_is_never_read_by_a_plan(name: str, number: int) -> None:
    """Odd digits: the pad is dropped from the value, so a plan that ignored it would not give the same bytes again."""
    message = IsoMessage("0200", {number: "051"})
    body = CODECS[name].encode(message)
    field = CODECS[name].spec.fields[number]
    plan = plan_for(name, body)
    assert plan is not None
    assert plan(body, b"") == message
    place = -2 if field.pad_side == "left" else -1
    for nibble in range(16):
        value = body[place] & 0x0F | nibble << 4 if field.pad_side == "left" else body[place] & 0xF0 | nibble
        changed = bytearray(body)
        changed[place] = value
        assert (plan(bytes(changed), b"") is None) == (bytes(changed) != body)
