"""The sheet of totals: who says what, in words; limits; and nothing of a card on it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from protocols.totals import OwnSum, Total, TotalsStated
from relay.reconcile import balance as module
from relay.reconcile.balance import DayTotals, balance
from relay.reconcile.centers import InPair
from relay.reconcile.listing import Sum
from relay.reconcile.statements import Kept
from relay.reconcile.tally import Closed, Tally

DATE = "2026-11-24"
PAN = "4000001234567899"
DEBITS, CREDITS = ("purchase", "withdrawal"), ("deposit",)


def tally() -> Tally:
    sums = {
        ("atm", "A1", "withdrawal", "JPY"): OwnSum(3, 300, 1, 100),
        ("atm", "A1", "deposit", "JPY"): OwnSum(1, 50),
        ("atm", "A2", "withdrawal", "JPY"): OwnSum(1, 70),
        ("switch", "A1", "withdrawal", "JPY"): OwnSum(1, 9),
    }
    return Tally(DATE, sums)


TOLD = {("A1", "withdrawal", "JPY"): Sum(3, 209), ("A1", "deposit", "JPY"): Sum(1, 50), ("A2", "withdrawal", "JPY"): Sum(1, 70)}


def said(minor: int, party: str = "A1", count: int | None = 2, order: int = 1, listener: str = "atm", **changes: Any) -> Kept:
    lines = (Total(name="debits", count=count, minor=minor, kinds=DEBITS),)
    base = {"id": str(order), "party": party, "business_date": DATE, "source": "0500", "currency": "JPY", "lines": lines}
    return Kept(TotalsStated(**base | changes), listener, order, order)


def whys(sheet: DayTotals) -> list[str]:
    return [line.why for line in sheet.stated if line.why]


def test_where_all_agree_nothing_is_listed() -> None:
    sheet = balance(tally(), TOLD, [said(200), said(70, "A2", count=1)])
    assert (sheet.differs, whys(sheet), sheet.silent) == (0, [], ())
    assert [(line.kind, line.count, line.minor, line.undone_count, line.core_minor) for line in sheet.kinds] == [
        ("deposit", 1, 50, 0, 50),
        ("withdrawal", 4, 279, 1, 279),
    ]
    assert [(line.name, line.kind, line.minor) for line in sheet.partners] == [
        ("atm", "deposit", 50),
        ("atm", "withdrawal", 270),
        ("switch", "withdrawal", 9),
    ]
    assert [(line.name, line.kind, line.minor, line.core_minor) for line in sheet.terminals] == [
        ("A1", "deposit", 50, 50),
        ("A1", "withdrawal", 209, 209),
        ("A2", "withdrawal", 70, 70),
    ]


@pytest.mark.parametrize(
    ("statement", "told", "words"),
    [
        (said(90, "A2", count=1), TOLD, "the journal 1 of 70 JPY; journal and core agree, the terminal stands alone"),
        (said(90, "A2", count=1), {("A2", "withdrawal", "JPY"): Sum(1, 90)}, "terminal and core agree, the journal"),
        (said(90, "A2", count=1), {("A2", "withdrawal", "JPY"): Sum(1, 80)}, "the core says 80: three different sums"),
        (said(70, "A2", count=2), TOLD, "says 2 of 70 JPY, the journal 1 of 70 JPY; the amounts agree, the counts"),
        (said(90, "A2", count=None), None, "the terminal says 90 JPY, the journal 70 JPY"),
        (said(71, "", count=None, listener="switch"), None, "the partner says 71 JPY, the journal 9 JPY"),
    ],
)  # fmt: skip
def test_who_says_what(statement: Kept, told: Any, words: str) -> None:
    sheet = balance(tally(), told, [statement])
    assert [words in why for why in whys(sheet)] == [True]
    assert sheet.has_core is (told is not None)


def test_what_is_in_doubt_is_said() -> None:
    books = tally()
    books.sums["atm", "A2", "withdrawal", "JPY"] = OwnSum(1, 70, 0, 0, 1, 20)
    (why,) = whys(balance(books, None, [said(90, "A2", count=1)]))
    assert why.endswith("; in doubt here: 1 of 20 JPY")


def test_the_last_final_counts_additions_are_summed_and_running_figures_stand_beside() -> None:
    lines = [said(5, order=1), said(200, order=2)]
    assert whys(balance(tally(), TOLD, lines)) == []
    lines = [said(150, order=1, count=1, mode="adds"), said(50, order=2, count=1, mode="adds")]
    assert whys(balance(tally(), TOLD, lines)) == []
    running = said(7, order=3, mode="running", lines=(Total(name="notes", count=4, minor=7),))
    sheet = balance(tally(), TOLD, [said(200), running])
    assert [(line.name, line.is_judged) for line in sheet.stated] == [("debits", True), ("notes", False)]
    assert sheet.silent == ("A2",), "a counter is no statement of the day"


def test_a_difference_of_the_core_is_listed_only_where_nothing_else_explains_it() -> None:
    told = TOLD | {("A2", "withdrawal", "JPY"): Sum(1, 71)}

    def first(**changes: Any) -> tuple[int, str]:
        sheet = balance(changes.pop("books", tally()), told, [], **changes)
        assert sheet.terminals[0].name == "A2"
        return sheet.differs, sheet.terminals[0].why

    assert first() == (1, "the core says 71, the journal 70")
    assert first(explained=frozenset({("A2", "withdrawal")})) == (0, "see the differences")
    books = tally()
    books.sums["atm", "A2", "withdrawal", "JPY"] = OwnSum(1, 70, 0, 0, 1, 70)
    assert first(books=books) == (0, "1 still in work or on the list here")
    books = tally()
    books.undated["atm", "A2", "withdrawal", "JPY"] = 1
    assert first(books=books) == (0, "without a date of their own: perhaps filed under another day")
    sheet = balance(tally(), told | {("A9", "deposit", "JPY"): Sum(1, 5)}, [])
    assert sheet.terminals[1].why == "the core says 5, the journal 0"


def test_what_both_centers_have_touched_is_marked_where_it_is_just_that_and_listed_where_it_is_not() -> None:
    told = TOLD | {("A2", "withdrawal", "JPY"): Sum(2, 570)}

    def first(apart_minor: int) -> tuple[int, str]:
        sheet = balance(tally(), told, [], pair=InPair("osaka", apart={("A2", "withdrawal", "JPY"): apart_minor}))
        return sheet.differs, sheet.terminals[0].why

    assert first(500)[0] == 0
    assert first(500)[1].startswith("both centers have touched it")
    for apart_minor in (499, 501, -500, 0):
        assert first(apart_minor) == (1, "the core says 570, the journal 70")


def test_limits_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TERMINAL_LINES_MAX", 3)
    monkeypatch.setattr(module, "STATED_LINES_MAX", 1)
    sheet = balance(tally(), TOLD, [said(200), said(1, "A2")])
    assert (len(sheet.terminals), sheet.terminals_left_out) == (3, 0)
    assert (len(sheet.stated), sheet.stated_left_out, sheet.stated[0].party) == (1, 1, "A2"), "who differs is shown"
    monkeypatch.setattr(module, "TERMINAL_LINES_MAX", 2)
    assert balance(tally(), TOLD, []).terminals_left_out == 1
    books = msgspec.structs.replace(tally(), left_out=3)
    assert "3 exchanges are in no sum" in balance(books, TOLD, []).trouble


def test_a_card_number_in_a_name_is_masked_everywhere() -> None:
    books = Tally(DATE, {("atm", PAN, "withdrawal", "JPY"): OwnSum(1, 5), ("atm", "A1", "withdrawal", "JPY"): OwnSum(1, 5)})
    books.late["atm", PAN, "withdrawal", "JPY"] = OwnSum(1, 5)
    lines = (Total(name=PAN, count=1, minor=6, kinds=DEBITS),)
    kept = [said(6, PAN, lines=lines, source=PAN), said(5, "A2")]
    sheet = balance(books, {(PAN, "withdrawal", "JPY"): Sum(1, 9)}, kept, [Closed(PAN, PAN, DATE, 5)])
    assert PAN.encode() not in msgspec.json.encode(sheet)
