"""One look of `relay top`: what it asks of the relay and of the failover orchestrator, for the pane that is open.

Owns the asking, and the difference of two looks. It must never draw. The traps: what the open pane does not show is not asked,
for looking must not cost the watched; a relay that is away leaves the newest look standing, with its age; and the orchestrator
is another process, of which there may be none here.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from relay.clock import Clock
from relay.console.ring import Point, Reading, between
from relay.control.client import ControlClient, NotReachable, Refused
from relay.control.commands import LinksArgs, OutboundListArgs, ReconcileReportArgs, SafListArgs
from relay.control.failoverclient import FailoverClient
from relay.control.pace import PaceReport
from relay.control.regions import RegionsReport
from relay.control.report import LinksReport, OutboundRow, SafReport, StatusReport
from relay.failover.view import RunView

Pane = Literal["overview", "sessions", "waiting", "reports", "failover"]
PANES: Final[tuple[Pane, ...]] = ("overview", "sessions", "waiting", "reports", "failover")
LINKS_ASKED_MAX: Final = 2_000
ROWS_ASKED_MAX: Final = 200
REPORT_EVERY_MS: Final = 30_000


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`trouble`: why the relay could not be asked now; then the rest is of `at_ms` (monotonic). `run_trouble`: the same of the
    orchestrator."""

    at_ms: int = 0
    trouble: str = ""
    next_step: str = ""
    status: StatusReport | None = None
    regions: RegionsReport = RegionsReport()
    point: Point | None = None
    earlier: LinksReport | None = None
    links: LinksReport | None = None
    owed: SafReport | None = None
    outbound: tuple[OutboundRow, ...] = ()
    report: str = ""
    run: RunView | None = None
    run_trouble: str = ""


class Looker:
    """Args: `listener`: only its sessions, "" for all."""

    def __init__(self, relay: ControlClient, orchestrator: FailoverClient, clock: Clock, listener: str = "") -> None:
        self._relay, self._orchestrator, self._clock, self._listener = relay, orchestrator, clock, listener
        self._pace: PaceReport | None = None
        self._report, self._report_ms = "", -REPORT_EVERY_MS
        self.newest = Snapshot()

    def look(self, pane: Pane) -> Snapshot:
        """Never raises for a relay that is away: the newest look stands, and says why."""
        try:
            made = self._ask(pane)
        except (NotReachable, Refused) as error:
            made = msgspec.structs.replace(self.newest, trouble=error.problem, next_step=error.next_step)
        run, why = self._run(pane)
        self.newest = msgspec.structs.replace(made, run=run, run_trouble=why)
        return self.newest

    def _ask(self, pane: Pane) -> Snapshot:
        relay = self._relay
        status, regions = relay.status(), relay.region_status()
        made = Snapshot(at_ms=self._clock.monotonic_ms(), status=status, regions=regions, point=self._point())
        replace = msgspec.structs.replace
        match pane:
            case "sessions":
                links = relay.links(LinksArgs(listener=self._listener, count_max=LINKS_ASKED_MAX))
                return replace(made, earlier=self.newest.links, links=links)
            case "waiting":
                owed = relay.saf_list(SafListArgs(count_max=ROWS_ASKED_MAX))
                return replace(made, owed=owed, outbound=self._undelivered())
            case "overview" | "reports":
                return replace(made, report=self._newest_report())
            case _:
                return made

    def _point(self) -> Point | None:
        """What happened since the last look; None at the first one, and where an older relay does not say."""
        try:
            now = self._relay.pace()
        except Refused:
            return None
        before, self._pace = self._pace, now
        return None if before is None else between(_reading(before), _reading(now), now.bounds_ms)

    def _undelivered(self) -> tuple[OutboundRow, ...]:
        try:
            return self._relay.outbound_list(OutboundListArgs(state="unknown", count_max=ROWS_ASKED_MAX)).rows
        except Refused:
            return ()  # the core starts no messages here

    def _newest_report(self) -> str:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._report_ms >= REPORT_EVERY_MS:
            self._report_ms = now_ms
            try:
                self._report = self._relay.reconcile_report(ReconcileReportArgs()).text
            except Refused:
                self._report = ""
        return self._report

    def _run(self, pane: Pane) -> tuple[RunView | None, str]:
        if pane not in ("overview", "failover"):
            return self.newest.run, self.newest.run_trouble
        try:
            return self._orchestrator.view(), ""
        except (NotReachable, Refused) as error:
            return None, error.problem


def _reading(pace: PaceReport) -> Reading:
    return Reading(at_ms=pace.at_ms, endings=pace.endings, reply=pace.reply, core=pace.core)
