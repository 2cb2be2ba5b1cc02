"""Slices: pauses are counted in rows, over all stages of one piece of work."""

from __future__ import annotations

import pytest

from protocols.zengin.telegram.slices import PIECE_ROWS, SLICE_ROWS, Pace, Slices, finish, pieces


@pytest.mark.parametrize("count", [0, 1, PIECE_ROWS, PIECE_ROWS + 1, 3 * PIECE_ROWS])
def test_pieces_are_all_rows_in_order(count: int) -> None:
    cut = list(pieces(range(count)))
    assert [row for piece in cut for row in piece] == list(range(count))
    assert all(0 < len(piece) <= PIECE_ROWS for piece in cut)


def test_a_pause_is_due_after_so_many_rows_and_not_before() -> None:
    pace = Pace()
    assert not pace.is_due(SLICE_ROWS - 1)
    assert pace.is_due(1)
    assert not pace.is_due(SLICE_ROWS - 1), "counted anew"


def test_finish_drives_the_work_to_its_result() -> None:
    def work() -> Slices[str]:
        yield
        yield
        return "done"

    assert finish(work()) == "done"
