"""What a repeat gets whose exchange another worker has, and who may be taken over."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from protocols.vocabulary import DoubtPolicy, MessageClass, Verdict
from relay.exchange.handover import Repeat, is_sure, live_count, may_take_over, next_look_ms, repeat_of
from relay.journal.apply import taken as stored_as
from relay.journal.records import Intent, StoredExchange, StoredState, Taken
from relay.journal.shared import Sibling

APPROVE = Intent(Verdict.APPROVE, "00", b"")


def stored(
    state: StoredState, intent: Intent | None = None, message_class: MessageClass = MessageClass.FINANCIAL
) -> StoredExchange:
    return stored_as(
        Taken(
            exchange_id=7,
            key="k",
            listener="atm",
            realm="bank",
            terminal="ATM1",
            message_class=message_class,
            kind="withdrawal",
            policy=DoubtPolicy.UNDO,
            fingerprint=b"same",
            state=state,
            recorded_ms=0,
            request=b"",
            intent=intent,
        )
    )


@pytest.mark.parametrize("state", [StoredState.RECORDED, StoredState.UNDOING, StoredState.REPEATING, StoredState.HELD])
def test_what_is_under_way_elsewhere_and_told_nobody_anything_is_waited_for(state: StoredState) -> None:
    assert repeat_of(stored(state), b"same") is Repeat.WAITS


@pytest.mark.parametrize(
    "found",
    [
        stored(StoredState.ANSWERED, APPROVE),
        stored(StoredState.AWAITING_COMPLETION, APPROVE),
        stored(StoredState.UNDOING, Intent(Verdict.DOUBT, "06", b"")),
        stored(StoredState.SETTLED),
        stored(StoredState.LISTED),
        stored(StoredState.DELIVERING, APPROVE, MessageClass.REVERSAL),
    ],
)
def test_what_is_told_or_closed_is_answered_from_the_journal(found: StoredExchange) -> None:
    assert repeat_of(found, b"same") is Repeat.ANSWERED


def test_another_message_under_the_same_key_is_refused_at_once() -> None:
    assert repeat_of(stored(StoredState.RECORDED), b"other") is Repeat.ANSWERED


def test_only_a_lapsed_sibling_is_taken_over_and_the_first_never() -> None:
    lapsed = Sibling(2, 9, is_lapsed=True)
    assert may_take_over(1, lapsed, 2_000, 2_000)
    assert may_take_over(3, lapsed, 2_000, 2_000)
    assert not may_take_over(2, lapsed, 2_000, 2_000), "that is we"
    assert not may_take_over(3, replace(lapsed, worker=1), 2_000, 2_000)
    assert not may_take_over(1, replace(lapsed, is_lapsed=False), 2_000, 2_000)
    assert not may_take_over(1, replace(lapsed, incarnation=0), 2_000, 2_000), "it was already"


def test_who_was_not_sure_of_its_own_lease_a_moment_ago_judges_nobody() -> None:
    assert not may_take_over(1, Sibling(2, 9, is_lapsed=True), 1_999, 2_000)


def test_those_live_that_have_a_life_and_a_lease() -> None:
    assert live_count(()) == 1
    assert live_count((Sibling(2, 9, False), Sibling(3, 8, True), Sibling(4, 0, False))) == 2


def test_a_worker_is_sure_for_less_than_its_lease_after_it_asked() -> None:
    assert is_sure(1_999, 0, 2_000)
    assert not is_sure(2_000, 0, 2_000)


def test_looks_become_rarer_up_to_the_limit() -> None:
    assert [next_look_ms(looks, 50, 400) for looks in (0, 1, 2, 3, 4, 99)] == [50, 100, 200, 400, 400, 400]
