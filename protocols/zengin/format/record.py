"""One record: bytes to named fields and back, by a compiled layout.

Owns `Record`, `read_record` and `write_record`. It must never know the order of records nor a total. The traps: a kanji block
makes characters and bytes count differently, so that such a record is cut as bytes first and read field by field; and text is
trimmed on the right only, because a leading space is the sender's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from protocols.characters.kanji import WRITTEN
from protocols.characters.text import CharacterError, Characters, UnencodableError
from protocols.errors import LocalMisuse
from protocols.zengin.format.layout import RecordLayout


class Mistake(msgspec.Struct, frozen=True):
    """One thing wrong with a file. `record` and `column` count from 1; column 0 speaks of the record as a whole.

    `problem` says what is expected, never what was sent: names and accounts belong to people.
    """

    record: int
    column: int
    field: str
    problem: str

    def __str__(self) -> str:
        where = f"record {self.record}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.field}: {self.problem}" if self.field else f"{where}: {self.problem}"


class Record(msgspec.Struct, frozen=True):
    """`kind` is the データ区分: 1 header, 2 data, 8 trailer, 9 end. Numbers keep their zeros, text loses its filler.

    `place` is the record's place in its file, from 1; 0 where it was in none.
    """

    kind: str
    fields: Mapping[str, str]
    place: int = 0

    def number(self, name: str) -> int:
        """A numeric field; 0 where it is blank or not made of digits."""
        text = self.fields.get(name, "")
        return int(text) if text.isascii() and text.isdigit() else 0


def read_record(layout: RecordLayout, data: bytes, characters: Characters, number: int = 1) -> tuple[Record, list[Mistake]]:
    """The fields of `data`, which has the layout's length, and every mistake in them. `number` is the record's, from 1."""
    try:
        text = characters.decode(data)
    except CharacterError:
        text = ""
    if len(text) == len(data):
        fields = {
            name: text[start:end] if is_number else text[start:end].rstrip(" ") for name, start, end, is_number in layout.slices
        }
        if layout.pattern.fullmatch(text) is not None:
            return Record(layout.kind, fields, number), []
        return Record(layout.kind, fields, number), _mistakes(layout, text, number)
    return _read_by_field(layout, data, characters, number)


def _mistakes(layout: RecordLayout, text: str, number: int) -> list[Mistake]:
    found = []
    for field in layout.fields:
        problem = field.problem(text[field.start : field.end])
        if problem is not None:
            found.append(Mistake(number, field.start + problem[0] + 1, field.name, f"expected {problem[1]}"))
    return found


def _read_by_field(layout: RecordLayout, data: bytes, characters: Characters, number: int) -> tuple[Record, list[Mistake]]:
    """The slow way: a byte that is no character somewhere, or a kanji block, which is kept as it is."""
    fields: dict[str, str] = {}
    found: list[Mistake] = []
    for field in layout.fields:
        part = data[field.start : field.end]
        try:
            text = characters.decode(part)
        except CharacterError as error:
            fields[field.name] = ""
            found.append(Mistake(number, field.start + error.offset + 1, field.name, error.problem))
            continue
        fields[field.name] = text if field.is_number else text.rstrip(" ")
        problem = field.problem(text if field.is_number else _beside_kanji(text))
        if problem is not None:
            found.append(Mistake(number, field.start + problem[0] + 1, field.name, f"expected {problem[1]}"))
    return Record(layout.kind, fields, number), found


def _beside_kanji(text: str) -> str:
    """The text with ｱ for each byte of a kanji block, which every text may hold and a reserved item may not: a block is
    opaque, what stands beside it is not."""
    return WRITTEN.sub(lambda block: "ｱ" * (len(block[1]) // 2), text)


def _whole(layout: RecordLayout, fields: Mapping[str, str], characters: Characters) -> bytes | None:
    """The record in one go; None where something needs a closer look: a kanji block, a blank number, a mistake."""
    parts = []
    for name, start, end, is_number in layout.slices:
        width = end - start
        given = fields.get(name, layout.kind if name == "data_kubun" else "")
        parts.append(given.rjust(width, "0") if is_number else characters.folded(given).ljust(width))
    text = "".join(parts)
    if len(text) != layout.length or layout.pattern.fullmatch(text) is None:
        return None
    try:
        return characters.encode_exact(text)
    except UnencodableError:
        return None


def write_record(layout: RecordLayout, fields: Mapping[str, str], characters: Characters) -> bytes:
    """The record's bytes. What is not given is zeros or spaces (zeros also for a number that may be blank).

    Raises LocalMisuse naming the field: unknown, too long, not encodable, or against the field's own rule.
    """
    unknown = fields.keys() - layout.names
    if unknown:
        raise LocalMisuse(f"no such field in record {layout.kind}", min(unknown))
    whole = _whole(layout, fields, characters)
    if whole is not None:
        return whole
    out = bytearray()
    for field in layout.fields:
        given = fields.get(field.name, layout.kind if field.name == "data_kubun" else "")
        try:
            if field.is_number:
                blank = field.may_be_blank and given != "" and not given.strip(" ")
                part = characters.encode(given.ljust(field.width) if blank else given.rjust(field.width, "0"))
            else:
                part = characters.encode(given)
                part += characters.space * (field.width - len(part))
        except UnencodableError as error:
            raise LocalMisuse(str(error), field.name) from None
        if len(part) != field.width:
            raise LocalMisuse(f"{len(part)} bytes do not fit into {field.width}", field.name)
        text = characters.decode(part)
        problem = field.problem(text if field.is_number else _beside_kanji(text))
        if problem is not None:
            raise LocalMisuse(f"expected {problem[1]} (at {problem[0] + 1})", field.name)
        out += part
    return bytes(out)
