"""The fake core's listing: whose each line is, and sums that never mix two centers."""

from __future__ import annotations

from relay.core import contract as c
from relay.loopback.entries import Entry, EntryState
from relay.loopback.ledgerpages import page_of, totals_of


def entry(number: int, state: EntryState, standing: int, center: str = "tokyo") -> Entry:
    made = Entry(f"k{number}", number, state, "2026-11-20", 0, center)
    made.kind, made.terminal, made.amount, made.standing_minor = "withdrawal", "ATM1", c.Amount("3000", "JPY"), standing
    return made


ENTRIES = [
    entry(1, EntryState.POSTED, 3_000),
    entry(2, EntryState.POSTED, 2_000, "osaka"),
    entry(3, EntryState.REVERSED, 1_000),
    entry(4, EntryState.REVERSED, 0),
]


def test_totals_count_what_stands_of_each_center() -> None:
    assert totals_of(ENTRIES) == [
        c.LedgerTotal("ATM1", "withdrawal", 1, c.Amount("2000", "JPY"), "osaka"),
        c.LedgerTotal("ATM1", "withdrawal", 2, c.Amount("4000", "JPY"), "tokyo"),
    ]


def test_every_line_says_whose_call_posted_it_and_totals_come_with_the_last_page() -> None:
    first = page_of("2026-11-20", ENTRIES, None, 0, 3)
    assert [(line.key, line.center) for line in first.entries] == [("k1", "tokyo"), ("k2", "osaka"), ("k3", "tokyo")]
    assert (first.totals, first.next_cursor) == ([], "3")
    last = page_of("2026-11-20", ENTRIES, None, 3, 3)
    assert (len(last.entries), len(last.totals), last.next_cursor) == (1, 2, None)
    assert page_of("2026-11-20", ENTRIES, "ATM2", 0, 3).entries == []
