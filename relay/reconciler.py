"""Reconciliation in the running daemon: when a run is due, one at a time, and what an operator asks about it.

Owns the timer, the handlers of `relay reconcile`, and the journal connection of a run. It must never compare anything
(relay/reconcile does) nor move an exchange (relay/exchange/reopening.py does). The traps: a run that broke off is taken up
where it stood, also after a restart; a date counts as done only when its report is on disk; and a connection to the journal is
opened in a thread, because a server may take its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from protocols.vocabulary import Secret
from relay.bridge import spawn
from relay.clock import Cancellable, Clock, Timers
from relay.control import commands as c
from relay.control import report as r
from relay.control.server import Handler
from relay.errors import JournalUnusable, RelayError
from relay.exchange.reopening import Reopening
from relay.journal.engines import open_source
from relay.journal.port import StepResult
from relay.journal.sides import SideReader
from relay.journal.source import SourceDamaged
from relay.reconcile.asking import Asking, NotRun
from relay.reconcile.balance import DayTotals, balance
from relay.reconcile.centers import CoreTotals, InPair
from relay.reconcile.correction import Correction
from relay.reconcile.counter import Counter, JournalWalks
from relay.reconcile.dates import Cutover
from relay.reconcile.due import Due
from relay.reconcile.judging import Judge
from relay.reconcile.matcher import Difference
from relay.reconcile.page import as_html
from relay.reconcile.plain import as_text
from relay.reconcile.report import Report, sign
from relay.reconcile.runs import Run, RunRules
from relay.reconcile.shelf import Shelf
from relay.reconcile.statements import Statements, Variables, counted_since
from relay.settings import Settings
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("reconcile")

RETRY_MS = 1_000  # between tries of one question to the core
FORGET_PAUSE_MS = 200  # between two handfuls of old statements


def cutover_of(settings: Settings) -> Cutover:
    return Cutover(settings.reconcile.cutover_minute, settings.reconcile.utc_offset_minutes)


def new_statements(
    settings: Settings,
    journal: Variables,
    secret: Callable[[str], Secret],
    clock: Clock,
    timers: Timers,
    metrics: Metrics,
) -> Statements:
    """Who keeps stated totals, and counts our own beside them; `secret` reads a credential."""
    cutover = cutover_of(settings)
    results = metrics.reconcile_statements
    made: list[Statements] = []

    def opened() -> JournalWalks:
        return JournalWalks(open_source(settings.journal, secret), cutover, lambda day: made[0].closed(day))

    counter = Counter(opened, timers)
    made.append(Statements(journal, clock, cutover, counter, lambda result: results.labels(result).inc()))
    return made[0]


class Reconciler:
    def __init__(self, daemon: Daemon) -> None:
        settings = daemon.settings.reconcile
        self._daemon = daemon
        self._settings = settings
        self._shelf = self.shelf = Shelf(daemon.journal)
        self._cutover = cutover_of(daemon.settings)
        self._timer: Cancellable | None = None
        self._task: asyncio.Task[None] | None = None
        self._reopening = Reopening(daemon.desk.register, daemon.desk.saf, daemon.timers)
        self._correction_due_ms = 0
        self._count()

    def handlers(self) -> Mapping[str, Handler]:
        return {"reconcile-now": self._now, "reconcile-report": self._report, "reconcile-sign": self._sign}

    def start(self) -> None:
        if self._settings.enabled:
            self._correction_due_ms = self._daemon.clock.monotonic_ms() + self._settings.correction_interval_s * 1_000
            self._look()

    def stop(self) -> None:
        """A run under way is left where it stands on disk."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    # ---- runs --------------------------------------------------------------------------------------------------------
    def _look(self) -> None:
        d = self._daemon
        self._timer = d.timers.after(self._settings.look_ms, self._look)
        unfinished = self._shelf.progress()
        due = Due(self._shelf.reports(), self._cutover, d.clock.wall_ms(), self._settings.settle_ms)
        checked = self._shelf.checked()
        d.metrics.reconcile_behind_seconds.set(0 if checked is None else (d.clock.wall_ms() - checked.at_ms) / 1_000)
        if unfinished is not None:
            self._begin(unfinished.business_date)
        elif due.newest:
            self._begin(due.newest)
        elif d.clock.monotonic_ms() >= self._correction_due_ms or (checked is not None and checked.is_under_way):
            self._begin("")
        elif due.missed:
            self._begin(due.missed[0])

    def _begin(self, business_date: str) -> bool:
        """The sweep of a date, or ("") a correction run. False when one is under way."""
        if self._task is not None and not self._task.done():
            return False
        self._task = spawn("reconcile", self._run(business_date))
        return True

    async def _run(self, business_date: str) -> None:
        d = self._daemon
        settings = self._settings
        reader: SideReader | None = None
        try:
            source = await asyncio.to_thread(open_source, d.settings.journal, d.credentials.secret)
            reader = SideReader(source)
            core_timeout_ms, center = d.settings.core.call_timeout_ms, d.settings.relay.center
            peer = d.settings.pair.peer or ""
            asking = Asking(d.client, reader, d.region.permit, self._sleep, center, core_timeout_ms, RETRY_MS, peer=peer)
            is_mending = settings.enabled and settings.mending == "mend"
            judge = Judge(asking, self._reopening.judge, is_mending=is_mending, moves_max=settings.moves_count_max)
            if business_date:
                rules = RunRules(margin_ms=settings.margin_ms)
                run = Run(asking, judge, self._shelf, d.clock, self._cutover, rules, self._totals)
                reports: tuple[Report, ...] = (await run.daily(business_date),)
            else:
                correction = Correction(asking, judge, self._shelf, d.clock, self._cutover, settings.margin_ms)
                outcome = await correction.run()
                pause_ms = 0 if outcome.has_more else settings.correction_interval_s * 1_000
                self._correction_due_ms = d.clock.monotonic_ms() + pause_ms
                reports = outcome.reports
                log.info("terminals with movement compared", pairs=outcome.pairs, reports=len(reports))
        except (NotRun, SourceDamaged, JournalUnusable) as error:
            d.metrics.reconcile_runs.labels("broken-off").inc()
            what = business_date or "terminals with movement"
            log.warning("reconciliation broke off, the next run takes it up", what=what, why=str(error))
            return
        finally:
            if reader is not None:
                await asyncio.to_thread(reader.close)
        while business_date and d.statements.forget_old():  # each is forgotten once, so this ends
            await self._sleep(FORGET_PAUSE_MS)
        for report in reports:
            self._reported(report)
        if not reports:
            d.metrics.reconcile_runs.labels("agrees").inc()

    def _reported(self, report: Report) -> None:
        result = "not-whole" if not report.is_whole else "differs" if report.listed else "agrees"
        self._daemon.metrics.reconcile_runs.labels(result).inc()
        for each in report.differences:
            self._daemon.metrics.reconcile_endings.labels(each.ending.value).inc()
        self._count()
        log.info("reconciled", business_date=report.business_date, report=report.number, result=result, listed=report.listed)

    async def _totals(
        self, business_date: str, told: CoreTotals | None, found: Sequence[Difference], pair: InPair
    ) -> DayTotals:
        d = self._daemon
        closed = d.statements.closed(business_date)
        kept = d.statements.of_date(business_date)
        source = await asyncio.to_thread(open_source, d.settings.journal, d.credentials.secret)
        walks = JournalWalks(source, self._cutover, lambda _: closed)
        try:
            tally = await asyncio.to_thread(walks.begin(business_date, counted_since(kept)).run)
        finally:
            await asyncio.to_thread(walks.end)
        explained = frozenset((each.terminal, each.kind) for each in found)
        return balance(tally, told, kept, closed, d.statements.left_out(business_date), explained, pair)

    def _sleep(self, delay_ms: int) -> asyncio.Future[None]:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._daemon.timers.after(delay_ms, lambda: None if passed.done() else passed.set_result(None))
        return passed

    def _count(self) -> None:
        unsigned = sum(report.listed for report in self._shelf.reports() if not report.is_signed)
        self._daemon.metrics.reconcile_unsigned.set(unsigned)

    # ---- what an operator asks ---------------------------------------------------------------------------------------
    def _now(self, args: c.ReconcileNowArgs) -> r.Done:
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
