"""Bytes of a telegram to a typed telegram and back.

Owns the walk over the layout. It must never know a line, a clock or the core. The traps: a telegram that cannot be read is
still somebody's money, so the error carries its head where that could be read, for whoever parks it; and one character is one
byte in every code used here, so that offsets in the text are offsets on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from protocols.errors import FieldError, LocalMisuse
from protocols.zengin.characters import CharacterError, Characters, CharacterSettings
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
DIGITS = frozenset("0123456789")


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


class TelegramCodec:
    """One profile's telegrams. Raises FieldError for what a peer wrote, LocalMisuse for what we would write."""

    def __init__(self, layouts: Layouts, letters: Letters) -> None:
        self.layouts = layouts
        self.letters = letters

    @property
    def length(self) -> int:
        """Bytes of every telegram."""
        return self.layouts.business.length

    def decode(self, data: bytes) -> Telegram:
        """The telegram. A FieldError has a Head in `partial` where the head itself could be read."""
        if len(data) != self.length:
            raise FieldError("length", 0, f"a telegram of {self.length} bytes, not {len(data)}")
        text = self.letters.read(data)
        code = _text(text, self.layouts.head.field("telegram"))
        if code == CONTROL:
            values = _read(text, self.layouts.control, None)
            return Control(_struct(Head, values), _struct(Figures, values))
        head = self._head(text)
        made = BUSINESS.get(code)
        if made is None:
            raise FieldError("telegram", 0, f"one of {', '.join((*BUSINESS, CONTROL))}", head)
        values = _read(text, self.layouts.business, head)
        return made(_struct(Head, values), _struct(Details, values))

    def head_of(self, data: bytes) -> Head | None:
        """The head alone, whatever stands behind it; None where not even that can be read."""
        try:
            return self._head(self.letters.read(data[: self.layouts.head.length]))
        except FieldError:
            return None

    def _head(self, text: str) -> Head:
        return _struct(Head, _read(text, self.layouts.head, None))

    def encode(self, telegram: Telegram) -> bytes:
        layout = self.layouts.control if isinstance(telegram, Control) else self.layouts.business
        inner = telegram.figures if isinstance(telegram, Control) else telegram.details
        values: dict[str, object] = {"telegram": code_of(telegram), "reserve": "", FILLER: ""}
        values |= msgspec.structs.asdict(telegram.head)
        values |= msgspec.structs.asdict(inner)
        return self.letters.write("".join(_written(field, values[field.name]) for field in layout.fields))


def _text(text: str, field: Field) -> str:
    return text[field.offset : field.offset + field.length]


def _read(text: str, layout: Layout, head: Head | None) -> dict[str, object]:
    values: dict[str, object] = {}
    for field in layout.fields:
        value = text[field.offset : field.offset + field.length]
        if field.kind == "C":
            values[field.name] = value.rstrip(" ")
        elif not DIGITS.issuperset(value) or len(value) != field.length:
            raise FieldError(field.name, field.offset, f"{field.length} digits", head)
        else:
            values[field.name] = value if field.name in CODES else int(value)
    if values["process"] not in (REQUEST, RESPONSE, NOTICE):
        raise FieldError("process", layout.field("process").offset, "0 request, 1 answer or 2 notice", head)
    if values["resent"] not in ("0", "1"):
        raise FieldError("resent", layout.field("resent").offset, "0 first or 1 sent again", head)
    return values


def _struct(kind: type[StructT], values: Mapping[str, object]) -> StructT:
    return kind(**{name: values[name] for name in kind.__struct_fields__ if name in values})


def _written(field: Field, value: object) -> str:
    if field.kind == "C":
        text = str(value)
        if len(text) > field.length:
            raise LocalMisuse(f"{field.label}: at most {field.length} characters, not {len(text)}", field.name)
        return text.ljust(field.length)
    digits = f"{value:0{field.length}}" if isinstance(value, int) else str(value)
    if len(digits) != field.length or not DIGITS.issuperset(digits):
        raise LocalMisuse(f"{field.label}: {field.length} digits", field.name)
    return digits
