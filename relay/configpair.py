"""Two configurations of one pair beside each other: what must not be the same at both centers.

Owns `relay check --peer`. It must never look at a host: the other center's file is a copy. The trap: each file by itself is
right, so nothing else ever finds that both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from relay.configfile import Kits, Mistake, check, serial_ranges
from relay.configuration.lines import dotted, key_lines, line_of
from relay.configuration.relations import Finding
from relay.configuration.serials import check_centers
from relay.errors import ConfigurationError
from relay.settings import Settings


def compare(file: str, other: str, kits: Kits | None = None) -> tuple[Mistake, ...]:
    """What is wrong in `file` because of `other`. Raises ConfigurationError where one of both is wrong by itself."""
    ours, theirs = _sound(file, kits), _sound(other, kits)
    lines = key_lines(FilePath(file).read_text(encoding="utf-8-sig"))
    return tuple(
        Mistake(file, line_of(lines, each.path), dotted(each.path), each.problem, each.suggestion)
        for each in _findings(ours, theirs, other, kits)
    )


def _findings(ours: Settings, theirs: Settings, other: str, kits: Kits | None) -> Iterator[Finding]:
    if ours.pair.peer != theirs.relay.center:
        yield Finding(
            ("pair", "peer"),
            f"{other} is the file of {theirs.relay.center}, and the other center is {ours.pair.peer or 'not named'}",
            "the file of the other center, and its name as pair.peer",
        )
        return
    yield from check_centers(serial_ranges(ours, kits), serial_ranges(theirs, kits), theirs.relay.center)


def _sound(file: str, kits: Kits | None) -> Settings:
    checked = check(file, kits)
    if checked.settings is None:
        raise ConfigurationError(checked.mistakes[0].text(), f"All of them: relay check {file}")
    return checked.settings
