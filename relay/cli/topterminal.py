"""The terminal while a page has it: keys one by one, its size as it changes, and everything given back at the end.

Owns the modes of the terminal. It must never know what is drawn. The traps: it is given back as it was however the tool ends,
also by SIGTERM; a terminal that sends no letters ("dumb", a pipe) gets no page at all; and Ctrl-C is a key here, so that the
screen is put right before the tool goes.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Final, TextIO

from relay.cli.screen import ALTERNATE_OFF, ALTERNATE_ON, CLEAR_BELOW, CLEAR_LINE, HOME
from relay.cli.toppage import is_begun, keys_of

TYPED_BYTES_MAX: Final = 1_024
REST_S: Final = 0.2  # a key of several bytes may come in pieces over a slow line


class Ended(Exception):
    """Somebody asked the process to stop."""


class Screen:
    """A page's terminal: `keys` waits, `draw` shows."""

    def __init__(self, typed: int, shown: TextIO, wakes: int) -> None:
        self._typed, self._shown, self._wakes = typed, shown, wakes

    def size(self) -> tuple[int, int]:
        """Columns and rows, as of now."""
        size = shutil.get_terminal_size()
        return size.columns, size.lines

    def keys(self, wait_s: float) -> list[str]:
        """What was pressed within `wait_s` seconds; empty where the time passed, or the size changed."""
        ready, _, _ = select.select([self._typed, self._wakes], [], [], max(0.0, wait_s))
        if self._wakes in ready:
            os.read(self._wakes, TYPED_BYTES_MAX)
        if self._typed not in ready:
            return []
        data = os.read(self._typed, TYPED_BYTES_MAX)
        if not data:
            return ["end-of-input"]
        typed = data.decode("utf-8", "replace")
        while is_begun(typed) and select.select([self._typed], [], [], REST_S)[0]:
            typed += os.read(self._typed, TYPED_BYTES_MAX).decode("utf-8", "replace")
        return keys_of(typed)

    def draw(self, lines: list[str]) -> None:
        self._shown.write(HOME + "\n".join(line + CLEAR_LINE for line in lines) + CLEAR_BELOW)
        self._shown.flush()


def is_terminal(typed: TextIO, shown: TextIO, environ: Mapping[str, str]) -> bool:
    """Can a page be drawn here, and keys be read?"""
    return typed.isatty() and shown.isatty() and environ.get("TERM", "dumb") not in ("", "dumb")


@contextlib.contextmanager
def page(typed: TextIO = sys.stdin, shown: TextIO = sys.stdout) -> Iterator[Screen]:
    """A screen of our own while it lasts. Raises Ended out of the body on SIGTERM and SIGHUP."""
    number = typed.fileno()
    before = termios.tcgetattr(number)
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.write(writing, b"x")

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Ended

    handlers = {signal.SIGWINCH: wake, signal.SIGTERM: end, signal.SIGHUP: end}
    old = {each: signal.signal(each, handler) for each, handler in handlers.items()}
    try:
        tty.setraw(number, termios.TCSANOW)
        modes = termios.tcgetattr(number)
        modes[1] |= termios.OPOST  # a new line is still a new line
        termios.tcsetattr(number, termios.TCSANOW, modes)
        shown.write(ALTERNATE_ON)
        yield Screen(number, shown, reading)
    finally:
        shown.write(ALTERNATE_OFF)
        shown.flush()
        termios.tcsetattr(number, termios.TCSANOW, before)
        for each, handler in old.items():
            signal.signal(each, handler)
        os.close(reading)
        os.close(writing)
