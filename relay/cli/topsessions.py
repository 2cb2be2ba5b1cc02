"""The sessions page of `relay top`: who is there, busiest first.

Owns the lines and the rates, which are differences between two answers of the daemon. Pure. The trap: a session that came back
is another one, so it is known by its peer and the time it began.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from relay.cli.screen import DIM, GREEN, count, duration
from relay.cli.spans import Line, Span, columns_of, text
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import Words
from relay.control.report import LinksReport
from relay.wire.roster import RosterEntry

Order = Literal["rate", "age", "terminal"]
ORDERS: Final[tuple[Order, ...]] = ("rate", "age", "terminal")


class Row(msgspec.Struct, frozen=True):
    """One session with what it did since the last look, messages per second."""

    entry: RosterEntry
    in_per_s: float = 0.0
    out_per_s: float = 0.0


def rates(earlier: LinksReport | None, now: LinksReport) -> list[Row]:
    """What each session did since `earlier`. A session is known by its peer and the time it began."""
    before = {} if earlier is None else {(e.listener, e.peer, e.since_ms): e for e in earlier.links}
    seconds = 0.0 if earlier is None else (now.at_ms - earlier.at_ms) / 1_000
    rows = []
    for entry in now.links:
        last = before.get((entry.listener, entry.peer, entry.since_ms))
        if seconds <= 0 or last is None:
            rows.append(Row(entry))
        else:
            came, went = entry.messages_in - last.messages_in, entry.messages_out - last.messages_out
            rows.append(Row(entry, max(came, 0) / seconds, max(went, 0) / seconds))
    return rows


def ordered(rows: list[Row], order: Order) -> list[Row]:
    """Rows in the asked order; equal ones by terminal, so that they do not jump about."""
    if order == "terminal":
        return sorted(rows, key=lambda row: (row.entry.terminal, row.entry.peer))
    if order == "age":
        return sorted(rows, key=lambda row: (-row.entry.since_ms, row.entry.terminal))
    return sorted(rows, key=lambda row: (-(row.in_per_s + row.out_per_s), row.entry.terminal, row.entry.peer))


def fits(entry: RosterEntry, find: str) -> bool:
    """Is `find` a part of its name, its address or its line?"""
    wanted = find.casefold()
    return any(wanted in said.casefold() for said in (entry.terminal, entry.peer, entry.listener))


def sessions(snapshot: Snapshot, t: Words, order: Order = "rate", find: str = "") -> Iterator[Line]:
    links = snapshot.links
    if links is None:
        return
    rows = [row for row in ordered(rates(snapshot.earlier, links), order) if not find or fits(row.entry, find)]
    came, went = sum(row.in_per_s for row in rows), sum(row.out_per_s for row in rows)
    signed = sum(row.entry.signed_on for row in rows)
    total = links.total if not find else len(rows)
    numbers = f"{count(total)} {t('links')}, {count(signed)} {t('signed-on')}, {came:.0f} in/s, {went:.0f} out/s"
    yield text(f" {numbers}   [{order}]" + (f"   ~ {find}" if find else ""))
    heads = (t("terminal"), t("links"), "", "", t("age"), "in/s", "out/s", "in", "out")
    cells: list[list[Span]] = [[(DIM, head) for head in heads]]
    for row in rows:
        entry = row.entry
        sign: Span = (GREEN, "on") if entry.signed_on else (DIM, "off")
        age = duration(links.at_ms - entry.since_ms)
        figures = (f"{row.in_per_s:.1f}", f"{row.out_per_s:.1f}", count(entry.messages_in), count(entry.messages_out))
        cells.append(
            [
                ("", entry.terminal or "-"),
                ("", entry.listener),
                (DIM, entry.peer),
                sign,
                ("", age),
                *(("", each) for each in figures),
            ]
        )
    yield from columns_of(cells, right=(4, 5, 6, 7, 8))
    if not find and links.total > len(links.links):
        yield text(f" {count(links.total - len(links.links))} {t('more')}", DIM)
