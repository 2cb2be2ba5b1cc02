"""The conservation check finds every kind of difference, and excuses only what is listed."""

from __future__ import annotations

import pytest

from relay.loopback.books import Act, Books, Fate
from relay.loopback.report import LedgerLine, Listed, compare


def room() -> Books:
    """Two withdrawals of 3,000 and 5,000, a deposit of 1,000, a declined one of 7,000, all of one account."""
    books = Books()
    for trace, kind, amount, paid, taken in (
        ("000001", "withdrawal", 3_000, 3_000, 0),
        ("000002", "withdrawal", 5_000, 5_000, 0),
        ("000003", "deposit", 1_000, 0, 1_000),
        ("000004", "withdrawal", 7_000, 0, 0),
    ):
        act = books.begin("ATM1", trace, kind, "A", amount)
        act.paid, act.taken, act.fate = paid, taken, Fate.ANSWERED
    return books


def act(books: Books, trace: str) -> Act:
    found = books.find("ATM1", trace)
    assert found is not None
    return found


GOOD = [
    LedgerLine("k1", "ATM1", "000001", -3_000, "A"),
    LedgerLine("k2", "ATM1    ", "000002", -5_000, "A"),
    LedgerLine("k3", "ATM1", "000003", 1_000, "A"),
    LedgerLine("k4", "ATM1", "000004", 0, "A"),
]


def test_equal_sides_hold() -> None:
    result = compare(room(), GOOD, [])
    assert (result.holds, result.lost, result.doubled, result.accounts) == (True, 0, 0, 1)
    assert (result.books_minor, result.ledger_minor, result.listed_minor) == (-7_000, -7_000, 0)


def test_a_declined_act_the_ledger_moved_is_lost_unless_it_is_listed() -> None:
    wrong = [*GOOD[:3], LedgerLine("k4", "ATM1", "000004", -7_000, "A")]
    assert (compare(room(), wrong, []).holds, compare(room(), wrong, []).lost) == (False, 1)
    assert compare(room(), wrong, [Listed("k4")]).holds
    by_trace = compare(room(), wrong, [Listed("other", "ATM1", "000004")])
    assert (by_trace.holds, by_trace.listed_minor) == (True, -7_000)
    assert not compare(room(), wrong, [Listed("k1"), Listed("k2")]).holds  # a neighbour's line excuses nothing


def test_paid_notes_the_ledger_does_not_know_are_lost() -> None:
    result = compare(room(), GOOD[1:], [])
    assert (result.holds, result.lost) == (False, 1)
    assert (result.differences[0].books_minor, result.differences[0].ledger_minor) == (-3_000, 0)


def test_two_differences_that_cancel_out_are_both_found() -> None:
    wrong = [LedgerLine("k1", "ATM1", "000001", -5_000, "A"), LedgerLine("k2", "ATM1", "000002", -3_000, "A"), *GOOD[2:]]
    assert (compare(room(), wrong, []).holds, compare(room(), wrong, []).lost) == (False, 2)


def test_one_act_under_two_keys_is_doubled_and_so_is_what_the_ledger_itself_saw() -> None:
    wrong = [*GOOD, LedgerLine("k9", "ATM1", "000001", -3_000, "A")]
    assert compare(room(), wrong, []).doubled == 1
    assert (compare(room(), GOOD, [], ["k1"]).doubled, compare(room(), GOOD, [], ["k1"]).holds) == (1, False)


def test_the_right_amount_on_another_account_is_lost() -> None:
    wrong = [LedgerLine("k1", "ATM1", "000001", -3_000, "B"), *GOOD[1:]]
    assert compare(room(), wrong, []).lost == 1


def test_money_that_is_in_no_book_is_lost() -> None:
    result = compare(room(), [*GOOD, LedgerLine("k9", "ATM2", "000001", -100, "A")], [])
    assert (result.holds, result.differences[0].kind) == (False, "in no book")


@pytest.mark.parametrize("fate", [Fate.OPEN, Fate.REVERSAL_OWED])
def test_an_act_without_an_end_is_lost_even_if_the_money_is_right(fate: Fate) -> None:
    books = room()
    act(books, "000004").fate = fate
    assert compare(books, GOOD, []).lost == 1
    assert compare(books, GOOD, [Listed("k4")]).lost == 0


def test_an_unresolved_deposit_is_in_the_ledger_or_listed_never_neither() -> None:
    books = room()
    act(books, "000003").fate = Fate.UNRESOLVED
    assert compare(books, GOOD, []).holds
    without = [*GOOD[:2], GOOD[3]]
    assert compare(books, without, []).lost == 1
    assert compare(books, without, [Listed("k3", "ATM1", "000003")]).holds
