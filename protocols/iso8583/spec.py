"""A dialect as frozen values: how each data element, the type and the bitmaps are written on one link.

Owns `Spec` and `FieldSpec`, and `load_spec`, which puts them together from a version's table, an encoding and an overlay. It
must never read a file (an overlay is handed in as parsed values) nor a message. The trap: a dialect is checked here, once, at
start; the codec trusts every value below and would write nonsense from a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from protocols.errors import LocalMisuse
from protocols.iso8583.fields import SENSITIVE, SENSITIVE_2003, TABLES, Row

Kind: TypeAlias = Literal["n", "an", "ans", "anp", "ns", "z", "x+n", "b"]
Charset: TypeAlias = Literal["ascii", "latin-1", "utf-8", "cp037", "cp1047"]
Written: TypeAlias = Literal["text", "bcd", "raw", "hex"]
LengthWritten: TypeAlias = Literal["text", "bcd", "binary", "hex"]
Counts: TypeAlias = Literal["units", "bytes", "inclusive"]
Digits: TypeAlias = Literal["text", "bcd"]
Binary: TypeAlias = Literal["raw", "hex"]
Side: TypeAlias = Literal["left", "right"]
BitmapWritten: TypeAlias = Literal["raw", "hex-ascii", "hex-ebcdic"]
BitmapForm: TypeAlias = Literal["minimal", "always-128", "always-128-flagged"]

EBCDIC = frozenset({"cp037", "cp1047"})
LENGTH_NAMES = {"fixed": 0, "L": 1, "LL": 2, "LLL": 3, "LLLL": 4, "LLLLL": 5, "LLLLLL": 6}
TRACK_NIBBLES = ":;<=>?"  # what the nibbles A to F stand for in packed track data


class FieldSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One data element on the wire.

    `max` counts digits, characters (the letter of x+n included) or bytes of a binary: the element's units. `length_digits`
    is 0 for a fixed element, which always has `max` units. `length_counts` says what the length in front of the value
    tells: units, bytes of the value as written, or those bytes and its own (inclusive).
    """

    number: int
    name: str
    kind: Kind
    max: int
    length_digits: int
    written: Written
    charset: Charset  # of text, of the letter of x+n, of hex characters
    length_written: LengthWritten
    length_charset: Charset
    length_bytes: int
    length_counts: Counts = "units"
    length_pad_side: Side = "left"  # of an odd number of packed length digits, filled with 0
    pad_side: Side = "left"
    pad_nibble: str = "0"
    track_nibbles: str = TRACK_NIBBLES

    @property
    def is_binary(self) -> bool:
        return self.kind == "b"

    @property
    def describes(self) -> str:
        """The kind of content in words, for errors."""
        return f"{self.kind} {'' if self.length_digits == 0 else '..'}{self.max}"


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect, ready for `compile_codec`."""

    version: str  # 1987 | 1993 | 2003
    encoding: str  # ascii | bcd | ebcdic
    mti_written: Literal["text", "bcd"]
    mti_charset: Charset
    bitmap_written: BitmapWritten
    bitmap_form: BitmapForm
    third_bitmap: int  # 0 none, 1 contiguous, else the number of the element that holds it
    fields: dict[int, FieldSpec]
    masked: frozenset[int]

    @property
    def mti_bytes(self) -> int:
        return 2 if self.mti_written == "bcd" else 4

    @property
    def map_bytes(self) -> int:
        """Bytes of one bitmap of 64 bits."""
        return 8 if self.bitmap_written == "raw" else 16

    @property
    def number_max(self) -> int:
        return 192 if self.third_bitmap else 128

    def name_of(self, number: int) -> str:
        field = self.fields.get(number)
        return field.name if field else ""


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What an encoding means for elements that no overlay mentions. Every word here can be overridden by `[message]`."""

    mti: str
    bitmap: BitmapWritten
    charset: Charset
    length: LengthWritten
    digits: Digits
    fixed_binary: Binary
    variable_binary: Binary
    bitmap_form: BitmapForm = "minimal"


# In ASCII a fixed binary is hex text (PIN block, MAC) and a variable one raw (field 55), as jPOS and most ATM switches do it.
ENCODINGS: dict[str, Defaults] = {
    "ascii": Defaults(
        mti="ascii",
        bitmap="hex-ascii",
        charset="ascii",
        length="text",
        digits="text",
        fixed_binary="hex",
        variable_binary="raw",
    ),
    "bcd": Defaults(
        mti="bcd", bitmap="raw", charset="ascii", length="bcd", digits="bcd", fixed_binary="raw", variable_binary="raw"
    ),
    "ebcdic": Defaults(
        mti="cp037",
        bitmap="raw",
        charset="cp037",
        length="text",
        digits="text",
        fixed_binary="raw",
        variable_binary="raw",
    ),
}

# Tracks 1 and 3 stay text even where digits are packed; track 2 is packed.
_TEXT_IN_BCD = frozenset({36, 45})


def length_bytes_of(written: LengthWritten, digits: int) -> int:
    """Bytes of a length field of `digits` digits: packed two to a byte; binary enough for the number (LLLL: two)."""
    if written in ("text", "hex") or digits == 0:
        return digits
    if written == "bcd":
        return (digits + 1) // 2
    return 1 if digits <= 2 else 2 if digits <= 4 else 3


def field_from_row(row: Row, defaults: Defaults) -> FieldSpec:
    """A standard element in an encoding's usual form."""
    digits = LENGTH_NAMES[row.length]
    is_packed = defaults.digits == "bcd" and row.kind in ("n", "z", "x+n") and row.number not in _TEXT_IN_BCD
    written: Written = "bcd" if is_packed else "text"
    if row.kind == "b":
        written = defaults.variable_binary if digits else defaults.fixed_binary
    return FieldSpec(
        number=row.number,
        name=row.name,
        kind=msgspec.convert(row.kind, Kind),
        max=row.max,
        length_digits=digits,
        written=written,
        charset=defaults.charset,
        length_written=defaults.length,
        length_charset=defaults.charset,
        length_bytes=length_bytes_of(defaults.length, digits),
        # An odd fixed number is padded left (858 as 08 58), an odd variable one right, as in jPOS 87 and erl8583.
        pad_side="right" if digits else "left",
    )


def load_spec(base: str, encoding: str, overlay: Mapping[str, object] | None = None) -> Spec:
    """The dialect of version `base` (1987, 1993, 2003) in `encoding` (ascii, bcd, ebcdic), changed by `overlay`.

    `overlay` has the shape that `parse_overlay` returns: see `protocols/iso8583/overlay.py`. Its own `base` and `encoding`
    keys, if there, must agree. Raises LocalMisuse with the path of the first wrong item; `overlay_problems` lists them all.
    """
    from protocols.iso8583.overlay import apply_overlay  # it is made of the classes above

    if base not in TABLES:
        raise LocalMisuse(f"one of {', '.join(TABLES)}", "base")
    if encoding not in ENCODINGS:
        raise LocalMisuse(f"one of {', '.join(ENCODINGS)}", "encoding")
    spec, problems = apply_overlay(base, encoding, overlay or {})
    if problems:
        raise problems[0]
    return spec


def sensitive_fields(version: str) -> frozenset[int]:
    return SENSITIVE | SENSITIVE_2003 if version == "2003" else SENSITIVE
