"""The terminal of a page: drawn, resized, and given back as it was."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from relay.cli import topterminal
from relay.cli.screen import ALTERNATE_OFF, ALTERNATE_ON
from relay.cli.topterminal import Ended, is_terminal, page


@contextmanager
def terminal() -> Iterator[tuple[int, TextIO]]:
    """What a person types into and sees, and what the tool has."""
    person, tool = pty.openpty()
    with os.fdopen(tool, "r+b", buffering=0) as raw, open(os.dup(raw.fileno()), "w", encoding="utf-8") as text:
        try:
            yield person, text
        finally:
            os.close(person)


def seen(person: int, end: str) -> str:
    """All that came, up to `end`; the system passes it on when it comes to it."""
    shown = ""
    while not shown.endswith(end):
        ready, _, _ = select.select([person], [], [], 30)
        assert ready, f"{end!r} did not come: {shown!r}"
        shown += os.read(person, 65_536).decode()
    return shown


def test_keys_are_read_one_by_one_and_the_terminal_is_given_back() -> None:
    with terminal() as (person, tool):
        before = termios.tcgetattr(tool.fileno())
        with page(tool, tool) as screen:
            assert termios.tcgetattr(tool.fileno())[3] & (termios.ICANON | termios.ECHO) == 0
            screen.draw(["one", "two"])
            os.write(person, b"5\x1b[B\x03")
            assert screen.keys(10) == ["5", "down", "ctrl-c"]
            assert screen.keys(0) == []
        assert termios.tcgetattr(tool.fileno()) == before
        shown = seen(person, ALTERNATE_OFF)
        assert shown.startswith(ALTERNATE_ON)
        assert "one" in shown


def test_a_key_that_comes_in_pieces_is_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a slow line the rest of Page Down is no 6, which would be a pane."""
    patience_s = topterminal.REST_S
    monkeypatch.setattr(topterminal, "REST_S", 30)
    with terminal() as (person, tool), page(tool, tool) as screen:
        os.write(person, b"\x1b[")
        rest = threading.Timer(0.02, os.write, (person, b"6~"))
        rest.start()
        assert screen.keys(10) == ["page-down"]
        rest.join()
        monkeypatch.setattr(topterminal, "REST_S", patience_s)
        os.write(person, b"\x1b")  # the key itself
        assert screen.keys(10) == ["escape"]


def test_it_is_given_back_when_the_tool_breaks_or_is_ended() -> None:
    with terminal() as (_, tool):
        before, handler = termios.tcgetattr(tool.fileno()), signal.getsignal(signal.SIGTERM)
        with pytest.raises(ZeroDivisionError), page(tool, tool):
            _ = 1 / 0
        assert termios.tcgetattr(tool.fileno()) == before
        with pytest.raises(Ended), page(tool, tool):
            signal.raise_signal(signal.SIGTERM)
        assert termios.tcgetattr(tool.fileno()) == before
        assert signal.getsignal(signal.SIGTERM) is handler


def test_a_size_that_changed_wakes_it() -> None:
    with terminal() as (_, tool), page(tool, tool) as screen:
        signal.raise_signal(signal.SIGWINCH)
        assert screen.keys(600) == []  # at once, and not after ten minutes


def test_the_end_of_the_terminal_is_the_end() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with terminal() as (_, tool), page(tool, tool) as screen:
        screen._typed = reading
        assert screen.keys(600) == ["end-of-input"]
    os.close(reading)


def test_no_page_where_there_is_no_terminal() -> None:
    with terminal() as (_, tool), open(os.devnull, encoding="utf-8") as nothing:
        assert is_terminal(tool, tool, {"TERM": "xterm"})
        assert not is_terminal(tool, tool, {"TERM": "dumb"})
        assert not is_terminal(tool, tool, {})
        assert not is_terminal(nothing, tool, {"TERM": "xterm"})
        assert not is_terminal(tool, nothing, {"TERM": "xterm"})
