"""Messages to bytes and back in every dialect, by plan and by the precise way alike; every kind of broken body refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import FieldError, LocalMisuse
from protocols.iso8583 import plan_cache
from protocols.iso8583.codec import Codec, compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.overlay import parse_overlay
from protocols.iso8583.spec import load_spec
from tests.support.isomessages import CODECS, QUICK, messages

ASCII = compile_codec(load_spec("1987", "ascii"))
BCD = compile_codec(load_spec("1987", "bcd"))
PAN = "4111111111111111"


def scanned(codec: Codec, body: bytes) -> tuple[IsoMessage | None, str]:
    scan = codec.scan(body)
    return scan.message, str(scan.error or "")


@given(st.sampled_from(sorted(CODECS)), st.data())
@settings(max_examples=300)
def test_what_is_built_is_read_by_plan_and_precisely(name: str, data: st.DataObject) -> None:
    precise, quick = CODECS[name], QUICK[name]
    message = data.draw(messages(precise.spec))
    body = precise.encode(message)
    assert quick.encode(message) == body
    assert quick.encode(message) == body  # now by the plan that the first call compiled
    read = precise.decode(body, message.header)
    assert read == message
    assert quick.decode(body, message.header) == message
    assert quick.decode(body, message.header) == message


@given(st.sampled_from(sorted(CODECS)), st.data())
@settings(max_examples=300)
def test_a_damaged_body_gives_the_same_from_both_ways(name: str, data: st.DataObject) -> None:
    """One byte changed, added or lost: either the same message or the same error, and never another kind of exception."""
    precise, quick = CODECS[name], QUICK[name]
    body = bytearray(precise.encode(data.draw(messages(precise.spec))))
    for _ in range(2):
        try:
            quick.decode(bytes(body))
        except FieldError:
            pytest.fail("a good body was refused")
    place = data.draw(st.integers(0, len(body) - 1))
    kind = data.draw(st.sampled_from(["change", "insert", "remove"]))
    if kind == "change":
        body[place] = data.draw(st.integers(0, 255))
    elif kind == "insert":
        body.insert(place, data.draw(st.integers(0, 255)))
    else:
        del body[place]
    message, error = scanned(precise, bytes(body))
    for _ in range(2):
        if error:
            with pytest.raises(FieldError) as caught:
                quick.decode(bytes(body))
            assert str(caught.value) == error
            assert caught.value.partial == message
        else:
            assert quick.decode(bytes(body)) == message


@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=400), st.booleans())
@settings(max_examples=400)
def test_any_bytes_give_a_message_or_a_field_error(name: str, tail: bytes, with_head: bool) -> None:
    codec = CODECS[name]
    head = codec.encode(IsoMessage("0800", {11: "000001".zfill(codec.spec.fields[11].max)}))[: codec.spec.mti_bytes]
    body = head + tail if with_head else tail
    message, error = scanned(codec, body)
    if error:
        with pytest.raises(FieldError) as caught:
            codec.decode(body)
        assert 0 <= caught.value.offset <= len(body)
    else:
        assert message is not None
        again = codec.encode(message)
        assert codec.decode(again) == message
        assert again == body or again.upper() == body.upper()  # hex is read in both cases and written in upper


def test_plans_are_compiled_for_what_is_seen_often_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "PLAN_COUNT_MAX", 3)
    codec = compile_codec(ASCII.spec, plan_after_count=4)
    for number in (3, 4, 7, 11, 12):
        message = IsoMessage("0200", {number: "0" * codec.spec.fields[number].max})
        for turn in range(6):
            body = codec.encode(message)
            codec.decode(body)
            is_planned = turn >= 3
            assert ((number,) in codec._build_plans) == is_planned
            assert (body[4:20] in codec._parse_plans) == is_planned
    assert len(codec._build_plans) == len(codec._parse_plans) == 3


def test_counting_bitmaps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "SEEN_COUNT_MAX", 5)
    codec = compile_codec(ASCII.spec)
    for number in (3, 4, 7, 11, 12, 13, 15, 17, 18, 22):
        codec.decode(codec.encode(IsoMessage("0200", {number: "0" * codec.spec.fields[number].max})))
        assert codec._parse_plans.seen_count <= 5
        assert codec._build_plans.seen_count <= 5


def test_the_order_in_which_elements_were_put_does_not_matter() -> None:
    one = IsoMessage("0200", {4: "0" * 12, 3: "1" * 6, 2: PAN})
    other = IsoMessage("0200", dict(sorted(one.fields.items())))
    quick = compile_codec(ASCII.spec, plan_after_count=1)
    for _ in range(2):
        assert quick.encode(one) == quick.encode(other) == ASCII.encode(one)


@pytest.mark.parametrize(
    ("body", "field", "offset", "expected"),
    [
        (b"", "mti", 0, "4 bytes, 0 left"),
        (b"02", "mti", 0, "4 bytes, 2 left"),
        (b"02x0", "mti", 0, "four digits"),
        (b"\xff\xff\xff\xff", "mti", 0, "four digits"),
        (b"0200", "bitmap", 4, "16 bytes, 0 left"),
        (b"0200300000000000000g", "bitmap", 4, "16 hex characters"),
        (b"02003000 00000000000", "bitmap", 4, "16 hex characters"),
        (b"0200B000000000000000", "bitmap", 20, "16 bytes, 0 left"),
        (b"02002000000000000000", "3", 20, "6 bytes, 0 left"),
        (b"0200200000000000000012345", "3", 20, "6 bytes, 5 left"),
        (b"0200200000000000000012345x", "3", 20, "digits (n 6)"),
        (b"02002000000000000000\xb2\xb2\xb2\xb2\xb2\xb2", "3", 20, "text in ascii"),
        (b"020020000000000000001234567", "end", 26, "nothing more, 1 bytes follow"),
        (b"02004000000000000000", "2", 20, "a length of 2 bytes, 0 left"),
        (b"02004000000000000000+1", "2", 20, "a length of 2 digits"),
        (b"0200400000000000000020", "2", 20, "a length of at most 19"),
        (b"02004000000000000000164111", "2", 22, "16 bytes, 4 left"),
        (b"0200000000000000100001234567g", "52", 20, "16 bytes, 9 left"),
        (b"020000000000000010000123456789abcdeg", "52", 20, "16 hex characters"),
        (b"02000000001000000000E00000000", "29", 20, "9 bytes, 9 left"),
    ],
)
def test_what_is_said_of_a_broken_body(body: bytes, field: str, offset: int, expected: str) -> None:
    if field == "29":  # written with the wrong sign
        field, expected = "28", "the letter C or D and digits (x+n 9)"
    with pytest.raises(FieldError) as caught:
        ASCII.decode(body)
    assert (caught.value.field, caught.value.offset, caught.value.expected) == (field, offset, expected)


def test_an_error_carries_what_was_decoded_and_shows_no_card_number() -> None:
    good = ASCII.encode(IsoMessage("0200", {2: PAN, 3: "010000", 4: "000000010000", 35: f"{PAN}=2912"}))
    with pytest.raises(FieldError) as caught:
        ASCII.decode(good[:-1] + b"x", b"head")
    error = caught.value
    assert error.partial == IsoMessage("0200", {2: PAN, 3: "010000", 4: "000000010000"}, b"head")
    for text in (str(error), repr(error), repr(error.partial), error.expected):
        assert PAN not in text
        assert PAN[6:12] not in text


@pytest.mark.parametrize(
    ("mti", "number", "value", "path"),
    [
        ("02x0", 3, "000000", "mti"),
        ("020", 3, "000000", "mti"),
        ("0200", 1, "0", "fields.1"),
        ("0200", 3, "12345", "fields.3"),
        ("0200", 3, "12345x", "fields.3"),
        ("0200", 3, "１２３４５６", "fields.3"),
        ("0200", 3, b"123456", "fields.3"),
        ("0200", 2, "1" * 20, "fields.2"),
        ("0200", 41, "ABC", "fields.41"),
        ("0200", 41, "ABCDEFG円", "fields.41"),
        ("0200", 52, "12345678", "fields.52"),
        ("0200", 52, b"1234567", "fields.52"),
        ("0200", 55, "9F02", "fields.55"),
        ("0200", 28, "E00000000", "fields.28"),
        ("0200", 35, "41x", "fields.35"),
        ("0200", 129, "0", "fields.129"),
    ],
)
def test_what_cannot_be_written(mti: str, number: int, value: str | bytes, path: str) -> None:
    for codec in (ASCII, BCD):
        warm = compile_codec(codec.spec, plan_after_count=1)
        if number in codec.spec.fields:
            field = codec.spec.fields[number]
            good: str | bytes = b"x" * field.max if field.is_binary else "C" + "0" * 8 if number == 28 else "0" * field.max
            for _ in range(2):
                warm.encode(IsoMessage("0200", {number: good}))
        for one in (codec, warm):
            with pytest.raises(LocalMisuse) as caught:
                one.encode(IsoMessage(mti, {number: value}))
            assert caught.value.path == path
            assert str(value) not in str(caught.value) or len(value) < 3


def test_places_cover_the_message_without_gaps() -> None:
    body = BCD.encode(IsoMessage("0200", {2: PAN, 3: "010000", 55: b"\x82\x02\x39\x00", 70: "301"}))
    places = BCD.decode_with_offsets(body)
    assert [place.field for place in places] == ["mti", "bitmap", "2", "3", "55", "70"]
    at = 0
    for place in places:
        assert place.offset == at
        at += place.length
    assert at == len(body)


def test_a_scan_keeps_what_came_before_the_error() -> None:
    body = ASCII.encode(IsoMessage("0200", {3: "010000", 4: "000000010000"}))[:-1]
    scan = ASCII.scan(body)
    assert [place.field for place in scan.places] == ["mti", "bitmap", "3"]
    assert scan.error is not None
    assert scan.message == IsoMessage("0200", {3: "010000"})
    assert ASCII.scan(b"x").message is None


def overlaid(text: str) -> Codec:
    return compile_codec(load_spec("1987", "ascii", parse_overlay(text)), plan_after_count=1)


def test_a_third_map_right_after_the_second() -> None:
    codec = overlaid('[message]\nthird_bitmap = "contiguous"\n[fields.130]\nkind = "n"\nmax = 3\nlength = "fixed"')
    message = IsoMessage("0200", {3: "010000", 130: "123"})
    body = codec.encode(message)
    assert body == b"0200" + b"A000000000000000" + b"8000000000000000" + b"4000000000000000" + b"010000" + b"123"
    for _ in range(3):
        assert codec.decode(body) == message
    with pytest.raises(FieldError, match="third map"):
        codec.decode(body.replace(b"4000000000000000", b"0000000000000000"))
    with pytest.raises(LocalMisuse):
        codec.encode(IsoMessage("0200", {65: b"1"}))


def test_a_third_map_inside_an_element() -> None:
    codec = overlaid('[message]\nthird_bitmap = "in-element 65"\n[fields.192]\nkind = "ans"\nmax = 9\nlength = "LL"')
    message = IsoMessage("0200", {3: "010000", 70: "301", 192: "last"})
    body = codec.encode(message)
    assert body == b"0200A0000000000000008400000000000000010000" + b"0000000000000001" + b"301" + b"04last"
    for _ in range(3):
        assert codec.decode(body) == message
    assert [place.field for place in codec.decode_with_offsets(body)] == ["mti", "bitmap", "3", "65", "70", "192"]
    with pytest.raises(FieldError):
        codec.decode(body.replace(b"0000000000000001", b"8000000000000001"))
