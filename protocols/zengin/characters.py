"""Text to bytes and back on a Japanese bank wire: one table by name, one kanji style by name, never detection.

Owns `Characters` (what a line's settings compile to), `CharacterSettings`, and the two errors, which name the character or byte
and its place. It must never know a field of a format. The traps: a byte that the table does not name is an error and never a
question mark; widths are counted in bytes of the wire, where ｶﾞ is two; a text that is too long is refused, never cut, for a
cut may part ｶ from its ﾞ; kanji go through as ⟪hex⟫ and come out as the same bytes (protocols/zengin/kanji.py).

    characters = Characters(CharacterSettings(charset="ebcdic-kana"))
    characters.encode("ガ")          b"\\x86\\xbe"
    characters.decode(b"\\x86\\xbe")  "ｶﾞ"
"""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from protocols.errors import LocalMisuse, PeerViolation
from protocols.primitives import hex_to_bytes
from protocols.zengin import kanji
from protocols.zengin.folding import Folding, folding_table
from protocols.zengin.tables import GAP, SAME_PLACE, TABLES

Charset = Literal["jis-x-0201", "shift-jis", "ebcdic-kana", "ibm-930", "ibm-939", "hitachi-ebcdic"]
KanjiStyle = Literal["by-charset", "none", "ibm", "jef", "keis", "jis-escape", "shift-jis"]

_STYLE_OF = {"jis-x-0201": "none", "shift-jis": "shift-jis", "hitachi-ebcdic": "keis"}  # all others: ibm
_UNDEFINED = "\ufffe"  # what codecs.charmap_decode takes for "no character"


class Model(BaseModel):
    """The base of every Zengin setting: strict, closed, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class CharacterSettings(Model):
    """The characters of one line or one kind of file."""

    charset: Charset = Field("jis-x-0201", description="Which table: one of six, as agreed with the far end; never detected.")
    kanji: KanjiStyle = Field("by-charset", description="How double-byte blocks begin and end; none refuses them.")
    places: dict[str, str] = Field(
        {}, description="A bank's own places: character -> byte in hex, over the table (the old place is no longer read)."
    )
    small_kana: Literal["large", "keep"] = Field("large", description="Outward ｬ as ﾔ, or as it is.")
    long_vowel: Literal["hyphen", "keep"] = Field("hyphen", description="Outward ー as hyphen, or as ｰ.")
    lower_case: Literal["upper", "keep"] = Field("upper", description="Outward a as A, or as it is.")
    hiragana: Literal["refuse", "katakana"] = Field("refuse", description="Outward あ is an error, or ｱ.")


class CharacterError(PeerViolation):
    """A byte that is no character of the table, `offset` bytes into what was read; or a kanji block without its end."""

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(f"{problem} (offset {offset})")
        self.problem = problem
        self.offset = offset


class UnencodableError(LocalMisuse):
    """A character that the table does not have: `character`, and its `position` in the text as given (0 = first)."""

    def __init__(self, character: str, position: int, charset: str) -> None:
        super().__init__(f"{character!r} (U+{ord(character):04X}) at position {position} is no character of {charset}")
        self.character = character
        self.position = position


class Characters:
    """One line's characters, compiled from its settings. Raises LocalMisuse where the settings contradict each other."""

    __slots__ = ("_blocks", "_decoding", "_encoding", "_folding", "_places", "charset", "space")

    def __init__(self, settings: CharacterSettings | None = None) -> None:
        settings = settings or CharacterSettings()
        self.charset: str = settings.charset
        style = settings.kanji if settings.kanji != "by-charset" else _STYLE_OF.get(settings.charset, "ibm")
        self._blocks = None if style == "none" else kanji.STYLES[style]
        table = _table(settings)
        self._decoding = "".join(table)
        self._places = {character: byte for byte, character in enumerate(table) if character != _UNDEFINED}
        for character, other in SAME_PLACE.items():
            if other in self._places and character not in self._places:
                self._places[character] = self._places[other]
        self._encoding = {ord(character): byte for character, byte in self._places.items()}
        self._folding = folding_table(
            Folding(
                small_kana_to_large=settings.small_kana == "large",
                long_vowel_to_hyphen=settings.long_vowel == "hyphen",
                lower_case_to_upper=settings.lower_case == "upper",
                hiragana_to_katakana=settings.hiragana == "katakana",
            )
        )
        self.space: bytes = bytes([self._places[" "]])

    def decode(self, data: bytes, offset: int = 0) -> str:
        """Bytes as half-width text, kanji blocks as ⟪hex⟫. Raises CharacterError; `offset` is added to the place it names."""
        if self._blocks is None or self._blocks.find(data, 0) is None:
            return self._decode_plain(data, offset)
        pieces: list[str] = []
        at = 0
        while (start := self._blocks.find(data, at)) is not None:
            pieces.append(self._decode_plain(data[at:start], offset + at))
            end = self._blocks.match(data, start)
            if end is None:
                raise CharacterError("a kanji block that does not end", offset + start)
            pieces.append(kanji.written(data[start:end]))
            at = end
        pieces.append(self._decode_plain(data[at:], offset + at))
        return "".join(pieces)

    def encode(self, text: str) -> bytes:
        """Text folded by the settings, as bytes. Raises UnencodableError with the place in `text` itself."""
        try:
            return codecs.charmap_encode(text.translate(self._folding), "strict", self._encoding)[0]
        except UnicodeEncodeError:
            return self._encode_slowly(text, self._folding)

    def encode_exact(self, text: str) -> bytes:
        """Text as bytes without folding: the inverse of `decode`. Raises UnencodableError."""
        try:
            return codecs.charmap_encode(text, "strict", self._encoding)[0]
        except UnicodeEncodeError:
            return self._encode_slowly(text, {})

    def fold(self, text: str) -> str:
        """The text as `decode` will give it back once it was encoded. Raises UnencodableError."""
        return self.decode(self.encode(text))

    def size(self, text: str) -> int:
        """Bytes that `text` takes on the wire. Raises UnencodableError."""
        return len(self.encode(text))

    def fit(self, text: str, width: int, path: str = "", *, exact: bool = False) -> bytes:
        """`text` left-aligned in `width` bytes, filled with spaces.

        Raises UnencodableError, or LocalMisuse naming `path` where the text needs more bytes: nothing is ever cut.
        """
        data = self.encode_exact(text) if exact else self.encode(text)
        if len(data) > width:
            raise LocalMisuse(f"{len(data)} bytes do not fit into {width}", path)
        return data + self.space * (width - len(data))

    def _decode_plain(self, data: bytes, offset: int) -> str:
        try:
            return codecs.charmap_decode(data, "strict", self._decoding)[0]
        except UnicodeDecodeError as error:
            problem = f"byte {data[error.start]:02X} is no character of {self.charset}"
            raise CharacterError(problem, offset + error.start) from None

    def _encode_slowly(self, text: str, folding: dict[int, str]) -> bytes:
        """Character by character: kanji blocks as they are, and the place of the one that cannot go."""
        out = bytearray()
        at = 0
        while at < len(text):
            block = kanji.WRITTEN.match(text, at) if self._blocks is not None else None
            if block is not None:
                data = bytes.fromhex(block[1]) if len(block[1]) % 2 == 0 else b""
                if self._blocks is None or not data or self._blocks.match(data, 0) != len(data):
                    raise UnencodableError(text[at], at, f"{self.charset}: not one whole kanji block")
                out += data
                at = block.end()
                continue
            for character in folding.get(ord(text[at]), text[at]):
                byte = self._places.get(character)
                if byte is None:
                    raise UnencodableError(text[at], at, self.charset)
                out.append(byte)
            at += 1
        return bytes(out)


def _table(settings: CharacterSettings) -> list[str]:
    """256 characters, `_UNDEFINED` where the table has none. Raises LocalMisuse."""
    table = [_UNDEFINED] * 256
    for start, row in TABLES[settings.charset].items():
        for column, character in enumerate(row):
            if character != GAP:
                table[start + column] = character
    for character, place in settings.places.items():
        byte = _byte(place)
        if len(character) != 1 or byte is None:
            raise LocalMisuse("one character and one byte of two hex digits", f"characters.places.{character}")
        if character in table:
            table[table.index(character)] = _UNDEFINED
        table[byte] = character
    if " " not in table:
        raise LocalMisuse("no place for the space is left", "characters.places")
    return table


def _byte(text: str) -> int | None:
    try:
        data = hex_to_bytes(text)
    except ValueError:
        return None
    return data[0] if len(data) == 1 else None
