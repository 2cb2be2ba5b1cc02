"""Versions and encodings put together: what each default looks like on the wire."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.spec import length_bytes_of, load_spec

MESSAGE = IsoMessage(
    "0200", {2: "12345", 22: "051", 28: "C00000001", 35: "123=4", 41: "TERMID01", 52: b"\x01" * 8, 55: b"\x9f"}
)


@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        ("ascii", b"0200400004102080120005" + b"12345" + b"051C0000000105123=4TERMID01" + b"01" * 8 + b"001\x9f"),
        (
            "bcd",
            bytes.fromhex("0200 4000041020801200 05 123450 0051 43 00000001 05 123D40")
            + b"TERMID01"
            + b"\x01" * 8
            + b"\x00\x01\x9f",
        ),
        (
            "ebcdic",
            "0200".encode("cp037")
            + bytes.fromhex("4000041020801200")
            + "0512345051C0000000105123=4TERMID01".encode("cp037")
            + b"\x01" * 8
            + "001".encode("cp037")
            + b"\x9f",
        ),
    ],
)
def test_the_three_encodings_byte_for_byte(encoding: str, wire: bytes) -> None:
    codec = compile_codec(load_spec("1987", encoding), plan_after_count=1)
    for _ in range(2):
        assert codec.encode(MESSAGE) == wire
        assert codec.decode(wire) == MESSAGE


def test_what_moves_between_versions() -> None:
    by_version = {version: load_spec(version, "bcd") for version in ("1987", "1993", "2003")}
    assert [spec.fields[12].max for spec in by_version.values()] == [6, 12, 14]
    assert [spec.fields[39].max for spec in by_version.values()] == [2, 3, 4]
    assert [spec.fields[11].max for spec in by_version.values()] == [6, 6, 12]
    assert [spec.fields[22].kind for spec in by_version.values()] == ["n", "an", "b"]
    assert [49 in spec.masked for spec in by_version.values()] == [False, False, True]


def test_unknown_names() -> None:
    for base, encoding, path in (("1988", "ascii", "base"), ("1987", "utf-16", "encoding")):
        with pytest.raises(LocalMisuse) as caught:
            load_spec(base, encoding)
        assert caught.value.path == path


def test_size_of_length_fields() -> None:
    assert [length_bytes_of("text", digits) for digits in (0, 2, 3, 4)] == [0, 2, 3, 4]
    assert [length_bytes_of("bcd", digits) for digits in (0, 2, 3, 4)] == [0, 1, 2, 2]
    assert [length_bytes_of("binary", digits) for digits in (0, 2, 3, 4, 6)] == [0, 1, 2, 2, 3]


def test_names_of_elements() -> None:
    spec = load_spec("1987", "ascii")
    assert spec.name_of(41) == "terminal id"
    assert spec.name_of(192) == ""
