"""Every rule of the contract's section on keys, reversals, attempts and epochs, row by row, against the fake core's ledger."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core import contract as c
from relay.loopback.ledger import Caller, Ledger, Refused

A1 = Caller("tokyo/1/1", "tokyo", 1, 1)
A2 = Caller("osaka/1/9", "osaka", 1, 1)
PAN = "4000001234567899"


def withdrawal(minor: int = 3_000, **changes: object) -> c.TransactionRequest:
    request = c.TransactionRequest(
        kind="withdrawal",
        channel="atm",
        realm="bank",
        terminal="ATM00001",
        trace="000001",
        amount=c.Amount(str(minor), "JPY"),
        card=c.Card(pan=PAN),
    )
    return msgspec.structs.replace(request, **changes)


def undo(standing: int = 0, automatic: bool = False, attempt: str | None = None) -> c.ReversalRequest:
    return c.ReversalRequest(standing=c.Amount(str(standing), "JPY"), automatic=automatic, attempt=attempt)


def refused(value: object) -> Refused:
    assert isinstance(value, Refused)
    return value


def answer(value: object) -> c.TransactionAnswer:
    assert isinstance(value, c.TransactionAnswer)
    return value


def reversal(value: object) -> c.ReversalAnswer:
    assert isinstance(value, c.ReversalAnswer)
    return value


def test_a_withdrawal_moves_a_real_balance_and_a_deposit_moves_it_back() -> None:
    ledger = Ledger(opening_minor=10_000)
    first = answer(ledger.post("k1", withdrawal(), A1, 0))
    assert first.status == "approved"
    assert first.balances[0].amount.minor == "7000"
    ledger.post("k2", withdrawal(3_000, kind="deposit"), A1, 0)
    assert ledger.balance(PAN) == 10_000


def test_more_than_the_balance_is_declined_and_moves_nothing_but_an_advice_happened_already() -> None:
    ledger = Ledger(opening_minor=1_000)
    declined = answer(ledger.post("k1", withdrawal(1_001), A1, 0))
    assert (declined.status, declined.reason) == ("declined", "insufficient-funds")
    assert ledger.balance(PAN) == 1_000
    assert answer(ledger.post("k2", withdrawal(1_001, advice=True), A1, 0)).status == "approved"
    assert ledger.balance(PAN) == -1


def test_a_repeated_key_gets_the_same_answer_and_one_posting() -> None:
    ledger = Ledger(opening_minor=10_000)
    first = ledger.post("k", withdrawal(), A1, 0)
    again = ledger.post("k", withdrawal(repeat=True), A2, 5)
    assert first == again
    assert ledger.balance(PAN) == 7_000
    assert ledger.posted_twice() == []


def test_after_a_reversal_a_repeated_key_is_declined_reversed_never_the_first_approval() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    assert reversal(ledger.reverse("k", undo(), A1, 0)).state == "reversed"
    again = answer(ledger.post("k", withdrawal(), A1, 0))
    assert (again.status, again.reason) == ("declined", "reversed")
    assert ledger.balance(PAN) == ledger.opening_minor


def test_a_reversal_of_an_unknown_key_is_a_tombstone_that_the_late_original_meets() -> None:
    ledger = Ledger()
    assert reversal(ledger.reverse("k", undo(), A1, 0)).state == "tombstone"
    late = answer(ledger.post("k", withdrawal(), A1, 0))
    assert (late.status, late.reason) == ("declined", "reversed")
    assert reversal(ledger.reverse("k", undo(), A1, 0)).state == "tombstone"
    assert ledger.movements == []


def test_a_part_that_stands_of_nothing_is_refused() -> None:
    ledger = Ledger()
    assert refused(ledger.reverse("k", undo(500), A1, 0)).status == 400
    assert answer(ledger.post("k", withdrawal(), A1, 0)).status == "approved"


def test_a_partial_reversal_is_absolute_and_monotone_and_never_credits_more_than_was_posted() -> None:
    ledger = Ledger(opening_minor=10_000)
    ledger.post("k", withdrawal(3_000), A1, 0)
    assert reversal(ledger.reverse("k", undo(5_000), A1, 0)).standing.minor == "3000"
    assert ledger.balance(PAN) == 7_000
    for _ in range(2):
        assert reversal(ledger.reverse("k", undo(1_000), A1, 0)).standing.minor == "1000"
        assert ledger.balance(PAN) == 9_000
    assert reversal(ledger.reverse("k", undo(2_000), A1, 0)).standing.minor == "1000"
    assert answer(ledger.post("k", withdrawal(3_000), A1, 0)).amount == c.Amount("1000", "JPY")
    assert reversal(ledger.reverse("k", undo(0), A1, 0)).standing.minor == "0"
    assert ledger.balance(PAN) == 10_000


def test_a_declined_key_stays_declined_when_reversed() -> None:
    ledger = Ledger(opening_minor=0)
    ledger.post("k", withdrawal(), A1, 0)
    assert reversal(ledger.reverse("k", undo(), A1, 0)).state == "declined"
    assert answer(ledger.post("k", withdrawal(), A1, 0)).reason == "insufficient-funds"


def test_an_automatic_reversal_is_superseded_once_another_attempt_was_answered_since() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    ledger.post("k", withdrawal(), A2, 0)
    conflict = refused(ledger.reverse("k", undo(automatic=True, attempt=A1.attempt), A1, 0))
    assert (conflict.status, conflict.type) == (409, c.PROBLEM_SUPERSEDED_ATTEMPT)
    assert reversal(ledger.reverse("k", undo(automatic=True, attempt=A2.attempt), A2, 0)).state == "reversed"


def test_an_inquiry_that_found_the_posting_counts_as_an_answer() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    found = ledger.inquire("k", A2)
    assert isinstance(found, c.InquiryAnswer)
    assert found.state == "posted"
    assert refused(ledger.reverse("k", undo(automatic=True, attempt=A1.attempt), A1, 0)).status == 409


@pytest.mark.parametrize("verb", ["post", "inquire"])
def test_a_late_call_of_an_attempt_that_has_given_way_takes_nobodys_undo_away(verb: str) -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    ledger.inquire("k", A2)
    assert refused(ledger.reverse("k", undo(automatic=True, attempt=A1.attempt), A1, 0)).status == 409
    if verb == "post":
        ledger.post("k", withdrawal(), A1, 0)
    else:
        ledger.inquire("k", A1)
    assert refused(ledger.reverse("k", undo(automatic=True, attempt=A1.attempt), A1, 0)).status == 409
    assert reversal(ledger.reverse("k", undo(automatic=True, attempt=A2.attempt), A2, 0)).state == "reversed"


def test_an_inquiry_that_nobody_is_told_about_takes_nobodys_undo_away() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    ledger.post("k", withdrawal(), A2, 0)
    assert refused(ledger.reverse("k", undo(automatic=True, attempt=A1.attempt), A1, 0)).status == 409
    found = ledger.inquire("k", A1, is_told=False)  # its reconciliation, before the other center has undone it
    assert isinstance(found, c.InquiryAnswer)
    assert (found.state, found.attempt) == ("posted", A2.attempt)
    assert reversal(ledger.reverse("k", undo(automatic=True, attempt=A2.attempt), A2, 0)).state == "reversed"


def test_an_inquiry_names_another_attempt_that_was_answered_before_the_askers_own() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    for caller, named in ((A1, A1), (A2, A1), (A1, A2), (A1, A2)):
        found = ledger.inquire("k", caller)
        assert isinstance(found, c.InquiryAnswer)
        assert found.attempt == named.attempt, "also after the asker asked again"


def test_the_terminals_own_reversal_always_applies() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    ledger.post("k", withdrawal(), A2, 0)
    assert reversal(ledger.reverse("k", undo(), A1, 0)).state == "reversed"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": c.Amount("3001", "JPY")},
        {"kind": "deposit"},
        {"terminal": "ATM00002"},
        {"card": c.Card(pan="4000000000000002")},
    ],
)
def test_the_same_key_with_another_body_is_a_conflict_and_moves_nothing(change: dict[str, object]) -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(), A1, 0)
    before = list(ledger.movements)
    conflict = refused(ledger.post("k", withdrawal(**change), A1, 0))
    assert (conflict.status, conflict.type) == (422, c.PROBLEM_KEY_CONFLICT)
    assert ledger.movements == before


def test_a_later_delivery_without_the_cards_secrets_is_the_same_body() -> None:
    ledger = Ledger()
    ledger.post("k", withdrawal(card=c.Card(track2=f"{PAN}=2912101123")), A1, 0)
    assert answer(ledger.post("k", withdrawal(card=None, advice=True), A1, 0)).status == "approved"
    assert answer(ledger.post("k", withdrawal(card=c.Card(pan=PAN), advice=True), A1, 0)).status == "approved"
    assert ledger.posted_twice() == []


def test_a_completion_confirms_its_original_and_books_nothing_twice() -> None:
    ledger = Ledger(opening_minor=10_000)
    ledger.post("k", withdrawal(3_000), A1, 0)
    part = withdrawal(2_000, advice=True, original_key="k")
    for _ in range(2):
        assert answer(ledger.post("c", part, A1, 0)).status == "approved"
        assert ledger.balance(PAN) == 8_000
    assert answer(ledger.post("c2", withdrawal(500, advice=True, original_key="never"), A1, 0)).status == "approved"
    assert ledger.balance(PAN) == 7_500


def test_an_unknown_kind_is_declined_never_guessed() -> None:
    assert answer(Ledger().post("k", withdrawal(kind="lottery"), A1, 0)).reason == "invalid-transaction"


@pytest.mark.parametrize("verb", ["post", "reverse", "inquire"])
@pytest.mark.parametrize(("asked_epoch", "meant_for"), [(1, ""), (3, ""), (2, "osaka"), (1, "tokyo")])
def test_another_region_epoch_or_region_is_refused_inside_the_transaction(verb: str, asked_epoch: int, meant_for: str) -> None:
    ledger = Ledger("tokyo", epoch=2)
    caller = Caller("tokyo/1/1", "tokyo", 1, asked_epoch, meant_for)
    result: object
    if verb == "post":
        result = ledger.post("k", withdrawal(), caller, 0)
    elif verb == "reverse":
        result = ledger.reverse("k", undo(), caller, 0)
    else:
        result = ledger.inquire("k", caller)
    assert (refused(result).status, refused(result).type) == (421, c.PROBLEM_WRONG_REGION)
    assert list(ledger.entries()) == []


def test_a_superseded_relay_is_refused_and_a_newer_incarnation_supersedes() -> None:
    ledger = Ledger()
    ledger.post("k1", withdrawal(), Caller("tokyo/2/1", "tokyo", 2, 1), 0)
    late = refused(ledger.post("k2", withdrawal(), A1, 0))
    assert (late.status, late.type) == (412, c.PROBLEM_SUPERSEDED_RELAY)
    assert refused(ledger.reverse("k1", undo(), A1, 0)).status == 412
    ledger.relay_epochs.saw("tokyo", 5)
    assert refused(ledger.post("k2", withdrawal(), Caller("tokyo/4/1", "tokyo", 4, 1), 0)).status == 412
    assert answer(ledger.post("k2", withdrawal(), A2, 0)).status == "approved"


def test_a_blocked_region_says_not_processed_and_a_standby_wrong_region() -> None:
    ledger = Ledger()
    ledger.activate(1, "blocked")
    blocked = refused(ledger.post("k", withdrawal(), A1, 0))
    assert (blocked.status, blocked.type, blocked.retry_after_s) == (503, c.PROBLEM_OVERLOADED, 1)
    ledger.activate(1, "standby")
    assert refused(ledger.post("k", withdrawal(), A1, 0)).status == 421
    with pytest.raises(ValueError, match="below"):
        ledger.activate(0)


def test_the_listing_is_paged_and_its_totals_are_what_stands() -> None:
    ledger = Ledger()
    for n in range(7):
        ledger.post(f"k{n}", withdrawal(1_000, trace=f"{n:06d}", business_date="2026-11-20"), A1, 0)
    ledger.post("other", withdrawal(1_000, terminal="ATM00002", business_date="2026-11-20"), A1, 0)
    ledger.post("next", withdrawal(1_000, business_date="2026-11-21"), A1, 0)
    ledger.reverse("k0", undo(), A1, 0)
    ledger.reverse("k1", undo(400), A1, 0)
    keys: list[str] = []
    cursor, page = 0, ledger.page("2026-11-20", "ATM00001", 0, count=3)
    while page.next_cursor is not None:
        keys += [e.key for e in page.entries]
        assert page.totals == []
        cursor = int(page.next_cursor)
        page = ledger.page("2026-11-20", "ATM00001", cursor, count=3)
    keys += [e.key for e in page.entries]
    assert keys == [f"k{n}" for n in range(7)]
    assert page.totals == [c.LedgerTotal("ATM00001", "withdrawal", 6, c.Amount("5400", "JPY"), "tokyo")]
    assert ledger.page("2026-11-22", None, 0) == c.LedgerPage(business_date="2026-11-22", entries=[])


def test_a_line_keeps_the_center_that_posted_it_and_names_the_one_whose_terminal_took_it_back() -> None:
    ledger = Ledger()
    dated = withdrawal(1_000, business_date="2026-11-20")
    for key in ("repeated", "reversed", "undone", "part"):
        ledger.post(key, dated, A1, 0)
    ledger.post("repeated", dated, A2, 0)
    ledger.reverse("repeated", undo(1_000), A2, 0)  # lowers nothing
    ledger.reverse("reversed", undo(), A2, 0)
    ledger.reverse("undone", undo(automatic=True, attempt=A1.attempt), A1, 0)
    ledger.reverse("part", undo(400), A2, 0)
    ledger.post(
        "completion", msgspec.structs.replace(dated, advice=True, original_key="part", amount=c.Amount("100", "JPY")), A1, 0
    )
    copy = Ledger("osaka")
    copy.become_copy_of(ledger)
    for each in (ledger, copy):
        lines = {line.key: (line.center, line.reversed_by) for line in each.page("2026-11-20", None, 0).entries}
        assert lines == {
            "repeated": ("tokyo", ""),
            "reversed": ("tokyo", "osaka"),
            "undone": ("tokyo", ""),
            "part": ("tokyo", "osaka"),
            "completion": ("tokyo", ""),
        }
    ledger.reverse("never seen", undo(), A2, 0)
    ledger.post("never seen", dated, A1, 0)
    (tombstone,) = (each for each in ledger.entries() if each.key == "never seen")
    assert tombstone.center == "osaka", "who stored it first, whoever comes late"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["post", "reverse", "terminal-reverse", "inquire"]),
            st.integers(0, 3),
            st.integers(0, 4),
            st.sampled_from(["tokyo/1/1", "tokyo/1/2", "osaka/1/1"]),
        ),
        max_size=40,
    )
)
def test_whatever_happens_nothing_posts_twice_and_balances_equal_their_movements(
    steps: list[tuple[str, int, int, str]],
) -> None:
    ledger = Ledger(opening_minor=100_000)
    stood: dict[str, int] = {}
    for verb, key_number, size, attempt in steps:
        key = f"k{key_number}"
        caller = Caller(attempt, attempt.partition("/")[0], 1, 1)
        if verb == "post":
            ledger.post(key, withdrawal(1_000 * (key_number + 1)), caller, 0)
        elif verb == "inquire":
            ledger.inquire(key, caller)
        else:
            ledger.reverse(key, undo(500 * size, automatic=verb == "reverse", attempt=attempt), caller, 0)
        for entry in ledger.entries():
            assert entry.standing_minor <= stood.get(entry.key, entry.posted_minor)  # monotone
            stood[entry.key] = entry.standing_minor
    assert ledger.posted_twice() == []
    assert ledger.balance(PAN) == 100_000 + sum(m.delta_minor for m in ledger.movements)
    assert ledger.balance(PAN) == 100_000 - sum(e.standing_minor for e in ledger.entries())
