"""What a new region is asked again, row by row of the table; and what is never said again by itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, Money
from relay.core.port import Looked, NotFound, Reversed, Superseded, Undone
from relay.exchange.evidence import BY_PERSON
from relay.exchange.exchange import REBUILT, TRANSITIONS, Event
from relay.exchange.reopen import REOPENED_COUNT_MAX, Agrees, Decision, ForPerson, Reopens
from relay.exchange.replay import TAIL, Confirmed, Found, Held, confirmed, found_of, replayed
from relay.journal.records import StoredExchange, StoredState
from tests.relay.exchange.test_reopen import (
    ANSWERED,
    APPROVE,
    CONFIRMED,
    DECLINE,
    DOUBT,
    GONE,
    NOT_FOUND,
    OURS,
    POSTED,
    REFUSED,
    SETTLED,
    exchange,
    reversal,
)

DECLINED = Looked(Declined(reason="limit"))
MISSING, UNEXPECTED = Event.RECONCILED_MISSING, Event.RECONCILED_UNEXPECTED
WHOLE, PART = Event.RECONCILED_WHOLE, Event.RECONCILED_PART
TOLD = exchange(ANSWERED, APPROVE)
DEPOSIT = exchange(SETTLED, DOUBT, Approved(), policy=DoubtPolicy.REPEAT)
ADVICE = exchange(SETTLED, APPROVE, Approved(), message_class=MessageClass.ADVICE)
LESS = exchange(ANSWERED, APPROVE, Approved(amount=Money(3_000, "JPY")))
BY_US = exchange(SETTLED, DOUBT, Undone("reversed"))
BY_EVIDENCE = exchange(SETTLED, APPROVE, Undone("reversed"))
A_PART = exchange(SETTLED, APPROVE, Undone("reversed", 2_000), standing_minor=2_000)
BY_TERMINAL = reversal(Undone("tombstone"))


def judged(stored: StoredExchange, looked: Looked, times: int = 0) -> Decision:
    decision = replayed(stored, looked, OURS, times)
    if isinstance(decision, Reopens):
        assert (REBUILT[stored.state], decision.event) in TRANSITIONS, "what is decided has a row in the table"
    return decision


def what(decision: Decision) -> Event | type:
    return decision.event if isinstance(decision, Reopens) else type(decision)


def test_the_table_is_whole() -> None:
    assert set(TAIL) == {(held, found) for held in Held for found in Found}


@pytest.mark.parametrize(
    ("stored", "held"),
    [
        (TOLD, Confirmed(Held.TOLD, 5_000)),
        (exchange(CONFIRMED, APPROVE), Confirmed(Held.TOLD, 5_000)),
        (exchange(ANSWERED, APPROVE, policy=DoubtPolicy.HOLD), Confirmed(Held.STANDS, 5_000)),
        (DEPOSIT, Confirmed(Held.STANDS, 5_000)),
        (ADVICE, Confirmed(Held.STANDS, 5_000)),
        (LESS, Confirmed(Held.LESS, 3_000)),
        (A_PART, Confirmed(Held.PART, 2_000)),
        (BY_US, Confirmed(Held.UNDONE)),
        (BY_EVIDENCE, Confirmed(Held.UNDONE)),
        (BY_TERMINAL, Confirmed(Held.TAKEN_BACK)),
        (reversal(Undone("reversed", 1_000)), Confirmed(Held.TAKEN_BACK, 1_000)),
        # Nothing of these was confirmed, or somebody else says it.
        (exchange(ANSWERED, DECLINE), Confirmed(Held.NOTHING)),
        (exchange(ANSWERED, DOUBT), Confirmed(Held.NOTHING)),
        (exchange(REFUSED, DECLINE, epoch=0), Confirmed(Held.NOTHING)),
        (exchange(ANSWERED, APPROVE, reversed_by=9), Confirmed(Held.NOTHING)),
        (exchange(SETTLED, DOUBT, Undone("declined")), Confirmed(Held.NOTHING)),
        (exchange(SETTLED, DOUBT, Superseded()), Confirmed(Held.NOTHING)),
        (exchange(SETTLED, DOUBT, Declined(reason="x"), policy=DoubtPolicy.HOLD), Confirmed(Held.NOTHING)),
        (replace(exchange(SETTLED, None), outcome=BY_PERSON), Confirmed(Held.NOTHING)),
        (exchange(SETTLED, APPROVE, Reversed(), message_class=MessageClass.ADVICE), Confirmed(Held.NOTHING)),
        (reversal(Superseded()), Confirmed(Held.NOTHING)),
        (reversal(None), Confirmed(Held.NOTHING)),
        (exchange(StoredState.DELIVERING, APPROVE, message_class=MessageClass.REVERSAL), Confirmed(Held.NOTHING)),
    ],
)
def test_what_was_confirmed(stored: StoredExchange, held: Confirmed) -> None:
    assert confirmed(stored) == held


@pytest.mark.parametrize(
    ("looked", "left", "found"),
    [
        (POSTED, 0, Found.POSTED),
        (DECLINED, 0, Found.DECLINED),
        (NOT_FOUND, 0, Found.NOT_FOUND),
        (GONE, 0, Found.REVERSED),
        (Looked(Reversed(2_000)), 2_000, Found.REVERSED),
        (Looked(Reversed(2_000)), 0, Found.POSTED),  # more stands there than here
    ],
)
def test_what_is_found(looked: Looked, left: int, found: Found) -> None:
    assert found_of(looked, left) is found


@pytest.mark.parametrize(
    ("stored", "posted", "declined", "gone", "not_found"),
    [
        (TOLD, Agrees, ForPerson, ForPerson, MISSING),
        (DEPOSIT, Agrees, ForPerson, Agrees, MISSING),
        (ADVICE, Agrees, ForPerson, Agrees, MISSING),
        (LESS, Agrees, ForPerson, ForPerson, ForPerson),
        (A_PART, PART, ForPerson, Agrees, ForPerson),
        (BY_US, UNEXPECTED, Agrees, Agrees, UNEXPECTED),
        (BY_EVIDENCE, WHOLE, Agrees, Agrees, WHOLE),
        (BY_TERMINAL, MISSING, Agrees, Agrees, MISSING),
        (exchange(ANSWERED, DECLINE), Agrees, Agrees, Agrees, Agrees),
    ],
)
def test_each_row(stored: StoredExchange, posted: Any, declined: Any, gone: Any, not_found: Any) -> None:
    found = [what(judged(stored, looked)) for looked in (POSTED, DECLINED, GONE, NOT_FOUND)]
    assert found == [posted, declined, gone, not_found]


def test_an_advice_says_the_whole_and_a_reversal_says_itself() -> None:
    advice = judged(TOLD, NOT_FOUND)
    assert isinstance(advice, Reopens)
    assert (advice.standing_minor, advice.is_reversal) == (5_000, False)
    again = judged(BY_TERMINAL, NOT_FOUND)
    assert isinstance(again, Reopens)
    assert again.is_reversal, "its own message says what stands"
    part = judged(A_PART, POSTED)
    assert isinstance(part, Reopens)
    assert part.standing_minor == 2_000


@pytest.mark.parametrize("stored", [TOLD, ADVICE, DEPOSIT, BY_US, BY_EVIDENCE, BY_TERMINAL])
def test_without_its_message_a_person_has_it(stored: StoredExchange) -> None:
    bare = replace(stored, taken=replace(stored.taken, request=b""))
    assert isinstance(judged(bare, NOT_FOUND), ForPerson)


@pytest.mark.parametrize("stored", [TOLD, BY_US, BY_TERMINAL])
def test_what_is_missing_again_and_again_is_a_persons(stored: StoredExchange) -> None:
    assert isinstance(judged(stored, NOT_FOUND, REOPENED_COUNT_MAX), ForPerson)
    assert isinstance(judged(stored, NOT_FOUND, REOPENED_COUNT_MAX - 1), Reopens)


def test_what_another_attempt_was_told_is_not_undone() -> None:
    other = Looked(Approved(), 5_000, "osaka/9/1")
    assert isinstance(judged(BY_US, other), ForPerson)
    assert isinstance(judged(BY_EVIDENCE, other), ForPerson)


def test_what_moved_no_money() -> None:
    """An electronic journal is an advice without an amount; a balance is nothing to say again; a PIN cannot be."""
    kind = "pin-change"
    pin = exchange(ANSWERED, APPROVE, amount=None)
    assert isinstance(judged(pin, NOT_FOUND), Agrees)
    assert isinstance(judged(replace(pin, taken=replace(pin.taken, kind=kind)), NOT_FOUND), ForPerson)
    journal = exchange(SETTLED, APPROVE, Approved(), message_class=MessageClass.ADVICE, amount=None)
    assert what(judged(journal, NOT_FOUND)) is MISSING
    assert isinstance(NOT_FOUND.finding, NotFound)
