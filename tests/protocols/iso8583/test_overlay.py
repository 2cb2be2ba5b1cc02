"""Every wrong item of an overlay is named with its path, all of them at once; every shipped overlay is right."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.iso8583.overlay import load_overlay, overlay_problems, parse_overlay
from protocols.iso8583.spec import load_spec
from tests.support.isomessages import DIALECTS, SPECS

WRONG = """
base = "1993"
colour = "red"
masked = ["48"]
[message]
mti = "roman"
bitmap = "base64"
bitmap_form = "sometimes"
third_bitmap = "in-element 200"
charset = "utf-7"
length = "long"
digits = "hex"
fixed_binary = "bcd"
variable_binary = 1
speed = 9
[fields]
1 = {max = 8}
129 = {max = 8}
x = {}
3 = "six"
130 = {max = 8}
[fields.35]
max = 0
length = "LLLLLLL"
kind = "q"
name = 3
encoding = "morse"
length_encoding = "morse"
length_bytes = -1
length_counts = "sheep"
length_pad_side = "up"
pad_side = "middle"
pad_nibble = "G"
track_nibbles = "AAAAAA"
used = "yes"
size = 3
"""


def test_all_mistakes_at_once_with_their_paths() -> None:
    paths = [problem.path for problem in overlay_problems("1987", "ascii", parse_overlay(WRONG))]
    message = ["mti", "bitmap", "bitmap_form", "third_bitmap", "charset", "length", "digits", "fixed_binary", "speed"]
    field = ["max", "length", "kind", "name", "encoding", "length_encoding", "length_bytes", "length_counts"]
    field += ["length_pad_side", "pad_side", "pad_nibble", "track_nibbles", "used", "size"]
    expected = {"base", "colour", "masked", "message.variable_binary"}
    expected |= {f"message.{name}" for name in message} | {f"fields.35.{name}" for name in field}
    expected |= {"fields.1", "fields.129", "fields.x", "fields.3", "fields.130"}
    assert set(paths) == expected
    with pytest.raises(LocalMisuse) as caught:
        load_spec("1987", "ascii", parse_overlay(WRONG))
    assert caught.value.path in expected


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ('encoding = "raw"', "encoding"),
        ('kind = "b"\nencoding = "bcd"', "encoding"),
        ('kind = "ans"\nencoding = "bcd"', "encoding"),
        ('length = "fixed"\nlength_bytes = 1', "length_bytes"),
        ('length = "fixed"\nlength_counts = "inclusive"', "length_counts"),
        ('length = "fixed"\nencoding = "bcd"\nlength_counts = "bytes"', "length_counts"),
        ("length_bytes = 3", "length_bytes"),
        ('length_encoding = "bcd"\nlength_bytes = 0', "length_bytes"),
        ('pad_nibble = "F"\nkind = "n"', "pad_nibble"),
        ("max = 100", "max"),
        ('length_encoding = "binary"\nmax = 256', "max"),
        ('length_encoding = "hex"\nlength = "L"\nmax = 16', "max"),
    ],
)
def test_contradictions(entry: str, key: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        load_spec("1987", "ascii", parse_overlay(f"[fields.35]\n{entry}"))
    assert caught.value.path == f"fields.35.{key}"


def test_the_order_of_keys_does_not_matter() -> None:
    one = load_spec("1987", "ascii", parse_overlay('[fields.35]\nencoding = "bcd"\nkind = "n"\nlength = "LLL"\nmax = 500'))
    other = load_spec("1987", "ascii", parse_overlay('[fields.35]\nmax = 500\nlength = "LLL"\nkind = "n"\nencoding = "bcd"'))
    assert one == other


def test_not_toml_names_the_line() -> None:
    with pytest.raises(LocalMisuse, match="line 2"):
        parse_overlay("a = 1\nb = = 2\n")


def test_an_element_can_be_taken_away() -> None:
    spec = load_spec("1987", "ascii", parse_overlay("[fields.45]\nused = false"))
    assert 45 not in spec.fields


def test_an_overlay_that_stands_alone_names_version_and_encoding() -> None:
    for text, path in (('encoding = "ascii"', "base"), ('base = "1987"', "encoding")):
        with pytest.raises(LocalMisuse) as caught:
            load_overlay(text)
        assert caught.value.path == path


@pytest.mark.parametrize("name", sorted(SPECS))
def test_shipped_overlays(name: str) -> None:
    overlay = parse_overlay((DIALECTS / f"{name}.toml").read_text("utf-8"))
    spec = SPECS[name]
    assert overlay_problems(spec.version, spec.encoding, overlay) == []
    assert overlay["description"]


def test_every_version_in_every_encoding_is_shipped() -> None:
    found = {(spec.version, spec.encoding) for spec in SPECS.values()}
    assert found == {(version, encoding) for version in ("1987", "1993", "2003") for encoding in ("ascii", "bcd", "ebcdic")}
