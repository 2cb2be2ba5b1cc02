"""Maps of 64 bits: which elements they name, the forms they take, and the flag that only the encoder sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError
from protocols.iso8583.bitmap import bits_of, numbers_of, read_bitmaps, write_bitmaps
from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.overlay import parse_overlay
from protocols.iso8583.spec import Spec, load_spec


def spec_of(form: str, written: str = "raw", third: str = "none") -> Spec:
    text = f'[message]\nbitmap = "{written}"\nbitmap_form = "{form}"\nthird_bitmap = "{third}"'
    return load_spec("1987", "ascii", parse_overlay(text))


forms = st.sampled_from(["minimal", "always-128", "always-128-flagged"])
writings = st.sampled_from(["raw", "hex-ascii", "hex-ebcdic"])


@given(forms, writings, st.sampled_from(["none", "contiguous"]), st.sets(st.integers(2, 192)), st.booleans())
def test_what_is_written_is_read(form: str, written: str, third: str, numbers: set[int], wide: bool) -> None:
    numbers -= {65, 129} if third == "contiguous" else set(range(129, 193))
    spec = spec_of(form, written, third)
    data = write_bitmaps(spec, numbers, wide)
    maps = read_bitmaps(spec, data, 0)
    assert maps.numbers == tuple(sorted(numbers))
    assert maps.end == len(data)
    assert write_bitmaps(spec, maps.numbers, maps.wide) == data


@given(st.sets(st.integers(65, 128)))
def test_bits_and_numbers(numbers: set[int]) -> None:
    assert numbers_of(bits_of(numbers, 65), 65) == sorted(numbers)


@pytest.mark.parametrize(
    ("form", "numbers", "wide", "wire"),
    [
        ("minimal", {2}, False, "4000000000000000"),
        ("minimal", {2}, True, "C0000000000000000000000000000000"),
        ("minimal", {2, 70}, False, "C0000000000000000400000000000000"),
        ("always-128", {2, 70}, False, "40000000000000000400000000000000"),
        ("always-128", {2, 70}, True, "C0000000000000000400000000000000"),
        ("always-128-flagged", {2}, False, "C0000000000000000000000000000000"),
    ],
)
def test_forms(form: str, numbers: set[int], wide: bool, wire: str) -> None:
    assert write_bitmaps(spec_of(form), numbers, wide).hex().upper() == wire
    assert read_bitmaps(spec_of(form), bytes.fromhex(wire), 0) == (tuple(sorted(numbers)), len(wire) // 2, wide)


def test_the_flag_is_wanted_where_the_dialect_says_so() -> None:
    with pytest.raises(FieldError, match="bit 1"):
        read_bitmaps(spec_of("always-128-flagged"), bytes(16), 0)


def test_hex_is_read_in_both_cases_and_written_in_upper() -> None:
    spec = spec_of("minimal", "hex-ascii")
    assert read_bitmaps(spec, b"7a00000000000000", 0).numbers == (2, 3, 4, 5, 7)
    assert write_bitmaps(spec, (2, 3, 4, 5, 7), False) == b"7A00000000000000"


def test_a_flag_without_a_second_map_is_an_error_that_names_the_place() -> None:
    with pytest.raises(FieldError) as caught:
        read_bitmaps(spec_of("minimal"), b"\xff" * 12, 0)
    assert (caught.value.field, caught.value.offset) == ("bitmap", 8)


def test_a_peers_needless_second_map_comes_out_again() -> None:
    codec = compile_codec(spec_of("minimal"), plan_after_count=1)
    body = b"0800" + bytes.fromhex("8020000000000000" + "00" * 8) + b"123456"
    for _ in range(3):
        message = codec.decode(body)
        assert message.wide
        assert codec.encode(message) == body
    assert codec.encode(IsoMessage("0800", message.fields)) == b"0800" + bytes.fromhex("0020000000000000") + b"123456"
