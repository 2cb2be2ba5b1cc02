"""The stages of a drain: an abort leads back from each, and the drawing is that of the table."""

from __future__ import annotations

from pathlib import Path

from protocols.machine import to_mermaid
from relay.drain.stages import INITIAL, TRANSITIONS, Event, Stage

DRAWING = Path(__file__).resolve().parents[3] / "docs" / "machines" / "drain.md"


def test_every_stage_can_be_aborted_and_only_serving_can_begin() -> None:
    assert {stage for stage in Stage if (stage, Event.ABORTED) in TRANSITIONS} == set(Stage) - {Stage.SERVING}
    assert {stage for stage in Stage if (stage, Event.STARTED) in TRANSITIONS} == {Stage.SERVING}


def test_sessions_are_reset_only_after_they_were_told_to_sign_off() -> None:
    assert {before for (before, _), after in TRANSITIONS.items() if after is Stage.RESETTING} == {Stage.SIGNING_OFF}


def test_the_drawing_is_that_of_the_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, ()) in DRAWING.read_text(encoding="utf-8")
