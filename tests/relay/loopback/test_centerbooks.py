"""The center's own books: lines written when the center decides, and figures that only count what was on the wire."""

from __future__ import annotations

import ast
from pathlib import Path

from relay.loopback import centerbooks
from relay.loopback.centerbooks import CenterBooks, Known


def test_what_is_given_is_numbered_and_counted_once_it_is_on_the_wire() -> None:
    books = CenterBooks()
    first, second = books.order("0005", 7, "001-1-1234567", 100), books.order("0005", 8, "001-1-1234567", 50)
    assert (first.receipt, second.receipt) == (1, 2)
    assert books.figures_to_bank() == (0, 0, 0, 0)
    assert books.next_waiting() is first
    first.known = Known.SENT
    assert books.next_waiting() is second
    assert books.figures_to_bank() == (1, 100, 1, 1)
    assert books.by_receipt(2) is second
    assert books.by_receipt(3) is None
    assert books.count_known(Known.WAITING) == 1


def test_a_telegram_taken_twice_is_a_double_and_no_second_line() -> None:
    books = CenterBooks()
    books.take(1, "1000", "x", 500)
    books.take(2, "1000", "x", 300)
    assert books.doubles() == []
    books.take(1, "1000", "x", 500)
    assert books.doubles() == [1]
    assert books.figures_from_bank() == {"1000": (2, 800, 1, 2)}
    assert books.holds(2)
    assert not books.holds(3)


def test_the_books_share_no_code_with_those_they_are_held_against() -> None:
    tree = ast.parse(Path(centerbooks.__file__).read_text("utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in names if name.split(".")[0] in ("relay", "protocols")]
