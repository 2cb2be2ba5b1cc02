"""精査: what a count of the notes proves about transactions whose cash is not proven yet.

Owns `judge`, the one place where a count becomes evidence. Pure. It must never guess (law 4): a count decides only where all of
the unproven transactions happened, or none of them; anything between may as well be a teller's error, and is a person's.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.branch.till import TillBook


class Count(Enum):
    """What the notes say."""

    FITS = auto()  # nothing was unproven, and the till has what it must have
    ALL_MOVED = auto()
    NONE_MOVED = auto()
    DIFFERS = auto()


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
