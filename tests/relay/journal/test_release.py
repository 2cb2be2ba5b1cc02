"""What may be let go: an exchange that stands as it does in its archive, to the line. The rest is archive/test_run.py's."""

from __future__ import annotations

import pytest

from relay.journal.archive.record import ReleasedRow
from relay.journal.release import stands_as_archived

ROW = ReleasedRow(7, "answered", 2_000, 4)


def test_what_stands_as_archived_may_go() -> None:
    assert stands_as_archived(ROW, ("answered", 2_000, 0, 4))
    assert stands_as_archived(ROW, ("answered", 2_000, 0, 0)), "its history has gone already: a slice done twice"


@pytest.mark.parametrize(
    "found",
    [
        ("undone", 2_000, 0, 4),
        ("answered", 2_001, 0, 4),
        ("answered", 2_000, 1, 4),
        ("answered", 2_000, 2, 4),
        ("answered", 2_000, 0, 5),
    ],
    ids=["state", "step", "open", "listed", "history"],
)
def test_whatever_has_changed_stays(found: tuple[str, int, int, int]) -> None:
    assert not stands_as_archived(ROW, found)
