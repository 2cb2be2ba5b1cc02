"""Bytes of a telegram to a typed telegram and back.

Owns the walk over the layout. It must never know a line, a clock or the core. The traps: a telegram that cannot be read is
still somebody's money, so the error carries its head where that could be read, for whoever parks it; and one character is one
byte in every code used here, so that offsets in the text are offsets on the wire.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from protocols.characters.text import CharacterError, Characters, CharacterSettings
from protocols.errors import FieldError, LocalMisuse
from protocols.zengin.telegram.fields import CODES, FILLER, Field, Layout, Layouts
from protocols.zengin.telegram.message import (
    BUSINESS,
    CONTROL,
    NOTICE,
    REQUEST,
    RESPONSE,
    Control,
    Details,
    Figures,
    Head,
    Telegram,
    code_of,
)

StructT = TypeVar("StructT", bound=msgspec.Struct)


class Letters:
    """A character code of one byte per character: that of the line, without kanji."""

    def __init__(self, settings: CharacterSettings | None = None) -> None:
        self._characters = Characters((settings or CharacterSettings()).model_copy(update={"kanji": "none"}))

    def read(self, data: bytes) -> str:
        """As many characters as bytes. Raises FieldError with the offset of a byte that means nothing."""
        try:
            return self._characters.decode(data)
        except CharacterError as error:
            raise FieldError("characters", error.offset, "a character of the line's code") from None

    def write(self, text: str) -> bytes:
        """As many bytes as characters. Raises LocalMisuse with a character that has no byte."""
        return self._characters.encode_exact(text)

    def fold(self, text: str) -> str:
        """Any text as it will be read on the wire: ガ as ｶﾞ, ー as a hyphen. Raises LocalMisuse where a character has no
        place."""
        return self._characters.fold(text)


class _Walk:
    """One struct's fields in one layout, as loops want them: name, start, end; texts, codes and numbers apart."""

    __slots__ = ("_runs", "codes", "kind", "layout", "numbers", "texts")

    def __init__(self, kind: type[msgspec.Struct], layout: Layout) -> None:
        self.kind = kind
        self.layout = layout
        own = [field for field in layout.fields if field.name in kind.__struct_fields__]
        placed = [(field.name, field.offset, field.offset + field.length, field) for field in own]
        self.texts = [(name, start, end) for name, start, end, field in placed if field.kind == "C"]
        digits = [(name, start, end) for name, start, end, field in placed if field.kind == "N"]
        self.codes = [part for part in digits if part[0] in CODES]
        self.numbers = [part for part in digits if part[0] not in CODES]
        self._runs: list[tuple[int, int]] = []  # where digits stand, neighbours together: one look for many fields
        for _, start, end in digits:
            if self._runs and self._runs[-1][1] == start:
                self._runs[-1] = (self._runs[-1][0], end)
            else:
                self._runs.append((start, end))

    def read(self, text: str, values: dict[str, str | int]) -> None:
        """Put the values into `values`. Raises FieldError."""
        if not all(text[start:end].isdecimal() for start, end in self._runs):
            self._blame(text)
        for name, start, end in self.codes:
            values[name] = text[start:end]
        for name, start, end in self.numbers:
            values[name] = int(text[start:end])
        for name, start, end in self.texts:
            values[name] = text[start:end].rstrip(" ")

    def _blame(self, text: str) -> None:
        """Raise FieldError for the first field that has no digits where digits belong."""
        for name, start, end in (*self.codes, *self.numbers):
            if not text[start:end].isdecimal():
                raise FieldError(name, start, f"{end - start} digits")


class TelegramCodec:
    """One profile's telegrams. Raises FieldError for what a peer wrote, LocalMisuse for what we would write."""

    def __init__(self, layouts: Layouts, letters: Letters) -> None:
        self.layouts = layouts
        self.letters = letters
        self.length: int = layouts.business.length  # bytes of every telegram
        self._telegram = layouts.head.field("telegram")
        self._head = _Walk(Head, layouts.head)
        self._business_head = _Walk(Head, layouts.business)
        self._control_head = _Walk(Head, layouts.control)
        self._details = _Walk(Details, layouts.business)
        self._figures = _Walk(Figures, layouts.control)

    def decode(self, data: bytes) -> Telegram:
        """The telegram. A FieldError has a Head in `partial` where the head itself could be read."""
        if len(data) != self.length:
            raise FieldError("length", 0, f"a telegram of {self.length} bytes, not {len(data)}")
        text = self.letters.read(data)
        code = _text(text, self._telegram)
        if code == CONTROL:
            return Control(self._read_head(text, self._control_head), self._read(Figures, text, self._figures))
        made = BUSINESS.get(code)
        try:
            if made is None:
                raise FieldError("telegram", 0, f"one of {', '.join((*BUSINESS, CONTROL))}")
            return made(self._read_head(text, self._business_head), self._read(Details, text, self._details))
        except FieldError as error:
            raise FieldError(error.field, error.offset, error.expected, self.head_of(data)) from None

    def head_of(self, data: bytes) -> Head | None:
        """The head alone, whatever stands behind it; None where not even that can be read."""
        try:
            return self._read_head(self.letters.read(data[: self.layouts.head.length]), self._head)
        except FieldError:
            return None

    def _read(self, kind: type[StructT], text: str, walk: _Walk) -> StructT:
        values: dict[str, str | int] = {}
        walk.read(text, values)
        return kind(**values)

    def _read_head(self, text: str, walk: _Walk) -> Head:
        head = self._read(Head, text, walk)
        if head.process not in (REQUEST, RESPONSE, NOTICE):
            raise FieldError("process", walk.layout.field("process").offset, "0 request, 1 answer or 2 notice")
        if head.resent not in ("0", "1"):
            raise FieldError("resent", walk.layout.field("resent").offset, "0 first or 1 sent again")
        return head

    def encode(self, telegram: Telegram) -> bytes:
        layout = self.layouts.control if isinstance(telegram, Control) else self.layouts.business
        inner = telegram.figures if isinstance(telegram, Control) else telegram.details
        head = telegram.head
        parts: list[str] = []
        for field in layout.fields:
            name = field.name
            if name in _HEAD_NAMES:
                parts.append(_written(field, getattr(head, name)))
            elif name in _CONSTANT:
                parts.append(_written(field, code_of(telegram) if name == "telegram" else ""))
            else:
                parts.append(_written(field, getattr(inner, name)))
        return self.letters.write("".join(parts))


_HEAD_NAMES = frozenset(Head.__struct_fields__)
_CONSTANT = frozenset({"telegram", "reserve", FILLER})


def _text(text: str, field: Field) -> str:
    return text[field.offset : field.offset + field.length]


def _written(field: Field, value: object) -> str:
    if field.kind == "C":
        text = str(value)
        if len(text) > field.length:
            raise LocalMisuse(f"{field.label}: at most {field.length} characters, not {len(text)}", field.name)
        return text.ljust(field.length)
    digits = str(value).zfill(field.length) if isinstance(value, int) else str(value)
    if len(digits) != field.length or not (digits.isascii() and digits.isdecimal()):
        raise LocalMisuse(f"{field.label}: {field.length} digits", field.name)
    return digits
