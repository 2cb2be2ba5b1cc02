"""One run against a scripted core: whole, broken off and taken up again, circular, beside traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from protocols.vocabulary import Approved
from relay.core.contract import Amount, LedgerPage, LedgerTotal
from relay.core.port import Looked, Permit
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.sides import ROWS_MAX, Side
from relay.reconcile.asking import NotRun
from relay.reconcile.balance import DayTotals
from relay.reconcile.centers import CoreTotals, InPair, OfCenter
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.listing import Sum
from relay.reconcile.matcher import Difference, Ending, What, missing
from relay.reconcile.runs import DIFFERENCES_MAX, Run, RunRules
from relay.reconcile.seen import Seen
from relay.reconcile.shelf import Shelf
from tests.support.reconcileplay import (
    BEGINS_MS,
    DATE,
    KeptVariables,
    Later,
    ListCore,
    ListRows,
    Reopened,
    asking_of,
    judge_of,
    line,
    side,
)


def new_run(core: ListCore, rows: ListRows, shelf: Shelf, save_pages: int = 1, is_mending: bool = False, peer: str = "") -> Run:
    asking = asking_of(core, rows, peer=peer)
    judge = judge_of(asking, Reopened(rows), is_mending=is_mending)
    return Run(asking, judge, shelf, Later(), Cutover(), RunRules(save_pages=save_pages))


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
    core.said = Looked(Approved(), 5_000, "tokyo/3/3")
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

    async def totals(business_date: str, told: CoreTotals | None, found: Sequence[Difference], pair: InPair) -> DayTotals:
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


async def test_what_the_core_lost_is_mended_and_the_next_sweep_agrees() -> None:
    core, rows, shelf = ListCore([line(n) for n in (1, 2)]), ListRows([side(n) for n in (1, 2, 3)]), Shelf(KeptVariables())
    report = await new_run(core, rows, shelf, is_mending=True).daily(DATE)
    assert [(d.what, d.ending, d.why) for d in report.differences] == [
        (What.MISSING, Ending.MENDED, "not in the listing; delivered as an advice under the same key")
    ]
    assert report.listed == 0
    core.lines.append(line(3))
    assert (await new_run(core, rows, shelf, is_mending=True).daily(DATE)).differences == ()


async def test_a_run_that_the_core_broke_off_while_it_ended_differences_is_taken_up_and_ends_each_once() -> None:
    core, rows = ListCore([line(1)]), ListRows([side(n) for n in (1, 2, 3, 4)])
    asking, reopened, variables = asking_of(core, rows), Reopened(rows), KeptVariables()
    permits = iter([True] * 3)
    asking = asking_of(core, rows, lambda: Permit(1, "tokyo") if next(permits, False) else None)
    with pytest.raises(NotRun, match="cannot be asked"):
        await Run(asking, judge_of(asking, reopened), Shelf(variables), Later(), Cutover(), RunRules()).daily(DATE)
    assert reopened.moved == [("k2", "RECONCILED_MISSING"), ("k3", "RECONCILED_MISSING")]
    assert Shelf(variables).reports() == []
    rows.change(2, state="delivering", is_closed=False)
    rows.change(3, state="listed")
    asking = asking_of(core, rows)
    report = await Run(asking, judge_of(asking, reopened), Shelf(variables), Later(), Cutover(), RunRules()).daily(DATE)
    assert [key for key, _ in reopened.moved] == ["k2", "k3", "k4"], "each once"
    assert sorted((d.key, d.ending.value) for d in report.differences) == [
        ("k2", "mended"),
        ("k3", "listed"),
        ("k4", "mended"),
    ]


def test_the_limit_of_kept_differences_is_counted() -> None:
    run = new_run(ListCore([]), ListRows([]), Shelf(KeptVariables()))
    found: dict[str, Difference] = {}
    for number in range(DIFFERENCES_MAX * 10 + 7):
        run._add(found, missing(side(number)))
    assert (len(found), run._dropped) == (DIFFERENCES_MAX * 10, 7)


async def test_workers_that_live_at_the_same_time_are_each_walked_also_by_a_run_that_is_taken_up() -> None:
    lives = [
        side(life * IDS_PER_INCARNATION + n, key=f"k{life}{n}", recorded_ms=BEGINS_MS + n)
        for n in range(1, 30)
        for life in (4, 5, 6)
    ]
    rows = ListRows(sorted(lives, key=lambda each: each.exchange_id))
    core = ListCore([line(0, key=each.key) for each in rows.sides if each.key not in ("k41", "k529", "k629")])
    variables = KeptVariables()
    real = rows.after
    reads = 0

    def after(exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]:
        nonlocal reads
        reads += 1
        if reads == 4:
            raise NotRun("killed")
        return real(exchange_id, 10)

    rows.after = after  # type: ignore[method-assign]
    with pytest.raises(NotRun, match="killed"):
        await new_run(core, rows, Shelf(variables)).daily(DATE)
    report = await new_run(core, rows, Shelf(variables)).daily(DATE)
    assert report.journal_rows == 87
    assert sorted(d.key for d in report.differences) == ["k41", "k529", "k629"]


def two_centers() -> tuple[ListCore, ListRows]:
    """Of tokyo 1 to 40, of osaka 41 to 90; 50 was told here as well, and of each name there is one that no journal holds."""
    lines = [line(n, center="tokyo" if n <= 40 else "osaka") for n in range(1, 91)]
    strays = [line(901, center="tokyo"), line(902, center="osaka"), line(903, center="kyoto")]
    return ListCore([*lines, *strays]), ListRows([side(n) for n in (*range(1, 41), 50)])


async def test_what_the_other_center_posted_is_counted_and_left_to_its_report() -> None:
    core, rows = two_centers()
    report = await new_run(core, rows, Shelf(KeptVariables()), peer="osaka").daily(DATE)
    assert sorted((d.what.value, d.key) for d in report.differences) == [("unknown-key", "k901"), ("unknown-key", "k903")]
    assert report.others == OfCenter("osaka", lines=50, held=1)
    assert report.core_lines == 42
    alone = await new_run(core, rows, Shelf(KeptVariables())).daily(DATE)
    assert (len(alone.differences), alone.others, alone.core_lines) == (52, msgspec.UNSET, 93)


async def test_an_interrupted_run_counts_the_other_centers_lines_once() -> None:
    core, rows = two_centers()
    shelf = Shelf(KeptVariables())
    core.fails_at = 60
    with pytest.raises(NotRun):
        await new_run(core, rows, shelf, peer="osaka").daily(DATE)
    core.fails_at = -1
    report = await new_run(core, rows, shelf, peer="osaka").daily(DATE)
    assert report.others == OfCenter("osaka", lines=50, held=1)
    assert report.core_lines == 42


@pytest.mark.parametrize("is_apart", [True, False])
async def test_the_sheet_gets_this_centers_share_of_the_totals_or_none(is_apart: bool) -> None:
    asked: list[tuple[CoreTotals | None, InPair]] = []

    async def totals(date: str, told: CoreTotals | None, found: Sequence[Difference], pair: InPair) -> DayTotals:
        asked.append((told, pair))
        return DayTotals()

    class TellingCore(ListCore):
        def ledger(self, *args: Any) -> Any:
            *more, done = args

            def told(page: LedgerPage) -> None:
                rows = [("tokyo", 41), ("osaka", 51), ("kyoto", 1)] if is_apart else [("", 93)]
                sums = [LedgerTotal("ATM1", "withdrawal", n, Amount(str(n * 5_000), "JPY"), name) for name, n in rows]
                done(msgspec.structs.replace(page, totals=[] if page.next_cursor else sums))

            return super().ledger(*more, told)

    core, rows = two_centers()
    run = new_run(TellingCore(core.lines), rows, Shelf(KeptVariables()), peer="osaka")
    run._totals = totals
    report = await run.daily(DATE)
    assert What.LISTING not in {d.what for d in report.differences}
    group = ("ATM1", "withdrawal", "JPY")
    if is_apart:
        share, others = {group: Sum(42, 210_000)}, {group: Sum(51, 255_000)}
        assert asked == [(share, InPair("osaka", others, {group: -5_000}))]
    else:
        assert [told for told, _ in asked] == [None], "the sum of both together says nothing of one"
