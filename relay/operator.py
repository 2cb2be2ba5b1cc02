"""What an operator can ask of the running daemon: the handlers behind the control socket, and the reload.

Owns the gathering of the status report, and the commands' effects. It must never judge health (report.py does) or touch an
exchange but through the desk. The trap: a reload is all or nothing, so everything that can fail is made before the first
thing is changed, and from there on nothing waits (relay/wire/swap.py).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import Gauge

from relay import __version__
from relay.bridge import answer_of
from relay.configfile import load
from relay.console.audit import Book
from relay.console.sampler import reading
from relay.control import commands as c
from relay.control import report as r
from relay.control.audit import AuditArgs, AuditReport, AuditRow
from relay.control.pace import PaceReport
from relay.control.pressure import PressureReport
from relay.control.server import Handler
from relay.drain.plan import CLASS_OF
from relay.errors import JournalUnusable, RelayError
from relay.exchange.hotspots import HotLimits
from relay.exchange.people import resolve, retry
from relay.hours import hours_of
from relay.journal.port import JournalFailed
from relay.journal.records import StoredExchange
from relay.owedlist import owed_detail, owed_report
from relay.parkedlist import parked_report
from relay.pressurelist import pressure_report
from relay.reload import ReloadPlan, plan_reload, reasons_of
from relay.settings import DialerSettings, ListenerSettings, Settings
from relay.steering import to_the_end
from relay.telemetry.log import configure_logging, get_log
from relay.telemetry.metrics import LATENCY_S
from relay.wire.link import Link
from relay.wire.swap import Swap

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("operator")


class Operator:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._reloading = asyncio.Lock()  # one at a time: a change of keys waits for the journal

    def handlers(self) -> Mapping[str, Handler]:
        """The control socket's table; the names are those of `relay.control.commands.COMMANDS`."""
        return {
            "status": lambda _: self.status(),
            "links": self._links,
            "listed": self._listed,
            "parked": self._parked,
            "pressure": lambda _: self._pressure(),
            "pace": lambda _: self._pace(),
            "audit": self._audit,
            "drain": self._drain,
            "reload": lambda _: self.reload(),
            "resolve": self._resolve,
            "saf-list": self._saf_list,
            "saf-show": self._saf_show,
            "saf-retry": self._saf_retry,
            "log-level": self._log_level,
            "command": self._command,
            **self._daemon.dispatcher.handlers(),
            **self._daemon.reconciler.handlers(),
            **to_the_end(self._daemon.steering.handlers()),
            **self._daemon.keeper.handlers(),
            **self._daemon.announcing.handlers(),
            **self._daemon.exclusive.handlers(),
            **self._daemon.drainer.handlers(),
            **self._daemon.regions.taking_over.handlers(),
        }

    # ---- what is ---------------------------------------------------------------------------------------------------------
    def status(self) -> r.StatusReport:
        d = self._daemon
        settings, desk, journal = d.settings, d.desk, d.journal
        now_ms = d.clock.wall_ms()
        return r.StatusReport(
            version=__version__,
            center=settings.relay.center,
            realm=settings.relay.realm,
            incarnation=journal.incarnation,
            pid=os.getpid(),
            config_path=d.config_path,
            at_ms=now_ms,
            uptime_ms=now_ms - d.started_ms,
            state=d.state,
            why=d.why,
            region=d.regions.report(),
            pair=d.regions.pair_report(),
            listeners=self._listeners(),
            hours=desk.gate.hours.standings(now_ms),
            reconnect=d.reconnect.report(),
            core=self._core(),
            journal=r.JournalReport(
                state=journal.state.value,
                path=journal.place,
                size_bytes=journal.size_bytes(),
                waiting=journal.waiting_count(),
                waiting_max=settings.journal.waiting_count_max,
            ),
            keys=d.keeper.report(),
            worker=d.workers.number,
            workers=settings.relay.workers,
            workers_live=d.workers.live_count,
            exchanges=desk.register.count_open(),
            owed=desk.saf.owed_count,
            owed_oldest_ms=d.gauges.oldest_owed_ms(),
            listed=self._listed_count(),
            outbound=d.dispatcher.report(),
            announce=d.announcing.report(),
            exclusive=d.exclusive.report(),
            drained=d.drainer.drained(),
            counters=self._counters(),
            signatures=d.signing.waiting(),
        )

    def _listed_count(self) -> int:
        """Of the person's list; where the journal cannot be read, as it was last seen."""
        try:
            return sum(1 for _ in self._daemon.journal.listed())
        except JournalUnusable:
            return self._daemon.gauges.listed_count

    def _listeners(self) -> tuple[r.ListenerReport, ...]:
        d = self._daemon
        links, signed_on = _by_listener(d.metrics.links_open), _by_listener(d.metrics.sessions_signed_on)
        rows: list[tuple[ListenerSettings | DialerSettings, bool, bool]] = [
            (s, False, d.listeners[s.name].is_accepting) for s in d.settings.listener
        ]
        rows += [(s, True, d.dialers[s.name].link is not None) for s in d.settings.dialer]
        return tuple(
            r.ListenerReport(
                name=settings.name,
                endpoint=settings.endpoint,
                dialect=settings.dialect,
                is_dialer=is_dialer,
                links=links.get(settings.name, 0),
                signed_on=signed_on.get(settings.name, 0),
                expected=0 if isinstance(settings, DialerSettings) else settings.expected_sessions,
                is_open=is_open,
                channel=CLASS_OF[settings.channel],
            )
            for settings, is_dialer, is_open in rows
        )

    def _core(self) -> r.CoreReport:
        d = self._daemon
        balance = d.client.balance
        addresses = tuple(
            r.AddressReport(
                address=f"{a.ip}:{a.port}",
                health=h.value,
                inflight=balance.inflight_of(a),
                failures=balance.failures_of(a),
            )
            for a in balance.addresses
            if (h := balance.health_of(a)) is not None
        )
        return r.CoreReport(
            name=d.settings.core.name,
            addresses=addresses,
            inflight=d.client.inflight,
            inflight_target=d.desk.target.target,
            queue=d.desk.lanes.waiting_count,
            queue_max=d.settings.core.queue_count_max,
            dns_answer_age_ms=d.regions.answer_age_ms(),
        )

    def _counters(self) -> dict[str, int]:
        """Exchanges by ending, refusals and duplicates since the start, summed over listeners."""
        metrics = self._daemon.metrics
        totals: dict[str, int] = {}
        for family, label in ((metrics.exchanges, "ending"), (metrics.refusals, ""), (metrics.duplicates, "")):
            for metric in family.collect():
                for sample in metric.samples:
                    if sample.name.endswith("_total"):
                        name = sample.labels[label] if label else metric.name.removeprefix("relay_")
                        totals[name] = totals.get(name, 0) + int(sample.value)
        return totals

    def _audit(self, args: AuditArgs) -> AuditReport:
        rows = Book(self._daemon.journal).newest(args.count_max)
        return AuditReport(rows=tuple(AuditRow(**msgspec.structs.asdict(row)) for row in rows))

    def _pace(self) -> PaceReport:
        now = reading(self._daemon.metrics, self._daemon.clock.wall_ms())
        return PaceReport(
            at_ms=now.at_ms,
            bounds_ms=tuple(bound * 1_000 for bound in LATENCY_S),
            endings=dict(now.endings),
            reply=tuple(now.reply),
            core=tuple(now.core),
        )

    def _links(self, args: c.LinksArgs) -> r.LinksReport:
        d = self._daemon
        matching = [
            entry
            for entry in d.roster.entries()
            if (not args.listener or entry.listener == args.listener) and (not args.terminal or entry.terminal == args.terminal)
        ]
        return r.LinksReport(at_ms=d.clock.wall_ms(), total=len(matching), links=tuple(matching[: args.count_max]))

    def _listed(self, args: c.ListedArgs) -> r.ListedReport:
        journal = self._daemon.journal
        rows: list[r.ListedRow] = []
        total = 0
        for stored in journal.listed():
            total += 1
            if len(rows) < args.count_max:
                taken = stored.taken
                lines = [line.detail for line in journal.history(taken.exchange_id) if line.detail]
                rows.append(
                    r.ListedRow(
                        key=taken.key,
                        listener=taken.listener,
                        terminal=taken.terminal,
                        kind=taken.kind,
                        amount_minor=taken.amount_minor,
                        currency=taken.currency,
                        recorded_ms=taken.recorded_ms,
                        updated_ms=stored.updated_ms,
                        tries=stored.tries,
                        detail=lines[-1] if lines else "",
                    )
                )
        return r.ListedReport(total=total, rows=tuple(rows))

    def _parked(self, args: c.ParkedArgs) -> r.ParkedReport:
        d = self._daemon
        return parked_report([*d.listeners, *d.dialers], d.journal.variables, args)

    def _pressure(self) -> PressureReport:
        d = self._daemon
        limits = d.settings.core.queue_count_max, d.settings.journal.waiting_count_max
        return pressure_report(d.desk, d.journal, d.clock.monotonic_ms(), d.clock.wall_ms(), *limits)

    # ---- what is done ----------------------------------------------------------------------------------------------------
    def _drain(self, args: c.DrainArgs) -> r.Done:
        self._daemon.ask_to_stop(f"drain asked by {args.who or 'an operator'}: {args.why or 'no reason given'}")
        return r.Done("draining: no new links, exchanges in flight are finished, then the relay stops")

    async def _resolve(self, args: c.ResolveArgs) -> r.Done:
        desk = self._daemon.desk
        problem: str = await answer_of(
            partial(resolve, desk.register, desk.saf, args.key, args.who, args.why, although_owed=args.although_owed)
        )
        if problem:
            raise RelayError(problem)
        return r.Done(f"resolved by {args.who}")

    async def _saf_list(self, args: c.SafListArgs) -> r.SafReport:
        return await owed_report(self._daemon.desk, self._daemon.journal, args, lambda: asyncio.sleep(0))

    async def _saf_show(self, args: c.SafKeyArgs) -> r.SafDetail:
        stored: StoredExchange | JournalFailed | None = await answer_of(partial(self._daemon.journal.find, args.key))
        if isinstance(stored, StoredExchange):
            return owed_detail(self._daemon.desk, self._daemon.journal, stored)
        raise RelayError(
            "no exchange has this key." if stored is None else "the journal cannot be read.", "Try: relay saf list"
        )

    async def _saf_retry(self, args: c.SafRetryArgs) -> r.Done:
        desk = self._daemon.desk
        problem: str = await answer_of(
            partial(retry, desk.register, desk.saf, args.key, args.who, args.why, although_resolved=args.although_resolved)
        )
        if problem:
            raise RelayError(f"{problem}.")
        return r.Done(f"asked again, signed by {args.who}")

    def _log_level(self, args: c.LogLevelArgs) -> r.Done:
        configure_logging(args.level, self._daemon.settings.telemetry.log_format)
        return r.Done(f"log level is {args.level} until the next start or reload")

    def _command(self, args: c.CommandArgs) -> r.Done:
        links: list[Link] = [
            link
            for link in self._daemon.roster.links()
            if (not args.listener or link.listener.name == args.listener)
            and (not args.terminal or link.terminal == args.terminal)
        ]
        if not links:
            raise RelayError("no open link matches.", "Try: relay top")
        for link in links:
            link.command(args.name, args.data.encode())
        return r.Done(f"{args.name} said on {len(links)} link{'s' if len(links) != 1 else ''}")

    # ---- reload ----------------------------------------------------------------------------------------------------------
    async def reload(self) -> r.ReloadReport:
        """Read the configuration again and take over what can change live: all of it, or nothing."""
        d = self._daemon
        d.notifier.reloading(d.clock.monotonic_ms())
        changed_key = ""
        try:
            async with self._reloading:
                new = d.workers.narrowed(load(d.config_path))
                if d.state != "serving" or d.drainer.is_active:
                    state = "draining" if d.drainer.is_active else d.state
                    return r.ReloadReport(reasons=(f"the relay is {state}: nothing is reloaded",))
                plan = plan_reload(d.settings, new)
                if plan.reasons:
                    return r.ReloadReport(reasons=plan.reasons)
                if plan.changes_keys:
                    await d.keeper.take_keys(new)
                    changed_key = f"all but the journal's key, which is {d.journal.key_id} now"
                return self._apply(new, plan)
        except RelayError as error:
            return r.ReloadReport(reasons=(*reasons_of(error.problem), *([changed_key] if changed_key else [])))
        finally:
            d.notifier.ready(f"serving as {d.settings.relay.center}, incarnation {d.journal.incarnation}")

    def _apply(self, new: Settings, plan: ReloadPlan) -> r.ReloadReport:
        d = self._daemon
        swap = Swap(d.listeners, d.dialers, d.leaving, d.doors.is_barred)
        for listener in new.listener:
            if listener.name in plan.changed_listeners:
                swap.change(listener, d.facts(listener))
            elif listener.name in plan.added_listeners:
                swap.add_listener(d.new_listener(listener))
        for dialer in new.dialer:
            if dialer.name in plan.added_dialers:
                swap.add_dialer(d.new_dialer(dialer))
        waiting = d.announcing.waiting(new, plan.added_listeners)
        swap.bind(plan.removed_listeners, waiting)
        d.announcing.admit((*plan.added_listeners, *plan.added_dialers), waiting)
        swap.commit(plan.removed_listeners, plan.removed_dialers, new.relay.drain_deadline_ms)
        configure_logging(new.telemetry.log_level, new.telemetry.log_format)
        if new.hot_lanes != d.settings.hot_lanes:
            now_ms = d.clock.monotonic_ms()
            d.desk.traffic.use(HotLimits(**new.hot_lanes.model_dump()), now_ms)
            d.desk.pump(now_ms)
        if new.hours != d.settings.hours:
            d.desk.gate.hours = hours_of(new.hours, new.reconcile.utc_offset_minutes)
        if new.reconnect != d.settings.reconnect:
            d.reconnect.use(new.reconnect)
        d.settings = new
        return r.ReloadReport(is_applied=True, changes=plan.changes)

    async def reload_and_log(self) -> None:
        report = await self.reload()
        if report.is_applied:
            log.info("reloaded", changes="; ".join(report.changes) or "nothing changed")
        else:
            log.error("reload refused, nothing was changed", reasons="; ".join(report.reasons))


def _by_listener(gauge: Gauge) -> dict[str, int]:
    """As the links count themselves: looking at each of fifty thousand would hold up messages at every look."""
    return {sample.labels["listener"]: int(sample.value) for family in gauge.collect() for sample in family.samples}
