"""Claims against ledger lines: every kind of difference is found, and only what is listed is excused."""

from __future__ import annotations

import pytest

from relay.loopback.claims import IN_NO_BOOK, Claim, hold
from relay.loopback.report import LedgerLine, Listed


def claim(trace: str, minor: int, may_miss: bool = False) -> Claim:
    return Claim(terminal="T", trace=trace, kind="withdrawal", fate="paid", minor=minor, may_miss=may_miss)


def line(trace: str, minor: int, key: str = "") -> LedgerLine:
    return LedgerLine(key or f"k{trace}", "T", trace, minor)


def test_equal_books_hold() -> None:
    held = hold([claim("1", -5), claim("2", 0)], [line("1", -5), line("2", 0)], [])
    assert (held.holds, held.books_minor, held.ledger_minor, held.accounts) == (True, -5, -5, 2)


@pytest.mark.parametrize(
    ("claims", "lines", "lost", "doubled"),
    [
        ([claim("1", -5)], [], 1, 0),  # never posted
        ([], [line("1", -5)], 1, 0),  # posted, and nothing happened
        ([claim("1", -5)], [line("1", -4)], 1, 0),  # another amount
        ([claim("1", -5)], [line("1", -5, "a"), line("1", -5, "b")], 1, 1),  # twice
        ([claim("1", -5), claim("2", 5)], [line("1", 5), line("2", -5)], 2, 0),  # equal in sum only
        ([claim("1", -5, may_miss=True)], [line("1", -4)], 1, 0),  # may miss, but not by half
    ],
)
def test_each_difference_is_found(claims: list[Claim], lines: list[LedgerLine], lost: int, doubled: int) -> None:
    held = hold(claims, lines, [])
    assert (held.holds, held.lost, held.doubled) == (False, lost, doubled)


def test_two_lines_that_cancel_out_are_a_double() -> None:
    assert hold([claim("1", 0)], [line("1", -5, "a"), line("1", 5, "b")], []).doubled == 1


def test_what_nobody_was_told_of_may_be_missing_or_there() -> None:
    assert hold([claim("1", -5, may_miss=True)], [], []).holds
    assert hold([claim("1", -5, may_miss=True)], [line("1", -5)], []).holds


def test_a_name_that_was_given_twice_may_stand_twice() -> None:
    assert hold([claim("1", -5), claim("1", -7)], [line("1", -5, "a"), line("1", -7, "b")], []).holds


def test_the_list_excuses_its_own_line_only() -> None:
    lines = [line("1", -5), line("2", -5)]
    held = hold([], lines, [Listed("k1")])
    assert (held.holds, held.lost, held.listed_minor) == (False, 1, -5)
    assert [(d.kind, d.is_listed) for d in held.differences] == [(IN_NO_BOOK, False), (IN_NO_BOOK, True)]
    assert hold([], lines, [Listed("k1"), Listed("x", "T", "2")]).holds


def test_what_the_ledger_itself_saw_twice_is_a_double() -> None:
    held = hold([], [], [], ["k1"])
    assert (held.holds, held.doubled) == (False, 1)
