"""A line of a terminal page as pieces of text with a colour each, cut to a width. Pure.

Owns the cutting. It must never know what is shown. The trap: what takes columns is the text and never the colour, and a
Japanese letter takes two; so a line is cut first and coloured afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from relay.cli.screen import Paint, cut, pad, safe, width

Span: TypeAlias = tuple[str, str]  # style, text
Line: TypeAlias = Sequence[Span]


def text(said: str, style: str = "") -> Line:
    return ((style, said),)


def fit(line: Line, columns: int, paint: Paint) -> str:
    """The line in at most `columns`, without control characters of others."""
    left, pieces = columns, []
    for style, said in line:
        piece = cut(safe(said), left)
        pieces.append(paint(style, piece) if style else piece)
        left -= width(piece)
        if piece != safe(said) or left <= 0:
            break
    return "".join(pieces)


def columns_of(rows: Sequence[Sequence[Span]], right: Sequence[int] = (), indent: str = " ", gap: str = "  ") -> list[Line]:
    """Rows of cells as lines with aligned columns; those in `right` are set to the right."""
    if not rows:
        return []
    widths = [max(width(safe(row[n][1])) for row in rows) for n in range(len(rows[0]))]
    lines: list[Line] = []
    for row in rows:
        cells: list[Span] = [("", indent)]
        for n, (style, said) in enumerate(row):
            cells.append((style, pad(safe(said), widths[n], n in right)))
            if n + 1 < len(row):
                cells.append(("", gap))
        lines.append(cells)
    return lines


def bar(used: int, projected: int, target: int, size: int) -> str:
    """A bar of `size` columns for `target`: `#` is used, `-` is projected, `!` what is beyond the target."""
    whole = max(target, used, projected, 1)

    def at(value: int) -> int:
        return min(size, max(0, value) * size // whole)

    drawn = "#" * at(used) + "-" * max(0, at(projected) - at(used))
    drawn = drawn.ljust(size, ".")
    edge = at(target)
    return drawn[:edge] + drawn[edge:].replace("-", "!") if edge < size else drawn
