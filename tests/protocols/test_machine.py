"""Tables are checked for what makes a machine lie: unreachable states, dead ends, unused events."""

from enum import Enum, auto

import pytest

from protocols.machine import check_table, to_mermaid


class S(Enum):
    ON = auto()
    OFF = auto()
    BROKEN = auto()


class E(Enum):
    PRESSED = auto()
    DROPPED = auto()


GOOD = {(S.OFF, E.PRESSED): S.ON, (S.ON, E.PRESSED): S.OFF, (S.ON, E.DROPPED): S.BROKEN}


def test_a_whole_table_passes() -> None:
    check_table(GOOD, S.OFF, {S.BROKEN}, E)


@pytest.mark.parametrize(
    ("table", "terminal", "problem"),
    [
        ({(S.OFF, E.PRESSED): S.ON, (S.ON, E.DROPPED): S.OFF}, {S.BROKEN}, "unreachable: BROKEN"),
        (GOOD, set(), "dead end: BROKEN"),
        ({**GOOD, (S.BROKEN, E.PRESSED): S.ON}, {S.BROKEN}, "leaves a terminal state: BROKEN"),
        ({(S.OFF, E.PRESSED): S.ON, (S.ON, E.PRESSED): S.BROKEN}, {S.BROKEN}, "unused event: DROPPED"),
    ],
)
def test_each_defect_is_named(table: dict[tuple[S, E], S], terminal: set[S], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_table(table, S.OFF, terminal, E)


def test_drawing_has_every_row() -> None:
    drawing = to_mermaid(GOOD, S.OFF, {S.BROKEN})
    assert "OFF --> ON: PRESSED" in drawing
    assert "BROKEN --> [*]" in drawing
