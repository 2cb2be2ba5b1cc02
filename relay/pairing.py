"""The pair in the running daemon: heartbeats, looks, what they mean together, and the way of the core calls that follows.

Owns the wiring of relay/pair with the daemon, and the order in which one look is taken: hear, compare, tell, and only then
perhaps another way. It must never judge (relay/pair does), choose a region, or touch an epoch: a call through the peer is this
center's own call in every header. The trap: what is told to the peer about a region is what we see of it ourselves, on
connections that never lead through the peer, or two centers that are both cut off would hold each other up.

Others fill in what they know: `role` (what the announcement of the service address says), `standby` (how the journal's standby
is), and read `peer_durable_possible`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from relay import __version__
from relay.clock import Cancellable
from relay.configuration.pair import parse_path
from relay.control.pair import PairPathRow, PairPeer, PairReport, PairSightRow
from relay.core.client import CoreClient
from relay.core.contract import RegionAnswer
from relay.core.door import Address
from relay.exchange.elsewhere import is_reversed_here
from relay.pair.beat import Beat, Sight
from relay.pair.better import serves_better
from relay.pair.detour import Detour, DetourRules, Way
from relay.pair.differing import Differing, skew_ms
from relay.pair.enquiry import Enquiry
from relay.pair.findings import Finding, Settling, find
from relay.pair.forwarder import Forwarder, ForwardLimits
from relay.pair.hearing import Hearing, HearingRules, PathState
from relay.pair.heart import Heart
from relay.pair.lookout import Look, Lookout
from relay.pair.sighting import sight_in
from relay.pair.tunnel import Tunnel, TunnelLimits
from relay.settings import TlsSettings
from relay.telemetry.log import get_log
from relay.wire.tls import client_context, server_context

if TYPE_CHECKING:
    from relay.daemon import Daemon
    from relay.regions import Regions

log = get_log("pairing")
LOOK_MS = 250  # what is lost is told by silence, so it is looked for
CORE = "core"  # the one row where the core itself names the region


def new_pairing(daemon: Daemon, regions: Regions) -> Pairing | None:
    """None where no other center is configured."""
    return None if daemon.settings.pair.peer is None else Pairing(daemon, regions, daemon.settings.pair.peer)


class Pairing:
    """Made after the regions and the client; `peer` is the other center's name."""

    def __init__(self, daemon: Daemon, regions: Regions, peer: str) -> None:
        self._daemon = daemon
        self._regions = regions
        self._peer = peer
        self._settings = s = daemon.settings.pair
        self._paths = tuple(map(parse_path, s.paths))
        self._life = daemon.chance.getrandbits(63)
        self.role: Callable[[], str] = str
        self.standby: Callable[[], Sight] = lambda: Sight.UNKNOWN
        now_ms = daemon.clock.monotonic_ms()
        self._hearing = Hearing(
            daemon.settings.relay.center,
            peer,
            self._life,
            len(self._paths),
            HearingRules(s.lost_after_ms, s.rise_count),
            now_ms,
        )
        self._settling = Settling(s.settle_ms, now_ms)
        self._turned_ms = now_ms
        self._detour = Detour(DetourRules(s.return_after_ms, s.return_max_ms, s.damping_window_ms))
        self._differing = Differing()
        self._timer: Cancellable | None = None
        self._is_running = False
        self._heart = Heart(
            self._paths,
            s.port,
            [daemon.credentials.mac_key(name) for name in s.mac_credentials],
            self._hearing,
            self._say,
            self._look,
            clock=daemon.clock,
            timers=daemon.timers,
            random=daemon.chance,
            metrics=daemon.metrics,
            beat_ms=s.beat_ms,
        )
        self.enquiry = Enquiry(
            daemon.settings.relay.center,
            peer,
            [daemon.credentials.mac_key(name) for name in s.mac_credentials],
            lambda: PathState.UP in self._states(),
            self._heart.send_all,
            partial(is_reversed_here, daemon.journal),
            clock=daemon.clock,
            timers=daemon.timers,
            random=daemon.chance,
            metrics=daemon.metrics,
        )
        self._heart.on_question = self.enquiry.heard
        daemon.desk.ask_other = self.enquiry.ask
        self._lookout = Lookout(
            self._looks(),
            regions.name_servers_answer,
            self._look,
            clock=daemon.clock,
            timers=daemon.timers,
            random=daemon.chance,
            interval_ms=s.probe_ms,
            rise_count=s.rise_count,
            fall_count=s.fall_count,
        )
        self._tunnel, self._forwarder = self._make_ways()
        self._bind_metrics()

    # ---- making ------------------------------------------------------------------------------------------------------
    def _looks(self) -> Mapping[str, Look]:
        """One client per region for nothing but GET /v1/region, of two connections."""
        s, names = self._settings, self._regions.names or (CORE,)

        def look(name: str, client: CoreClient, done: Callable[[bool], None]) -> None:
            addresses = self._regions.addresses_of(name)
            if addresses != tuple(address.ip for address in client.balance.addresses):
                client.use_addresses(addresses)

            def heard(answer: RegionAnswer | None) -> None:
                done(answer is not None)

            client.region(self._daemon.journal.epoch, s.probe_timeout_ms, heard)

        return {name: partial(look, name, self._regions.probe_client(max(1, s.probe_timeout_ms // 2))[0]) for name in names}

    def _make_ways(self) -> tuple[Tunnel | None, Forwarder | None]:
        d, s = self._daemon, self._settings
        tls = TlsSettings(
            certificate=s.certificate,
            key=s.key,
            authorities=s.authorities,
            require_peer_certificate=s.authorities is not None,
            minimum_version="1.3",  # both ends are ours
        )
        name = s.peer_certificate_name or self._peer
        tunnel = forwarder = None
        if s.use_peer:
            tunnel = Tunnel(
                self._paths,
                s.port,
                d.settings.relay.center,
                client_context(tls, d.credentials.path),
                name,
                lambda: [state is PathState.UP for state in self._states()],
                TunnelLimits(
                    buffer_bytes_max=s.forward_buffer_bytes_max, bytes_max=s.forward_bytes_max, idle_ms=s.forward_idle_ms
                ),
                d.metrics,
            )
        if s.serve_peer:
            forwarder = Forwarder(
                self._paths,
                s.port,
                self._peer,
                server_context(tls, d.credentials.path),
                name,
                self._cores,
                ForwardLimits(
                    count_max=s.forward_count_max,
                    buffer_bytes_max=s.forward_buffer_bytes_max,
                    bytes_max=s.forward_bytes_max,
                    head_ms=s.forward_head_ms,
                    connect_ms=d.settings.core.connect_timeout_ms,
                    idle_ms=s.forward_idle_ms,
                ),
                d.metrics,
            )
        return tunnel, forwarder

    def _bind_metrics(self) -> None:
        m, clock = self._daemon.metrics, self._daemon.clock
        for number, path in enumerate(self._paths):
            m.pair_path_up.labels(path.name).set_function(partial(self._path_up, number))
        for finding in Finding:
            m.pair_finding.labels(finding.value).set_function(partial(self._is_found, finding))
        for way in Way:
            m.pair_switches.labels(way.value)
        m.pair_disagrees.set_function(lambda: int(bool(self._differing.words)))
        m.pair_twin.set_function(lambda: int(self._has_twin(clock.monotonic_ms())))
        m.pair_other_version.set_function(lambda: int(self._hearing.is_other_version(clock.monotonic_ms())))
        m.pair_skew_seconds.set_function(lambda: self._skew_ms() / 1_000)
        m.pair_through_peer.set_function(lambda: int(self._detour.way is Way.THROUGH_PEER))

    def _path_up(self, number: int) -> int:
        return int(self._hearing.state(number, self._daemon.clock.monotonic_ms()) is PathState.UP)

    def _is_found(self, finding: Finding) -> int:
        return int(self._settling.finding is finding)

    # ---- life --------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        self._is_running = True
        self._lookout.start()
        self._heart.start()
        if self._forwarder is not None:
            self._forwarder.start()
        self._tick()

    async def stop(self) -> None:
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
        self.enquiry.stop()
        self._heart.stop()
        self._lookout.stop()
        if self._forwarder is not None:
            await self._forwarder.stop()
        if self._tunnel is not None:
            await self._tunnel.aclose()

    def _tick(self) -> None:
        self._timer = self._daemon.timers.after(LOOK_MS, self._tick)  # first: no error of this look makes it the last
        self._look()

    # ---- what is said --------------------------------------------------------------------------------------------------
    def _say(self, sequence: int) -> Beat:
        d = self._daemon
        return Beat(
            center=d.settings.relay.center,
            peer=self._peer,
            incarnation=d.journal.incarnation,
            life=self._life,
            sequence=sequence,
            wall_ms=d.clock.wall_ms(),
            software=__version__[:32],
            role=self.role()[:32],
            epoch=d.journal.epoch,
            region=d.region.region,
            sealed_epoch=d.region.sealed_epoch,
            has_permit=d.region.permit() is not None,
            serves_peer=self._forwarder is not None,
            is_through_peer=self._detour.way is Way.THROUGH_PEER,
            regions=self._lookout.regions(),
            servers=self._lookout.servers(),
            standby=self.standby(),
        )

    # ---- what is seen --------------------------------------------------------------------------------------------------
    def _states(self) -> tuple[PathState, ...]:
        return self._hearing.states(self._daemon.clock.monotonic_ms())

    def _active(self) -> str:
        return self._daemon.region.region if self._regions.names else CORE

    def _look(self) -> None:
        if not self._is_running:
            return
        d, now_ms = self._daemon, self._daemon.clock.monotonic_ms()
        states = self._hearing.states(now_ms)
        beat = self._hearing.beat if PathState.UP in states else None
        active = self._active()
        ours, peers = self._lookout.sight(active), self._peers_sight(beat, active, now_ms)
        if self._settling.saw(find(ours, peers, states, self._lookout.others(active)), now_ms):
            finding = self._settling.finding
            tell = log.info if finding is Finding.NORMAL else log.warning
            tell("what both centers see", finding=finding.value, region=active, ours=ours.value, peers=peers.value)
        before = self._differing.words
        words = self._differing.saw(d.journal.epoch, d.region.region, beat, now_ms)
        if words and words != before:
            log.error("the centers disagree", what=words)
        serves = self._tunnel is not None and beat is not None and beat.serves_peer and peers is Sight.OK
        if self._detour.look(self._settling.finding, ours, serves, now_ms):
            self._turn()

    def _turn(self) -> None:
        d, way, tunnel = self._daemon, self._detour.way, self._tunnel
        self._turned_ms = d.clock.monotonic_ms()
        d.metrics.pair_switches.labels(way.value).inc()
        log.warning("core calls take another way", way=way.value, inflight=d.client.inflight)
        d.transport.dial_by(tunnel.dial if way is Way.THROUGH_PEER and tunnel is not None else None)
        d.region.look_now()

    def _peers_sight(self, beat: Beat | None, region: str, now_ms: int) -> Sight:
        if beat is None:
            return Sight.UNKNOWN
        return sight_in(beat.regions, region, now_ms - self._hearing.beat_ms, self._lookout.old_ms)

    def _cores(self) -> frozenset[Address]:
        """Where the other center's calls may be led to: the addresses of all configured regions, as we know them."""
        port = self._daemon.settings.core.port
        names = self._regions.names or (CORE,)
        return frozenset(Address(ip, port) for name in names for ip in self._regions.addresses_of(name))

    # ---- what is shown -------------------------------------------------------------------------------------------------
    @property
    def peer_durable_possible(self) -> bool:
        """The link between the centers (the first path) is up, both ways: what must be durable at the other center, too, may
        be asked for. It is no promise that its copy is in order."""
        return bool(self._paths) and self._hearing.state(0, self._daemon.clock.monotonic_ms()) is PathState.UP

    @property
    def serves_better(self) -> bool:
        """The other center reaches the active region and is announced, and the way through it does not help us."""
        now_ms = self._daemon.clock.monotonic_ms()
        beat = self._hearing.beat if PathState.UP in self._hearing.states(now_ms) else None
        can_detour = self._tunnel is not None and beat is not None and beat.serves_peer
        return serves_better(self._settling.finding, beat, can_detour, self._detour.way, now_ms - self._turned_ms)

    def _has_twin(self, now_ms: int) -> bool:
        return self._hearing.has_twin(now_ms) or self._hearing.has_namesake(now_ms)

    def _skew_ms(self) -> int:
        beat, clock = self._hearing.beat, self._daemon.clock
        return 0 if beat is None else skew_ms(beat, clock.wall_ms() - (clock.monotonic_ms() - self._hearing.beat_ms))

    def report(self) -> PairReport:
        now_ms, hearing, s = self._daemon.clock.monotonic_ms(), self._hearing, self._settings
        return PairReport(
            peer=self._peer,
            finding=self._settling.finding.value,
            since_ms=now_ms - self._settling.since_ms,
            way=self._detour.way.value,
            uses_peer=s.use_peer,
            serves_peer=s.serve_peer,
            return_after_ms=self._detour.return_after_ms,
            tunnels=0 if self._tunnel is None else self._tunnel.open_count,
            forwarded=0 if self._forwarder is None else self._forwarder.open_count,
            paths=tuple(
                PairPathRow(name=path.name, own=path.own, peer=path.peer, state=state.value, trouble=trouble)
                for path, state, trouble in zip(self._paths, hearing.states(now_ms), self._heart.troubles, strict=True)
            ),
            sights=self._sight_rows(now_ms),
            other=self._other(now_ms),
            disagreement=self._differing.words,
            has_twin=hearing.has_twin(now_ms),
            has_namesake=hearing.has_namesake(now_ms),
            is_other_version=hearing.is_other_version(now_ms),
            skew_ms_max=s.clock_skew_ms_max,
            is_durable_possible=self.peer_durable_possible,
        )

    def _sight_rows(self, now_ms: int) -> tuple[PairSightRow, ...]:
        beat, active, rows = self._hearing.beat, self._active(), []
        ours = [("region", row) for row in self._lookout.regions()] + [("server", row) for row in self._lookout.servers()]
        for kind, row in ours:
            said = () if beat is None else beat.regions if kind == "region" else beat.servers
            peers = sight_in(said, row.name, now_ms - self._hearing.beat_ms, self._lookout.old_ms)
            is_active = kind == "region" and row.name == active
            rows.append(PairSightRow(name=row.name, kind=kind, ours=row.sight.value, peers=peers.value, is_active=is_active))
        return tuple(rows)

    def _other(self, now_ms: int) -> PairPeer:
        beat, version = self._hearing.beat, self._hearing.peer_version
        if beat is None:
            return PairPeer(version=version)
        return PairPeer(
            age_ms=now_ms - self._hearing.beat_ms,
            version=version,
            software=beat.software,
            incarnation=beat.incarnation,
            role=beat.role,
            epoch=beat.epoch,
            region=beat.region,
            sealed_epoch=beat.sealed_epoch,
            has_permit=beat.has_permit,
            serves_peer=beat.serves_peer,
            is_through_peer=beat.is_through_peer,
            standby=beat.standby.value,
            skew_ms=self._skew_ms(),
        )
