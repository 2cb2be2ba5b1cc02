"""A layout compiled: items between two offsets, read from bytes and written back, each mistake with item and offset.

Owns `Layout`. It must never know a particular message. The traps: digits are compared as characters of the line's code page,
never as ASCII; kanji blocks pass as they are, so characters are not bytes and every C item is decoded by itself; and the
offending value is never repeated in an error, only what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.branch.fields import Field
from protocols.branch.message import Value
from protocols.characters import CharacterError, Characters, UnencodableError
from protocols.errors import FieldError, LocalMisuse
from protocols.vocabulary import Pan, Secret

BODY_BYTES_MAX = 4_096


class Layout:
    """Raises LocalMisuse where the items cannot be a layout."""

    __slots__ = ("_characters", "_digits", "_names", "_numbers", "_rows", "_simple", "fields", "length")

    def __init__(self, fields: Sequence[Field], characters: Characters, path: str = "layout") -> None:
        names = [field.name for field in fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise LocalMisuse(f"{', '.join(twice)}: a name stands once in a layout", path)
        rows: list[tuple[Field, int, int]] = []
        at = 0
        for field in fields:
            if not field.name or not 1 <= field.length <= BODY_BYTES_MAX:
                raise LocalMisuse(f"a name and 1 to {BODY_BYTES_MAX} bytes", f"{path}.{field.name}")
            rows.append((field, at, at + field.length))
            at += field.length
        if at > BODY_BYTES_MAX:
            raise LocalMisuse(f"{at} bytes; at most {BODY_BYTES_MAX}", path)
        self.fields = tuple(fields)
        self.length = at
        self._rows = rows
        self._names = frozenset(names)
        # Without binary or hidden items and kanji blocks a character is a byte: the whole can be decoded, then cut.
        plain = not any(field.type == "B" or field.secret or field.pan for field in fields)
        self._simple = [(f.name, f.type == "N", start, end) for f, start, end in rows] if plain else []
        self._numbers = _runs(self._simple)
        self._characters = characters
        self._digits = characters.encode_exact("0123456789")

    def read(self, data: bytes, offset: int) -> dict[str, Value]:
        """The items of `data`, which begins `offset` bytes into the message. Raises FieldError."""
        if len(data) != self.length:
            raise FieldError("length", offset, f"a body of {self.length} bytes, not {len(data)}")
        values: dict[str, Value] = {}
        if self._simple and self._read_at_once(data, values):
            return values
        values, error = self.read_what_it_can(data, offset)
        if error is not None:
            raise error
        return values

    def read_what_it_can(self, data: bytes, offset: int) -> tuple[dict[str, Value], FieldError | None]:
        """The items that can be read, and what is wrong with the first one that cannot. `data` has the layout's length."""
        values: dict[str, Value] = {}
        wrong: FieldError | None = None
        for field, start, end in self._rows:
            try:
                values[field.name] = self._value(field, data[start:end], offset + start)
            except FieldError as error:
                wrong = wrong or error
        return values, wrong

    def _value(self, field: Field, piece: bytes, offset: int) -> Value:
        characters = self._characters
        if field.type == "N":
            if piece.strip(self._digits):
                raise FieldError(field.name, offset, f"{field.length} digits")
            value = characters.decode(piece)
        elif field.type == "C":
            try:
                value = characters.decode(piece).rstrip(" ")
            except CharacterError as error:
                raise FieldError(field.name, offset + error.offset, f"text in {characters.charset}") from None
        else:
            value = piece.hex().upper()
        return Pan(value) if field.pan else Secret(value) if field.secret else value

    def _read_at_once(self, data: bytes, values: dict[str, Value]) -> bool:
        """The fast way; False, with `values` of no use, where the slow way must say what is wrong or cut kanji blocks."""
        try:
            text = self._characters.decode(data)
        except CharacterError:
            return False
        if len(text) != len(data):
            return False
        for start, end in self._numbers:
            run = text[start:end]
            if not (run.isdigit() and run.isascii()):
                return False
        for name, is_number, start, end in self._simple:
            values[name] = text[start:end] if is_number else text[start:end].rstrip(" ")
        return True

    def write(self, values: Mapping[str, Value]) -> bytes:
        """The bytes of the items; what is missing is zeros or spaces. Raises LocalMisuse naming the item."""
        if not values.keys() <= self._names:
            raise LocalMisuse(f"{', '.join(sorted(set(values) - self._names))}: not in this layout", "body")
        if self._simple:
            data = self._written_at_once(values)
            if data is not None:
                return data
        return b"".join(self._written(field, values.get(field.name, "")) for field in self.fields)

    def _written_at_once(self, values: Mapping[str, Value]) -> bytes | None:
        """The fast way; None where the slow way must say what does not fit, or knows kanji blocks."""
        pieces: list[str] = []
        for name, is_number, start, end in self._simple:
            value = values.get(name, "")
            if not isinstance(value, str):
                return None
            if len(value) != end - start:
                if len(value) > end - start:
                    return None
                value = value.zfill(end - start) if is_number else value.ljust(end - start)
            pieces.append(value)
        text = "".join(pieces)
        for start, end in self._numbers:
            run = text[start:end]
            if not (run.isdigit() and run.isascii()):
                return None
        try:
            data = self._characters.encode_exact(text)
        except UnencodableError:
            return None
        return data if len(data) == self.length else None

    def _written(self, field: Field, given: Value) -> bytes:
        value = given if isinstance(given, str) else given.reveal()
        if field.type == "B":
            try:
                data = bytes.fromhex(value)
            except ValueError:
                data = None
            if data is None or len(data) not in (0, field.length):
                raise LocalMisuse(f"{field.length} bytes as hex", field.name)
            return data or bytes(field.length)
        if field.type == "N":
            if len(value) > field.length or not (value == "" or (value.isdecimal() and value.isascii())):
                raise LocalMisuse(f"at most {field.length} digits", field.name)
            return self._characters.encode_exact(value.zfill(field.length))
        try:
            return self._characters.fit(value, field.length, field.name, exact=True)
        except UnencodableError:
            raise LocalMisuse(f"text in {self._characters.charset}", field.name) from None


def _runs(simple: Sequence[tuple[str, bool, int, int]]) -> list[tuple[int, int]]:
    """Where digits stand, neighbours together: one look instead of one for each item."""
    runs: list[tuple[int, int]] = []
    for _, is_number, start, end in simple:
        if is_number and runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], end)
        elif is_number:
            runs.append((start, end))
    return runs
