"""The table of an exclusive line: what may never lead where, and the drawing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.machine import Unexpected, next_state, to_mermaid
from relay.lease.states import INITIAL, SPEAKING, TRANSITIONS, Event, State

DRAWING = Path(__file__).resolve().parents[3] / "docs" / "machines" / "lease.md"


def test_only_two_people_lead_from_fault_to_the_line() -> None:
    leading = {event for (before, event), after in TRANSITIONS.items() if before is State.FAULT and after in SPEAKING}
    assert leading == {Event.TAKEN, Event.TAKEN_BY_HAND}


def test_whoever_stops_speaking_shuts_the_line_first() -> None:
    after = {after for (before, _), after in TRANSITIONS.items() if before in SPEAKING and after not in SPEAKING}
    assert after == {State.DEMOTING, State.RELEASING}
    for state in after:
        assert {event for before, event in TRANSITIONS if before is state} == {Event.LINE_DOWN}


def test_what_has_no_row_moves_nothing() -> None:
    with pytest.raises(Unexpected, match="FAULT has no row for GRANTED"):
        next_state(TRANSITIONS, State.FAULT, Event.GRANTED)


def test_the_drawing_is_that_of_the_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, ()) in DRAWING.read_text(encoding="utf-8")
