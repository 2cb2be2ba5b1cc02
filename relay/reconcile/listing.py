"""Whether a core's listing is worth believing: right day, no page twice, totals that are the sum of the lines.

Pure. It must never compare with the journal. The traps: a listing that breaks off or goes in circles proves nothing about
what is missing, so whoever reads it concludes that only from one that came to its end; and a core that names centers in its
lines and none in its totals has told the sums of both together, which say nothing of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from relay.core.contract import LedgerPage

PAGES_MAX = 100_000
GROUPS_MAX = 200_000  # center, terminal, kind and currency

Totals: TypeAlias = dict[tuple[str, str, str], "Sum"]  # terminal, kind, currency


class Sum(msgspec.Struct, frozen=True):
    count: int = 0
    minor: int = 0


class Listing:
    """Fed page by page; `trouble` is empty while it is believable. `told` comes with the last page."""

    def __init__(self, business_date: str) -> None:
        self.business_date = business_date
        self.trouble = ""
        self.is_whole = False
        self.pages = 0
        self.lines = 0
        self.repeated = 0
        self.sums: dict[tuple[str, str, str, str], Sum] = {}
        self.told: dict[tuple[str, str, str, str], Sum] = {}
        self._cursors: set[str] = {""}

    def page(self, page: LedgerPage, fresh: list[bool]) -> None:
        """`fresh` says for each entry whether it is the first of its key in this run."""
        self.pages += 1
        if page.business_date != self.business_date:
            self.trouble = f"a page of {page.business_date} in the listing of {self.business_date}"
            return
        for entry, is_first in zip(page.entries, fresh, strict=True):
            if not is_first:
                self.repeated += 1
                continue
            self.lines += 1
            if entry.amount is not None and entry.standing is not None and int(entry.standing.minor):
                self._add((entry.center, entry.terminal, entry.kind, entry.amount.currency), int(entry.standing.minor))
        cursor = page.next_cursor
        if cursor is None:
            self.is_whole = True
            self.told = {
                (t.center, t.terminal, t.kind, t.standing.currency): Sum(t.count, int(t.standing.minor))
                for t in page.totals
                if t.count
            }
        elif cursor in self._cursors or self.pages >= PAGES_MAX:
            self.trouble = "the listing goes in circles: a cursor comes twice" if cursor in self._cursors else "too many pages"
        else:
            self._cursors.add(cursor)

    @property
    def is_told_apart(self) -> bool:
        """The totals name the centers that they are of."""
        return any(center for center, _, _, _ in self.told)

    def told_of(self, is_peers: Callable[[str], bool], *, peers: bool = False) -> Totals:
        """The core's totals but those of the other center, or only those."""
        return _folded({group: sum_ for group, sum_ in self.told.items() if is_peers(group[0]) is peers})

    def wrong_totals(self, is_peers: Callable[[str], bool]) -> list[tuple[tuple[str, str, str], Sum, Sum]]:
        """(terminal, kind, currency), sum of the lines, what the core says; none where the core told no totals. Those of the
        other center are its report's, where they are told apart."""
        if not self.told:
            return []
        if not self.is_told_apart:
            sums, told = _folded(self.sums), _folded(self.told)
            groups = sorted(set(sums) | set(told))
            return [(g, sums.get(g, Sum()), told.get(g, Sum())) for g in groups if sums.get(g) != told.get(g)]
        of_centers = sorted(group for group in set(self.sums) | set(self.told) if not is_peers(group[0]))
        return [
            (group[1:], self.sums.get(group, Sum()), self.told.get(group, Sum()))
            for group in of_centers
            if self.sums.get(group) != self.told.get(group)
        ]

    def _add(self, group: tuple[str, str, str, str], minor: int) -> None:
        before = self.sums.get(group)
        if before is None and len(self.sums) >= GROUPS_MAX:
            self.trouble = f"more than {GROUPS_MAX} groups of center, terminal and kind"
            return
        before = before or Sum()
        self.sums[group] = Sum(before.count + 1, before.minor + minor)


def _folded(sums: Mapping[tuple[str, str, str, str], Sum]) -> Totals:
    """Over centers."""
    folded: Totals = {}
    for (_, terminal, kind, currency), sum_ in sums.items():
        before = folded.get((terminal, kind, currency), Sum())
        folded[terminal, kind, currency] = Sum(before.count + sum_.count, before.minor + sum_.minor)
    return folded
