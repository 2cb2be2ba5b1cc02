"""The fake core's listing of one business date: its lines page by page, and the totals that come with the last one.

Owns which line follows a cursor, and the sums. Pure. It must never change an entry. The trap: two relay centers reconcile out
of one listing, so each line says whose call posted it, and a total never adds up the lines of two centers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from relay.core import contract as c
from relay.loopback.entries import Entry


def page_of(business_date: str, entries: Sequence[Entry], terminal: str | None, cursor: int, count: int) -> c.LedgerPage:
    """At most `count` of the date's `entries` after `cursor` (0 begins), oldest first, of one terminal or all."""
    mine = [e for e in entries if e.terminal == terminal] if terminal else entries
    start = bisect_right(mine, cursor, key=attrgetter("sequence"))
    rest = mine[start : start + count + 1]
    last = len(rest) <= count
    return c.LedgerPage(
        business_date=business_date,
        entries=[listing_line(e) for e in rest[:count]],
        totals=totals_of(mine) if last else [],
        next_cursor=None if last else str(rest[count - 1].sequence),
    )


def listing_line(entry: Entry) -> c.LedgerEntry:
    amount = entry.amount
    return c.LedgerEntry(
        key=entry.key,
        kind=entry.kind,
        terminal=entry.terminal,
        trace=entry.trace,
        state=entry.state.value,
        amount=amount,
        standing=None if amount is None else c.Amount(str(entry.standing_minor), amount.currency),
        posted_at_ms=entry.posted_at_ms,
        center=entry.center,
        reversed_by=entry.reversed_by,
    )


def totals_of(entries: Sequence[Entry]) -> list[c.LedgerTotal]:
    sums: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    for entry in entries:
        if entry.amount is not None and entry.standing_minor:
            group = (entry.center, entry.terminal, entry.kind, entry.amount.currency)
            count, minor = sums.get(group, (0, 0))
            sums[group] = (count + 1, minor + entry.standing_minor)
    return [
        c.LedgerTotal(terminal, kind, count, c.Amount(str(minor), currency), center)
        for (center, terminal, kind, currency), (count, minor) in sorted(sums.items())
    ]
