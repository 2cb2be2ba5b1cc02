"""Long work in slices: a generator that pauses after so many rows, so that whoever drives it can let others have their turn.

Owns the form of such work and the count of rows in a slice, through all stages of one piece of work. It must never know what
a row is, nor a clock. The trap: what is not counted in rows between two pauses must be short.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Slices: TypeAlias = Generator[None, None, T]  # pauses, then returns
SLICE_ROWS = 5_000  # 11 to 18 ms of reading back, where it was measured
PIECE_ROWS = 500
LIGHT = 4  # so many rows that are only split, indexed or compared cost no more than one that is read back


class Pace:
    """Counts rows, weighed: after each piece of work, `is_due` says whether to pause before the next."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows = 0

    def is_due(self, rows: int) -> bool:
        self._rows += rows
        if self._rows < SLICE_ROWS:
            return False
        self._rows = 0
        return True


def finish(work: Slices[T]) -> T:
    """All of it at once: for tools and tests, never on a loop that serves others."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result


def pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """`rows` in order, PIECE_ROWS at a time."""
    for at in range(0, len(rows), PIECE_ROWS):
        yield rows[at : at + PIECE_ROWS]
