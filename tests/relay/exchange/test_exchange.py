"""The exchange table is whole, its drawing is current, and a missing row moves nothing."""

from pathlib import Path

import pytest

from protocols.machine import Unexpected, check_table, next_state, to_mermaid
from protocols.vocabulary import DoubtPolicy
from relay.exchange import exchange
from relay.exchange.exchange import DEADLINE_EVENT, FINAL, REBUILT, RECOVERED_EVENT, STORED, TERMINAL, TRANSITIONS, Event, State
from relay.journal.records import OPEN_STATES

DRAWING = Path(__file__).parents[3] / "docs" / "machines" / "exchange.md"


def test_table_has_no_unreachable_state_dead_end_or_unused_event() -> None:
    check_table(TRANSITIONS, State.OFFERED, FINAL, Event)


def test_every_pair_without_a_row_is_unexpected_and_named() -> None:
    for state in State:
        for event in Event:
            if (state, event) not in TRANSITIONS:
                with pytest.raises(Unexpected, match=f"{state.name} has no row for {event.name}"):
                    next_state(TRANSITIONS, state, event)


def test_drawing_in_the_docs_is_the_running_table() -> None:
    assert to_mermaid(TRANSITIONS, State.OFFERED, TERMINAL) in DRAWING.read_text()


def test_every_doubt_policy_has_its_way_at_the_deadline_and_after_a_restart() -> None:
    for policy in DoubtPolicy:
        assert TRANSITIONS[State.ASKED, DEADLINE_EVENT[policy]] is TRANSITIONS[State.IN_DOUBT, DEADLINE_EVENT[policy]]
        assert TRANSITIONS[State.RECORDED, RECOVERED_EVENT[policy]] is TRANSITIONS[State.ASKED, DEADLINE_EVENT[policy]]


def test_a_deposit_in_doubt_is_never_undone_by_itself() -> None:
    assert TRANSITIONS[State.ASKED, DEADLINE_EVENT[DoubtPolicy.REPEAT]] is State.REPEATING
    assert (State.REPEATING, Event.UNDO_ACKNOWLEDGED) not in TRANSITIONS


def test_every_open_stored_state_can_be_rebuilt_and_every_state_after_durable_is_stored() -> None:
    assert set(REBUILT) >= OPEN_STATES
    assert set(STORED) == set(State) - {State.OFFERED}


def test_only_reconciliation_leaves_a_closed_state_and_nothing_a_refused_one() -> None:
    leaving = {pair for pair in TRANSITIONS if pair[0] in TERMINAL}
    assert all(event.name.startswith("RECONCILED_") for _, event in leaving)
    assert not [state for state, _ in leaving if state in FINAL]


def test_replied_needs_a_durable_intent() -> None:
    into_replied = {event for (_, event), after in TRANSITIONS.items() if after is State.REPLIED}
    assert into_replied == {Event.INTENT_DURABLE}


def test_the_essay_names_every_waiting_state() -> None:
    essay = exchange.__doc__ or ""
    for state in set(State) - {State.OFFERED}:
        assert state.name in essay, f"{state.name} is not explained above the table"
