"""The table of states: what each moment does, and that a closed connection always leads to DOWN."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.machine import Unexpected, check_table, next_state, to_mermaid
from protocols.zengin.session.session import CARRIES, INITIAL, TERMINAL, TRANSITIONS, Moment, State

DRAWING = Path(__file__).resolve().parents[4] / "docs" / "machines" / "zrc-session.md"
M, S = Moment, State


def test_the_drawing_is_of_this_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, TERMINAL) in DRAWING.read_text()


def test_the_table_is_sound() -> None:
    check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)


def walk(*moments: Moment) -> State:
    state = INITIAL
    for moment in moments:
        state = next_state(TRANSITIONS, state, moment)
    return state


def test_a_whole_day() -> None:
    day = (M.DIALLED, M.CONNECTED, M.OPENING_SENT, M.OPENED, M.PRE_CLOSED, M.CLOSING_BEGUN, M.CLOSED)
    assert [walk(*day[: n + 1]) for n in range(len(day))] == [
        S.CONNECTING,
        S.LINK_UP,
        S.OPENING,
        S.OPEN,
        S.PRE_CLOSE,
        S.CLOSING,
        S.CLOSED,
    ]
    assert walk(*day, M.OPENING_SENT) is S.OPENING, "the next window on the same connection"


def test_released_leads_down_from_everywhere() -> None:
    for state in State:
        assert next_state(TRANSITIONS, state, M.RELEASED) is S.DOWN


def test_a_fault_ends_with_the_connection_only() -> None:
    assert {moment for (state, moment) in TRANSITIONS if state is S.FAULT} == {M.FAILED, M.RELEASED}


def test_no_telegram_before_the_opening_and_none_after_the_close() -> None:
    assert {S.OPEN, S.PRE_CLOSE, S.CLOSING} == CARRIES
    for state in (S.DOWN, S.LINK_UP, S.CLOSED, S.FAULT):
        with pytest.raises(Unexpected):
            next_state(TRANSITIONS, state, M.OPENED)
