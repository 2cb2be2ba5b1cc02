"""Columns that line up, durations that people read, and no escape byte that nobody asked for."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.screen import RED, Paint, count, cut, duration, safe, size, table, width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 ms"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2 h 0 min"),
        (172_799_999, "47 h 59 min"),
        (172_800_000, "2 d 0 h"),
    ],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("byte_count", "text"),
    [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (5 * 2**30, "5.0 GiB"), (3 * 2**40, "3.0 TiB")],
)
def test_sizes(byte_count: int, text: str) -> None:
    assert size(byte_count) == text


def test_counts() -> None:
    assert count(1_234_567) == "1,234,567"


def test_columns_line_up_in_japanese_too() -> None:
    lines = table([["支店", "1"], ["atm", "1,000"]], right=(1,))
    assert lines == ["支店      1", "atm   1,000"]
    assert table([]) == []


@given(
    st.lists(
        st.tuples(st.text(st.characters(categories=["Lu", "Lo", "Nd"]), max_size=6), st.text("ab", max_size=4)), max_size=5
    )
)
def test_every_row_has_its_second_column_at_the_same_place(rows: list[tuple[str, str]]) -> None:
    marked = [[first, "|" + second] for first, second in rows]
    assert len({width(line[: line.index("|")]) for line in table(marked)}) <= 1


@given(st.text(), st.integers(0, 20))
def test_cutting_fits(text: str, columns: int) -> None:
    assert width(cut(text, columns)) <= columns


def test_colours_only_on_a_terminal_that_wants_them() -> None:
    assert Paint.for_stream(Terminal(), {})(RED, "x") == "\x1b[31mx\x1b[0m"
    assert Paint.for_stream(io.StringIO(), {})(RED, "x") == "x"
    assert Paint.for_stream(Terminal(), {"NO_COLOR": "1"})(RED, "x") == "x"
    assert Paint.for_stream(Terminal(), {"TERM": "dumb"})(RED, "x") == "x"


@given(st.text())
def test_a_text_from_outside_moves_no_cursor(text: str) -> None:
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in safe(text))


def test_what_is_harmless_stays() -> None:
    assert safe("ATM-0001 東京\x1b[2J") == "ATM-0001 東京?[2J"
