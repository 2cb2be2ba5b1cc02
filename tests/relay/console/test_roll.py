"""Sessions found, sorted and turned over in pages, a slice at a time, while they come and go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from relay.console.roll import BRANCHES_COUNT_MAX, PAGE_COUNT, SLICE_COUNT, Page, Wanted, look_through, mark_of
from relay.exchange.ports import ListenerFacts
from relay.wire.roster import RosterEntry
from tests.support.consolelinks import Line, lines

DIALECTS = {"atm": "iso8583", "branch": "branch-p1"}


async def look(links: Sequence[Line], wanted: Wanted | None = None, turns: list[int] | None = None) -> Page:
    async def turn() -> None:
        if turns is not None:
            turns.append(1)

    return await look_through(links, Wanted() if wanted is None else wanted, DIALECTS, 1, turn)


def names(page: Page) -> list[str]:
    return [row.entry.terminal for row in page.rows]


async def test_the_first_page_by_terminal_and_those_without_a_name_last() -> None:
    links = [Line("B2", "atm"), Line("", "atm"), Line("A1", "atm"), Line("9901-001-0001", "branch", channel="branch")]
    page = await look(links)
    assert names(page) == ["9901-001-0001", "A1", "B2", ""]
    assert (page.total, page.matching, page.has_before, page.has_after) == (4, 4, False, False)
    assert page.dialects == (("branch-p1", 1), ("iso8583", 3))
    assert page.branches == (("9901-001", 1),)
    assert page.rows[0].branch == "9901-001"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(text="atm0000"), 9),
        (Wanted(text="ATM00003"), 1),
        (Wanted(text="10.0.0.3"), 11),
        (Wanted(text="nothing"), 0),
        (Wanted(listener="atm"), 99),
        (Wanted(listener="elsewhere"), 0),
        (Wanted(dialect="iso8583"), 99),
        (Wanted(is_signed_on=False), 9),
        (Wanted(text="<script>"), 0),
    ],
)
async def test_what_is_looked_for(wanted: Wanted, found: int) -> None:
    links = [Line(f"ATM{number:05}", "atm", peer=f"10.0.0.{number}:1", signed_on=number % 10 != 0) for number in range(1, 100)]
    assert (await look(links, wanted)).matching == found


async def test_pages_forth_and_back_are_whole() -> None:
    links = lines(PAGE_COUNT * 3 + 7)
    seen: list[str] = []
    page = await look(links)
    while True:
        seen += names(page)
        if not page.has_after:
            break
        page = await look(links, Wanted(after=page.rows[-1].mark))
        assert page.has_before
    assert seen == sorted(link.terminal for link in links)
    assert len(page.rows) == 7
    back = await look(links, Wanted(before=page.rows[0].mark))
    assert names(back) == seen[PAGE_COUNT * 2 : PAGE_COUNT * 3]
    assert (back.has_before, back.has_after) == (True, True)
    first = await look(links, Wanted(before=(await look(links, Wanted(after=(await look(links)).rows[-1].mark))).rows[0].mark))
    assert (names(first), first.has_before) == (seen[:PAGE_COUNT], False)


async def test_a_page_is_asked_by_name_and_not_by_number() -> None:
    links = lines(PAGE_COUNT + 10)
    first = await look(links)
    shown = {row.mark for row in first.rows[:5]}
    gone = [link for link in links if mark_of(link) not in shown]  # five of the first page went
    second = await look(gone, Wanted(after=first.rows[-1].mark))
    assert names(second) == sorted(link.terminal for link in links)[PAGE_COUNT:], "nobody is left out"


async def test_fifty_thousand_are_walked_in_slices() -> None:
    turns: list[int] = []
    page = await look(lines(50_000), Wanted(text="T49"), turns)
    assert len(turns) == page.slices == 50_000 // SLICE_COUNT
    assert page.matching == 1_000
    assert len(page.rows) == PAGE_COUNT


async def test_a_branch_is_one_of_those_that_match() -> None:
    links = [Line(f"99-{branch:04}-{number}", "branch", channel="branch") for branch in range(3) for number in range(4)]
    page = await look(links, Wanted(branch="99-0001"))
    assert (page.matching, len(page.branches)) == (4, 3)
    many = [Line(f"99-{branch:05}-1", "branch", channel="branch") for branch in range(BRANCHES_COUNT_MAX + 20)]
    assert len((await look(many)).branches) == BRANCHES_COUNT_MAX


def test_the_line_of_the_tests_is_a_link() -> None:
    line = Line("A1", "atm")
    assert isinstance(line.listener, ListenerFacts)
    assert isinstance(line.entry(), RosterEntry)
