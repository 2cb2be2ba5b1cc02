"""Every foreign message decodes to what its source says and comes out again byte for byte, or is refused where it is broken.

The table below says which dialect each one is written in. Where a source's own samples mix encodings, the difference from a
shipped dialect stands here as an overlay. `EXCEPTIONS` are the deliberate ones; the last test prints them with their reasons.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocols.errors import FieldError
from protocols.iso8583.codec import Codec, compile_codec
from protocols.iso8583.message import Value
from protocols.iso8583.overlay import load_overlay, parse_overlay
from protocols.iso8583.spec import load_spec
from protocols.iso8583.tlv import build_tlv, find, parse_tlv

HERE = Path(__file__).parent
DIALECTS = HERE.parents[2] / "config" / "dialects"
VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: vector for vector in json.loads((HERE / "vectors" / "iso8583.json").read_text("utf-8"))
}

# An overlay on 1987 ASCII, for samples that mix encodings within one message.
_OVERLAYS = {
    "text-55": '[fields.55]\nkind = "ans"',
    "ebcdic-42": '[fields.42]\nencoding = "cp037"',
    "fee-of-8": "[fields.28]\nmax = 8",
    "bcd-length-right": '[fields.48]\nlength_encoding = "bcd"\nlength_pad_side = "right"',
    "bcd-length-left": '[fields.48]\nlength_encoding = "bcd"',
    "hex-length": '[fields.32]\nlength = "L"\nlength_encoding = "hex"',
    "packed-times": "\n".join(f'[fields.{number}]\nencoding = "bcd"' for number in (7, 11, 12)),
    "ebcdic-track": '[fields.35]\nencoding = "cp037"\ntrack_nibbles = "ABCDEF"',
    "moov-mixed": """
        [message]
        bitmap = "raw"
        fixed_binary = "raw"
        [fields.19]
        encoding = "bcd"
        [fields.49]
        kind = "n"
        encoding = "bcd"
        pad_side = "right"
    """,
    "raw-map": '[message]\nbitmap = "raw"',
    "utf-8": '[message]\ncharset = "utf-8"\n[fields.41]\nmax = 16',
    "llll": """
        [fields.2]
        kind = "ans"
        max = 999
        length = "LLLL"
        [fields.3]
        kind = "b"
        max = 999
        length = "LLLL"
        encoding = "hex"
        length_counts = "bytes"
    """,
}

_DIALECT_OF = (
    dict.fromkeys(("v206", "v209", "v213", "v214", "v215", "v216"), "text-55")
    | {"v217": "ebcdic-42", "v218": "fee-of-8", "v222": "fee-of-8", "v219": "bcd-length-right", "v221": "bcd-length-left"}
    | {"v220": "hex-length", "v223": "packed-times", "v226": "ebcdic-track", "v227": "ebcdic-track"}
    | {"v229": "moov-mixed", "v230": "raw-map", "v312": "utf-8", "v325": "llll"}
    | {f"v{number}": "base1-always128" for number in range(233, 243)}
    | {"v323": "faster-payments", "v324": "faster-payments"}
)

# Where a header precedes the message type, its bytes.
_HEADER_BYTES = {"v312": 12}

# Blanks that a text file has behind its last element; they are no part of the message.
_TRAILING_BYTES = {"v312": 102}

# Broken on purpose, with the element at fault.
REFUSED = {"v206": "55", "v218": "28", "v226": "35", "v230": "3"}

# What is not taken as the source has it: vector, reason.
EXCEPTIONS = {
    "v211": "accepted, though it lacks an element that its type wants: what a type must have is the profile's rule",
    "v212": "accepted, though it has an element that its type does not want: as above",
    "v312": "ends with 102 blanks after its last element, which the source's parser ignores: refused with them, read without",
    "v213": "accepted, though it holds a date that no calendar has (DE 13 0990): translation checks dates",
}


def codec_of(name: str) -> Codec:
    vector = _DIALECT_OF.get(name, "1987-ascii")
    if vector in _OVERLAYS:
        return compile_codec(load_spec("1987", "ascii", parse_overlay(_OVERLAYS[vector])))
    return compile_codec(load_overlay((DIALECTS / f"{vector}.toml").read_text("utf-8")))


def split(name: str) -> tuple[bytes, bytes]:
    data = bytes.fromhex(VECTORS[name]["hex"])
    count = _HEADER_BYTES.get(name, 0)
    end = len(data) - _TRAILING_BYTES.get(name, 0)
    return data[:count], data[count:end]


def agrees(expected: object, value: Value) -> bool:
    """Sources print numbers without leading zeros, text without its blanks, binaries as hex and DE 55 and 43 in parts."""
    if isinstance(expected, dict):
        if "hex" in expected:
            return isinstance(value, bytes) and value == bytes.fromhex(expected["hex"])
        if isinstance(value, str):  # DE 43 in positional parts
            return "".join(value.split()) == "".join("".join(expected.values()).split())
        items = parse_tlv(value)
        assert build_tlv(items) == value
        found = {tag: find(items, tag) for tag in expected}
        return all(inside is not None and agrees(expected[tag], inside) for tag, inside in found.items())
    text = str(expected).strip()
    if isinstance(value, bytes):
        return value.decode("latin-1") == text or value.hex().lstrip("0") == text.lstrip("0")
    return value == expected or value.strip() == text or value.lstrip("0") == text.lstrip("0")


@pytest.mark.parametrize("name", sorted(set(VECTORS) - set(REFUSED)))
def test_decodes_as_expected_and_comes_out_again_byte_for_byte(name: str) -> None:
    header, body = split(name)
    codec = codec_of(name)
    message = codec.decode(body, header)
    assert message.mti == VECTORS[name]["expected_mti"]
    for number, expected in VECTORS[name]["expected_fields"].items():
        assert agrees(expected, message.fields[int(number)]), number
    if VECTORS[name]["expected_fields"]:
        assert {str(number) for number in message.fields} == set(VECTORS[name]["expected_fields"])
    assert codec.encode(message) == body
    assert message.header == header


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_malformed_ones_are_refused_naming_the_element_and_keeping_what_came_before(name: str) -> None:
    _, body = split(name)
    with pytest.raises(FieldError) as caught:
        codec_of(name).decode(body)
    assert caught.value.field == REFUSED[name]
    assert caught.value.partial.mti == VECTORS[name]["expected_mti"]
    for number, expected in VECTORS[name]["expected_fields"].items():
        assert agrees(expected, caught.value.partial.fields[int(number)])


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_a_compiled_plan_agrees_with_the_precise_way(name: str) -> None:
    _, body = split(name)
    codec = codec_of(name)
    quick = compile_codec(codec.spec, plan_after_count=1)
    precise = codec.scan(body)
    for _ in range(2):
        if precise.error is None:
            message = quick.decode(body)
            assert message == precise.message
            assert quick.encode(message) == body
        else:
            with pytest.raises(FieldError) as caught:
                quick.decode(body)
            assert str(caught.value) == str(precise.error)


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_cut_short_anywhere_it_is_refused(name: str) -> None:
    _, body = split(name)
    codec = codec_of(name)
    for count in range(len(body)):
        with pytest.raises(FieldError):
            codec.decode(body[:count])
    with pytest.raises(FieldError):
        codec.decode(body + b"\0")


def test_what_the_text_of_netcore_says() -> None:
    """v312 counts characters, not bytes: the accents of two bytes prove it."""
    header, body = split("v312")
    fields = codec_of("v312").decode(body, header).fields
    assert (fields[41], fields[60], fields[100]) == ("614209027600TéST", "B123P®O1+000", "123")
    assert len(body.decode("utf-8")) < len(body)


def test_blanks_behind_the_last_element_are_refused() -> None:
    _, body = split("v312")
    assert set(bytes.fromhex(VECTORS["v312"]["hex"])[12 + len(body) :]) == {0x20}
    with pytest.raises(FieldError, match="field end at offset 286: expected nothing more, 102 bytes follow"):
        codec_of("v312").decode(body + b" " * 102)


def test_nothing_is_left_out_and_the_exceptions_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    named = {name for name, vector in VECTORS.items() if "malformed" in vector["expected_outcome"]}
    assert named - set(REFUSED) == set(EXCEPTIONS) - set(_TRAILING_BYTES)
    assert set(REFUSED) <= named | {"v230"}
    with capsys.disabled():
        print(f"\nISO 8583 vectors: {len(VECTORS) - len(REFUSED)} decoded and rebuilt, {len(REFUSED)} refused as malformed")
        for name, field in sorted(REFUSED.items()):
            print(f"  {name} refused at element {field}: {VECTORS[name]['source_ref']}")
        for name, reason in sorted(EXCEPTIONS.items()):
            print(f"  {name} ({VECTORS[name]['source_ref']}) {reason}")
