"""The table of a take-over: what may never lead where, and the drawing of it."""

from __future__ import annotations

from pathlib import Path

from protocols.machine import to_mermaid
from relay.takeover.states import ACTIVE, AT_WORK, AWAITED, INITIAL, TRANSITIONS, Event, State

DRAWING = Path(__file__).resolve().parents[3] / "docs" / "machines" / "takeover.md"


def test_the_copy_is_promoted_on_the_cores_word_alone() -> None:
    leading = {pair for pair, after in TRANSITIONS.items() if after is State.PROMOTING and pair[0] is not after}
    assert leading == {(State.FENCING, Event.FENCE_STANDS)}


def test_the_journal_is_at_work_only_once_it_is_open_in_the_fences_generation() -> None:
    leading = {event for (before, event), after in TRANSITIONS.items() if after in AT_WORK}
    assert leading == {Event.JOURNAL_OPEN}


def test_people_begin_it_and_people_end_it() -> None:
    assert {before for before, event in TRANSITIONS if event is Event.SIGNED} == {State.NONE, State.RETURNED}
    assert {event for (before, event), after in TRANSITIONS.items() if before in AT_WORK and after not in AT_WORK} == {
        Event.GIVEN_BACK
    }


def test_whoever_has_something_to_do_is_active() -> None:
    assert set(State) - ACTIVE == {State.NONE, State.RETURNED}
    assert not AWAITED & AT_WORK


def test_the_drawing_is_that_of_the_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, ()) in DRAWING.read_text(encoding="utf-8")
