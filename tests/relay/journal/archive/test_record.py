"""What travels between reading, file and journal: names of files, and how an exchange has to stand to be let go."""

from __future__ import annotations

import pytest

from relay.journal.archive.record import (
    HISTORY_COLUMNS,
    STANDING_COLUMNS,
    TAKEN_COLUMNS,
    ArchivedExchange,
    ArchiveKind,
    Plan,
    ReleasedRow,
)
from relay.journal.rows import _ANSWER_COLUMNS, _TAKEN_COLUMNS


def exchange(
    number: int, lines: tuple[int, ...] = (), *, request: bytes = b"body", state: str = "answered"
) -> ArchivedExchange:
    """A closed withdrawal with a history of those line numbers."""
    taken = (number, f"k{number}", "atm", "bank", "ATM00001", "financial", "withdrawal", "undo", b"f" * 16, 1_000 + number)
    taken += (request, None, None, 10_000, "JPY", "2026-11-24", "", 3, 1)
    standing = (number, state, 0, 2_000, "approve", "00", b"reply", None, None, None, 3)
    return ArchivedExchange(taken, standing, tuple((line, number, 1_500, "OUTCOME", state, "detail") for line in lines))


def test_every_column_of_the_journal_is_archived() -> None:
    assert ", ".join(TAKEN_COLUMNS) == _TAKEN_COLUMNS
    assert set(_ANSWER_COLUMNS.split(", ")) < set(STANDING_COLUMNS)
    assert len(exchange(1).taken) == len(TAKEN_COLUMNS)
    assert len(exchange(1).standing) == len(STANDING_COLUMNS)
    assert len(exchange(1, (1,)).history[0]) == len(HISTORY_COLUMNS)


def test_an_exchange_says_how_it_must_still_stand() -> None:
    assert exchange(7).released() == ReleasedRow(7, "answered", 2_000, 0)
    assert exchange(7, (3, 9, 4)).released().last_line_id == 9
    assert exchange(7).recorded_ms == 1_007


@pytest.mark.parametrize(
    ("kind", "name"), [(ArchiveKind.DAY, "2026-11-24.2.archive"), (ArchiveKind.LATE, "2026-11-24.late.2.archive")]
)
def test_a_file_is_named_by_date_and_part(kind: ArchiveKind, name: str) -> None:
    assert Plan(kind=kind, business_date="2026-11-24", part=2, above_id=0, last_id=9).file_name == name
