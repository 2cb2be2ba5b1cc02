"""One block of the electronic journal as it may be kept: identity, and a text in which no card number is left.

Owns the masking of the block's text and its natural identity. It must never know a link. The trap: blocks are cut anywhere,
so that a card number may lie in two of them; a run of digits at the edge of a block is therefore masked as if it went on in
the next one.

Law 9: PANs are not kept in the clear, track data not at all. Source of the block: facts of ut-codec-ndc; masking is our
rule.
"""

from __future__ import annotations

import re

from protocols.ndc.message import JournalUpload

PAN_DIGITS_MIN = 13  # ISO/IEC 7812
HEAD_KEPT, TAIL_KEPT = 6, 4
_RUN = re.compile(r"[0-9]{5,}")
_GROUPED = re.compile(
    r"(?<![0-9])[0-9]{4}([ -])(?:[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|[0-9]{6}\1[0-9]{5})(?![0-9])"
)  # as printed on cards
# As much of such a group as may lie at the edge of a block.
_GROUP_ENDS = re.compile(r"(?<![0-9])[0-9]{4}[ -](?:[0-9]{4,6}[ -]){0,2}[0-9]{0,6}\Z")
_GROUP_STARTS = re.compile(r"\A[0-9]{0,6}[ -](?:[0-9]{4,6}[ -]){0,2}[0-9]{1,7}(?![0-9]|[ -][0-9])")
_TRACK = re.compile(r"[;%]?[0-9]{13,19}[=D^][^\r\n]*")


def masked(text: str) -> str:
    """The text with every run of 13 digits or more, also in groups, shown as first six and last four, and track data not at
    all."""
    without_tracks = _TRACK.sub(lambda found: "*" * len(found.group()), text)
    without_tracks = _GROUPED.sub(lambda found: _hide_digits(found.group(), HEAD_KEPT, TAIL_KEPT), without_tracks)
    without_tracks = _GROUP_ENDS.sub(lambda found: _hide_digits(found.group(), HEAD_KEPT, 0), without_tracks)
    without_tracks = _GROUP_STARTS.sub(lambda found: _hide_digits(found.group(), 0, TAIL_KEPT), without_tracks)

    def hide(found: re.Match[str]) -> str:
        run = found.group()
        starts, ends = found.start() == 0, found.end() == len(without_tracks)
        if len(run) >= PAN_DIGITS_MIN and not starts and not ends:
            return run[:HEAD_KEPT] + "*" * (len(run) - HEAD_KEPT - TAIL_KEPT) + run[-TAIL_KEPT:]
        if starts and ends:
            return "*" * len(run)
        if ends:  # may go on in the next block
            return run[:HEAD_KEPT] + "*" * (len(run) - HEAD_KEPT)
        return "*" * (len(run) - TAIL_KEPT) + run[-TAIL_KEPT:] if starts else run  # may have begun in the block before

    return _RUN.sub(hide, without_tracks)


def _hide_digits(text: str, head: int, tail: int) -> str:
    """All digits but the first `head` and the last `tail`, what separates them kept."""
    count = sum(one.isdigit() for one in text)
    seen = 0
    shown = []
    for one in text:
        seen += one.isdigit()
        shown.append("*" if one.isdigit() and head < seen <= count - tail else one)
    return "".join(shown)


def identity(block: JournalUpload) -> str:
    """What names a block for good: machine, its date and time, and the span of characters. A re-sent block has the same."""
    return f"{block.machine}:{block.date}{block.time}:{block.previous}-{block.last}"


def continues(block: JournalUpload, acknowledged: str) -> bool:
    """Does the block begin where the last acknowledged one ended? Unknown before (empty) is taken for yes."""
    return not acknowledged or block.previous == acknowledged
