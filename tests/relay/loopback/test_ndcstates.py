"""Walks through loaded states."""

from __future__ import annotations

import tomllib

import pytest

from protocols.ndc.load import parse_load
from relay.loopback.ndcstates import DEMO_LOAD, STEPS_MAX, Asks, States, Walk, Wish


def loaded() -> States:
    states = States()
    entries = tuple(tomllib.loads(DEMO_LOAD)["states"])
    assert states.load(entries) == len(entries) == len(states)
    return states


def walked(states: States, wish: Wish) -> tuple[Walk, Asks | bool]:
    walk = Walk(wish)
    found: Asks | bool = True
    while found is True:
        found = states.step(walk)
    return walk, found


@pytest.mark.parametrize(("key", "operation", "amount"), [("A", " DA   AD", "00015000"), ("B", " DB   AD", "")])
def test_a_customer_walks_from_card_to_request(key: str, operation: str, amount: str) -> None:
    walk, asks = walked(loaded(), Wish(key, "00015000"))
    assert isinstance(asks, Asks)
    assert (walk.operation, walk.amount, walk.has_card, walk.has_pin) == (operation, amount, True, True)
    assert asks.with_track2
    assert asks.with_pin


def test_a_key_that_leads_back_to_the_beginning_and_an_empty_table_end_the_visit() -> None:
    assert walked(loaded(), Wish("C", ""))[1] is False
    assert walked(States(), Wish("A", ""))[1] is False


def test_a_table_that_runs_in_a_circle_ends_the_visit() -> None:
    states = States()
    states.load(("000A000000000000000000000000",))
    walk, found = walked(states, Wish("A", ""))
    assert found is False
    assert walk.steps == STEPS_MAX + 1


def test_close_states_close_and_what_is_too_short_is_not_read() -> None:
    states = loaded()
    assert states.is_close("130")
    assert not states.is_close("012")
    assert states.load(("000A001",)) == 0


def test_the_demo_load_is_one_that_the_dialect_takes() -> None:
    assert parse_load(DEMO_LOAD, 1_000).config_id == "0001"
