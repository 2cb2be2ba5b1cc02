"""A wall clock that was set: whatever had to wait waits as long, and nobody's approval lives longer for it."""

from __future__ import annotations

import pytest

from relay.failover import decide as d
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.moments import moved
from relay.failover.run import BadHistory, fold
from tests.support.failoverbook import Book

HOUR_MS = 3_600_000


def book_with_an_open_intent() -> Book:
    book = Book()
    book.declare()
    book.looked("scale-up")
    book.write(e.Intended(step="scale-up", attempt=1, token=book.run.token("scale-osaka")))
    book.write(e.AbortAsked(who="Doi", why="x"))
    return book


def set_by(book: Book, ms: int) -> None:
    book.time.jump_wall(ms)
    book.write(e.ClockSet(by_ms=ms))


def may_undo(book: Book) -> bool:
    moves = d.moves_of(book.run, book.time.wall_ms(), BankClock())
    return any(isinstance(move, d.RunStep) and move.step == "scale-up" for move in moves)


@pytest.mark.parametrize("ms", [HOUR_MS, -HOUR_MS])
def test_nothing_is_taken_back_sooner_or_later_because_a_clock_was_set(ms: int) -> None:
    """It may still land within its settle_s, which are seconds that pass and not what a clock says."""
    book = book_with_an_open_intent()
    settle_ms = book.run.known_plan.named("scale-up").settle_s * 1_000
    book.wait(1_000)
    set_by(book, ms)
    assert not may_undo(book)
    book.wait(settle_ms - 1_001)
    assert not may_undo(book)
    book.wait(1)
    assert may_undo(book)


def test_what_was_seen_before_is_void_and_so_is_what_was_approved_on_it() -> None:
    book = Book()
    book.to_gate(1)
    book.write(book.approved(1, "Baba", "operations"))
    book.wait(100_000)
    set_by(book, -60_000)  # it would be 40 s old, and is 100
    assert (book.run.approvals, book.run.newest) == ((), None)
    with pytest.raises(BadHistory):
        book.write(book.approved(1, "Chiba", "business"))
    assert d.TakeEvidence() in d.moves_of(book.run, book.time.wall_ms(), BankClock())


def test_the_clock_of_the_run_goes_on_from_where_it_was() -> None:
    book = Book()
    book.to_gate(1)
    elapsed = book.time.wall_ms() - book.run.declared_ms
    set_by(book, HOUR_MS)
    run = book.run
    assert book.time.wall_ms() - run.declared_ms == elapsed
    assert run.path[0][1] == run.declared_ms
    assert fold(book.keeper.entries).path == run.path


def test_what_has_no_moment_gets_none() -> None:
    assert (moved(0, 5), moved(10, 5), moved(10, -50)) == (0, 15, 1)
