"""The session table: drawn, complete, and closed to money but in one state."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.machine import Unexpected, check_table, next_state, to_mermaid
from protocols.ndc.session import INITIAL, TERMINAL, TRANSITIONS, Moment, State

DRAWING = Path(__file__).resolve().parents[3] / "docs" / "machines" / "ndc-session.md"


def test_the_drawing_is_the_running_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, TERMINAL) in DRAWING.read_text()
    check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)


def test_service_is_reached_only_by_the_whole_way() -> None:
    assert [before for (before, _), after in TRANSITIONS.items() if after is State.IN_SERVICE and before is not after] == [
        State.STARTING
    ]


@pytest.mark.parametrize("state", [s for s in State if s not in (State.CLOSED, State.DRAINING)])
def test_a_power_up_forgets_everything(state: State) -> None:
    assert next_state(TRANSITIONS, state, Moment.FORGOTTEN) is State.CONNECTED


def test_draining_has_no_way_back() -> None:
    with pytest.raises(Unexpected):
        next_state(TRANSITIONS, State.DRAINING, Moment.RESUMED)
