"""The gate's check of one link, slice by slice, and everybody who waits for its end.

Owns the check under way and the turn-taking: large tables take many slices, and between two of them the loop serves others. It
must never know what is done with the outcome. The traps: a far end may ask as often as it likes, so that each asker waits once;
and a person who changes the version in the middle means the new one, for all who wait: unless it is refused, then they are told
of the one that the line has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from protocols.dialect import Action, Timer
from protocols.zengin.session.line import Line
from protocols.zengin.telegram.slices import Slices

TABLES = "tables"  # timer: the next slice
PROBLEMS_SAID = 3
Judged: TypeAlias = Callable[[str, int, list[Action]], None]  # what keeps the line shut, "" for nothing; now_ms; actions


class Checking:
    __slots__ = ("_line", "_switched", "_waiting", "_work")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._work: Slices[list[str]] | None = None
        self._switched: Judged | None = None  # who wants another version, while that one is read back
        self._waiting: dict[str, Judged] = {}

    def ask(self, who: str, judged: Judged, now_ms: int, actions: list[Action]) -> None:
        """Tell `judged` what the tables say: at once for small ones, else at the end of the check."""
        self._waiting[who] = judged
        if self._work is None:
            self._check(now_ms, actions)

    def switch(self, previous: bool, switched: Judged, now_ms: int, actions: list[Action]) -> None:
        """Use another version where that is in order, and tell `switched`. A check under way begins again with it."""
        self._switched = switched
        self._work = self._line.rules.gate.switching(previous)
        self.go_on(now_ms, actions)

    def _check(self, now_ms: int, actions: list[Action]) -> None:
        self._work = self._line.rules.gate.checking(self._line.day.use_previous_tables)
        self.go_on(now_ms, actions)

    def go_on(self, now_ms: int, actions: list[Action]) -> None:
        """One slice more; behind the last one everybody who waits is told."""
        if self._work is None:
            return
        try:
            next(self._work)
        except StopIteration as done:
            problems: list[str] = done.value
        else:
            actions.append(Timer(TABLES, 1))
            return
        self._work = None
        why = "; ".join(problems[:PROBLEMS_SAID])
        switched, self._switched = self._switched, None
        if switched is not None:
            switched(why, now_ms, actions)
            if why and self._waiting:
                self._check(now_ms, actions)
            if why:
                return
        waiting, self._waiting = self._waiting, {}
        for judged in waiting.values():
            judged(why, now_ms, actions)
