"""Reconciliation in the running daemon: when a sweep is due, one at a time, and what an operator asks about it.

Owns the timer, the handlers of `relay reconcile`, and the journal connection of a run. It must never compare anything
(relay/reconcile does). The traps: a sweep that broke off is taken up where it stood, also after a restart; and a date counts as
done only when its report is on disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from relay.bridge import spawn
from relay.clock import Cancellable, Clock, Timers
from relay.control import commands as c
from relay.control import report as r
from relay.control.server import Handler
from relay.errors import RelayError
from relay.journal.port import StepResult
from relay.journal.sides import SideReader
from relay.reconcile.balance import CoreTotals, DayTotals, balance
from relay.reconcile.counter import Counter, JournalSource
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.matcher import Difference
from relay.reconcile.page import as_html
from relay.reconcile.plain import as_text
from relay.reconcile.report import Layer, Report, sign
from relay.reconcile.runs import NotRun, Run, RunRules
from relay.reconcile.shelf import Shelf
from relay.reconcile.statements import Statements, Variables
from relay.settings import Settings
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("reconcile")

FORGET_PAUSE_MS = 200  # between two handfuls of old statements


def cutover_of(settings: Settings) -> Cutover:
    return Cutover(settings.reconcile.cutover_minute, settings.reconcile.utc_offset_minutes)


def new_statements(settings: Settings, journal: Variables, clock: Clock, timers: Timers, metrics: Metrics) -> Statements:
    """Who keeps stated totals. Our own sums stand beside an answer only where there is a journal that they can be read from."""
    cutover = cutover_of(settings)
    results = metrics.reconcile_statements
    made: list[Statements] = []
    counter = None
    if settings.journal.engine == "sqlite":
        path = settings.journal.path
        counter = Counter(lambda: JournalSource(path, cutover, lambda day: made[0].closed(day)), timers)
    made.append(Statements(journal, clock, cutover, counter, lambda result: results.labels(result).inc()))
    return made[0]


class Reconciler:
    def __init__(self, daemon: Daemon) -> None:
        settings = daemon.settings.reconcile
        self._daemon = daemon
        self._settings = settings
        self._shelf = Shelf(daemon.journal)
        self._cutover = cutover_of(daemon.settings)
        self._timer: Cancellable | None = None
        self._task: asyncio.Task[None] | None = None
        self._count()

    def handlers(self) -> Mapping[str, Handler]:
        return {"reconcile-now": self._now, "reconcile-report": self._report, "reconcile-sign": self._sign}

    def start(self) -> None:
        if self._settings.enabled:
            self._look()

    def stop(self) -> None:
        """A run under way is left where it stands on disk."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    # ---- runs --------------------------------------------------------------------------------------------------------
    def _look(self) -> None:
        self._timer = self._daemon.timers.after(self._settings.look_ms, self._look)
        unfinished = self._shelf.progress()
        due = self._cutover.closed_date(self._daemon.clock.wall_ms(), self._settings.settle_ms)
        # One that an operator made while the day still ran does not count.
        over_ms = self._cutover.begins_ms(due) + DAY_MS + self._settings.settle_ms
        is_done = any(
            each.layer is Layer.DAILY and each.business_date == due and each.made_ms >= over_ms
            for each in self._shelf.reports()
        )
        if unfinished is not None:
            self._begin(unfinished.business_date)
        elif not is_done:
            self._begin(due)

    def _begin(self, business_date: str) -> bool:
        """False when one is under way."""
        if self._task is not None and not self._task.done():
            return False
        self._task = spawn("reconcile", self._run(business_date))
        return True

    async def _run(self, business_date: str) -> None:
        d = self._daemon
        runs = d.metrics.reconcile_runs
        reader = SideReader(d.settings.journal.path)
        try:
            rules = RunRules(margin_ms=self._settings.margin_ms, call_timeout_ms=d.settings.core.call_timeout_ms)
            shelf, center = self._shelf, d.settings.relay.center
            run = Run(
                d.client, reader, shelf, d.region.permit, d.clock, self._sleep, self._cutover, center, rules, self._totals
            )
            report = await run.daily(business_date)
        except (NotRun, sqlite3.Error) as error:
            runs.labels("broken-off").inc()
            log.warning("reconciliation broke off, the next run takes it up", business_date=business_date, why=str(error))
            return
        finally:
            reader.close()
        while self._daemon.statements.forget_old():  # each is forgotten once, so this ends
            await self._sleep(FORGET_PAUSE_MS)
        result = "not-whole" if not report.is_whole else "differs" if report.listed else "agrees"
        runs.labels(result).inc()
        self._count()
        log.info("reconciled", business_date=business_date, report=report.number, result=result, listed=report.listed)

    async def _totals(self, business_date: str, told: CoreTotals | None, found: Sequence[Difference]) -> DayTotals:
        statements = self._daemon.statements
        closed = statements.closed(business_date)
        source = JournalSource(self._daemon.settings.journal.path, self._cutover, lambda _: closed)
        try:
            tally = await asyncio.to_thread(source.begin(business_date).run)
        finally:
            source.end()
        explained = frozenset((each.terminal, each.kind) for each in found)
        kept = statements.of_date(business_date)
        return balance(tally, told, kept, closed, statements.left_out(business_date), explained)

    def _sleep(self, delay_ms: int) -> asyncio.Future[None]:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._daemon.timers.after(delay_ms, lambda: None if passed.done() else passed.set_result(None))
        return passed

    def _count(self) -> None:
        unsigned = sum(report.listed for report in self._shelf.reports() if not report.is_signed)
        self._daemon.metrics.reconcile_unsigned.set(unsigned)

    # ---- what an operator asks ---------------------------------------------------------------------------------------
    def _now(self, args: c.ReconcileNowArgs) -> r.Done:
        if self._daemon.settings.journal.engine != "sqlite":
            raise RelayError("the sweep reads the SQLite journal only.", "Reconcile against the core's own listing.")
        business_date = args.business_date or self._cutover.date_at(self._daemon.clock.wall_ms())
        try:
            self._cutover.begins_ms(business_date)
        except ValueError as error:
            raise RelayError(f"{business_date} is no date.", "Give it as YYYY-MM-DD.") from error
        unfinished = self._shelf.progress()
        if unfinished is not None and unfinished.business_date != business_date:
            raise RelayError(f"the sweep of {unfinished.business_date} is not finished.", "relay reconcile now --date that one")
        if not self._begin(business_date):
            raise RelayError("a sweep is under way.", "Try again when `relay reconcile report` shows its report.")
        return r.Done(f"the sweep of {business_date} has begun; `relay reconcile report` shows what it found")

    def _find(self, number: int) -> Report:
        reports = self._shelf.reports()
        found = self._shelf.report(number or (reports[-1].number if reports else 0))
        if found is None:
            raise RelayError("there is no such report.", "Try: relay reconcile now")
        return found

    def _report(self, args: c.ReconcileReportArgs) -> r.Done:
        report = self._find(args.number)
        if args.form == "json":
            return r.Done(msgspec.json.encode(report).decode())
        return r.Done(as_html(report) if args.form == "html" else as_text(report))

    async def _sign(self, args: c.ReconcileSignArgs) -> r.Done:
        try:
            signed = sign(self._find(args.number), args.who, args.why, self._daemon.clock.wall_ms())
        except ValueError as error:
            raise RelayError(f"{error}.") from error
        written: asyncio.Future[StepResult] = asyncio.get_running_loop().create_future()
        self._shelf.keep_report(signed, written.set_result)
        result = await written
        if result is not None:
            raise RelayError(f"the signature was not recorded: {result.why}.", "Sign again when the journal can be written.")
        self._count()
        log.info("reconciliation report signed", report=args.number, who=args.who, digest=signed.digest)
        return r.Done(f"report {args.number} signed by {args.who}, digest {signed.digest}")
