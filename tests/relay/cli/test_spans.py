"""A line in its columns: cut before it is coloured, Japanese letters counted as two, a stranger's text obeys nobody."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.screen import RED, RESET, Paint, width
from relay.cli.spans import Span, bar, columns_of, fit, text

PLAIN = Paint(False)


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6), st.integers(1, 100))
def test_a_line_is_never_wider_than_its_columns(pieces: list[str], columns: int) -> None:
    assert width(fit([("", piece) for piece in pieces], columns, PLAIN)) <= columns


def test_a_colour_takes_no_column() -> None:
    assert fit(((RED, "ab"), ("", "cd")), 4, Paint(True)) == f"{RED}ab{RESET}cd"
    assert fit(((RED, "abc"), ("", "de")), 4, Paint(True)) == f"{RED}abc{RESET}…"
    assert fit(text("東京です"), 5, PLAIN) == "東京…"


def test_control_characters_reach_no_terminal() -> None:
    assert fit(text("a\x1b[2Jb\nc"), 80, PLAIN) == "a?[2Jb?c"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows: list[list[Span]] = [[("", "name"), ("", "n")], [("", "東京"), ("", "12")]]
    assert [fit(line, 80, PLAIN) for line in columns_of(rows, right=(1,))] == [" name   n", " 東京  12"]
    assert columns_of([]) == []


def test_a_bar_shows_what_is_used_what_is_to_come_and_what_is_too_much() -> None:
    assert bar(25, 50, 100, 8) == "##--...."
    assert bar(100, 100, 100, 8) == "########"
    assert bar(25, 200, 100, 8) == "#---!!!!"  # the target is in the middle
    assert bar(0, 0, 0, 4) == "...."
