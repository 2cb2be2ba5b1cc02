"""Two books of one terminal: this center's, and the one of another center whose business is done here. Pure.

Owns the rules by which they become one. They must never be applied twice to the same effect, so each is such that the outcome,
held against the other center's book again, is itself:

* the book of the later 営業日 counts, alone;
* of one day, the one that took the higher number, for a terminal's numbers rise with each telegram; of equals, this center's;
* where this center began its own in the middle of the day, behind everything that the other one took (`since`), the two
  together are the day: cash of both, what is unproven of both. That is so where 開局 named the same opening cash at both; else
  the later word about the notes stands alone;
* in each case the numbers of the other one of that day are still known, so that a repeat is a repeat. Their cash is counted
  where it was counted.

The trap: "unproven" in the book that does not count is not lost, only not in this till: 22 and 23 name it to the desk by its
key, and 前回確定通番 is looked up in it, too (`Keeper.beside`).
"""

from __future__ import annotations

import msgspec

from protocols.branch.till import RECENT_COUNT, Taken, TillBook


def merged(own: TillBook, other: TillBook) -> TillBook:
    """The book that this center goes on with; `own` itself where the other adds nothing."""
    if not other.date or other.date < own.date:
        return own
    if other.date > own.date or other.last > own.last:
        return _with_numbers(other, own)
    if own.since and own.since >= other.last and own.opening == other.opening >= 0 and not own.is_closed:
        own = msgspec.structs.replace(
            own,
            cash=own.cash + other.cash - other.opening,
            pending=(*other.pending, *own.pending),
            since=other.since,
        )
    return _with_numbers(own, other)


def _with_numbers(book: TillBook, lesser: TillBook) -> TillBook:
    """`book`, knowing the numbers that `lesser` took lately and it did not."""
    if lesser.date != book.date:
        return book
    known = {taken.serial for taken in book.recent}
    unproven = {entry.serial for entry in book.pending}
    more = [
        taken if taken.serial in unproven else Taken(taken.serial, taken.digest, True, taken.refused, taken.effect)
        for taken in lesser.recent
        if taken.serial not in known and taken.serial <= book.last
    ]
    recent = tuple(sorted((*book.recent, *more), key=lambda taken: taken.serial)[-RECENT_COUNT:])
    return book if recent == book.recent else msgspec.structs.replace(book, recent=recent)
