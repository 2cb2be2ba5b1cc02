"""Day-end matching: the figures of both sides, per direction and 種目, and what differs.

Owns the lines that are exchanged and the comparison. Pure. It must never decide what is done about a difference. The trap:
a 種目 that only one side has is a difference too, and no figures at all is not the same as figures of zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.zengin.session.state import Total
from protocols.zengin.telegram.message import Figures

NO_TRAFFIC = "0"  # direction of the one line that says that there was none
_DIRECTION_NAMES = {"1": "host to RC", "2": "RC to host"}


def lines_of(figures: Mapping[str, Mapping[str, Total]]) -> list[Figures]:
    """direction -> 種目 -> Total as numbered lines; one line without traffic where there is nothing."""
    rows = [
        (direction, subject, total)
        for direction, totals in sorted(figures.items())
        for subject, total in sorted(totals.items())
        if total.count
    ]
    if not rows:
        return [Figures(direction=NO_TRAFFIC, line=1, lines=1)]
    return [
        Figures(
            direction=direction,
            matched_subject=subject,
            count=total.count,
            total=total.amount,
            first=total.first,
            last=total.last,
            line=number,
            lines=len(rows),
        )
        for number, (direction, subject, total) in enumerate(rows, 1)
    ]


def totals_of(lines: Iterable[Figures]) -> dict[tuple[str, str], Total]:
    """Received lines as (direction, 種目) -> Total."""
    return {
        (line.direction, line.matched_subject): Total(line.count, line.total, line.first, line.last)
        for line in lines
        if line.direction != NO_TRAFFIC
    }


def differences(ours: Iterable[Figures], theirs: Iterable[Figures]) -> list[str]:
    """What differs, as sentences for the person who signs; empty where everything agrees."""
    mine, other = totals_of(ours), totals_of(theirs)
    found: list[str] = []
    for direction, subject in sorted(mine.keys() | other.keys()):
        here, there = mine.get((direction, subject), Total()), other.get((direction, subject), Total())
        if here != there:
            found.append(f"{_where(direction, subject)}: {_said(here)} here, {_said(there)} at the center")
    return found


def said_of(ours: Iterable[Figures]) -> list[str]:
    """Our figures as sentences, for whoever has to compare them by hand."""
    return [f"{_where(*place)}: {_said(total)} here" for place, total in sorted(totals_of(ours).items())]


def _where(direction: str, subject: str) -> str:
    return f"{_DIRECTION_NAMES.get(direction, direction)}, 種目 {subject}"


def _said(total: Total) -> str:
    return f"{total.count} over {total.amount} yen ({total.first}-{total.last})"
