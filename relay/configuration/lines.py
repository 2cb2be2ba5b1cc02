"""Where in a TOML file each setting stands: path -> line, so that every mistake can name its line.

Owns a scanner of TOML's keys. It must never judge: the text was read by tomllib before, so the scanner may assume that it
is correct TOML and only has to find its way. The trap: a table header such as `[listener.tls]` belongs to the *last*
`[[listener]]` above it, and a key may hide in an inline table or in an array over several lines.

Source: TOML 1.0.0, sections Keys, Strings, Table, Inline Table, Array of Tables.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")  # numbers, booleans, dates: everything without structure


def key_lines(text: str) -> dict[Path, int]:
    """Every table, key and array element of `text` with the line (from 1) on which it first stands.

    Array elements and tables of an array of tables carry their index (from 0) in the path. The root is not in it.
    Raises tomllib.TOMLDecodeError for text that is not TOML.
    """
    tomllib.loads(text)
    # tomllib reads CR LF as LF, and so do we: a line is counted at its LF, which both have
    return _Scanner(text).scan()


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of `path`, or of the nearest thing around it that the file has; 1 where it has none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def dotted(path: Path) -> str:
    """`("listener", 0, "tls", "key")` as people write it: `listener[0].tls.key`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]
        self.lines: dict[Path, int] = {}
        self.last_index: dict[Path, int] = {}  # arrays of tables: the index of their last table

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.assignment(table)
            self.skip(_BLANK)
        return self.lines

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"line {self.line_at(self.at)}: not TOML as tomllib reads it")
        self.at = match.end()
        return match.group()

    def line_at(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def mark(self, path: Path, offset: int) -> None:
        self.lines.setdefault(path, self.line_at(offset))

    def key(self) -> list[str]:
        """A possibly dotted key."""
        parts = []
        while True:
            self.skip(_SPACE)
            if self.text[self.at] in "\"'":
                parts.append(tomllib.loads(f"v = {self.skip(_STRING)}")["v"])
            else:
                parts.append(self.skip(_BARE_KEY))
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def header(self) -> Path:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        parts = self.key()
        self.at += 2 if many else 1
        path: Path = ()
        for n, part in enumerate(parts):
            path += (part,)
            self.mark(path, start)
            if many and n == len(parts) - 1:
                index = self.last_index[path] = self.last_index.get(path, -1) + 1
                path += (index,)
                self.mark(path, start)
            elif path in self.last_index:
                path += (self.last_index[path],)
        return path

    def assignment(self, table: Path) -> None:
        start = self.at
        path = table
        for part in self.key():
            path += (part,)
            self.mark(path, start)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        self.value(path)

    def value(self, path: Path) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self.skip(_STRING)
        elif first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        self.skip(_BLANK)
        while self.text[self.at] != "]":
            self.mark((*path, index), self.at)
            self.value((*path, index))
            index += 1
            self.skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_BLANK)
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        self.skip(_BLANK)
        while self.text[self.at] != "}":
            self.assignment(path)
            self.skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_BLANK)
        self.at += 1
