"""Text on a terminal: colours where they are wanted, columns that line up, durations that people read.

Owns the look shared by status, top and journal. It must never decide what is said. The trap: output goes into pipes, tickets
and logs as often as to a screen, so without a terminal (or with NO_COLOR) not one escape byte is written; and a text that a
peer chose may hold escape bytes of its own, which are never passed on.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TextIO

RESET, BOLD, DIM, RED, GREEN, YELLOW, REVERSE = "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[7m"
CLEAR_SCREEN, HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"
ALTERNATE_ON, ALTERNATE_OFF = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


class Paint:
    """Colours a text, or leaves it as it is."""

    __slots__ = ("is_on",)

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{RESET}" if self.is_on and text else text

    @classmethod
    def for_stream(cls, stream: TextIO, environ: Mapping[str, str] | None = None) -> Paint:
        env = os.environ if environ is None else environ
        return cls(stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb")


def safe(text: str) -> str:
    """`text` without control characters, which a terminal would obey."""
    return "".join("?" if unicodedata.category(character) in {"Cc", "Cf", "Cs"} else character for character in text)


def duration(ms: int) -> str:
    """`850 ms`, `12 s`, `3 min`, `5 h 12 min`, `9 d 4 h`."""
    if ms < 1_000:
        return f"{max(ms, 0)} ms"
    seconds = ms // 1_000
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def size(byte_count: int) -> str:
    """`512 B`, `1.5 MiB`."""
    if byte_count < 1_024:
        return f"{byte_count} B"
    value = float(byte_count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1_024
        if value < 1_024:
            return f"{value:.1f} {unit}"
    return f"{value / 1_024:.1f} TiB"


def count(number: int) -> str:
    """Thousands apart by a thin comma: `12,345`."""
    return f"{number:,}"


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = (), gap: str = "  ") -> list[str]:
    """Rows of equal length as lines with aligned columns; the columns in `right` are set to the right."""
    if not rows:
        return []
    widths = [max(width(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [pad(cell, widths[n], n in right) for n, cell in enumerate(row)]
        lines.append(gap.join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """Columns that `text` takes on a terminal; Japanese names take two per character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, columns: int, is_right: bool = False) -> str:
    space = " " * (columns - width(text))
    return space + text if is_right else text + space


def cut(text: str, columns: int) -> str:
    """`text` in at most `columns` columns, with an ellipsis where something was cut."""
    if width(text) <= columns:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > columns - 1:
            break
        kept += character
    return kept + "…" if columns > 0 else ""
