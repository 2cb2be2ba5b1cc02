"""What one network does differently from the standard, read from a TOML overlay and checked to the last key.

Owns the shape of an overlay and every message about a wrong one. It must never read a file: the text is handed in. The shape:

    base = "1987"                 # version of the tables
    encoding = "ascii"            # ascii | bcd | ebcdic: the usual form of everything below
    masked = [48, 62]             # further elements that tools never show

    [message]
    mti = "ascii"                 # ascii | bcd | ebcdic | cp037 | cp1047
    bitmap = "hex-ascii"          # raw | hex-ascii | hex-ebcdic
    bitmap_form = "minimal"       # minimal | always-128 (flag only when needed) | always-128-flagged
    third_bitmap = "none"         # none | contiguous | in-element N
    charset = "ascii"             # ascii | latin-1 | utf-8 | cp037 | cp1047: text of elements and text lengths
    length = "text"               # text | bcd | binary | hex
    digits = "text"               # text | bcd: n, z and x+n
    fixed_binary = "hex"          # raw | hex
    variable_binary = "raw"       # raw | hex

    [fields.35]                   # only what differs
    name = "track 2"
    kind = "z"
    max = 37
    length = "LL"                 # fixed, L to LLLLLL
    encoding = "bcd"              # text, a charset, bcd, raw, hex
    length_encoding = "bcd"       # text, a charset, bcd, binary, hex (characters)
    length_bytes = 1              # where it is not the usual size
    length_counts = "digits"      # digits = characters = units | bytes | inclusive
    length_pad_side = "left"      # of an odd number of packed length digits
    pad_side = "right"            # of an odd number of packed digits
    pad_nibble = "F"
    track_nibbles = ":;<=>?"      # what the nibbles A to F of packed track data stand for
    used = false                  # the link never carries it: its bit is an error

The trap: kind and encoding are judged together, after the whole entry is read, or the order of the keys would matter.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import cast, get_args

import msgspec

from protocols.errors import LocalMisuse
from protocols.iso8583.fields import TABLES, Row
from protocols.iso8583.spec import (
    ENCODINGS,
    LENGTH_NAMES,
    Binary,
    BitmapForm,
    BitmapWritten,
    Charset,
    Counts,
    Defaults,
    Digits,
    FieldSpec,
    Kind,
    LengthWritten,
    Side,
    Spec,
    Written,
    field_from_row,
    length_bytes_of,
    sensitive_fields,
)

CHARSETS = get_args(Charset)
_CHARSET_NAMES: dict[str, str] = {name: name for name in CHARSETS} | {"ebcdic": "cp037"}
_COUNTS = {"units": "units", "digits": "units", "characters": "units", "bytes": "bytes", "inclusive": "inclusive"}
_TOP_KEYS = frozenset({"base", "encoding", "description", "masked", "message", "fields"})
_UNITS_MAX = 999_999


def parse_overlay(text: str) -> dict[str, object]:
    """The TOML text of an overlay as values. Raises LocalMisuse with the line of a mistake in the TOML itself."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LocalMisuse(f"not TOML: {error}") from error


def load_overlay(text: str) -> Spec:
    """The dialect that an overlay with its own `base` and `encoding` describes. Raises LocalMisuse."""
    from protocols.iso8583.spec import load_spec

    overlay = parse_overlay(text)
    base, encoding = overlay.get("base"), overlay.get("encoding")
    if not isinstance(base, str):
        raise LocalMisuse("names the version of the tables", "base")
    if not isinstance(encoding, str):
        raise LocalMisuse("names the encoding", "encoding")
    return load_spec(base, encoding, overlay)


def overlay_problems(base: str, encoding: str, overlay: Mapping[str, object]) -> list[LocalMisuse]:
    """Every mistake of an overlay at once, for `relay check`."""
    return apply_overlay(base, encoding, overlay)[1]


class _Reader:
    """Collects mistakes with their paths while an overlay is read."""

    def __init__(self) -> None:
        self.problems: list[LocalMisuse] = []

    def refuse(self, path: str, problem: str) -> None:
        self.problems.append(LocalMisuse(problem, path))

    def known(self, table: Mapping[str, object], keys: frozenset[str], path: str) -> None:
        for key in table:
            if key not in keys:
                self.refuse(f"{path}{key}", f"unknown; known are {', '.join(sorted(keys))}")

    def choice(self, table: Mapping[str, object], key: str, choices: tuple[str, ...], default: str, path: str) -> str:
        value = table.get(key, default)
        if isinstance(value, str) and value in choices:
            return value
        self.refuse(f"{path}{key}", f"one of {', '.join(choices)}")
        return default

    def number(self, table: Mapping[str, object], key: str, least: int, most: int, default: int, path: str) -> int:
        value = table.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.refuse(f"{path}{key}", f"a number from {least} to {most}")
        return default

    def flag(self, table: Mapping[str, object], key: str, default: bool, path: str) -> bool:
        value = table.get(key, default)
        if isinstance(value, bool):
            return value
        self.refuse(f"{path}{key}", "true or false")
        return default

    def table(self, value: object, path: str) -> Mapping[str, object]:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return cast("Mapping[str, object]", value)
        self.refuse(path, "a table")
        return {}


_MESSAGE_KEYS = frozenset(
    {"mti", "bitmap", "bitmap_form", "third_bitmap", "charset", "length", "digits", "fixed_binary", "variable_binary"}
)


def apply_overlay(base: str, encoding: str, overlay: Mapping[str, object]) -> tuple[Spec, list[LocalMisuse]]:
    """The dialect and every mistake found; with mistakes, the dialect is as close as could be."""
    reader = _Reader()
    reader.known(overlay, _TOP_KEYS, "")
    for key, given in (("base", base), ("encoding", encoding)):
        if overlay.get(key, given) != given:
            reader.refuse(key, f"the overlay is for {overlay[key]}, not for {given}")
    message = reader.table(overlay.get("message", {}), "message")
    defaults, third = _read_message(reader, message, ENCODINGS[encoding])
    fields = {number: field_from_row(row, defaults) for number, row in TABLES[base].items()}
    number_max = 192 if third else 128
    for key, entry in reader.table(overlay.get("fields", {}), "fields").items():
        path = f"fields.{key}"
        if not (key.isascii() and key.isdecimal() and 2 <= int(key) <= number_max and int(key) != 129):
            reader.refuse(path, f"elements have numbers from 2 to {number_max}, without 129")
            continue
        _read_field(reader, int(key), reader.table(entry, path), f"{path}.", fields, defaults)
    if third == 1:
        fields.pop(65, None)  # its bit announces the third bitmap
    elif third:
        fields.pop(third, None)
    spec = Spec(
        version=base,
        encoding=encoding,
        mti_written="bcd" if defaults.mti == "bcd" else "text",
        mti_charset=msgspec.convert("ascii" if defaults.mti == "bcd" else _CHARSET_NAMES[defaults.mti], Charset),
        bitmap_written=defaults.bitmap,
        bitmap_form=defaults.bitmap_form,
        third_bitmap=third,
        fields=dict(sorted(fields.items())),
        masked=sensitive_fields(base) | _read_masked(reader, overlay.get("masked", [])),
    )
    return spec, reader.problems


def _read_message(reader: _Reader, table: Mapping[str, object], usual: Defaults) -> tuple[Defaults, int]:
    path = "message."
    reader.known(table, _MESSAGE_KEYS, path)
    charset = reader.choice(table, "charset", tuple(_CHARSET_NAMES), usual.charset, path)
    defaults = Defaults(
        mti=reader.choice(table, "mti", ("ascii", "bcd", "ebcdic", "cp037", "cp1047"), usual.mti, path),
        bitmap=cast("BitmapWritten", reader.choice(table, "bitmap", get_args(BitmapWritten), usual.bitmap, path)),
        bitmap_form=cast("BitmapForm", reader.choice(table, "bitmap_form", get_args(BitmapForm), usual.bitmap_form, path)),
        charset=cast("Charset", _CHARSET_NAMES[charset]),
        length=cast("LengthWritten", reader.choice(table, "length", get_args(LengthWritten), usual.length, path)),
        digits=cast("Digits", reader.choice(table, "digits", get_args(Digits), usual.digits, path)),
        fixed_binary=cast("Binary", reader.choice(table, "fixed_binary", get_args(Binary), usual.fixed_binary, path)),
        variable_binary=cast("Binary", reader.choice(table, "variable_binary", get_args(Binary), usual.variable_binary, path)),
    )
    third = table.get("third_bitmap", "none")
    if third == "none":
        return defaults, 0
    if third == "contiguous":
        return defaults, 1
    words = third.split() if isinstance(third, str) else []
    if len(words) == 2 and words[0] == "in-element" and words[1].isdecimal() and 2 <= int(words[1]) <= 128:
        return defaults, int(words[1])
    reader.refuse("message.third_bitmap", 'none, contiguous, or "in-element N" with N from 2 to 128')
    return defaults, 0


def _read_masked(reader: _Reader, value: object) -> frozenset[int]:
    if isinstance(value, list) and all(isinstance(one, int) and 2 <= one <= 192 for one in value):
        return frozenset(value)
    reader.refuse("masked", "a list of element numbers")
    return frozenset()


_FIELD_KEYS = frozenset(
    {
        "name",
        "kind",
        "max",
        "length",
        "encoding",
        "length_encoding",
        "length_bytes",
        "length_counts",
        "length_pad_side",
        "pad_side",
        "pad_nibble",
        "track_nibbles",
        "used",
    }
)
_ENCODING_NAMES = ("text", "bcd", "raw", "hex", *_CHARSET_NAMES)


def _read_field(
    reader: _Reader,
    number: int,
    table: Mapping[str, object],
    path: str,
    fields: dict[int, FieldSpec],
    defaults: Defaults,
) -> None:
    """Put element `number`, as `table` changes it, into `fields`; note every mistake."""
    reader.known(table, _FIELD_KEYS, path)
    if not reader.flag(table, "used", True, path):
        fields.pop(number, None)
        return
    usual = fields.get(number)
    if usual is None:  # 129 and above have no row: everything must be said
        missing = [key for key in ("kind", "max", "length") if key not in table]
        if missing:
            reader.refuse(path.rstrip("."), f"the standard has no such element; say {', '.join(missing)}")
            return
    names = tuple(LENGTH_NAMES)
    length = reader.choice(table, "length", names, names[usual.length_digits] if usual else "fixed", path)
    kind = reader.choice(table, "kind", get_args(Kind), usual.kind if usual else "ans", path)
    most = reader.number(table, "max", 1, _UNITS_MAX, usual.max if usual else 1, path)
    name = table.get("name", usual.name if usual else f"element {number}")
    if not isinstance(name, str):
        reader.refuse(f"{path}name", "a text")
        name = ""
    made = field_from_row(Row(number, kind, most, length, name), defaults)
    if "encoding" in table:
        made = _with_encoding(made, reader.choice(table, "encoding", _ENCODING_NAMES, "text", path))
    if "length_encoding" in table:
        word = reader.choice(table, "length_encoding", ("text", "bcd", "binary", "hex", *_CHARSET_NAMES), "text", path)
        made = _with_length_encoding(made, word)
    counts = reader.choice(table, "length_counts", tuple(_COUNTS), made.length_counts, path)
    made = msgspec.structs.replace(
        made,
        length_bytes=reader.number(table, "length_bytes", 0, 6, made.length_bytes, path),
        length_counts=cast("Counts", _COUNTS[counts]),
        length_pad_side=cast("Side", reader.choice(table, "length_pad_side", get_args(Side), made.length_pad_side, path)),
        pad_side=cast("Side", reader.choice(table, "pad_side", get_args(Side), made.pad_side, path)),
        pad_nibble=reader.choice(table, "pad_nibble", tuple("0123456789ABCDEF"), made.pad_nibble, path),
        track_nibbles=_read_nibbles(reader, table, made.track_nibbles, path),
    )
    for key, problem in _contradictions(made):
        reader.refuse(f"{path}{key}", problem)
    fields[number] = made


def _with_encoding(field: FieldSpec, word: str) -> FieldSpec:
    if word in _CHARSET_NAMES:
        return msgspec.structs.replace(field, written="text", charset=cast("Charset", _CHARSET_NAMES[word]))
    return msgspec.structs.replace(field, written=cast("Written", word))


def _with_length_encoding(field: FieldSpec, word: str) -> FieldSpec:
    if word in _CHARSET_NAMES:
        field = msgspec.structs.replace(field, length_charset=cast("Charset", _CHARSET_NAMES[word]))
        word = "text"
    written = cast("LengthWritten", word)
    return msgspec.structs.replace(field, length_written=written, length_bytes=length_bytes_of(written, field.length_digits))


def _read_nibbles(reader: _Reader, table: Mapping[str, object], usual: str, path: str) -> str:
    value = table.get("track_nibbles", usual)
    if isinstance(value, str) and len(value) == 6 == len(set(value)) and set(value) <= set(":;<=>?ABCDEF"):
        return value
    reader.refuse(f"{path}track_nibbles", "six different characters of :;<=>?ABCDEF, for the nibbles A to F")
    return usual


def _contradictions(field: FieldSpec) -> list[tuple[str, str]]:
    """What cannot be true together, as (key, problem)."""
    found: list[tuple[str, str]] = []
    if field.is_binary != (field.written in ("raw", "hex")):
        found.append(("encoding", "raw and hex are for kind b, and only they"))
    if field.written == "bcd" and field.kind not in ("n", "z", "x+n"):
        found.append(("encoding", "only n, z and x+n can be packed"))
    if field.length_digits == 0:
        if field.length_bytes:
            found.append(("length_bytes", "a fixed element has no length"))
        if field.length_counts == "inclusive" or (field.length_counts == "bytes" and field.written != "text"):
            found.append(("length_counts", "a fixed element has no length; only of text can max count bytes"))
    elif field.length_written in ("text", "hex") and field.length_bytes != field.length_digits:
        found.append(("length_bytes", "a length in text has a byte for each digit"))
    elif field.length_bytes < 1:
        found.append(("length_bytes", "at least one byte"))
    if field.kind == "n" and field.pad_nibble in "ABCDEF" and field.written == "text":
        found.append(("pad_nibble", "only packed digits are padded"))
    if field.length_digits and field.max > number_max_of(field):
        found.append(("max", f"its length can say {number_max_of(field)} at most"))
    return found


def number_max_of(field: FieldSpec) -> int:
    """The greatest number that the length field of a variable element can say."""
    if field.length_written == "binary":
        return int(256**field.length_bytes) - 1
    if field.length_written == "hex":
        return int(16**field.length_bytes) - 1
    room = field.length_bytes * 2 if field.length_written == "bcd" else field.length_bytes
    return int(10 ** min(room, max(field.length_digits, 1))) - 1
