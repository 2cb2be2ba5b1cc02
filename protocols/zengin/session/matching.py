"""Day-end matching: the figures of both sides, per direction and 種目, and what differs.

Owns the lines that are exchanged and the comparison. Pure. It must never decide what is done about a difference. The trap:
a 種目 that only one side has is a difference too, and no figures at all is not the same as figures of zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.totals import LINES_MAX, TotalsStated
from protocols.totals import Total as Stated
from protocols.zengin.session.state import Total
from protocols.zengin.telegram.message import Figures

NO_TRAFFIC = "0"  # direction of the one line that says that there was none
_PATHS = {"1": "仕向", "2": "被仕向"}
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


def stated(day: str, ours: Iterable[Figures], theirs: Iterable[Figures]) -> TotalsStated:
    """The center's figures of a day beside our own durable ones. `day` is YYYYMMDD. It does not end a business date for
    anybody: another window may open on the same day."""
    mine, other = totals_of(ours), totals_of(theirs)
    lines = []
    for place in sorted(mine.keys() | other.keys())[:LINES_MAX]:
        here, there = mine.get(place, Total()), other.get(place, Total())
        lines.append(
            Stated(
                name=f"{_PATHS.get(place[0], place[0])} {place[1]}",
                count=there.count,
                minor=there.amount,
                ours_count=here.count,
                ours_minor=here.amount,
            )
        )
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return TotalsStated(
        id="figures", party="", business_date=date, source="閉局", currency="JPY", lines=tuple(lines), mode="running"
    )


def said_of(ours: Iterable[Figures]) -> list[str]:
    """Our figures as sentences, for whoever has to compare them by hand."""
    return [f"{_where(*place)}: {_said(total)} here" for place, total in sorted(totals_of(ours).items())]


def _where(direction: str, subject: str) -> str:
    return f"{_DIRECTION_NAMES.get(direction, direction)}, 種目 {subject}"


def _said(total: Total) -> str:
    return f"{total.count} over {total.amount} yen ({total.first}-{total.last})"
