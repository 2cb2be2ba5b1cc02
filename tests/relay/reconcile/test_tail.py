"""The state of a tail: one value, merged with one that had not ended, and begun anew with other evidence."""

from __future__ import annotations

from relay.reconcile.matcher import What, difference
from relay.reconcile.tail import Tail, TailShelf, tail_of
from tests.support.reconcileplay import KeptVariables, side


class Kept(KeptVariables):
    epoch = 9


def test_it_reads_back_whole() -> None:
    listed = difference(What.MISSING, side(1), None, "lost tail")
    tail = Tail(
        epoch=9, began_ms=5, lag_ms=7, at_ids={3: 8}, to_ids={3: 9}, pending=(4,), differences=(listed,), is_measured=True
    )
    kept = Kept()
    assert TailShelf(kept).tail() is None
    TailShelf(kept).keep(tail, lambda result: None)
    assert TailShelf(kept).tail() == tail


def test_what_is_left_counts_rows_lines_and_what_is_not_settled() -> None:
    tail = Tail(
        epoch=9,
        began_ms=0,
        lag_ms=0,
        at_ids={1: 10, 2: 5},
        to_ids={1: 15, 2: 5},
        at_line=3,
        to_line=7,
        pending=(1, 2),
        waiting=(3,),
    )
    assert tail.left == 5 + 4 + 3


def test_an_epoch_that_comes_too_soon_covers_the_last_tail_too() -> None:
    first = tail_of(9, None, 1_000, 500)
    assert (first.lag_ms, first.floor_ms) == (500, 0)
    ended = Tail(epoch=9, began_ms=1_000, lag_ms=900, since_ms=200, finished_ms=1_500)
    assert tail_of(10, ended, 2_000, 500).floor_ms == 0, "all of it was asked"
    walking = Tail(epoch=9, began_ms=1_000, lag_ms=900, since_ms=200, is_measured=True)
    second = tail_of(10, walking, 2_000, 500)
    assert (second.epoch, second.floor_ms, second.lag_ms) == (10, 200, 900)
    assert tail_of(11, second, 3_000, 500).floor_ms == 200, "and the one after it"
    unmeasured = tail_of(9, None, 1_000, 500)
    assert tail_of(10, unmeasured, 2_000, 500).floor_ms == 1_000


def test_other_evidence_begins_the_walk_anew_and_keeps_what_was_done() -> None:
    tail = Tail(
        epoch=9,
        began_ms=1,
        lag_ms=5,
        since_ms=3,
        is_measured=True,
        at_ids={1: 2},
        pending=(7,),
        asked=4,
        mended=2,
        finished_ms=9,
    )
    again = tail.measured_again(lag_ms=0, from_ms=2, who="Sato", why="last LSN")
    assert (again.is_measured, again.is_finished, again.at_ids) == (False, False, {})
    assert (again.pending, again.asked, again.mended, again.who) == ((7,), 4, 2, "Sato")
