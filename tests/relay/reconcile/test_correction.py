"""The correction run: only who moved, once, beside traffic, taken up where it stood."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from protocols.vocabulary import Approved
from relay.core.contract import Amount, LedgerTotal
from relay.core.port import Looked, Permit
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.sides import Moved
from relay.reconcile import correction
from relay.reconcile.asking import NotRun
from relay.reconcile.centers import OfCenter
from relay.reconcile.correction import Correction, Outcome
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.matcher import Ending, What
from relay.reconcile.report import Layer
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

MARGIN_MS = 120_000


class Bank:
    """Three terminals with two withdrawals each, all posted."""

    def __init__(self) -> None:
        numbers = range(1, 7)
        self.rows = ListRows([side(n, terminal=f"ATM{(n + 1) // 2}") for n in numbers])
        self.core = ListCore([line(n, terminal=f"ATM{(n + 1) // 2}") for n in numbers])
        self.variables = KeptVariables()
        self.shelf = Shelf(self.variables)
        self.clock = Later()
        self.reopened = Reopened(self.rows)

    async def run(self, peer: str = "", **judging: Any) -> Outcome:
        asking = asking_of(self.core, self.rows, peer=peer)
        judge = judge_of(asking, self.reopened, **judging)
        self.core.asked.clear()
        return await Correction(asking, judge, self.shelf, self.clock, Cutover(), MARGIN_MS).run()

    def lose(self, number: int) -> None:
        self.core.lines = [each for each in self.core.lines if each.key != f"k{number}"]

    def add(self, number: int, **changes: Any) -> None:
        self.rows.sides.append(side(number, recorded_ms=self.clock.now_ms - MARGIN_MS - 1, **changes))


async def test_every_terminal_that_moved_is_compared_once_and_then_only_who_moves_again() -> None:
    bank = Bank()
    assert (await bank.run()).pairs == 3
    assert bank.core.asked == [f"{DATE} ATM1", f"{DATE} ATM2", f"{DATE} ATM3"]
    assert await bank.run() == Outcome(pairs=0, has_more=False)
    assert bank.core.asked == []
    bank.add(9, terminal="ATM2", business_date=DATE)
    bank.core.lines.append(line(9, terminal="ATM2"))
    assert (await bank.run()).pairs == 1
    assert bank.core.asked == [f"{DATE} ATM2"]
    assert bank.shelf.reports() == [], "nothing differs: nothing to sign, nothing to keep"


async def test_what_the_core_lost_is_mended_and_reported_once() -> None:
    bank = Bank()
    bank.lose(3)
    (report,) = (await bank.run()).reports
    assert (report.layer, report.business_date, report.listed) == (Layer.CORRECTION, DATE, 0)
    assert [(d.what, d.key, d.ending) for d in report.differences] == [(What.MISSING, "k3", Ending.MENDED)]
    assert bank.reopened.moved == [("k3", "RECONCILED_MISSING")]
    assert (await bank.run()).reports == ()


async def test_what_is_listed_is_not_listed_again_by_every_run() -> None:
    bank = Bank()
    bank.lose(3)
    bank.core.lines.append(line(99, terminal="ATM2"))
    (report,) = (await bank.run(is_mending=False)).reports
    assert sorted((d.what.value, d.ending.value) for d in report.differences) == [
        ("missing", "listed"),
        ("unknown-key", "listed"),
    ]
    bank.add(8, terminal="ATM2", business_date=DATE)
    bank.core.lines.append(line(8, terminal="ATM2"))
    assert (await bank.run(is_mending=False)).reports == ()
    assert len(bank.shelf.reports()) == 1


async def test_a_terminal_that_worked_at_both_centers_is_compared_with_what_it_did_here() -> None:
    bank = Bank()
    bank.core.lines += [line(n, terminal="ATM2", center="osaka") for n in (91, 92)]
    assert (await bank.run(peer="osaka")).reports == ()
    bank = Bank()
    bank.core.lines += [line(91, terminal="ATM2", center="osaka"), line(92, terminal="ATM2", center="tokyo")]
    (report,) = (await bank.run(peer="osaka")).reports
    assert [(d.what, d.key) for d in report.differences] == [(What.UNKNOWN_KEY, "k92")]
    assert (report.others, report.core_lines) == (OfCenter("osaka", lines=1), 7)


async def test_a_late_event_brings_its_old_exchange_back() -> None:
    bank = Bank()
    await bank.run()
    bank.rows.change(5, verdict="decline")
    bank.core.said = Looked(Approved(), 5_000, "tokyo/3/5")
    bank.rows.lines.append(Moved(1, 5, "ATM3", "", BEGINS_MS + 5, bank.clock.now_ms - MARGIN_MS - 1))
    (report,) = (await bank.run()).reports
    assert [(d.what, d.ending) for d in report.differences] == [(What.UNEXPECTED, Ending.REVERSED)]


async def test_what_is_in_work_is_left_for_the_next_run_and_not_passed_over() -> None:
    bank = Bank()
    await bank.run()
    bank.rows.sides.append(side(10, terminal="ATM1", recorded_ms=bank.clock.now_ms - 1_000, business_date=DATE))
    assert (await bank.run()).pairs == 0
    bank.clock.now_ms += MARGIN_MS
    assert [d.key for report in (await bank.run()).reports for d in report.differences] == ["k10"]


async def test_an_open_one_is_no_difference_and_comes_back_with_its_last_event() -> None:
    bank = Bank()
    bank.lose(3)
    bank.rows.change(3, is_closed=False, state="undoing")
    assert (await bank.run()).reports == ()
    assert bank.core.inquired == []


async def test_a_clock_that_was_set_back_does_not_stop_it() -> None:
    bank = Bank()
    ahead = side(1, key="k0", terminal="ATM9", recorded_ms=bank.clock.now_ms + DAY_MS)
    bank.rows.sides.insert(0, ahead)
    assert (await bank.run()).pairs == 4


@pytest.mark.parametrize("breaks_at", [1, 2])
async def test_a_run_that_breaks_off_goes_on_after_the_last_pair_on_disk(
    breaks_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correction, "SAVE_PAIRS", 1)
    whole = Bank()
    whole.lose(2)
    whole.lose(5)
    expected = (await whole.run()).reports[0].differences
    bank = Bank()
    bank.lose(2)
    bank.lose(5)
    left = breaks_at
    real = bank.core.ledger

    def ledger(*args: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            bank.core.fails_at = 0
        return real(*args)

    bank.core.ledger = ledger  # type: ignore[method-assign]
    with pytest.raises(NotRun, match="breaks off"):
        await bank.run()
    bank.core.fails_at = -1
    bank.core.ledger = real  # type: ignore[method-assign]
    bank.rows.sides.append(side(20, terminal="ATM0", recorded_ms=BEGINS_MS + 20))  # came meanwhile: the next window's
    outcome = await bank.run()
    assert outcome.pairs == 3 - breaks_at
    assert set(outcome.reports[0].differences) == set(expected)
    bank.core.said = Looked(Approved(), 5_000, "tokyo/3/20")
    assert (await bank.run()).pairs == 1


async def test_a_window_has_a_limit_and_the_next_follows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "MOVED_MAX", 2)
    bank = Bank()
    real = bank.rows.moved_rows
    bank.rows.moved_rows = lambda above: real(above)[:2]  # type: ignore[method-assign]
    monkeypatch.setattr(correction, "MOVED_ROWS_MAX", 2)
    seen: list[str] = []
    for _ in range(3):
        outcome = await bank.run()
        assert outcome.has_more
        seen += bank.core.asked
    assert seen == [f"{DATE} ATM1", f"{DATE} ATM2", f"{DATE} ATM3"]
    assert not (await bank.run()).has_more


async def test_a_core_that_lists_other_terminals_too_ends_the_run() -> None:
    bank = Bank()
    bank.core.ignores_terminal = True
    with pytest.raises(NotRun, match="does not keep to the terminal"):
        await bank.run()


async def test_a_listing_in_circles_concludes_nothing_about_what_is_missing() -> None:
    bank = Bank()
    bank.core.page = 1
    bank.core.circles = True
    bank.core.lines += [line(n, terminal="ATM2") for n in (31, 32)]
    bank.core.lines = [each for each in bank.core.lines if each.terminal == "ATM2"]
    bank.rows.sides = [each for each in bank.rows.sides if each.terminal == "ATM2"]
    (report,) = (await bank.run()).reports
    assert not report.is_whole
    assert [d.what for d in report.differences if d.ending is Ending.LISTED] == [What.LISTING]
    assert bank.reopened.moved == []


async def test_totals_that_are_not_the_sum_of_the_lines() -> None:
    bank = Bank()
    real = bank.core.ledger

    def ledger(date: str, terminal: str, cursor: str, permit: Any, timeout_ms: int, done: Any) -> Any:
        def told(page: Any) -> None:
            total = LedgerTotal("ATM1", "withdrawal", 2, Amount("9999", "JPY"))
            done(msgspec.structs.replace(page, totals=[total] if terminal == "ATM1" else []))

        return real(date, terminal, cursor, permit, timeout_ms, told)

    bank.core.ledger = ledger  # type: ignore[method-assign]
    (report,) = (await bank.run()).reports
    assert [(d.what, d.terminal, d.core_minor) for d in report.differences] == [(What.LISTING, "ATM1", 9_999)]
    assert report.is_whole


async def test_what_was_moved_before_a_kill_is_in_the_report_of_the_run_that_takes_it_up() -> None:
    bank = Bank()
    bank.lose(1)
    bank.lose(2)
    permits = iter([True] * 2)  # a page, and one look
    asking = asking_of(bank.core, bank.rows, lambda: Permit(1, "tokyo") if next(permits, False) else None)
    with pytest.raises(NotRun, match="cannot be asked"):
        await Correction(asking, judge_of(asking, bank.reopened), bank.shelf, bank.clock, Cutover(), MARGIN_MS).run()
    assert [key for key, _ in bank.reopened.moved] == ["k1"]
    bank.core.lines.append(line(1))  # delivered, and settled by now
    (report,) = (await bank.run()).reports
    assert [key for key, _ in bank.reopened.moved] == ["k1", "k2"]
    assert sorted((d.key, d.ending.value) for d in report.differences) == [("k1", "mended"), ("k2", "mended")]


async def test_workers_that_live_at_the_same_time_each_have_their_window() -> None:
    bank = Bank()
    await bank.run()
    for life, terminal in ((7, "ATM7"), (8, "ATM8")):
        bank.rows.sides.append(side(life * IDS_PER_INCARNATION + 1, key=f"k{life}", terminal=terminal, recorded_ms=BEGINS_MS))
    assert (await bank.run()).pairs == 2
    for life, terminal in ((7, "ATM7"), (8, "ATM8")):  # both go on taking messages
        bank.rows.sides.append(side(life * IDS_PER_INCARNATION + 2, key=f"m{life}", terminal=terminal, recorded_ms=BEGINS_MS))
    assert (await bank.run()).pairs == 2
    assert (await bank.run()).pairs == 0


async def test_lines_that_come_twice_are_counted_and_nothing_else() -> None:
    bank = Bank()
    bank.core.lines += bank.core.lines[:2]
    bank.lose(5)
    (report,) = (await bank.run()).reports
    assert (report.core_lines, report.repeated_lines) == (5, 2)
    assert [d.key for d in report.differences] == ["k5"]
