"""The session's table: every state has an answer to every moment, and nothing comes back from a drain or a close."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.iso8583.session import INITIAL, TERMINAL, TRANSITIONS, Moment, State
from protocols.machine import Unexpected, check_table, next_state, to_mermaid

DRAWING = Path(__file__).resolve().parents[3] / "docs" / "machines" / "iso8583-session.md"


def test_the_drawing_is_of_this_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, TERMINAL) in DRAWING.read_text()


def test_the_table_is_sound() -> None:
    check_table(TRANSITIONS, INITIAL, TERMINAL, Moment)


def test_every_moment_is_foreseen_until_the_close() -> None:
    for state in State:
        for moment in Moment:
            if state is State.CLOSED:
                with pytest.raises(Unexpected):
                    next_state(TRANSITIONS, state, moment)
            else:
                assert next_state(TRANSITIONS, state, moment) in State


def test_a_drain_has_no_way_back() -> None:
    after = {next_state(TRANSITIONS, State.DRAINING, moment) for moment in Moment}
    assert after == {State.DRAINING, State.CLOSED}


def test_only_a_sign_on_leads_to_signed_on() -> None:
    ways = {(before, moment) for (before, moment), after in TRANSITIONS.items() if after is State.SIGNED_ON}
    assert {moment for before, moment in ways if before is not State.SIGNED_ON} == {Moment.SIGNED_ON}
