"""The screen: exactly as large as the terminal, whatever its size; keys do what they say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.screen import Paint, width
from relay.cli.toppage import COLUMNS_MIN, ROWS_MIN, View, keys_of, plain, press, screen, settle
from relay.cli.topsnap import PANES, Snapshot
from tests.support.failoverbook import Book
from tests.support.toproom import run_view, snapshot

PLAIN = Paint(False)
BOOK = Book()
BOOK.to_gate(2)
SHOWN = (
    snapshot(),
    snapshot(run=run_view(BOOK)),
    snapshot(trouble="nobody listens", next_step="systemctl"),
    Snapshot(trouble="x"),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SHOWN),
    st.sampled_from(PANES),
    st.sampled_from(["en", "ja"]),
    st.integers(1, 200),
    st.integers(1, 80),
    st.integers(0, 100),
)
def test_a_screen_is_exactly_as_large_as_the_terminal(
    shown: Snapshot, pane: str, language: str, columns: int, rows: int, scroll: int
) -> None:
    view = View(pane=pane, language=language, scroll=scroll)  # type: ignore[arg-type]
    lines = screen(shown, view, 9_000, columns, rows, PLAIN)
    assert len(lines) == max(rows, ROWS_MIN)
    assert all(width(line) <= max(columns, COLUMNS_MIN) for line in lines)


def test_what_does_not_fit_is_counted_and_scrolled_to() -> None:
    shown = snapshot(run=run_view(BOOK))
    view = View(pane="failover")
    first = screen(shown, view, 0, 80, 10, PLAIN)
    assert first[-2].strip().startswith("+")
    end = screen(shown, View(pane="failover", scroll=10_000), 0, 80, 10, PLAIN)
    assert "+" not in end[-2][:3]
    assert "declared" in "\n".join(end)  # the oldest line of the log is the last one


def test_nobody_scrolls_beyond_the_end_and_has_to_come_back() -> None:
    shown = snapshot(run=run_view(BOOK))
    end = settle(shown, View(pane="failover", scroll=10_000), 10)
    assert screen(shown, end, 0, 80, 10, PLAIN) == screen(shown, View(pane="failover", scroll=10_000), 0, 80, 10, PLAIN)
    up = press(end, "up", 7)
    assert up is not None
    assert screen(shown, up, 0, 80, 10, PLAIN) != screen(shown, end, 0, 80, 10, PLAIN)
    assert settle(shown, View(scroll=5), 60) == View()


def test_a_relay_that_is_away_leaves_the_newest_look_with_its_age() -> None:
    lines = screen(snapshot(trouble="nobody listens"), View(), 65_000, 120, 24, PLAIN)
    assert lines[1].startswith(" NOT REACHABLE (60 s ago): nobody listens")
    assert any("tokyo-center" in line for line in lines)
    assert screen(Snapshot(trouble="x"), View(), 0, 80, 5, PLAIN)[1].startswith(" NOT REACHABLE: x")


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("5", View(pane="failover")),
        ("tab", View(pane="sessions")),
        ("right", View(pane="sessions")),
        ("back-tab", View(pane="failover")),
        ("l", View(scroll=7, language="ja")),
        ("o", View(order="age")),
        ("down", View(scroll=8)),
        ("page-down", View(scroll=27)),
        ("page-up", View()),
        ("home", View()),
        ("escape", View(scroll=7)),
        ("9", View(scroll=7)),
        ("q", None),
        ("ctrl-c", None),
        ("end-of-input", None),
    ],
)
def test_what_a_key_does(key: str, after: View | None) -> None:
    assert press(View(scroll=7), key, 20) == after


def test_what_a_terminal_sends_is_read_as_keys() -> None:
    assert keys_of("q\x1b[A\x1bOB\x1b[6~2\t") == ["q", "up", "down", "page-down", "2", "tab"]
    assert keys_of("\x03") == ["ctrl-c"]
    assert keys_of("\x1b[99;5uq") == ["escape"]  # a key that is not known, whole
    assert keys_of("") == []


def test_without_a_screen_the_page_is_whole_and_plain() -> None:
    lines = plain(snapshot(run=run_view(BOOK)), ("overview", "failover"), View(), 160)
    assert any("gate 2 continuation" in line for line in lines)
    assert "\x1b" not in "".join(lines)
    assert not any(line.endswith(" ") for line in lines)
