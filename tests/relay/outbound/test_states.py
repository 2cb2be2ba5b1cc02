"""The outbound table is whole, its drawing is current, and what may have left is never on its way again."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.machine import Unexpected, check_table, next_state, to_mermaid
from relay.journal.outbound import ENDED, OutboundState
from relay.outbound import states
from relay.outbound.states import DELIVERED, ENDS, INITIAL, REBUILT, STORED, TERMINAL, TRANSITIONS, Event, State

DRAWING = Path(__file__).parents[3] / "docs" / "machines" / "outbound.md"


def test_table_has_no_unreachable_state_dead_end_or_unused_event() -> None:
    check_table(TRANSITIONS, INITIAL, TERMINAL, Event)


def test_every_pair_without_a_row_is_unexpected_and_named() -> None:
    for state in State:
        for event in Event:
            if (state, event) not in TRANSITIONS:
                with pytest.raises(Unexpected, match=f"{state.name} has no row for {event.name}"):
                    next_state(TRANSITIONS, state, event)


def test_drawing_in_the_docs_is_the_running_table() -> None:
    assert to_mermaid(TRANSITIONS, INITIAL, TERMINAL) in DRAWING.read_text()


def reachable(start: State) -> set[State]:
    found = {start}
    while more := {after for (before, _), after in TRANSITIONS.items() if before in found} - found:
        found |= more
    return found


def test_what_may_have_left_is_never_queued_again() -> None:
    """Laws 1 and 3. OFFERED leads back only by the dialogue's own word, or when none was told."""
    for state in (State.SENT, State.UNKNOWN, State.ACKNOWLEDGED, State.FAILED, State.CANCELLED):
        assert not reachable(state) & {State.QUEUED, State.INTENDING, State.OFFERED}
    back = {event for (before, event), after in TRANSITIONS.items() if before is State.OFFERED and after is State.QUEUED}
    assert back == {Event.DEFERRED, Event.LINE_GONE}


def test_nobody_on_the_line_hears_of_it_before_the_intent_is_durable() -> None:
    into = {event for (_, event), after in TRANSITIONS.items() if after is State.OFFERED}
    assert into == {Event.INTENT_DURABLE}
    assert STORED[State.INTENDING] is STORED[State.OFFERED] is OutboundState.SENT


def test_a_restart_ends_what_was_under_way_as_unknown() -> None:
    assert TRANSITIONS[REBUILT[OutboundState.SENT], Event.RESTARTED] is State.UNKNOWN
    assert set(REBUILT) == set(OutboundState)
    assert {REBUILT[state] for state in ENDED} | {State.REFUSED} == ENDS


def test_only_what_waits_can_be_cancelled() -> None:
    assert {before for before, event in TRANSITIONS if event is Event.CANCEL_ASKED} == {State.QUEUED}


def test_every_word_of_the_port_has_a_meaning_and_every_state_but_two_is_stored() -> None:
    assert set(DELIVERED) == {"deferred", "sent", "acknowledged", "unknown", "failed", "unsent"}
    assert set(STORED) == set(State) - {State.POSTED, State.REFUSED}


def test_the_essay_names_every_state() -> None:
    essay = states.__doc__ or ""
    for state in State:
        assert state.name in essay, f"{state.name} is not explained above the table"
