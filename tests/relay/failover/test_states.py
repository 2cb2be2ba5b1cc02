"""The table of a run: what leads where, what leads nowhere, and its drawing."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.machine import Unexpected, next_state, to_mermaid
from relay.failover.states import GATE_OF, INITIAL, PHASE_OF, TERMINAL, TRANSITIONS, Event, State

ROOT = Path(__file__).resolve().parents[3]
FORWARD = [
    Event.DECLARE, Event.OPEN_GATE, Event.PASS_GATE, Event.PHASE_DONE, Event.PASS_GATE, Event.PHASE_DONE, Event.PHASE_DONE,
    Event.PHASE_DONE, Event.PASS_GATE, Event.PHASE_DONE,
]  # fmt: skip


def test_forward_leads_through_three_gates() -> None:
    state, gates = INITIAL, []
    for event in FORWARD:
        state = next_state(TRANSITIONS, state, event)
        gates += [GATE_OF[state]] if state in GATE_OF else []
    assert (state, gates) == (State.DONE, [1, 2, 3])


@pytest.mark.parametrize("state", [State.SWITCHING_DNS, State.VERIFYING, State.G3_WAIT, State.RELEASING, State.DONE])
def test_after_the_promotion_nothing_leads_back(state: State) -> None:
    with pytest.raises(Unexpected):
        next_state(TRANSITIONS, state, Event.ABORT)


def test_every_effect_after_preparation_lies_behind_a_gate() -> None:
    for state in PHASE_OF:
        before = {old for (old, _), new in TRANSITIONS.items() if new is state}
        assert before <= {*GATE_OF, *PHASE_OF}
        assert all(event in (Event.PASS_GATE, Event.PHASE_DONE) for (_, event), new in TRANSITIONS.items() if new is state)


def test_gates_open_by_people_only() -> None:
    leaving = {event for (state, event) in TRANSITIONS if state in GATE_OF}
    assert leaving == {Event.PASS_GATE, Event.ABORT}
    assert {State.DONE, State.ABORTED} == TERMINAL


def test_the_drawing_is_that_of_the_table() -> None:
    page = (ROOT / "docs" / "machines" / "failover.md").read_text(encoding="utf-8")
    assert to_mermaid(TRANSITIONS, INITIAL, sorted(TERMINAL, key=lambda state: state.name)) in page
