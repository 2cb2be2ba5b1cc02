"""A builder written for one set of elements: the fast way from message to bytes.

Owns the generation of a small Python function that checks all values and joins them in as few steps as the encodings allow:
one for a text dialect. What `parse_plan.py` says of generated source and of giving up holds here as well. The traps: a digit of
another script is a digit to `isdecimal`, and is caught where the text is encoded; `bytes.fromhex` skips blanks, so digits are
checked before they are packed.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

from protocols.iso8583.elements import write_length
from protocols.iso8583.message import Value
from protocols.iso8583.parse_plan import TABLE_MAX, common_charset, is_plannable, length_shape
from protocols.iso8583.spec import FieldSpec, Spec
from protocols.primitives import TABLES, decode_text

BuildPlan: TypeAlias = Callable[[str, Mapping[int, Value]], bytes | None]

# How an expression becomes bytes: text is encoded, hex packed, raw taken as it is.
_TEXT, _HEX, _RAW = "text", "hex", "raw"


def compile_build(spec: Spec, numbers: Sequence[int], maps: bytes) -> BuildPlan | None:
    """The builder for messages with just these elements; `maps` are their bitmaps. None where they need the precise way."""
    fields = [spec.fields[number] for number in sorted(numbers)]
    charset = common_charset(fields)
    if charset is None or not all(is_plannable(field) for field in fields):
        return None
    if spec.mti_written == "text" and spec.mti_charset != charset:
        return None
    source = _Source(charset)
    source.add(_TEXT if spec.mti_written == "text" else _HEX, "mti")
    source.digits.append("mti")
    source.lengths.append("len(mti) != 4")
    source.add_constant(maps)
    for field in fields:
        source.add_field(field)
    return source.compile(numbers)


def written_lengths(field: FieldSpec, medium: str) -> tuple[str, ...] | tuple[bytes, ...]:
    """Every length that an element of at most TABLE_MAX units may have as it is written: text, hex characters or bytes."""
    return _written_lengths(length_shape(field), medium)


@lru_cache(maxsize=256)
def _written_lengths(field: FieldSpec, medium: str) -> tuple[str, ...] | tuple[bytes, ...]:
    written = [write_length(field, count) for count in range(field.max + 1)]
    if medium == _TEXT:
        return tuple(decode_text(data, field.length_charset) for data in written)
    return tuple(data.hex() for data in written) if medium == _HEX else tuple(written)


class _Source:
    """The parts of the message in order, and what must hold before they are joined."""

    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._parts: list[tuple[str, list[str]]] = []
        self._names: dict[str, object] = {"unhex": bytes.fromhex, "SIGNS": frozenset("CD"), "join": "".join, "weld": b"".join}
        self._early: list[str] = []
        self.lengths: list[str] = []  # conditions that mean "give up"
        self.digits: list[str] = []  # values to be digits only
        self.checks: list[str] = []  # conditions that must hold

    def _name(self, prefix: str, value: object) -> str:
        name = f"{prefix}{len(self._names)}"
        self._names[name] = value
        return name

    def add(self, medium: str, *expressions: str) -> None:
        if self._parts and self._parts[-1][0] == medium:
            self._parts[-1][1].extend(expressions)
        else:
            self._parts.append((medium, list(expressions)))

    def add_constant(self, data: bytes) -> None:
        """Bytes known beforehand, in the medium of what stands before them where that can hold them."""
        medium = self._parts[-1][0]
        if medium == _TEXT and (self._charset in TABLES or data.isascii()):
            self.add(_TEXT, self._name("C", decode_text(data, self._charset)))
        elif medium == _HEX:
            self.add(_HEX, self._name("C", data.hex()))
        else:
            self.add(_RAW, self._name("C", data))

    def add_field(self, field: FieldSpec) -> None:
        value = f"f{field.number}"
        if field.length_digits == 0:
            self.lengths.append(f"len({value}) != {field.max}")
        else:
            self._add_length(field, value)
        if field.written == "raw":
            self.add(_RAW, value)
        elif field.written == "hex":
            self.add(_TEXT, f"{value}.hex().upper()")
        elif field.written == "bcd":
            self._add_packed(field, value)
        else:
            self.add(_TEXT, value)
            if field.kind == "n":
                self.digits.append(value)
            elif field.kind == "z":
                self.checks.append(f"{value}.replace('=', '').replace('D', '').isdecimal()")
            elif field.kind == "x+n":
                self.checks += [f"{value}[0] in SIGNS", f"{value}[1:].isdecimal()"]

    def _add_length(self, field: FieldSpec, value: str) -> None:
        if field.length_written == "text" and field.length_charset == self._charset:
            medium = _TEXT
        else:
            medium = _HEX if field.written == "bcd" or self._parts[-1][0] == _HEX else _RAW
        if field.max <= TABLE_MAX:
            self.add(medium, f"{self._name('L', written_lengths(field, medium))}[len({value})]")
            return
        self.lengths.append(f"len({value}) > {field.max}")
        if field.length_written == "binary":
            self.add(_RAW, f"len({value}).to_bytes({field.length_bytes}, 'big')")
        else:
            digits = field.length_bytes * (2 if field.length_written == "bcd" else 1)
            self.add(_HEX if field.length_written == "bcd" else _TEXT, f"'%0{digits}d' % len({value})")

    def _add_packed(self, field: FieldSpec, value: str) -> None:
        digits = value
        if field.kind == "x+n":
            self.checks.append(f"{value}[0] in SIGNS")
            self.add(_TEXT, f"{value}[0]")
            digits = f"{value}[1:]"
        if field.kind == "z":
            self._early.append(f"z{field.number} = {value}.replace({field.track_nibbles[3]!r}, 'D')")
            digits = f"z{field.number}"
            self.checks.append(f"{digits}.replace('D', '').isdecimal()")
        else:
            self.digits.append(digits)
        if field.length_digits:
            pad = f"{self._name('P', ('', field.pad_nibble))}[len({value}) & 1]"
        else:
            pad = repr(field.pad_nibble) if field.max & 1 and field.kind != "x+n" else ""
        parts = [digits] if not pad else [pad, digits] if field.pad_side == "left" else [digits, pad]
        self.add(_HEX, *parts)

    def compile(self, numbers: Sequence[int]) -> BuildPlan:
        lines: list[str] = []
        if len(numbers) == 1:
            lines.append(f"f{numbers[0]} = fields[{numbers[0]}]")
        elif numbers:
            self._names["values"] = itemgetter(*numbers)
            lines.append(f"{', '.join(f'f{number}' for number in numbers)} = values(fields)")
        lines += self._early
        lines.append(f"if {' or '.join(self.lengths)}: return None")
        digits = "mti" if len(self.digits) == 1 else f"join(({', '.join(self.digits)}))"
        lines.append(f"if not ({' and '.join([f'{digits}.isdecimal()', *self.checks])}): return None")
        parts = [self._bytes_of(medium, expressions) for medium, expressions in self._parts]
        lines.append(f"return {parts[0]}" if len(parts) == 1 else f"return weld(({', '.join(parts)}))")
        inner = "\n        ".join(lines)
        errors = "(KeyError, IndexError, ValueError, TypeError, AttributeError)"
        text = f"def build(mti, fields):\n    try:\n        {inner}\n    except {errors}:\n        return None\n"
        exec(compile(text, "<build plan>", "exec"), self._names)  # made of numbers and names above only
        plan: BuildPlan = self._names["build"]  # type: ignore[assignment]  # the function just made
        return plan

    def _bytes_of(self, medium: str, expressions: Sequence[str]) -> str:
        if medium == _RAW:
            return ", ".join(expressions) if len(self._parts) > 1 else f"weld(({', '.join(expressions)},))"
        joined = expressions[0] if len(expressions) == 1 else f"join(({', '.join(expressions)}))"
        if medium == _HEX:
            return f"unhex({joined})"
        if self._charset in TABLES:
            mapping = codecs.charmap_build(TABLES[self._charset])
            encode = codecs.charmap_encode
            self._names["to_table"] = lambda text: encode(text, "strict", mapping)[0]
            return f"to_table({joined})"
        return f"{joined}.encode({self._charset!r})"
