"""When each life of an orchestrator ends: after so many lines, chosen by a seed.

Owns the schedule and the notes of what was killed at. It must never look at a run. The trap: a life that always ends at its
first line gets nowhere, and one that lives long is no test; so lives are short, of changing length, and there are so many of
them at most.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from relay.loopback.lab.drill import serving
from tests.live.lab.mortal import Note

LINES_MIN, LINES_MAX = 1, 16
LATER_MS_MAX = 400
HOWS = ("after", "after", "before", "later")


class End(NamedTuple):
    """Of one life: see mortal.py."""

    line: str
    how: str
    delay_ms: int = 0


class Executioner:
    """`ends` of one life after the other; then the next one is an ordinary life. `notes`: the file in which the dying write."""

    def __init__(self, ends: Iterable[End], notes: Path) -> None:
        self._ends = iter(ends)
        self._notes = notes

    def words(self, file: str) -> list[str]:
        """What starts the next life."""
        end = next(self._ends, None)
        if end is None:
            return serving(file)
        return ["-m", "tests.live.lab.mortal", file, end.line, end.how, str(end.delay_ms), str(self._notes)]


def by_chance(seed: int, count: int) -> Iterator[End]:
    """`count` short lives."""
    chance = random.Random(seed)
    for _ in range(count):
        yield End(str(chance.randint(LINES_MIN, LINES_MAX)), chance.choice(HOWS), chance.randint(1, LATER_MS_MAX))


def read_notes(file: Path) -> list[Note]:
    """Of all who have died so far."""
    if not file.exists():
        return []
    return [msgspec.json.decode(line, type=Note) for line in file.read_bytes().splitlines()]
