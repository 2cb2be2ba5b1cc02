"""What a Markdown page offers to link to, and what it links to, as the code host renders it.

The trap: an anchor is made from a heading by rules that nobody wrote down; these are the ones that matter here: letters to
lower case, blanks to dashes, everything but letters, digits, dashes and underscores dropped, repeats numbered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_FENCE = re.compile(r"^(```|~~~)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def prose_lines(path: Path) -> Iterator[str]:
    """The lines outside fenced blocks."""
    is_fenced = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line.lstrip()):
            is_fenced = not is_fenced
        elif not is_fenced:
            yield line


def anchors_of(path: Path) -> set[str]:
    anchors: set[str] = set()
    for line in prose_lines(path):
        heading = _HEADING.match(line)
        if heading is None:
            continue
        words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        base, number = anchor, 0
        while anchor in anchors:
            number += 1
            anchor = f"{base}-{number}"
        anchors.add(anchor)
    return anchors


def links_of(path: Path) -> Iterator[str]:
    for line in prose_lines(path):
        yield from _LINK.findall(line)
