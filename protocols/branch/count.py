"""精査: what a count of the notes proves about transactions whose cash is not proven yet.

Owns `judge`, the one place where a count becomes evidence, and the count as stated totals. Pure. It must never guess (law 4): a
count decides only where all of the unproven transactions happened, or none of them; anything between may as well be a teller's
error, and is a person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from protocols.branch.till import TillBook
from protocols.totals import Total, TotalsStated


class Count(Enum):
    """What the notes say."""

    FITS = auto()  # nothing was unproven, and the till has what it must have
    ALL_MOVED = auto()
    NONE_MOVED = auto()
    DIFFERS = auto()


def stated(book: TillBook, terminal: str, said: Mapping[str, int], verdict: Count) -> TotalsStated:
    """精査応答 as totals: the notes beside the till book, and what the terminal counted in and out, which is only shown, for it
    counts movements and not what stands. `said`: the members of the telegram, yen and pieces."""
    proven = sum(entry.effect for entry in book.pending) if verdict is Count.ALL_MOVED else 0
    date = f"{book.date[:4]}-{book.date[4:6]}-{book.date[6:]}"
    lines = (
        Total(name="notes in the till", minor=said["cash"], ours_minor=book.cash + proven),
        Total(name="notes in", count=said["in_count"], minor=said["in_total"]),
        Total(name="notes out", count=said["out_count"], minor=said["out_total"]),
    )
    return TotalsStated(
        id="till", party=terminal, business_date=date, source="精査", currency="JPY", lines=lines, mode="running"
    )


def judge(book: TillBook, counted: int) -> Count:
    """`counted` yen lie in the till. ALL_MOVED and NONE_MOVED speak of every entry of `book.pending`."""
    difference = counted - book.cash
    if not book.pending:
        return Count.DIFFERS if difference else Count.FITS
    total = sum(entry.effect for entry in book.pending)
    if total == 0:  # a withdrawal and a deposit of one amount: both or neither look alike
        return Count.DIFFERS
    if difference == total:
        return Count.ALL_MOVED
    return Count.NONE_MOVED if difference == 0 else Count.DIFFERS
