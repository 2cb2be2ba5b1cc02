"""One element at a time: what lengths count, which way odd digits are padded, and which characters a kind allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import FieldError, LocalMisuse
from protocols.iso8583.elements import compile_can_write, read_field, write_field, write_length
from protocols.iso8583.message import Value
from protocols.iso8583.overlay import parse_overlay
from protocols.iso8583.spec import FieldSpec, load_spec
from tests.support.isomessages import SPECS, values


def field_of(text: str, number: int = 2, encoding: str = "bcd") -> FieldSpec:
    return load_spec("1987", encoding, parse_overlay(f"[fields.{number}]\n{text}")).fields[number]


def both_ways(field: FieldSpec, value: Value, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert write_field(field, value) == data
    assert read_field(field, b"\0" + data, 1) == (value, 1 + len(data))


ON_THE_WIRE: list[tuple[str, Value, str]] = [
    ("", "123", "03 1230"),
    ("", "", "00"),
    ('pad_side = "left"', "123", "03 0123"),
    ('pad_nibble = "F"', "123", "03 123F"),
    ('length_counts = "bytes"', "1230", "02 1230"),
    ('length_counts = "bytes"\npad_nibble = "F"', "123", "02 123F"),
    ('length_counts = "bytes"\npad_nibble = "F"\npad_side = "left"', "123", "02 F123"),
    ('length_counts = "inclusive"', "1230", "03 1230"),
    ('length_encoding = "binary"', "123", "03 1230"),
    ('length_encoding = "ascii"', "123", "3033 1230"),
    ('length_encoding = "ebcdic"', "123", "F0F3 1230"),
    ('length = "LLL"', "123", "0003 1230"),
    ('length = "LLL"\nlength_pad_side = "right"', "123", "0030 1230"),
    ('length = "L"\nmax = 9\nlength_encoding = "hex"', "123", "33 1230"),
    ('length = "fixed"\nmax = 3', "858", "0858"),
    ('length = "fixed"\nmax = 3\npad_side = "right"', "858", "8580"),
    ('kind = "z"', "12=34", "05 12D340"),
    ('kind = "z"', ";12=3?", "06 B12D3F"),
    ('kind = "z"\ntrack_nibbles = "ABCDEF"', "12D34", "05 12D340"),
    ('kind = "x+n"\nlength = "fixed"\nmax = 9', "D00000150", "44 00000150"),
    ('kind = "x+n"', "C123", "04 43 1230"),
    ('kind = "b"\nencoding = "hex"\nlength_encoding = "ascii"', b"\xab\xcd", "3032 41424344"),
    ('kind = "b"\nencoding = "hex"\nlength_encoding = "ascii"\nlength_counts = "bytes"', b"\xab\xcd", "3034 41424344"),
    ('kind = "ans"\nencoding = "utf-8"', "äb", "02 C3A462"),
    ('kind = "ans"\nencoding = "utf-8"\nlength_counts = "bytes"', "äb", "03 C3A462"),
    ('kind = "ans"\nencoding = "utf-8"\nlength = "fixed"\nmax = 3\nlength_counts = "bytes"', "äb", "C3A462"),
    ('kind = "ans"\nencoding = "utf-8"\nlength = "fixed"\nmax = 2', "äb", "C3A462"),
    ('kind = "ans"\nencoding = "cp1047"', "[]", "02 ADBD"),
    ('kind = "ans"\nencoding = "cp037"', "[]", "02 BABB"),
    ('kind = "ans"\nencoding = "latin-1"', "é", "01 E9"),
]


@pytest.mark.parametrize(("entry", "value", "wire"), ON_THE_WIRE)
def test_on_the_wire(entry: str, value: Value, wire: str) -> None:
    both_ways(field_of(entry), value, wire)


@given(st.sampled_from(sorted({entry for entry, _, _ in ON_THE_WIRE})), st.binary(max_size=30), st.data())
@settings(max_examples=500)
def test_any_bytes_give_a_value_that_is_written_the_same_or_a_field_error(entry: str, tail: bytes, data: st.DataObject) -> None:
    """Half of the time after a length that is right, or random bytes would rarely get past it."""
    field = field_of(entry)
    wire = tail
    if field.length_digits and data.draw(st.booleans()):
        wire = write_length(field, data.draw(st.integers(0, min(9, field.max)))) + tail
    try:
        value, end = read_field(field, wire, 0)
    except FieldError:
        return
    written = write_field(field, value)
    assert written == wire[:end] or written == wire[:end].upper()  # hex is read in both cases and written in upper


def test_a_track_separator_may_be_given_as_either_sign() -> None:
    field = field_of('kind = "z"')
    assert write_field(field, "12D34") == write_field(field, "12=34")
    letters = field_of('kind = "z"\ntrack_nibbles = "ABCDEF"')
    assert write_field(letters, "12=34") == write_field(letters, "12D34")


def test_packed_digits_counted_in_bytes_keep_a_zero_that_may_be_a_pad() -> None:
    """Nineteen digits in ten bytes: nothing tells the pad from a digit, and the same bytes come out again."""
    field = field_of('length_counts = "bytes"')
    value, _ = read_field(field, b"\x10" + b"\x12" * 9 + b"\x30", 0)
    assert value == "12" * 9 + "30"
    assert write_field(field, value) == b"\x10" + b"\x12" * 9 + b"\x30"


@pytest.mark.parametrize(
    ("entry", "wire", "expected"),
    [
        ("", "03 1231", "the pad nibble 0 on the right"),
        ('pad_nibble = "F"', "03 1230", "the pad nibble F on the right"),
        ('pad_side = "left"', "03 1123", "the pad nibble 0 on the left"),
        ("", "02 1A", "digits (n ..19)"),
        ("", "1A 12", "a length of 2 digits"),
        ("", "20 12", "a length of at most 19"),
        ("", "04 12", "2 bytes, 1 left"),
        ('kind = "x+n"\nlength = "fixed"\nmax = 9', "45 00000150", "the letter C or D and digits (x+n 9)"),
        ('length_counts = "inclusive"', "00", "a length of at least 1, for it counts itself"),
        ('length_counts = "bytes"', "11" + "12" * 11, "n ..19"),
        ('kind = "z"\ntrack_nibbles = ":;<=>D"', "02 1D", ""),
        ('length = "LLL"\nlength_pad_side = "right"', "0031 1230", "a length padded with 0 on the right"),
        ('kind = "b"\nencoding = "hex"\nlength_encoding = "ascii"', "3031 4120", "2 hex characters"),
        ('length = "L"\nmax = 9\nlength_encoding = "hex"', "47 1230", "a length of 1 hex characters"),
        ('kind = "ans"\nencoding = "utf-8"', "02 C3", "3 bytes, 1 left"),
        ('kind = "ans"\nencoding = "utf-8"', "01 80", "text in utf-8"),
        ('kind = "ans"\nencoding = "utf-8"', "01 F0808080", "text in utf-8"),
    ],
)
def test_what_is_refused(entry: str, wire: str, expected: str) -> None:
    field = field_of(entry)
    if not expected:  # read well: the nibble stands for itself
        assert read_field(field, bytes.fromhex(wire), 0)[0] == "1="
        return
    with pytest.raises(FieldError) as caught:
        read_field(field, bytes.fromhex(wire), 0)
    assert (caught.value.field, caught.value.expected) == ("2", expected)


def test_track_text_keeps_the_separator_as_it_came() -> None:
    field = load_spec("1987", "ascii").fields[35]
    for text in ("41=29", "41D29", ";41=29?"):
        assert read_field(field, write_field(field, text), 0)[0] == text
    with pytest.raises(LocalMisuse):
        write_field(field, "41 29")


def test_a_length_without_room() -> None:
    field = field_of("")
    assert write_length(field, 99) == b"\x99"
    with pytest.raises(LocalMisuse, match="no room"):
        write_length(field, 100)
    with pytest.raises(LocalMisuse, match="no room"):
        write_length(field_of('length_encoding = "binary"'), 256)


@given(st.sampled_from(sorted(SPECS)), st.data())
@settings(max_examples=400)
def test_what_can_be_written_is_what_write_field_takes(name: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(list(SPECS[name].fields.values())))
    value = data.draw(st.one_of(values(field), st.text(max_size=12), st.binary(max_size=12)))
    edge = data.draw(st.sampled_from(["", "A" * field.max, "A" * (field.max + 1), None]))
    for one in (value, value if edge is None else edge):
        try:
            write_field(field, one)
            is_written = True
        except LocalMisuse:
            is_written = False
        assert compile_can_write(field)(one) is is_written


@pytest.mark.parametrize(
    "text", ['length_counts = "bytes"', "length_counts = 'inclusive'\nlength = 'LL'\nmax = 99", 'kind = "n"']
)
@pytest.mark.parametrize("encoding", ["ascii", "ebcdic"])
@pytest.mark.parametrize("value", ["", "A" * 25, "A" * 26, "A" * 98, "\xe9" * 13, "\xe9" * 25, "\u0416"])
def test_what_can_be_written_where_lengths_count_otherwise(text: str, encoding: str, value: str) -> None:
    field = field_of(text, 44, encoding)
    try:
        is_written = bool(write_field(field, value))
    except LocalMisuse:
        is_written = False
    assert compile_can_write(field)(value) is is_written
