"""One run against a scripted core: whole, broken off and taken up again, circular, beside traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from protocols.vocabulary import Approved, Unknown
from relay.clock import SystemClock
from relay.core.contract import Amount, LedgerEntry, LedgerPage, LedgerTotal
from relay.core.port import NotFound, Permit
from relay.journal.sides import ROWS_MAX, Side
from relay.reconcile.balance import CoreTotals, DayTotals
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.listing import Sum
from relay.reconcile.matcher import Difference, Ending, What
from relay.reconcile.runs import NotRun, Run, RunRules
from relay.reconcile.seen import Seen
from relay.reconcile.shelf import Shelf
from tests.relay.reconcile.test_matcher import APPROVED

DATE = "2025-11-26"
BEGINS_MS = 1_764_082_800_000
PAGE = 10


class KeptVariables:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return self.kept

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[None], None]) -> None:
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value
        done(None)


class Later(SystemClock):
    def wall_ms(self) -> int:
        return BEGINS_MS + 2 * DAY_MS


class ListRows:
    def __init__(self, sides: list[Side]) -> None:
        self.sides = sides
        self.keyed = {side.key: side for side in sides}

    def by_keys(self, keys: list[str]) -> dict[str, Side]:
        return {key: self.keyed[key] for key in keys if key in self.keyed}

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]:
        return [side for side in self.sides if side.exchange_id > exchange_id][:count_max]

    def last_before(self, wall_ms: int) -> int:
        return 0


class ListCore:
    def __init__(self, lines: list[LedgerEntry], page: int = PAGE) -> None:
        self.lines = lines
        self.page = page
        self.fails_at = -1
        self.circles = False
        self.finding: Any = NotFound()
        self.inquired: list[str] = []
        self.pages = 0

    def ledger(
        self, date: str, terminal: str, cursor: str, permit: Permit, timeout_ms: int, done: Callable[[Any], None]
    ) -> Any:
        start = int(cursor or "0")
        self.pages += 1
        if start == self.fails_at:
            done(Unknown(why="lost: closed"))
            return None
        stop = start + self.page
        following = None if stop >= len(self.lines) else str(start if self.circles and start else stop)
        done(LedgerPage(business_date=date, entries=self.lines[start:stop], next_cursor=following))
        return None

    def inquire(self, key: str, attempt: Any, permit: Permit, timeout_ms: int, done: Callable[[Any], None]) -> Any:
        self.inquired.append(f"{key} {attempt.text()}")
        done(self.finding)
        return None


def side(number: int, **changes: Any) -> Side:
    base = msgspec.structs.replace(
        APPROVED, exchange_id=number, key=f"k{number}", business_date="", recorded_ms=BEGINS_MS + number, incarnation=3
    )
    return msgspec.structs.replace(base, **changes)


def line(number: int) -> LedgerEntry:
    amount = Amount("5000", "JPY")
    return LedgerEntry(key=f"k{number}", kind="withdrawal", terminal="ATM1", state="posted", amount=amount, standing=amount)


def new_run(core: ListCore, rows: ListRows, shelf: Shelf, save_pages: int = 1) -> Run:
    async def nothing() -> None:
        return None

    def sleep(_: int) -> asyncio.Future[None]:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        passed.set_result(None)
        return passed

    return Run(
        core, rows, shelf, lambda: Permit(1, "tokyo"), Later(), sleep, Cutover(), "tokyo", RunRules(save_pages=save_pages)
    )


async def test_both_sides_agree() -> None:
    numbers = range(1, 96)
    shelf = Shelf(KeptVariables())
    report = await new_run(ListCore([line(n) for n in numbers]), ListRows([side(n) for n in numbers]), shelf).daily(DATE)
    assert (report.is_whole, report.differences, report.core_lines, report.journal_rows) == (True, (), 95, 95)
    assert shelf.report(report.number) == report
    assert shelf.progress() is None


async def test_what_is_missing_is_asked_for_by_key_under_its_own_attempt() -> None:
    core = ListCore([line(n) for n in (1, 2)])
    rows = ListRows([side(1), side(2), side(3)])
    listed = (await new_run(core, rows, Shelf(KeptVariables())).daily(DATE)).differences
    assert [(d.what, d.ending) for d in listed] == [(What.MISSING, Ending.LISTED)]
    assert core.inquired == ["k3 tokyo/3/3"], "another attempt would supersede the exchange's own"
    core.finding = Approved()
    mended = (await new_run(core, rows, Shelf(KeptVariables())).daily(DATE)).differences
    assert [d.ending for d in mended] == [Ending.MENDED]


async def test_a_transaction_that_nobody_made() -> None:
    report = await new_run(ListCore([line(1), line(99)]), ListRows([side(1)]), Shelf(KeptVariables())).daily(DATE)
    assert [(d.what, d.key, d.core_minor) for d in report.differences] == [(What.UNKNOWN_KEY, "k99", 5_000)]


async def test_a_listing_that_breaks_off_is_taken_up_where_it_stood() -> None:
    numbers = range(1, 96)
    core = ListCore([line(n) for n in numbers if n != 5] + [line(500)])
    rows = ListRows([side(n) for n in numbers])
    whole = await new_run(core, rows, Shelf(KeptVariables())).daily(DATE)
    variables = KeptVariables()
    for fails_at in range(0, 95, 20):
        core.fails_at = fails_at
        with pytest.raises(NotRun, match="breaks off"):
            await new_run(core, rows, Shelf(variables)).daily(DATE)
        assert not Shelf(variables).reports(), "nothing is concluded from a listing that broke off"
    core.fails_at, core.pages = -1, 0
    again = await new_run(core, rows, Shelf(variables)).daily(DATE)
    assert core.pages < 4, "it began at the start again"
    assert again.core_lines == whole.core_lines == 95
    assert set(again.differences) == set(whole.differences)
    assert {d.what for d in again.differences} == {What.MISSING, What.UNKNOWN_KEY}


async def test_a_listing_that_goes_in_circles_concludes_nothing_about_what_is_missing() -> None:
    core = ListCore([line(n) for n in range(1, 40)])
    core.circles = True
    report = await new_run(core, ListRows([side(n) for n in range(1, 80)]), Shelf(KeptVariables())).daily(DATE)
    assert not report.is_whole
    assert [d.what for d in report.differences] == [What.LISTING]


async def test_what_is_open_or_young_is_no_difference() -> None:
    open_one = side(1, is_closed=False, state="undoing")
    young = side(2, updated_ms=BEGINS_MS + 2 * DAY_MS - 1_000)
    report = await new_run(ListCore([]), ListRows([open_one, young]), Shelf(KeptVariables())).daily(DATE)
    assert (report.differences, report.in_work) == ((), 2)


async def test_a_business_date_far_away_is_for_a_person_and_a_near_one_is_another_days() -> None:
    rows = ListRows([side(1, business_date="2031-01-01"), side(2, business_date="2025-11-27")])
    report = await new_run(ListCore([]), rows, Shelf(KeptVariables())).daily(DATE)
    assert [(d.what, d.ending) for d in report.differences] == [(What.DATE, Ending.LISTED)]


def test_seen_is_what_makes_a_million_rows_fit() -> None:
    assert len(Seen().pack()) < 64


async def test_the_sheet_of_totals_gets_the_cores_own_and_the_differences_and_is_in_the_report() -> None:
    asked: list[tuple[str, CoreTotals | None, list[str]]] = []

    async def totals(business_date: str, told: CoreTotals | None, found: Sequence[Difference]) -> DayTotals:
        asked.append((business_date, told, [each.key for each in found]))
        return DayTotals(differs=3)

    class TellingCore(ListCore):
        def ledger(
            self, date: str, terminal: str, cursor: str, permit: Permit, timeout_ms: int, done: Callable[[Any], None]
        ) -> Any:
            def told(page: LedgerPage) -> None:
                totals = [] if page.next_cursor else [LedgerTotal("ATM1", "withdrawal", 2, Amount("10000", "JPY"))]
                done(msgspec.structs.replace(page, totals=totals))

            return super().ledger(date, terminal, cursor, permit, timeout_ms, told)

    shelf = Shelf(KeptVariables())
    run = new_run(TellingCore([line(1), line(2)]), ListRows([side(1), side(2), side(3)]), shelf)
    run._totals = totals
    report = await run.daily(DATE)
    assert asked == [(DATE, {("ATM1", "withdrawal", "JPY"): Sum(2, 10_000)}, ["k3"])]
    assert report.totals == DayTotals(differs=3)
    assert report.listed == 4
    assert shelf.report(report.number) == report
    without = await new_run(ListCore([line(1)]), ListRows([side(1)]), Shelf(KeptVariables())).daily(DATE)
    assert without.totals is msgspec.UNSET
