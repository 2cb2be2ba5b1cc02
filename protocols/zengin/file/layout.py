"""A telegram's table compiled: named values to bytes and back, every mistake with the item and its offset.

Owns `Table`. It must never know what an item means. The trap: digits travel in the control charset, so that a byte F0 is a zero
on one line and nonsense on the next; packed and binary items do not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

import msgspec

from protocols.characters.text import CharacterError, Characters, UnencodableError
from protocols.errors import FieldError, LocalMisuse
from protocols.primitives import pack_bcd, unpack_bcd

Value: TypeAlias = int | str
_TYPES = "NCPBR"


class Item(msgspec.Struct, frozen=True):
    name: str
    type: str
    start: int
    width: int


class Table:
    """`rows` as in fields.py. Raises LocalMisuse for a row that cannot be, or a name of `needed` that is missing."""

    __slots__ = ("_characters", "_items", "length")

    def __init__(self, rows: str, characters: Characters, needed: Collection[str], path: str) -> None:
        self._characters = characters
        self._items: list[Item] = []
        at = 0
        for row in filter(str.strip, rows.splitlines()):
            parts = row.split()
            if len(parts) != 3 or parts[1] not in _TYPES or not parts[2].isdecimal() or not 1 <= int(parts[2]) <= 256:
                raise LocalMisuse(f"{row.strip()!r}: a name, one of {', '.join(_TYPES)}, and 1 to 256 bytes", path)
            self._items.append(Item(parts[0], parts[1], at, int(parts[2])))
            at += int(parts[2])
        self.length = at
        names = [item.name for item in self._items if item.type != "R"]
        missing = sorted(set(needed) - set(names))
        unknown = sorted(set(names) - set(needed))
        if missing or unknown or len(set(names)) != len(names):
            raise LocalMisuse(f"needs each of {', '.join(needed)} once, and nothing else", path)

    def read(self, data: bytes, offset: int = 0) -> dict[str, Value]:
        """The items of `data`, at least `length` bytes. Raises FieldError; `offset` is where `data` stands in the telegram."""
        if len(data) < self.length:
            raise FieldError("length", offset + len(data), f"{self.length} bytes")
        values: dict[str, Value] = {}
        for item in self._items:
            if item.type != "R":
                values[item.name] = self._read(item, data[item.start : item.start + item.width], offset + item.start)
        return values

    def read_item(self, name: str, data: bytes) -> Value:
        """One item of `data`, whatever else that is. Raises FieldError."""
        item = self.item(name)
        part = data[item.start : item.start + item.width]
        if len(part) < item.width:
            raise FieldError(name, len(data), f"{item.start + item.width} bytes")
        return self._read(item, part, item.start)

    def item(self, name: str) -> Item:
        return next(item for item in self._items if item.name == name)

    def _read(self, item: Item, data: bytes, offset: int) -> Value:
        if item.type == "B":
            return int.from_bytes(data, "big")
        if item.type == "P":
            text = unpack_bcd(data)
        else:
            try:
                text = self._characters.decode(data)
            except CharacterError as error:
                raise FieldError(item.name, offset + error.offset, "characters of the control charset") from None
        if item.type == "C":
            return text.rstrip(" ")
        if not (text.isascii() and text.isdigit()):
            raise FieldError(item.name, offset, "digits")
        return text

    def write(self, values: Mapping[str, Value]) -> bytes:
        """The bytes of all items. Raises LocalMisuse naming the item."""
        out = bytearray()
        for item in self._items:
            out += bytes(item.width) if item.type == "R" else self._write(item, values[item.name])
        return bytes(out)

    def _write(self, item: Item, value: Value) -> bytes:
        if isinstance(value, int):
            if item.type != "B" or not 0 <= value < 1 << 8 * item.width:
                raise LocalMisuse(f"a number that fits into {item.width} bytes", item.name)
            return value.to_bytes(item.width, "big")
        try:
            if item.type == "C":
                return self._characters.fit(value, item.width, item.name, exact=True)
            digits = item.width * 2 if item.type == "P" else item.width
            if item.type == "B" or len(value) > digits or not (value.isascii() and value.isdigit()):
                raise LocalMisuse(f"at most {digits} digits", item.name)
            padded = value.rjust(digits, "0")
            return pack_bcd(padded) if item.type == "P" else self._characters.encode_exact(padded)
        except UnencodableError as error:
            raise LocalMisuse(str(error), item.name) from None
