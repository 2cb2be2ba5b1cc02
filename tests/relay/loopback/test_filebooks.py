"""The station's books stand alone, and say what the ledger must show."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import relay.loopback.filebooks as books_module
from relay.loopback.filebooks import FileBooks, FileFate

DAY = "20261125"


def posted(*numbers: int, cycle: str = "01", times: int = 1) -> list[tuple[str, str, str, int, int]]:
    return [("A", DAY, cycle, number, number * 100) for number in numbers for _ in range(times)]


def test_the_books_import_nothing_of_the_relay() -> None:
    tree = ast.parse(Path(books_module.__file__).read_text())
    roots = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("fate", "lines", "problems"),
    [
        (FileFate.DELIVERED, posted(1, 2), 0),
        (FileFate.DELIVERED, posted(1), 1),
        (FileFate.DELIVERED, [], 2),
        (FileFate.DELIVERED, posted(1, 2, times=2), 2),
        (FileFate.DELIVERED, [*posted(1), ("A", DAY, "01", 2, 999)], 1),
        (FileFate.UNANSWERED, [], 0),
        (FileFate.UNANSWERED, posted(1, 2), 0),
        (FileFate.UNANSWERED, posted(2), 1),
        (FileFate.OPEN, [], 0),
        (FileFate.OPEN, posted(1), 1),
        (FileFate.REFUSED, [], 0),
        (FileFate.REFUSED, posted(1, 2), 1),
        (FileFate.DELIVERED, [*posted(1, 2), *posted(1, cycle="02")], 1),
    ],
)
def test_differences(fate: FileFate, lines: list[tuple[str, str, str, int, int]], problems: int) -> None:
    books = FileBooks()
    books.begin("A", DAY, "01", [100, 200]).fate = fate
    assert len(books.differences(lines)) == problems


def test_one_line_per_file() -> None:
    books = FileBooks()
    one = books.begin("A", DAY, "01", [1, 2])
    assert books.begin("A", DAY, "01", [1, 2]) is one
    with pytest.raises(ValueError, match="other records"):
        books.begin("A", DAY, "01", [1, 3])
    assert list(books.sent()) == [one]


NEXT_DAY = "20261126"


@pytest.mark.parametrize("fate", [FileFate.OPEN, FileFate.UNANSWERED])
@pytest.mark.parametrize("day", [DAY, NEXT_DAY])
def test_a_file_sent_again_after_midnight_stands_in_the_ledger_under_one_of_its_dates(fate: FileFate, day: str) -> None:
    """The relay has it under the day on which it became whole; the station does not know which that was."""
    books = FileBooks()
    first = books.begin("A", DAY, "01", [100, 200])
    first.fate = fate
    again = books.begin("A", NEXT_DAY, "01", [100, 200])
    again.fate = FileFate.DELIVERED
    assert list(books.sent()) == [first]
    there = [("A", day, "01", number, number * 100) for number in (1, 2)]
    assert books.differences(there) == []
    assert len(books.differences(there[:1])) == 1
    assert len(books.differences([])) == 2
    both = [*posted(1, 2), *(("A", NEXT_DAY, "01", number, number * 100) for number in (1, 2))]
    assert len(books.differences(both)) == 1, "twice, once under each"


@pytest.mark.parametrize("amounts", [[100, 200], [100, 201]])
def test_the_next_day_has_files_of_its_own(amounts: list[int]) -> None:
    books = FileBooks()
    first = books.begin("A", DAY, "01", [100, 200])
    first.fate = FileFate.DELIVERED if amounts == [100, 200] else FileFate.OPEN
    second = books.begin("A", NEXT_DAY, "01", amounts)
    assert second is not first
    assert (first.dates, second.dates) == ([DAY], [NEXT_DAY])
