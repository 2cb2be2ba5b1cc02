"""The regions in the running daemon: where the core's addresses come from, who is asked about the active one, what people do.

Owns the parts that belong together where DNS names the region (sites, poller, chooser, NOTIFY), the one discovery where it does
not, and what is told of them. It must never decide (relay/region does, and people do in relay/steering.py). The trap: addresses
of another region than the active one must never reach the client that carries money, and those of a new one must be there
before the first call of its epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from relay.acking import Acking
from relay.clock import Cancellable
from relay.configuration.regions import parse_region
from relay.control import regions as c
from relay.control.pair import PairReport
from relay.control.report import RegionReport
from relay.core.balance import Balance, BalanceRules
from relay.core.client import ClientSettings, CoreClient
from relay.core.discovery import Discovery, DiscoveryRules, is_literal, never_asked
from relay.core.probedoor import ProbeDoor
from relay.core.site import Looked, Site
from relay.core.tls import client_context
from relay.core.transport import Transport, TransportLimits
from relay.journal.port import StepResult
from relay.pairing import new_pairing
from relay.parts import name_door, notify_ear, zone_door
from relay.region.agreement import Names, quorum_of
from relay.region.book import Book
from relay.region.chooser import Chooser, ChooserRules
from relay.region.poller import NOT_ASKED, Poller
from relay.region.record import RegionRecord
from relay.region.view import RegionWord
from relay.tailing import new_tails, tail_row
from relay.takingover import TakingOver
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from relay.core.notify import NotifyEar
    from relay.daemon import Daemon

log = get_log("regions")
PROBE_CONNECTIONS_MAX = 4  # of one client that asks one region for nothing but GET /v1/region


class Regions:
    """Made after the daemon's client and active region; `book` is what they know from the disk."""

    def __init__(self, daemon: Daemon, book: Book) -> None:
        self._daemon = daemon
        self._book = book
        self._settings = settings = daemon.settings.region
        self.follows_dns = settings.source == "dns"
        self._discovery: Discovery | None = None
        self._sites: dict[str, Site] = {}
        self._transports: list[Transport] = []
        self.chooser: Chooser | None = None
        self._poller: Poller | None = None
        self._ear: NotifyEar | None = None
        daemon.region.seal(book.sealed())
        daemon.desk.gate.blocked = book.blocked()
        self.tails = new_tails(daemon)
        daemon.metrics.region_sealed.set_function(lambda: int(self.is_sealed()))
        if self.follows_dns:
            self._make_sites()
            self._make_poller()
        else:
            self._make_discovery()
        daemon.metrics.region_frozen.set_function(lambda: int(bool(self._frozen_in_words())))
        self.pairing = new_pairing(daemon, self)
        self.acking = Acking(daemon)
        if self.pairing is not None:
            self.pairing.standby = self.acking.sight
        self.taking_over = TakingOver(daemon)

    # ---- making ------------------------------------------------------------------------------------------------------
    def _make_discovery(self) -> None:
        d, core = self._daemon, self._daemon.settings.core
        self._discovery = Discovery(
            core.name,
            never_asked if is_literal(core.name) else name_door(core.name_servers),
            self._use,
            clock=d.clock,
            timers=d.timers,
            random=d.chance,
            metrics=d.metrics,
            rules=DiscoveryRules(core.ttl_floor_ms, core.serve_stale_ms),
        )

    def _make_sites(self) -> None:
        d, core = self._daemon, self._daemon.settings.core
        resolve = name_door(core.name_servers)
        for name, address_name in map(parse_region, self._settings.regions):
            client, door_of_probe = self.probe_client(core.connect_timeout_ms)
            self._sites[name] = Site(
                name,
                address_name,
                resolve,
                partial(_probe, client, door_of_probe, core.connect_timeout_ms + core.region_probe_ms),
                client.use_addresses,
                self._site_changed,
                lambda: d.journal.epoch,
                clock=d.clock,
                timers=d.timers,
                random=d.chance,
                metrics=d.metrics,
                interval_ms=self._settings.shadow_probe_ms,
                rules=DiscoveryRules(core.ttl_floor_ms, None),
                last_known=self._book.addresses(name),
            )

    def probe_client(self, connect_timeout_ms: int) -> tuple[CoreClient, ProbeDoor]:
        """One that only asks GET /v1/region: with the name, the certificate and the token of the one that carries money."""
        d, core = self._daemon, self._daemon.settings.core
        transport = Transport(
            core.name,
            timers=d.timers,
            clock=d.clock,
            tls=None if core.tls is None else client_context(core.tls, d.credentials.path),
            limits=TransportLimits(
                connections_max=PROBE_CONNECTIONS_MAX, connections_per_address_max=2, connect_timeout_ms=connect_timeout_ms
            ),
            random=d.chance,
        )
        self._transports.append(transport)
        watched = ProbeDoor(transport, d.clock)
        client = CoreClient(
            ClientSettings(core.name, core.port, core.tls is not None, d.settings.relay.center, d.journal.relay_epoch),
            watched,
            Balance(BalanceRules(core.eject_failures, core.eject_ms)),
            clock=d.clock,
            timers=d.timers,
            metrics=Metrics(),  # nobody's: the page shows the client that carries money
            epoch_floor=lambda: 0,
            bearer=None if core.bearer_credential is None else d.credentials.secret(core.bearer_credential),
        )
        return client, watched

    def _make_poller(self) -> None:
        d, s = self._daemon, self._settings
        door = zone_door(s, d.credentials.secret)
        self.chooser = Chooser(
            d.region,
            self._confirm,
            ChooserRules(quorum_of(len(s.name_servers)), s.stale_after_ms, s.stale_refuse),
            clock=d.clock,
            metrics=d.metrics,
            pin=self._book.pin(),
        )
        self._poller = Poller(
            s.name_servers,
            door.ask,
            Names(
                s.record_name,
                {name: site.address_name for name, site in self._sites.items()},
                s.alias_name is not None,
                tuple(d.credentials.mac_key(name) for name in s.mac_credentials),
            ),
            lambda: d.journal.epoch,
            self.chooser.heard,
            clock=d.clock,
            timers=d.timers,
            random=d.chance,
            metrics=d.metrics,
            interval_ms=s.poll_ms,
        )
        if s.notify_endpoint is not None:
            self._ear = notify_ear(d, s.notify_endpoint, self._poller.hint)

    # ---- life --------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Raises ListenFailed where NOTIFY cannot be heard."""
        d = self._daemon
        if self.pairing is not None:
            self.pairing.start()
        self.acking.start()
        self.taking_over.start()
        if d.workers.is_first:
            self.tails.start()
        if self._discovery is not None:
            self._discovery.start()
            return
        if self._ear is not None:
            await self._ear.start()
        for site in self._sites.values():
            site.start()
        d.metrics.dns_answer_age_seconds.set_function(lambda: (self.answer_age_ms() or 0) / 1_000)
        claim = self._book.claim()
        if claim is not None and claim.epoch > d.journal.epoch:
            d.region.named(claim)  # a crash came between the two records of it
        if self._poller is not None:
            self._poller.start()

    async def stop(self) -> None:
        if self.pairing is not None:
            await self.pairing.stop()
        await self.acking.stop()
        self.taking_over.stop()
        self.tails.stop()
        if self._discovery is not None:
            self._discovery.stop()
        if self._poller is not None:
            self._poller.stop()
        if self._ear is not None:
            self._ear.stop()
        for site in self._sites.values():
            site.stop()
        for transport in self._transports:
            await transport.aclose()

    def epoch_began(self, epoch: int, region: str) -> None:
        """A new epoch is durable: the client gets the addresses of its region before anything is asked in it."""
        d = self._daemon
        if self.follows_dns:
            self._use_site(region)
        d.clients.epoch_began(epoch)
        d.reconnect.role_gained(f"epoch {epoch}")
        if d.workers.is_first:
            self.tails.begin(epoch)

    def keep(self, record: RegionRecord, done: Callable[[StepResult], None]) -> None:
        """The epoch and whose it is, by the region's own word; whose it is, is written down by one worker for all."""
        if self._daemon.workers.is_first:
            self._book.begin(record, done)
        else:
            self._daemon.journal.raise_epoch(record.epoch, done)

    def answer_age_ms(self) -> int | None:
        """Of the DNS answer with the addresses in use."""
        if self._discovery is not None:
            return self._discovery.answer_age_ms
        site = self._sites.get(self._daemon.region.region)
        return None if site is None else site.answer_age_ms

    def _site_changed(self, name: str) -> None:
        self._book.keep_addresses(name, self._sites[name].addresses)
        if name == self._daemon.region.region:
            self._use_site(name)

    def _use_site(self, name: str) -> None:
        site = self._sites.get(name)
        if site is None:
            log.error("the active region is not configured here", region=name, known=tuple(self._sites))
        self._use(() if site is None else site.addresses)

    def _use(self, ips: tuple[str, ...]) -> None:
        d = self._daemon
        d.client.use_addresses(ips)
        if d.region.permit() is None or not self.follows_dns:
            d.region.look_now()  # at start the first probe found no address yet; and a name may lead to another region now

    def _confirm(self, region: str, done: Callable[[RegionWord | None], None]) -> None:
        site = self._sites.get(region)
        if site is None:
            done(None)
        else:
            site.confirm(done)

    def addresses_of(self, name: str) -> tuple[str, ...]:
        """Of a configured region; of the core, whatever the name, where it is the source itself."""
        if self._discovery is not None:
            return self._discovery.addresses
        site = self._sites.get(name)
        return () if site is None else site.addresses

    def name_servers_answer(self) -> dict[str, bool | None]:
        """Of each authoritative name server, whether it answered at all in the last round; None: not asked yet."""
        results = {} if self._poller is None else self._poller.results
        return {server: None if result == NOT_ASKED else result != "silent" for server, result in results.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the configured regions."""
        return tuple(self._sites)

    # ---- what is shown -----------------------------------------------------------------------------------------------
    def is_sealed(self) -> bool:
        region = self._daemon.region
        return bool(region.sealed_epoch) and region.sealed_epoch >= region.epoch

    def report(self) -> RegionReport:
        """The part of the status."""
        region, chooser = self._daemon.region, self.chooser
        return RegionReport(
            region=region.region,
            epoch=self._daemon.journal.epoch,
            has_permit=region.permit() is not None,
            detail=region.trouble or self._nowhere_in_words(),
            silent_ms=region.silent_ms,
            pinned=self._pin_in_words(),
            sealed_epoch=region.sealed_epoch,
            blocked=tuple(sorted(self._daemon.desk.gate.blocked)),
            frozen=self._frozen_in_words(),
            is_stale=chooser is not None and chooser.is_stale,
        )

    def pair_report(self) -> PairReport:
        """The part of the status that is about the other center, and about what is acknowledged by whom."""
        report = PairReport() if self.pairing is None else self.pairing.report()
        return msgspec.structs.replace(report, acks=self.acking.report())

    def status(self) -> c.RegionsReport:
        part, chooser, claim = self.report(), self.chooser, self._book.claim()
        candidate = None if chooser is None else chooser.candidate
        return c.RegionsReport(
            source=self._settings.source,
            region=part.region,
            epoch=part.epoch,
            run="" if claim is None else claim.run,
            has_permit=part.has_permit,
            detail=part.detail,
            sealed_epoch=part.sealed_epoch,
            blocked=part.blocked,
            pinned=part.pinned,
            frozen=part.frozen,
            candidate="" if candidate is None else f"{candidate.region} under epoch {candidate.epoch} (run {candidate.run})",
            is_stale=part.is_stale,
            unconfirmed_ms=0 if chooser is None else chooser.unconfirmed_ms,
            servers=()
            if self._poller is None
            else tuple(c.ServerRow(server=server, result=result) for server, result in self._poller.results.items()),
            sites=tuple(c.SiteRow(**msgspec.structs.asdict(site.report())) for site in self._sites.values()),
            deeds=tuple(c.DeedRow(**msgspec.structs.asdict(deed)) for deed in self._book.deeds()),
            tail=tail_row(self.tails, self.taking_over.tails),
        )

    def _pin_in_words(self) -> str:
        chooser = self.chooser
        if chooser is None or (pin := chooser.pin) is None:
            return ""
        left_m = chooser.pin_left_ms // 60_000
        return f"at {pin.region}, epoch {pin.epoch}, for {left_m} more minutes, by {pin.who} and {pin.second}: {pin.why}"

    def _nowhere_in_words(self) -> str:
        region = self._daemon.region
        if not region.region or region.permit() is not None or self.addresses_of(region.region):
            return ""
        return f"no address of {region.region} is known: no name server has named one"

    def _frozen_in_words(self) -> str:
        frozen = None if self.chooser is None else self.chooser.frozen
        if frozen is not None:
            return f"epoch {frozen.epoch} is named for {' and for '.join(frozen.regions)}"
        two = self._daemon.region.contradiction
        return f"epoch {self._daemon.region.epoch} is served by {' and by '.join(two)}" if two else ""


def _probe(client: CoreClient, door: ProbeDoor, timeout_ms: int, epoch: int, done: Callable[[Looked], None]) -> Cancellable:
    door.forget()
    return client.region(epoch, timeout_ms, lambda said: done(Looked(said, door.why, door.skew_ms)))
