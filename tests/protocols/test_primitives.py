"""Packed digits, EBCDIC, hex and the LRC, against Python's own tables and worked examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalMisuse
from protocols.primitives import CP037, CP1047, decode_text, encode_text, hex_to_bytes, lrc, pack_bcd, unpack_bcd

digits = st.text("0123456789", max_size=30)


@given(digits, st.sampled_from(["left", "right"]), st.sampled_from("0F"))
def test_packing_is_undone_by_the_count(text: str, side: str, nibble: str) -> None:
    packed = pack_bcd(text, pad_side=side, pad_nibble=nibble)
    assert len(packed) == (len(text) + 1) // 2
    assert unpack_bcd(packed, len(text), pad_side=side) == text


def test_packing_worked_examples() -> None:
    assert pack_bcd("858") == b"\x08\x58"
    assert pack_bcd("858", pad_side="right") == b"\x85\x80"
    assert pack_bcd("858", pad_side="right", pad_nibble="F") == b"\x85\x8f"
    assert unpack_bcd(b"\x08\x58") == "0858"


@pytest.mark.parametrize("text", ["12 4", "1g", "１２"])
def test_what_is_no_digit_is_not_packed(text: str) -> None:
    with pytest.raises(LocalMisuse):
        pack_bcd(text)


def test_a_count_must_fill_the_bytes() -> None:
    with pytest.raises(LocalMisuse):
        unpack_bcd(b"\x12\x34", 2)


def test_page_037_is_that_of_python() -> None:
    assert bytes(range(256)).decode("cp037") == CP037


def test_page_1047_differs_in_six_places() -> None:
    differing = {place: CP1047[place] for place in range(256) if CP037[place] != CP1047[place]}
    assert differing == {0x5F: "^", 0xAD: "[", 0xB0: "¬", 0xBA: "Ý", 0xBB: "¨", 0xBD: "]"}
    assert sorted(CP1047) == sorted(CP037) == sorted(map(chr, range(256)))


@given(st.binary(), st.sampled_from(["cp037", "cp1047", "latin-1"]))
def test_tables_are_bijections(data: bytes, charset: str) -> None:
    assert encode_text(decode_text(data, charset), charset) == data


def test_what_a_table_lacks_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_text("円", "cp037")
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\x80", "ascii")


def test_hex_takes_no_blanks() -> None:
    assert hex_to_bytes("00fF") == b"\x00\xff"
    for text in ("0 0f", "0", "0g"):
        with pytest.raises(ValueError, match="hex"):
            hex_to_bytes(text)


def test_lrc() -> None:
    assert lrc(b"") == 0
    assert lrc(b"\x01\x02\x04\x04") == 3
