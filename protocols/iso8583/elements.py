"""One data element on the wire: bytes to value and back, with an exact account of what is wrong.

Owns `read_field` and `write_field`, which go by the `FieldSpec` alone: the slow, precise way. The codec's plans do the same in
bulk and fall back to these two whenever anything is unusual, so that there is one place that decides what is right. It must
never show a value in an error. The traps: a length may count digits, written bytes, or itself too; a pad nibble that is not
the agreed one is an error, or the same bytes would not come out again.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.errors import FieldError, LocalMisuse
from protocols.iso8583.message import Value
from protocols.iso8583.spec import FieldSpec
from protocols.primitives import decode_text, encode_text, hex_to_bytes

_Z_TEXT = frozenset("0123456789:;<=>?D")  # many hosts write the separator as D, even in text
_Z_PACKED = frozenset("0123456789=D")
_NIBBLES = "ABCDEF"
_HEX = frozenset("0123456789abcdefABCDEF")
_SIGNS = ("C", "D")
_FREE_TEXT = frozenset({"an", "ans", "anp", "ns"})  # kinds whose characters are not looked at


def read_field(field: FieldSpec, body: bytes, at: int) -> tuple[Value, int]:
    """The value at offset `at` and the offset behind it. Raises FieldError without a value of the element."""
    start = at
    size: int | None = None  # bytes of the value as written, where the length tells them
    units: int | None = field.max
    if field.length_digits:
        start = at + field.length_bytes
        count = _read_length(field, body, at)
        if field.length_counts == "units":
            units = count
            if units > field.max:
                raise FieldError(str(field.number), at, f"a length of at most {field.max}")
        else:
            units = None
            size = count - (field.length_bytes if field.length_counts == "inclusive" else 0)
            if size < 0:
                raise FieldError(str(field.number), at, f"a length of at least {field.length_bytes}, for it counts itself")
    elif field.length_counts == "bytes":
        units, size = None, field.max
    if size is None:
        size = _size_of(field, body, start, units or 0)
    end = start + size
    if end > len(body):
        raise FieldError(str(field.number), start, f"{size} bytes, {len(body) - start} left")
    value = _read_value(field, body[start:end], start, units)
    if units is None and _units_of(field, value) > _most_units(field):
        raise FieldError(str(field.number), at, f"{field.describes}")
    return value, end


def _read_length(field: FieldSpec, body: bytes, at: int) -> int:
    data = body[at : at + field.length_bytes]
    if len(data) < field.length_bytes:
        raise FieldError(str(field.number), at, f"a length of {field.length_bytes} bytes, {len(data)} left")
    if field.length_written == "binary":
        return int.from_bytes(data, "big")
    if field.length_written == "hex":
        return _read_hex_length(field, data, at)
    text = data.hex() if field.length_written == "bcd" else _decode(field, data, at, field.length_charset)
    if field.length_written == "bcd" and field.length_pad_side == "right":
        pad, text = text[field.length_digits :], text[: field.length_digits]
        if pad.strip("0"):
            raise FieldError(str(field.number), at, "a length padded with 0 on the right")
    if not (text.isascii() and text.isdecimal()):
        raise FieldError(str(field.number), at, f"a length of {len(text)} digits")
    return int(text)


def _read_hex_length(field: FieldSpec, data: bytes, at: int) -> int:
    text = _decode(field, data, at, field.length_charset)
    if not _HEX.issuperset(text):
        raise FieldError(str(field.number), at, f"a length of {len(text)} hex characters")
    return int(text, 16)


def _size_of(field: FieldSpec, body: bytes, start: int, units: int) -> int:
    """Bytes that `units` take as written."""
    if field.written == "bcd":
        digits = units - 1 if field.kind == "x+n" else units
        return (digits + 1) // 2 + (1 if field.kind == "x+n" and units else 0)
    if field.written == "hex":
        return units * 2
    if field.written == "raw" or field.charset != "utf-8":
        return units
    end = start
    for _ in range(units):  # a character of UTF-8 is as long as its first byte says
        if end >= len(body):
            return max(end - start, 0) + 1
        first = body[end]
        end += 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    return end - start


def _most_units(field: FieldSpec) -> int:
    """`max`, or one more where a length counts bytes, so that a pad nibble cannot be told from an odd number's last digit."""
    return field.max + (field.max & 1) if field.written == "bcd" and field.length_counts != "units" else field.max


def _units_of(field: FieldSpec, value: Value) -> int:
    if field.length_counts != "units" and field.written == "text" and isinstance(value, str):
        return len(encode_text(value, field.charset))
    return len(value)


def _decode(field: FieldSpec, data: bytes, at: int, charset: str) -> str:
    try:
        return decode_text(data, charset)
    except UnicodeDecodeError as error:
        raise FieldError(str(field.number), at + error.start, f"text in {charset}") from None


def _read_value(field: FieldSpec, data: bytes, start: int, units: int | None) -> Value:
    if field.written == "raw":
        return data
    if field.written == "hex":
        try:
            return hex_to_bytes(_decode(field, data, start, field.charset))
        except ValueError:
            raise FieldError(str(field.number), start, f"{len(data)} hex characters") from None
    text = _read_packed(field, data, start, units) if field.written == "bcd" else _decode(field, data, start, field.charset)
    if units is not None and len(text) != units:
        raise FieldError(str(field.number), start, f"{units} characters in {field.charset}")
    if not is_allowed(field, text):
        raise FieldError(str(field.number), start, _wanted(field))
    return text


def _read_packed(field: FieldSpec, data: bytes, start: int, units: int | None) -> str:
    sign = ""
    if field.kind == "x+n":
        sign = _decode(field, data[:1], start, field.charset)
        data = data[1:]
        start += 1
        units = units - 1 if units else None
    nibbles = data.hex().upper()
    if units is None:
        if field.pad_nibble in _NIBBLES and nibbles:  # only a pad that is no digit can be told from the value
            if field.pad_side == "right":
                nibbles = nibbles.removesuffix(field.pad_nibble)
            else:
                nibbles = nibbles.removeprefix(field.pad_nibble)
    elif units & 1:
        pad = nibbles[0] if field.pad_side == "left" else nibbles[-1]
        if pad != field.pad_nibble:
            raise FieldError(str(field.number), start, f"the pad nibble {field.pad_nibble} on the {field.pad_side}")
        nibbles = nibbles[1:] if field.pad_side == "left" else nibbles[:-1]
    if field.kind == "z":
        nibbles = nibbles.translate(dict(zip(map(ord, _NIBBLES), field.track_nibbles, strict=True)))
    return sign + nibbles


def is_allowed(field: FieldSpec, text: str) -> bool:
    """Does the text keep to its kind? Letters, signs and blanks of the text kinds are not told apart."""
    kind = field.kind
    if kind == "n":
        return not text or (text.isascii() and text.isdecimal())
    if kind == "z":
        return (_Z_PACKED if field.written == "bcd" else _Z_TEXT).union(field.track_nibbles).issuperset(text)
    if kind == "x+n":
        return not text or (text[0] in _SIGNS and text.isascii() and (text[1:].isdecimal() or len(text) == 1))
    return True


def _wanted(field: FieldSpec) -> str:
    words = {"n": "digits", "z": "track data", "x+n": "the letter C or D and digits"}
    return f"{words.get(field.kind, 'text')} ({field.describes})"


def write_field(field: FieldSpec, value: Value) -> bytes:
    """Length and value as they stand on the wire. Raises LocalMisuse, path `fields.N`, without the value."""
    path = f"fields.{field.number}"
    if field.is_binary:
        if not isinstance(value, bytes):
            raise LocalMisuse("bytes are wanted", path)
        data = encode_text(value.hex().upper(), field.charset) if field.written == "hex" else value
    else:
        if not isinstance(value, str):
            raise LocalMisuse("text is wanted", path)
        if not is_allowed(field, value):
            raise LocalMisuse(_wanted(field), path)
        data = _pack(field, value) if field.written == "bcd" else _encode(field, value, path)
    units = _units_of(field, value)
    if field.length_digits == 0:
        if units != field.max:
            raise LocalMisuse(f"{field.max} units are wanted, not {units}", path)
        return data
    if units > _most_units(field):
        raise LocalMisuse(f"at most {field.max} units, not {units}", path)
    count = units
    if field.length_counts != "units":
        count = len(data) + (field.length_bytes if field.length_counts == "inclusive" else 0)
    return write_length(field, count) + data


def compile_can_write(field: FieldSpec) -> Callable[[Value], bool]:
    """value -> whether `write_field` takes it. Text that is plainly right is not written to know: ASCII is in every charset."""
    least, most = (0 if field.length_digits else field.max), field.max
    if field.kind not in _FREE_TEXT or field.written != "text" or field.length_counts != "units" or not _has_room(field):
        most = -1  # nothing is plainly right

    def can_write(value: Value) -> bool:
        if least <= len(value) <= most and isinstance(value, str) and value.isascii():
            return True
        try:
            write_field(field, value)
        except LocalMisuse:
            return False
        return True

    return can_write


def _has_room(field: FieldSpec) -> bool:
    """Whether the length field can say the longest value; so an overlay has it, but here nothing is written to find out."""
    try:
        return not field.length_digits or bool(write_length(field, field.max))
    except LocalMisuse:
        return False


def write_length(field: FieldSpec, count: int) -> bytes:
    """The length in front of a value. Raises LocalMisuse where it has no room."""
    room = field.length_digits if field.length_pad_side == "right" else field.length_bytes * 2
    try:
        if field.length_written == "binary":
            return count.to_bytes(field.length_bytes, "big")
        if field.length_written == "bcd":
            text = f"{count:0{room}}"
        else:
            room = field.length_bytes
            text = f"{count:0{room}X}" if field.length_written == "hex" else f"{count:0{room}}"
        if len(text) > room:
            raise OverflowError
    except OverflowError:
        raise LocalMisuse(f"a length of {count} has no room", f"fields.{field.number}") from None
    if field.length_written == "bcd":
        return bytes.fromhex(text.ljust(field.length_bytes * 2, "0"))
    return encode_text(text, field.length_charset)


def _encode(field: FieldSpec, text: str, path: str) -> bytes:
    try:
        return encode_text(text, field.charset)
    except UnicodeEncodeError:
        raise LocalMisuse(f"text in {field.charset} is wanted", path) from None


def _pack(field: FieldSpec, text: str) -> bytes:
    sign = b""
    if field.kind == "x+n" and text:
        sign = encode_text(text[0], field.charset)
        text = text[1:]
    if field.kind == "z":
        nibbles = {ord("="): "D"} | {ord(one): nibble for one, nibble in zip(field.track_nibbles, _NIBBLES, strict=True)}
        text = text.translate(nibbles)
    if len(text) & 1:
        text = field.pad_nibble + text if field.pad_side == "left" else text + field.pad_nibble
    return sign + bytes.fromhex(text)
