"""Who has a say about a posting: a core undoes for who told nobody only where nobody else may have been told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core import contract as c
from relay.loopback.ledger import Caller, Ledger, Refused
from relay.loopback.replica import Replica

TOKYO = Caller("tokyo/2/7", "tokyo", 2, 1)
OSAKA = Caller("osaka/2/72", "osaka", 2, 1)
THIRD = Caller("osaka/2/80", "osaka", 2, 1)
MINOR = 24_000


def post(ledger: Ledger, caller: Caller) -> object:
    request = c.TransactionRequest(
        kind="withdrawal",
        channel="atm",
        realm="bank",
        terminal="ATM1",
        amount=c.Amount(str(MINOR), "JPY"),
        card=c.Card(pan="4000001234567899"),
    )
    return ledger.post("k", request, caller, 0)


def undo(ledger: Ledger, caller: Caller, *, untold: bool = True, standing: int = 0) -> str:
    """What the core says to the automatic reversal of `caller`: a state, or the end of a problem's type."""
    request = c.ReversalRequest(standing=c.Amount(str(standing), "JPY"), automatic=True, attempt=caller.attempt, untold=untold)
    said = ledger.reverse("k", request, caller, 0)
    if isinstance(said, Refused):
        assert said.status == 409
        return said.type.rpartition(":")[2]
    return said.state


def standing(ledger: Ledger) -> int:
    (entry,) = ledger.entries()
    return entry.standing_minor


def named(ledger: Ledger, caller: Caller, *, is_told: bool = False) -> str | None:
    found = ledger.inquire("k", caller, is_told=is_told)
    assert isinstance(found, c.InquiryAnswer)
    return found.attempt


def test_a_call_that_is_taken_late_has_nothing_undone_that_another_center_told() -> None:
    """Tokyo was answered and told its terminal; the call of Osaka, which died, is taken after that."""
    ledger = Ledger()
    post(ledger, TOKYO)
    post(ledger, OSAKA)
    for _ in range(3):
        assert undo(ledger, OSAKA) == "contested-attempt"
    assert standing(ledger) == MINOR


def test_it_is_undone_as_soon_as_the_other_one_says_that_it_told_nobody_either() -> None:
    ledger = Ledger()
    post(ledger, TOKYO)
    post(ledger, OSAKA)
    assert undo(ledger, OSAKA) == "contested-attempt"
    assert undo(ledger, TOKYO) == "reversed", "Osaka was answered since, and told nobody"
    assert undo(ledger, OSAKA) == "reversed", "and hears it when it asks again"
    assert standing(ledger) == 0


def test_who_was_overtaken_gives_way_as_ever_and_the_last_one_undoes() -> None:
    ledger = Ledger()
    post(ledger, TOKYO)
    post(ledger, OSAKA)
    assert undo(ledger, TOKYO) == "superseded-attempt"
    assert undo(ledger, OSAKA) == "reversed"


@pytest.mark.parametrize("verb", ["post", "inquire"])
def test_a_late_call_of_who_told_nobody_counts_for_nothing(verb: str) -> None:
    ledger = Ledger()
    post(ledger, TOKYO)
    post(ledger, OSAKA)
    assert undo(ledger, OSAKA) == "contested-attempt"
    if verb == "post":
        post(ledger, OSAKA)
    else:
        ledger.inquire("k", OSAKA)
    assert undo(ledger, TOKYO, untold=False) == "reversed", "also for a relay that does not say it"


def test_evidence_of_a_terminal_is_overtaken_by_whoever_may_have_been_told_and_by_nobody_else() -> None:
    ledger = Ledger()
    post(ledger, TOKYO)
    post(ledger, OSAKA)
    assert undo(ledger, TOKYO, untold=False) == "superseded-attempt"
    assert undo(ledger, OSAKA) == "contested-attempt", "Tokyo had told its terminal"
    assert undo(ledger, TOKYO, untold=False, standing=4_000) == "reversed"
    assert undo(ledger, OSAKA) == "contested-attempt", "and a part of it stands"
    assert standing(ledger) == 4_000


def test_a_relay_that_does_not_say_it_is_refused_by_the_order_of_the_answers_alone() -> None:
    ledger = Ledger()
    post(ledger, TOKYO)
    post(ledger, OSAKA)
    assert undo(ledger, OSAKA, untold=False) == "reversed"


def test_where_nothing_stands_nobody_has_a_say() -> None:
    poor = Ledger(opening_minor=0)
    post(poor, TOKYO)
    post(poor, OSAKA)
    assert undo(poor, OSAKA) == "declined"
    ledger = Ledger()
    post(ledger, TOKYO)
    ledger.reverse("k", c.ReversalRequest(standing=c.Amount("0", "JPY")), TOKYO, 0)
    post(ledger, OSAKA)
    assert undo(ledger, OSAKA) == "reversed"
    unknown = Ledger()
    assert undo(unknown, OSAKA) == "tombstone"


def test_an_inquiry_names_nobody_who_told_nobody() -> None:
    """A take-over asks so, and closes what another center was answered: it has to find that that one told nobody."""
    ledger = Ledger()
    post(ledger, OSAKA)
    post(ledger, TOKYO)
    assert named(ledger, TOKYO) == OSAKA.attempt
    assert undo(ledger, OSAKA) == "superseded-attempt"
    assert named(ledger, TOKYO) == TOKYO.attempt
    assert named(ledger, OSAKA) == TOKYO.attempt
    assert named(ledger, THIRD) == TOKYO.attempt


def test_where_everybody_told_nobody_an_inquiry_names_whoever_asks_and_nobody_else() -> None:
    """Reconciliation has to know that the asker alone was answered, or what a core keeps would always be a person's."""
    ledger = Ledger()
    post(ledger, OSAKA)
    assert undo(ledger, OSAKA) == "reversed"
    assert named(ledger, OSAKA) == OSAKA.attempt
    assert named(ledger, TOKYO) is None


def test_what_was_said_is_in_the_other_region_too() -> None:
    for first, said in ((TOKYO, "contested-attempt"), (OSAKA, "superseded-attempt")):
        tokyo, osaka = Ledger("tokyo", 1), Ledger("osaka", 1)
        replica = Replica(tokyo, osaka, lambda: 0, 0)
        for caller in (first, OSAKA) if first is TOKYO else (first, TOKYO):
            post(tokyo, caller)
        assert undo(tokyo, OSAKA) == said
        replica.promote(2)
        assert undo(osaka, Caller(TOKYO.attempt, "tokyo", 2, 2)) == "reversed"


CALLERS = (TOKYO, OSAKA, THIRD)


@given(st.lists(st.tuples(st.sampled_from(["post", "inquire", "undo"]), st.sampled_from(CALLERS)), max_size=30))
def test_it_stands_as_long_as_anybody_who_was_answered_may_have_told_and_not_longer(steps: list[tuple[str, Caller]]) -> None:
    ledger = Ledger()
    may_have_told: set[str] = set()
    untold: set[str] = set()
    post(ledger, THIRD)
    may_have_told.add(THIRD.attempt)
    for verb, caller in steps:
        if verb == "undo":
            said = undo(ledger, caller)
            untold.add(caller.attempt)
            may_have_told.discard(caller.attempt)
            assert (said == "reversed") == (not may_have_told)
        else:
            _ = post(ledger, caller) if verb == "post" else ledger.inquire("k", caller)
            may_have_told |= {caller.attempt} - untold
        if standing(ledger) == 0:
            break  # for ever: whatever is answered now is a decline
        assert may_have_told
    assert (standing(ledger) == MINOR) == bool(may_have_told)
