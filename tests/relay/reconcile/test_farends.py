"""A terminal that worked at both centers states its whole day to one of them."""

from __future__ import annotations

import pytest

from protocols.totals import OwnSum
from relay.reconcile.balance import DayTotals, balance
from relay.reconcile.centers import InPair
from relay.reconcile.listing import Sum
from relay.reconcile.sheet import tables
from relay.reconcile.tally import Tally
from tests.relay.reconcile.test_balance import DATE, TOLD, said, tally, whys

WITHDRAWN = ("A1", "withdrawal", "JPY")
OSAKA = InPair("osaka", {WITHDRAWN: Sum(2, 700), ("A1", "deposit", "JPY"): Sum(9, 9), ("A2", "withdrawal", "JPY"): Sum(1, 4)})


def of(minor: int, count: int | None, pair: InPair = OSAKA, own: Tally | None = None) -> DayTotals:
    return balance(own or tally(), TOLD, [said(minor, count=count)], pair=pair)


@pytest.mark.parametrize("count", [4, None])
def test_ours_and_what_the_core_has_at_the_other_center_are_its_day(count: int | None) -> None:
    sheet = of(900, count)
    assert (sheet.differs, whys(sheet)) == (0, [])
    assert sheet.stated[0].also == "ours, and what the core has as 2 of 700 JPY at osaka"
    (table,) = (table for table in tables(sheet) if table.title.startswith("Stated by far ends"))
    assert [(row.mark, row.cells[-1], row.why) for row in table.rows] == [("note", "agrees", sheet.stated[0].also)]


@pytest.mark.parametrize(("minor", "count"), [(901, 4), (900, 3), (700, 2)])
def test_anything_else_differs_and_what_is_there_besides_is_said(minor: int, count: int) -> None:
    sheet = of(minor, count)
    assert sheet.differs == 1
    assert whys(sheet)[0].endswith("; the core has 2 of 700 JPY at osaka besides")
    assert sheet.stated[0].also == ""


def test_who_worked_here_alone_agrees_with_ours_alone() -> None:
    assert (of(200, 2).differs, of(200, 2).stated[0].also) == (0, "")
    assert "osaka" not in whys(of(201, 2, InPair("osaka")))[0]


def test_what_both_have_touched_is_counted_once() -> None:
    """Posted in osaka's name, told approved at both: in our 200, in osaka's 700, and once in the terminal's."""
    pair = InPair("osaka", OSAKA.others, {WITHDRAWN: -150})
    assert of(750, 3, pair).differs == 0
    assert of(900, 4, pair).differs == 1


def test_a_line_that_states_for_all_its_terminals_is_not_added_up() -> None:
    """Which of the other center's terminals are on it there, nobody here knows."""
    books = Tally(DATE, {("switch", "A1", "withdrawal", "JPY"): OwnSum(1, 9)})
    sheet = balance(books, TOLD, [said(709, "", count=None, listener="switch")], pair=OSAKA)
    assert len(whys(sheet)) == 1
