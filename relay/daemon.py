"""The daemon: all wiring on one screen, then start, serve, drain.

It is longer than 400 lines because everything that is made is made here, and nowhere else.
Owns the order in which things come up and go down. It must never decide about a message. Coming up: journal, then recovery,
then the core, then the listeners, so that nothing is accepted before what was open has taken up its duty. Going down: the
other way round. The trap: a failed journal ends the process without another word to anybody (law 6); systemd starts the
next incarnation, which knows from the disk what was promised.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Mapping
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from protocols.dialect import RememberingKit
from protocols.dialects import DIALECTS
from relay.announcing import Announcing
from relay.archivist import Archivist
from relay.bridge import drain as drain_background
from relay.bridge import spawn
from relay.clock import SystemClock
from relay.configuration.announce import is_on_service_address
from relay.control.report import DaemonState
from relay.control.sdnotify import Notifier, Watchdog, watchdog_interval_ms
from relay.control.server import ControlServer
from relay.control.twosigning import TwoSigning
from relay.core.balance import Balance, BalanceRules
from relay.core.client import ClientSettings, CoreClient
from relay.core.clients import Clients
from relay.core.tls import client_context
from relay.core.transport import Transport, TransportLimits
from relay.credentials import Credentials
from relay.dialectshelf import DialectShelf
from relay.dispatcher import Dispatcher
from relay.doors import Doors
from relay.drainer import Drainer
from relay.exchange.desk import Desk
from relay.exchange.limits import desk_limits
from relay.exchange.ports import ListenerFacts
from relay.exchange.recovery import recover
from relay.exclusive import Exclusive
from relay.gauges import Gauges
from relay.hours import hours_of
from relay.journal.engines import open_journal
from relay.journal.keytable import Identity
from relay.keeper import Keeper
from relay.operator import Operator
from relay.outbound.api import OutboundApi
from relay.outbound.desk import Outbound
from relay.outbound.limits import outbound_limits, server_limits
from relay.outbound.server import OutboundServer
from relay.overlays import overlay_reader
from relay.parts import new_consoling, new_dialer
from relay.permit import Permit
from relay.reactor import install_reactor, new_loop
from relay.reconciler import Reconciler, new_statements
from relay.reconnect import Reconnect
from relay.region.active import ActiveRegion
from relay.region.book import Book
from relay.regions import Regions
from relay.settings import DialerSettings, LinkSettings, ListenerSettings, Settings
from relay.steering import Steering
from relay.telemetry.exposition import Exposition
from relay.telemetry.log import configure_logging, get_log
from relay.telemetry.metrics import Metrics
from relay.wheel import TimingWheel
from relay.wire.lines import why_never
from relay.wire.link import Link
from relay.wire.listener import Listener
from relay.wire.ports import NO_STATEMENTS, LinkIds, WireParts
from relay.wire.roster import Roster
from relay.wire.swap import Leaving
from relay.wire.tls import server_context
from relay.workers import Workers, share_of

if TYPE_CHECKING:
    from relay.wire.dialer import Dialer

log = get_log("daemon")

FIRST_PERMIT_MS = 3_000  # how long the listeners wait for the core at start; after it they open and refuse honestly
EXIT_FENCED = 3


class Daemon:
    """One relay. Made inside the running loop; `run` returns the exit code. `environment` is what the process was given at its
    start, systemd's announcements included."""

    def __init__(self, settings: Settings, config_path: str, reactor: Any, environment: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        chance = SystemRandom()
        core = settings.core
        self.settings = settings
        self.config_path = config_path
        self.reactor = reactor
        self.environment = environment
        self.clock = SystemClock()
        self.started_ms = self.clock.wall_ms()
        self.timers = TimingWheel(self.clock, loop.call_later)
        self.metrics = Metrics()
        self.credentials = Credentials(settings.relay.credentials_directory)
        self.dialects = DialectShelf(overlay_reader(config_path, self.credentials.secret), self.clock.wall_ms)
        self.journal = open_journal(
            settings.journal,
            self.credentials.journal_key(settings.journal.key_credential),
            self.credentials.secret,
            call_soon_threadsafe=loop.call_soon_threadsafe,
            clock=self.clock,
            metrics=self.metrics,
            on_failed=self.fence,
            older_keys=[self.credentials.journal_key(name) for name in settings.journal.older_key_credentials],
            identity=Identity(settings.relay.center, settings.relay.realm),
            share=share_of(settings, environment),
        )
        self.transport = Transport(
            core.name,
            timers=self.timers,
            clock=self.clock,
            tls=None if core.tls is None else client_context(core.tls, self.credentials.path),
            limits=TransportLimits(
                connections_max=core.connections_max,
                connections_per_address_max=core.connections_per_address_max,
                connect_timeout_ms=core.connect_timeout_ms,
                answer_bytes_max=core.answer_bytes_max,
            ),
            metrics=self.metrics,
            random=chance,
        )
        self.client = CoreClient(
            ClientSettings(
                core.name,
                core.port,
                core.tls is not None,
                settings.relay.center,
                self.journal.relay_epoch,
                old_epoch_deadline_ms=core.old_epoch_deadline_ms,
            ),
            self.transport,
            Balance(BalanceRules(core.eject_failures, core.eject_ms)),
            clock=self.clock,
            timers=self.timers,
            metrics=self.metrics,
            epoch_floor=lambda: max(self.journal.epoch, self.region.floor),
            bearer=None if core.bearer_credential is None else self.credentials.secret(core.bearer_credential),
            on_wrong_region=lambda: self.region.look_now(),
        )
        self.clients = Clients(self.client, self.journal.epoch)
        self.book = Book(self.journal)
        follows_dns, claim = settings.region.source == "dns", self.book.claim()
        self.region = ActiveRegion(
            self.journal.epoch,
            lambda epoch, done: self.client.region(epoch, core.connect_timeout_ms + core.region_probe_ms, done),
            self.journal.raise_epoch,
            clock=self.clock,
            timers=self.timers,
            random=chance,
            metrics=self.metrics,
            interval_ms=core.region_probe_ms,
            on_change=self._permit_changed,
            addresses=self.client.addresses_in_words,
            begin=self.book.begin if follows_dns else None,
            keep=None if follows_dns else lambda record, done: self.regions.keep(record, done),
            region=claim.region if claim is not None and claim.epoch == self.journal.epoch else "",
            on_epoch=lambda epoch, region: self.regions.epoch_began(epoch, region),
        )
        self.workers = Workers(self, share_of(settings, environment))
        self.desk = Desk(
            self.journal,
            self.client,
            self.workers.permit,
            self.clock,
            self.timers,
            self.metrics,
            chance,
            settings.relay.center,
            desk_limits(settings),
            lambda: self.regions.is_sealed(),
        )
        self.desk.is_in_pair = settings.pair.peer is not None
        self.desk.gate.hours = hours_of(settings.hours, settings.reconcile.utc_offset_minutes)
        self.chance = chance
        self.signing = TwoSigning(self.clock, by_names=settings.control.two_signatures == "names")
        self.regions = Regions(self, self.book)
        self.steering = Steering(self, self.book)
        self.roster: Roster[Link] = Roster()
        self.outbound = Outbound(
            self.regions.acking.outbound,
            self.client,
            self.workers.permit,
            lambda listener, line: self.roster.find_line(settings.relay.realm, listener, line),
            self.why_never,
            self.clock,
            self.timers,
            self.metrics,
            chance,
            settings.relay.center,
            outbound_limits(settings),
            self._remembers,
        )
        self.outbound_tls = (
            None if settings.outbound.tls is None else server_context(settings.outbound.tls, self.credentials.path)
        )
        self.outbound_server = OutboundServer(
            OutboundApi(self.regions.taking_over.outbound, settings.outbound.clients).handle,
            server_limits(settings),
            self.timers,
            self.metrics,
        )
        self.reconnect = Reconnect(self)
        self.statements = new_statements(settings, self.journal, self.credentials.secret, self.clock, self.timers, self.metrics)
        self.doors = Doors(self)
        self.exclusive = Exclusive(self)
        self.drainer = Drainer(self)
        self.parts = WireParts(
            desk=self.regions.taking_over.desk,
            outbound=self.regions.taking_over.outbound,
            variables=self.regions.acking.variables,
            roster=self.roster,
            link_ids=LinkIds(settings.relay.center, self.journal.incarnation, self.clock.wall_ms()),
            clock=self.clock,
            timers=self.timers,
            metrics=self.metrics,
            tell=self.reconnect.tell,
            door=self.reconnect.door,
            credential_path=self.credentials.path,
            statements=self.statements if self.workers.is_first else NO_STATEMENTS,
            guard_of=self.exclusive.guard_of,
            inherited=self.regions.taking_over.inherited,
        )
        self.listeners = {each.name: self.new_listener(each) for each in settings.listener}
        self.dialers = {each.name: self.new_dialer(each) for each in settings.dialer}
        self.leaving = Leaving(self.timers)
        self.exposition = Exposition(self.metrics.registry, self._why_unhealthy, self._why_not_ready)
        self.dispatcher = Dispatcher(self)
        self.reconciler = Reconciler(self)
        self.keeper = Keeper(self)
        self.archivist = Archivist(self)
        self.announcing = Announcing(self)
        self.operator = Operator(self)
        handlers = self.workers.handlers(self.operator.handlers())
        self.control = ControlServer(settings.control.path, handlers)
        console = settings.console.endpoint if self.workers.is_first else None  # a port can be opened once
        self.consoling = None if console is None else new_consoling(self, handlers, console)
        self.gauges = Gauges(self.metrics, self.desk, self.journal, self.clock, self.timers)
        self.notifier = Notifier.from_environment(os.environ)
        self.state: DaemonState = "starting"
        self.why = ""
        self.fenced = False
        self._stop = asyncio.Event()
        self._permit_seen = asyncio.Event()

    def facts(self, link: LinkSettings) -> ListenerFacts:
        """What the links of one listener or dialer have in common, its dialect compiled. Raises ConfigurationError."""
        return ListenerFacts(
            name=link.name,
            realm=self.settings.relay.realm,
            channel=link.channel,
            reply_deadline_ms=link.reply_deadline_ms,
            dialect=self.dialects.take(link),
            terminals=frozenset(link.terminals) if isinstance(link, ListenerSettings) else frozenset(),
            certificate_is_terminal=isinstance(link, ListenerSettings) and link.certificate_names == "terminal",
            branch_name_chars=link.branch_name_chars,
        )

    def why_never(self, listener: str, line: str) -> str:
        """Why a message for this line could never leave; "" where it may."""
        found = self.listeners.get(listener) or self.dialers.get(listener)
        why = "no such listener or dialer" if found is None else why_never(found.facts, listener in self.dialers, line)
        return why or self.workers.why_never(listener)

    def _remembers(self, listener: str) -> bool:
        """Whether the dialect of a listener or dialer keeps a durable record of what it began with."""
        links = (*self.settings.listener, *self.settings.dialer)
        return any(link.name == listener and isinstance(DIALECTS.get(link.dialect), RememberingKit) for link in links)

    def new_listener(self, settings: ListenerSettings) -> Listener:
        """Not started. Raises ConfigurationError."""
        outlives_address = is_on_service_address(settings.endpoint, self.settings.announce)
        return Listener(settings, self.facts(settings), self.parts, self.reactor, self.environment, outlives_address)

    def new_dialer(self, settings: DialerSettings) -> Dialer:
        """Not started. Raises ConfigurationError."""
        return new_dialer(self, settings)

    # ---- life ----------------------------------------------------------------------------------------------------------
    async def run(self) -> int:
        """Start, serve until somebody asks to stop or the journal fails, drain."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask_to_stop, f"signal {number.name}")
        loop.add_signal_handler(signal.SIGUSR2, lambda: spawn("drain", self.drainer.start_by_signal("SIGUSR2")))
        loop.add_signal_handler(signal.SIGHUP, lambda: spawn("reload", self.operator.reload_and_log()))
        try:
            await self._start()
            await self._stop.wait()
            if not self.fenced:
                await self.drainer.drain_and_end()
        finally:
            await self._end()
        return EXIT_FENCED if self.fenced else 0

    async def _start(self) -> None:
        settings = self.settings
        self.workers.join()
        recovered = recover(self.desk, desk_limits(settings).completion_deadline_ms)
        self.workers.start()
        await self.regions.start()
        self.region.start()
        port = await self.exposition.start(settings.telemetry.metrics_host, settings.telemetry.metrics_port)
        await self.control.start()
        try:
            await asyncio.wait_for(self._permit_seen.wait(), FIRST_PERMIT_MS / 1000)
        except TimeoutError:
            log.warning("the core has not answered yet: financial messages are refused until it does", core=settings.core.name)
        self.reconnect.start()
        self.announcing.begin()
        self.drainer.begin()
        self.exclusive.start()
        await self.doors.start()
        await self.dispatcher.start()
        if self.consoling is not None:
            await self.consoling.start()
        self.gauges.start()
        self.workers.start_once()
        await self.announcing.start()
        self._start_watchdog()
        gc.collect()
        gc.freeze()  # what lives as long as the process is never scanned again
        self.drainer.serves()
        self.notifier.ready(f"serving as {settings.relay.center}, incarnation {self.journal.incarnation}")
        log.info("serving", center=settings.relay.center, incarnation=self.journal.incarnation, metrics_port=port, **recovered)

    async def _end(self) -> None:
        self.reconnect.stop()
        await self.announcing.stop()
        self.reconciler.stop()
        self.keeper.stop()
        self.archivist.stop()
        self.workers.stop()
        self.desk.saf.stop()
        self.outbound.stop()
        await self.outbound_server.stop()
        if self.consoling is not None:
            await self.consoling.stop()
        self.region.stop()
        await self.regions.stop()
        self.gauges.stop()
        self.doors.stop()
        why = "fenced" if self.fenced else "drained"
        for listener in self.listeners.values():
            await listener.stop_accepting()
            listener.close_links(why, abort=self.fenced)
        for dialer in self.dialers.values():
            await dialer.stop(why)
        await self.leaving.end(why)
        for link in self.roster.links():  # those whose listener a reload has closed
            link.close(why, abort=self.fenced)
        await self.exclusive.stop()
        await self.control.close()
        await self.exposition.stop()
        await self.transport.aclose()
        await drain_background(2_000)
        self.journal.close()
        self.notifier.close()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    # ---- events ----------------------------------------------------------------------------------------------------------
    def ask_to_stop(self, why: str) -> None:
        log.info("stopping", why=why)
        self.why = why
        self._stop.set()

    def fence(self, why: str) -> None:
        """The journal failed: no further word to anybody. Also called while the daemon is still being made."""
        log.error("fenced: the journal failed", why=why)
        self.fenced = True
        self.state = "fenced"
        self.why = why
        self.desk.fence()
        self.outbound.fence()
        for link in self.roster.links():
            link.close("fenced", abort=True)
        self._stop.set()

    def _permit_changed(self, permit: Permit | None) -> None:
        if permit is None:
            log.warning("the core may not be asked", region=self.region.region, epoch=self.region.epoch)
        else:
            log.info("the core may be asked", region=permit.region, epoch=permit.epoch)
            self._permit_seen.set()

    def _why_unhealthy(self) -> str:
        return f"fenced: {self.why}" if self.fenced else ""

    def _why_not_ready(self) -> str:
        return "" if self.state == "serving" else self.state

    def _start_watchdog(self) -> None:
        if (interval_ms := watchdog_interval_ms(os.environ)) is not None:
            Watchdog(
                self.notifier,
                self.clock,
                self.timers,
                interval_ms,
                self.journal.waiting_count,
                lambda: self.journal.answered_count,
                self.metrics.loop_lag_seconds,
                self.metrics.watchdog_held,
            ).start()


async def _serve(settings: Settings, config_path: str, environment: Mapping[str, str]) -> int:
    reactor = install_reactor(asyncio.get_running_loop())
    return await Daemon(settings, config_path, reactor, environment).run()


def run(settings: Settings, config_path: str, environment: Mapping[str, str]) -> int:
    """Run the relay until it is stopped. Returns the exit code; raises RelayError for what an operator can mend."""
    gc.freeze()  # what was imported stays, so that the collection before READY looks only at what was made since
    configure_logging(settings.telemetry.log_level, settings.telemetry.log_format)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_serve(settings, config_path, environment))
