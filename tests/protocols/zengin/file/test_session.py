"""The session table, and its drawing."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.machine import Unexpected, check_table, next_state, to_mermaid
from protocols.zengin.file.session import IN_SESSION, INITIAL, TERMINAL, TRANSITIONS, WITH_FILE, Moment, State

DRAWING = Path(__file__).resolve().parents[4] / "docs" / "machines" / "zengin-file-session.md"


def test_the_table_is_whole() -> None:
    check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)
    assert WITH_FILE < IN_SESSION


def test_a_session_with_a_file_and_a_refused_file() -> None:
    state = INITIAL
    for moment in (
        Moment.OPEN_ASKED,
        Moment.OPENED,
        Moment.FILE_ASKED,
        Moment.FILE_REFUSED,
        Moment.MODE_ASKED,
        Moment.MODE_CHANGED,
        Moment.FILE_ASKED,
        Moment.FILE_STARTED,
        Moment.END_ASKED,
        Moment.FILE_ENDED,
        Moment.CLOSE_ASKED,
        Moment.LINK_LOST,
    ):
        state = next_state(TRANSITIONS, state, moment)
    assert state is State.CLOSED


@pytest.mark.parametrize("state", [state for state in State if state not in (State.ABORTED, State.CLOSED)])
def test_every_live_state_can_abort_and_keeps_nothing_else_open(state: State) -> None:
    assert next_state(TRANSITIONS, state, Moment.ABORT) is State.ABORTED
    with pytest.raises(Unexpected):
        next_state(TRANSITIONS, State.ABORTED, Moment.FILE_ASKED)


def test_the_drawing_names_every_state() -> None:
    drawn = to_mermaid(TRANSITIONS, INITIAL, TERMINAL)
    assert all(state.name in drawn for state in State)


def test_the_page_is_the_running_table() -> None:
    drawn = DRAWING.read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]
    assert drawn == to_mermaid(TRANSITIONS, INITIAL, TERMINAL)
