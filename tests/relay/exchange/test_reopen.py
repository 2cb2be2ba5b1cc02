"""What follows for a closed exchange that the core does not hold as promised, row by row; and what never does."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, Money, Verdict
from relay.core.port import Looked, NotFound, Reversed, Superseded, Undone
from relay.exchange import evidence
from relay.exchange.exchange import REBUILT, TERMINAL, TRANSITIONS, Event
from relay.exchange.reopen import REOPENED_COUNT_MAX, Agrees, Around, Decision, ForPerson, Reopens, decide, wanted_minor
from relay.journal.records import Intent, StoredExchange, StoredState, Taken

OURS = "tokyo/3/7"
POSTED = Looked(Approved(), 5_000, OURS)
NOT_FOUND = Looked(NotFound())
GONE = Looked(Reversed(0), 0)
APPROVE, DECLINE, DOUBT = (Intent(verdict, "x", b"") for verdict in (Verdict.APPROVE, Verdict.DECLINE, Verdict.DOUBT))
ANSWERED, CONFIRMED, SETTLED, REFUSED = StoredState.ANSWERED, StoredState.CONFIRMED, StoredState.SETTLED, StoredState.REFUSED


def exchange(state: StoredState, intent: Intent | None, outcome: Any = None, **changes: Any) -> StoredExchange:
    taken = Taken(
        exchange_id=7,
        key="k",
        listener="atm",
        realm="bank",
        terminal="ATM1",
        message_class=changes.pop("message_class", MessageClass.FINANCIAL),
        kind="withdrawal",
        policy=changes.pop("policy", DoubtPolicy.UNDO),
        fingerprint=b"",
        state=state,
        recorded_ms=0,
        request=changes.pop("request", b"kept"),
        amount_minor=changes.pop("amount", 5_000),
        currency="JPY",
        incarnation=3,
    )
    packed = None if outcome is None else evidence.pack(outcome)
    base = StoredExchange(
        taken=taken, state=state, intent=intent, outcome=packed, standing_minor=None, tries=0, epoch=1, updated_ms=0
    )
    return replace(base, **changes)


def reversal(outcome: Any, **changes: Any) -> StoredExchange:
    return exchange(SETTLED, APPROVE, outcome, message_class=MessageClass.REVERSAL, **changes)


def judged(stored: StoredExchange, looked: Looked, reversal: StoredExchange | None = None, times: int = 0) -> Decision:
    decision = decide(stored, looked, OURS, Around(reversal, times))
    if isinstance(decision, Reopens) and not decision.is_reversal:
        state = REBUILT[stored.state]
        assert state in TERMINAL
        assert (state, decision.event) in TRANSITIONS, "what is decided has a row in the table"
    return decision


def events(decision: Decision) -> Event | type:
    return decision.event if isinstance(decision, Reopens) else type(decision)


@pytest.mark.parametrize(
    ("stored", "looked", "what"),
    [
        # Told approved, and the core has lost it: delivered. A deposit too: its terminal was told so.
        (exchange(ANSWERED, APPROVE), NOT_FOUND, Event.RECONCILED_MISSING),
        (exchange(CONFIRMED, APPROVE), NOT_FOUND, Event.RECONCILED_MISSING),
        (exchange(ANSWERED, APPROVE, policy=DoubtPolicy.REPEAT), NOT_FOUND, Event.RECONCILED_MISSING),
        (exchange(SETTLED, DOUBT, Approved(), policy=DoubtPolicy.REPEAT), NOT_FOUND, Event.RECONCILED_MISSING),
        (exchange(SETTLED, APPROVE, Approved(), message_class=MessageClass.ADVICE), NOT_FOUND, Event.RECONCILED_MISSING),
        # Told otherwise than approved, and it stands.
        (exchange(ANSWERED, DECLINE), POSTED, Event.RECONCILED_UNEXPECTED),
        (exchange(SETTLED, DOUBT, Undone("reversed")), POSTED, Event.RECONCILED_UNEXPECTED),
        (exchange(SETTLED, None, Undone("tombstone")), POSTED, Event.RECONCILED_UNEXPECTED),
        # Its own evidence said what was not paid.
        (exchange(SETTLED, APPROVE, Undone("reversed")), POSTED, Event.RECONCILED_WHOLE),
        (exchange(SETTLED, APPROVE, Undone("reversed", 2_000), standing_minor=2_000), POSTED, Event.RECONCILED_PART),
        # Both agree by now.
        (exchange(ANSWERED, APPROVE), POSTED, Agrees),
        (exchange(ANSWERED, DECLINE), NOT_FOUND, Agrees),
        (exchange(ANSWERED, DECLINE), Looked(Declined(reason="x")), Agrees),
        (exchange(SETTLED, DOUBT, Undone("reversed")), GONE, Agrees),
        (exchange(ANSWERED, APPROVE, Approved(amount=Money(3_000, "JPY"))), Looked(Approved(), 3_000, OURS), Agrees),
    ],
)
def test_each_way(stored: StoredExchange, looked: Looked, what: Event | type) -> None:
    assert events(judged(stored, looked)) == what


@pytest.mark.parametrize(
    ("stored", "looked", "why"),
    [
        # Law 4: a deposit, or what is held, is never undone; whatever the terminal was told.
        (exchange(ANSWERED, DECLINE, policy=DoubtPolicy.REPEAT), POSTED, "never undone"),
        (exchange(ANSWERED, DECLINE, policy=DoubtPolicy.HOLD), POSTED, "never undone"),
        (exchange(SETTLED, DOUBT, Declined(reason="x"), policy=DoubtPolicy.HOLD), POSTED, "never undone"),
        (exchange(SETTLED, APPROVE, Declined(reason="x"), message_class=MessageClass.ADVICE), POSTED, "no question"),
        # Somebody else was told about it.
        (exchange(ANSWERED, DECLINE), Looked(Approved(), 5_000, "osaka/9/1"), "another attempt"),
        (exchange(ANSWERED, DECLINE), Looked(Approved(), 5_000, ""), "does not say whose"),
        (exchange(SETTLED, APPROVE, Undone("reversed")), Looked(Approved(), 5_000, "osaka/9/1"), "another attempt"),
        (exchange(REFUSED, DECLINE, epoch=0), POSTED, "never asked"),
        (exchange(ANSWERED, DECLINE, epoch=0), POSTED, "never asked"),
        # The core's own word is against it, or only a part stands.
        (exchange(ANSWERED, APPROVE), Looked(Declined(reason="limit")), "declined"),
        (exchange(ANSWERED, APPROVE), GONE, "reversed"),
        (exchange(ANSWERED, APPROVE), Looked(Reversed(1_000), 1_000), "reversed"),
        (exchange(ANSWERED, APPROVE), Looked(Approved(), 9_000, OURS), "told approved"),
        (exchange(ANSWERED, APPROVE, Approved(amount=Money(3_000, "JPY"))), NOT_FOUND, "only a part"),
        (exchange(SETTLED, APPROVE, Undone("reversed", 2_000), standing_minor=2_000), NOT_FOUND, "only a part"),
        (exchange(SETTLED, DOUBT, Approved(), policy=DoubtPolicy.HOLD), NOT_FOUND, "not told approved"),
        # After the body window nothing can be delivered, and nothing is rebuilt without its message.
        (exchange(ANSWERED, APPROVE, request=b""), NOT_FOUND, "no longer kept"),
        (exchange(ANSWERED, DECLINE, request=b""), POSTED, "no longer kept"),
    ],
)
def test_what_is_for_a_person(stored: StoredExchange, looked: Looked, why: str) -> None:
    decision = judged(stored, looked)
    assert isinstance(decision, ForPerson)
    assert why in decision.why


@pytest.mark.parametrize(
    "stored",
    [
        exchange(SETTLED, DOUBT, Superseded()),
        exchange(SETTLED, None),
        exchange(StoredState.LISTED, DOUBT),
        exchange(StoredState.UNPROVEN, APPROVE),
        exchange(StoredState.UNDOING, DOUBT),
        exchange(ANSWERED, APPROVE, amount=None),
        exchange(ANSWERED, APPROVE, reversed_by=9),
        exchange(ANSWERED, APPROVE, message_class=MessageClass.REVERSAL),
    ],
)
def test_what_claims_nothing_is_left_alone(stored: StoredExchange) -> None:
    for looked in (POSTED, NOT_FOUND, GONE):
        assert isinstance(judged(stored, looked), Agrees)


def test_the_terminals_own_reversal_is_sent_again_whatever_it_was_told_and_whoever_was_answered() -> None:
    for policy in DoubtPolicy:
        told = exchange(ANSWERED, APPROVE, policy=policy, reversed_by=9)
        decision = judged(told, Looked(Approved(), 5_000, "osaka/9/1"), reversal(Undone("reversed")))
        assert decision == Reopens(Event.RECONCILED_MISSING, "its terminal's reversal is sent again", is_reversal=True)
    told = exchange(ANSWERED, APPROVE)
    assert isinstance(judged(told, Looked(Reversed(2_000), 2_000), reversal(Undone("reversed", 2_000))), Agrees)
    assert isinstance(judged(told, POSTED, reversal(Undone("reversed", 2_000))), Reopens)
    assert isinstance(judged(told, NOT_FOUND, reversal(Undone("reversed"))), Agrees)
    assert isinstance(judged(told, NOT_FOUND, reversal(Undone("reversed", 2_000))), ForPerson)
    assert isinstance(judged(told, POSTED, reversal(Undone("reversed"), request=b"")), ForPerson)
    assert wanted_minor(told, reversal(Superseded())) is None, "the core never acknowledged it"


def test_what_differs_again_and_again_ends_with_a_person() -> None:
    told = exchange(ANSWERED, APPROVE)
    assert isinstance(judged(told, NOT_FOUND, times=REOPENED_COUNT_MAX - 1), Reopens)
    decision = judged(told, NOT_FOUND, times=REOPENED_COUNT_MAX)
    assert isinstance(decision, ForPerson)
    assert "3 times" in decision.why
    assert isinstance(judged(told, POSTED, times=REOPENED_COUNT_MAX), Agrees)


def test_what_stands_is_what_the_core_says_or_else_what_it_approved() -> None:
    told = exchange(ANSWERED, DECLINE)
    for looked in (Looked(Approved(), None, OURS), Looked(Approved(amount=Money(10, "JPY")), None, OURS)):
        assert isinstance(judged(told, looked), Reopens)


def test_what_another_message_speaks_of_is_not_delivered_as_it_was() -> None:
    told = exchange(ANSWERED, APPROVE)
    assert isinstance(decide(told, NOT_FOUND, OURS, Around(is_related=True)), ForPerson)
    assert isinstance(decide(told, Looked(Approved(), 0, OURS), OURS, Around(is_related=True)), Agrees), "a completion's"
