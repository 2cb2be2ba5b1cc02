"""Kanji in a single-byte text: found by their shift codes, carried as they are, never read.

Owns the ways a double-byte block begins and ends, and its written form between U+27EA and U+27EB: the block's bytes in hex,
shift codes included, so that every byte counts and the same bytes go out again. It must never translate a kanji. The traps: an
end code counts only where a pair would begin, for its value may stand inside a pair; a field cut by another system may have
lost the end code, and such a block is refused, never closed by us.

Sources: IBM SO/SI (0E, 0F); JEF 28, 38 or 30E2 in, 29 out; KEIS 0A42 in, 0A41 out; JIS escape sequences of ISO 2022; Shift_JIS
lead bytes 81-9F and E0-FC.
"""

from __future__ import annotations

import re

OPEN = "\u27ea"
CLOSE = "\u27eb"
WRITTEN = re.compile(f"{OPEN}([0-9a-f]*){CLOSE}")

_STYLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # style: codes that open a block, codes that close it (hex)
    "ibm": (("0e",), ("0f",)),
    "jef": (("28", "38", "30e2"), ("29",)),
    "keis": (("0a42",), ("0a41",)),
    "jis-escape": (("1b2440", "1b2442"), ("1b284a", "1b2842", "1b2849")),
}


class Blocks:
    """One style, compiled. `find` is the start of the next block, `match` its end; both None where there is none."""

    __slots__ = ("_block", "_opener")

    def __init__(self, opener: bytes, block: bytes) -> None:
        self._opener = re.compile(opener, re.DOTALL)
        self._block = re.compile(block, re.DOTALL)

    def find(self, data: bytes, start: int) -> int | None:
        found = self._opener.search(data, start)
        return None if found is None else found.start()

    def match(self, data: bytes, start: int) -> int | None:
        found = self._block.match(data, start)
        return None if found is None else found.end()


def _any_of(codes: tuple[str, ...]) -> bytes:
    return b"(?:" + b"|".join(re.escape(bytes.fromhex(code)) for code in codes) + b")"


def _compile(style: str) -> Blocks:
    opener, closer = (_any_of(codes) for codes in _STYLES[style])
    return Blocks(opener, opener + b"(?:(?!" + closer + b")..)*" + closer)


# Shift_JIS has no shift codes: a run of double-byte characters is one block.
_SHIFT_JIS = Blocks(rb"[\x81-\x9f\xe0-\xfc]", rb"(?:[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc])+")

STYLES: dict[str, Blocks] = {**{style: _compile(style) for style in _STYLES}, "shift-jis": _SHIFT_JIS}


def written(block: bytes) -> str:
    """A block as text: its bytes in hex between the two brackets."""
    return f"{OPEN}{block.hex()}{CLOSE}"
