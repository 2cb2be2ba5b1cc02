"""A listing that lies is not believed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.core.contract import Amount, LedgerEntry, LedgerPage, LedgerTotal
from relay.reconcile.listing import Listing, Sum

DATE = "2025-11-26"


def line(number: int, center: str = "") -> LedgerEntry:
    amount = Amount(str(100 + number), "JPY")
    return LedgerEntry(
        key=f"k{number}", kind="withdrawal", terminal="A", state="posted", amount=amount, standing=amount, center=center
    )


def total(numbers: range, center: str = "") -> LedgerTotal:
    return LedgerTotal("A", "withdrawal", len(numbers), Amount(str(sum(100 + n for n in numbers)), "JPY"), center)


def is_osakas(center: str) -> bool:
    return center == "osaka"


def feed(listing: Listing, pages: list[LedgerPage]) -> None:
    seen: set[str] = set()
    for page in pages:
        fresh = [e.key not in seen and not seen.add(e.key) for e in page.entries]  # type: ignore[func-returns-value]
        listing.page(page, fresh)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=12), st.randoms())
def test_any_split_order_and_repetition_of_lines_gives_the_same_sums(sizes: list[int], chance: object) -> None:
    count = sum(sizes)
    lines = [line(n) for n in range(count)]
    chance.shuffle(lines)  # type: ignore[attr-defined]
    pages: list[LedgerPage] = []
    start = 0
    for position, size in enumerate(sizes):
        is_last = position == len(sizes) - 1
        entries = lines[start : start + size] + lines[:1]  # each page repeats a line
        totals = [total(range(count))] if is_last and count else []
        pages.append(
            LedgerPage(
                business_date=DATE, entries=entries, totals=totals, next_cursor=None if is_last else f"c{start}.{position}"
            )
        )
        start += size
    listing = Listing(DATE)
    feed(listing, pages)
    assert listing.is_whole
    assert listing.trouble == ""
    assert listing.lines == count
    assert listing.wrong_totals(is_osakas) == []


def test_a_dropped_line_shows_in_the_totals() -> None:
    listing = Listing(DATE)
    feed(listing, [LedgerPage(business_date=DATE, entries=[line(0)], totals=[total(range(2))])])
    ((group, ours, theirs),) = listing.wrong_totals(is_osakas)
    assert group == ("A", "withdrawal", "JPY")
    assert (ours.count, theirs.count) == (1, 2)


def test_a_cursor_that_comes_twice_ends_the_reading() -> None:
    listing = Listing(DATE)
    feed(listing, [LedgerPage(business_date=DATE, entries=[line(n)], next_cursor="same") for n in range(2)])
    assert "circles" in listing.trouble
    assert not listing.is_whole


def test_a_page_of_another_day_ends_the_reading() -> None:
    listing = Listing(DATE)
    feed(listing, [LedgerPage(business_date="2025-11-25", entries=[])])
    assert "2025-11-25" in listing.trouble


TWO = [line(0, "tokyo"), line(1, "osaka"), line(2, "osaka"), line(3, "kyoto")]


def test_totals_are_of_one_center_each_and_the_others_are_checked_there() -> None:
    totals = [total(range(1), "tokyo"), total(range(1, 9), "osaka"), total(range(3, 4), "kyoto")]
    listing = Listing(DATE)
    feed(listing, [LedgerPage(business_date=DATE, entries=TWO, totals=totals)])
    assert listing.is_told_apart
    assert listing.wrong_totals(is_osakas) == [], "what is wrong is osaka's, and in osaka's report"
    assert [group for group, _, _ in listing.wrong_totals(lambda center: center == "tokyo")] == [("A", "withdrawal", "JPY")]
    assert listing.told_of(is_osakas) == {("A", "withdrawal", "JPY"): Sum(2, 203)}
    assert listing.told_of(is_osakas, peers=True) == {("A", "withdrawal", "JPY"): Sum(8, sum(range(101, 109)))}


def test_totals_of_both_together_are_checked_against_the_lines_of_both() -> None:
    listing = Listing(DATE)
    feed(listing, [LedgerPage(business_date=DATE, entries=TWO, totals=[total(range(4))])])
    assert not listing.is_told_apart
    assert listing.wrong_totals(is_osakas) == []
    listing = Listing(DATE)
    feed(listing, [LedgerPage(business_date=DATE, entries=TWO, totals=[total(range(5))])])
    ((_, ours, theirs),) = listing.wrong_totals(is_osakas)
    assert (ours.count, theirs.count) == (4, 5)
