"""The orchestrator's process: everything is made here, started in order, and stopped without a word in the run's log.

Owns the wiring and the life of the process. It must never decide. The traps: it is no part of the relay's process, so that
a relay can be restarted, upgraded or lost in the middle of a run; a sick disk ends the process with an error, for the next
one reads what the disk has; and a stop in the middle of a step is no trouble, because the next process looks first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from pathlib import Path

from protocols.vocabulary import Secret
from relay.announce.birddoor import BirdDoor
from relay.bridge import spawn
from relay.clock import SystemClock
from relay.control.client import ControlClient
from relay.control.failovercommands import FAILOVER_COMMANDS
from relay.control.server import ControlServer
from relay.core.dns import parse_name_server
from relay.core.httpx_facade import outside_call
from relay.core.zone import TsigKey, ZoneAnswer, ZoneDoor
from relay.core.zonechange import ChangeAnswer, ZoneChange, change_zone
from relay.credentials import Credentials, CredentialUnusable
from relay.errors import ConfigurationError, ListenFailed
from relay.failover.actions.rfc2136 import ZoneDoors
from relay.failover.actions.shop import Shop
from relay.failover.actions.webhook import WebAnswer
from relay.failover.bankday import BankClock
from relay.failover.codes import Codes
from relay.failover.deeds import Rfc2136Deed
from relay.failover.desk import Desk
from relay.failover.keeper import Keeper
from relay.failover.layaside import LayingAside
from relay.failover.logkeys import LogKeys
from relay.failover.peer import NoPeer, Peer, Replica
from relay.failover.people import People
from relay.failover.runner import Runner
from relay.failover.store import FileShelf, StoreFailed
from relay.orchestrator.channel import Channel, ChannelServer, peer_context
from relay.orchestrator.cloud import cloud_of
from relay.orchestrator.gathering import Gathering, page_by
from relay.orchestrator.gauges import SHOW_EVERY_S, OrchestratorGauges
from relay.orchestrator.handlers import Handlers
from relay.orchestrator.plans import PlanFolder
from relay.orchestrator.relays import BothRelays, OwnRelay
from relay.orchestrator.settings import OrchestratorSettings
from relay.orchestrator.usedcodes import UsedCodes
from relay.orchestrator.watching import Watch
from relay.telemetry.exposition import Exposition
from relay.telemetry.log import get_log

_log = get_log("failover")
LOOK_MS = 2_000  # one name server's answer
AGAIN_S = 1.0


class Orchestrator:
    """Raises ConfigurationError, StoreFailed where it cannot begin. A log that is damaged is shown, and keeps nothing else."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        self._settings = settings
        self._clock = clock = SystemClock()
        self._credentials = Credentials(settings.credentials_directory)
        self._shelf = FileShelf(Path(settings.folder), self._log_keys())
        self._shelf.lock()
        self.keeper = keeper = Keeper(self._shelf, clock, settings.center)
        keeper.load()
        own = OwnRelay(ControlClient(settings.relay_socket), settings.center)
        channel = self._channel()
        peer: Peer = NoPeer() if channel is None else channel
        relays = BothRelays(settings.center, own, channel)
        cloud = cloud_of(settings.aws, self._credentials)
        shop = Shop(
            lambda: keeper.run.known_plan,
            relays=relays,
            zone_doors=self._zone_doors,
            bird=lambda socket: BirdDoor(socket).ask,
            web=_web_call,
            secret=self._credentials.read,
            mac_key=self._credentials.mac_key,
            environment=os.environ,
            clock=clock,
            aws=cloud,
        )
        centers = (settings.center, *((settings.peer.center,) if settings.peer else ()))
        gathering = Gathering(keeper, relays, centers, settings.center, settings.lag, os.environ)
        self.runner = Runner(
            keeper,
            peer,
            shop,
            gathering.take,
            page_by(settings.page),
            center=settings.center,
            clock=clock,
            day=BankClock(settings.bank_days()),
        )
        people = People(settings.person, settings.code, settings.speakers)
        desk = Desk(self.runner, people, peer, gathering.take, clock, settings.center)
        plans = PlanFolder(settings.plans)
        self.watch = Watch(
            keeper,
            plans,
            gathering.take,
            shop.make,
            clock,
            center=settings.center,
            folder=settings.folder,
            settings=settings.watch,
            examine=cloud.examiner.examine,
            peer=peer,
        )
        self.watch.remember(self._shelf)
        handlers = Handlers(
            self.runner,
            desk,
            clock,
            settings.center,
            gathering.take,
            shop.make,
            plans,
            cloud.examiner.examine,
            self.watch,
            people,
            self._codes(people),
            LayingAside(keeper, people, peer, desk.cosigning, clock, self.runner.page),
        )
        self._handlers = handlers
        self._gauges = OrchestratorGauges()
        self._exposition = Exposition(self._gauges.registry, lambda: "", lambda: self.runner.stopped)
        self._control = ControlServer(settings.socket, handlers.all(), commands=FAILOVER_COMMANDS, line_bytes_max=262_144)
        self._server = self._channel_server(Replica(keeper, settings.center), own)

    def _log_keys(self) -> LogKeys:
        settings = self._settings
        if settings.log_key is None:
            _log.warning("the run log is not signed: who can write it can rewrite it", next="log_key names a credential")
        names = (*((settings.log_key,) if settings.log_key else ()), *settings.log_keys)
        keys = {name: self._credentials.mac_key(name) for name in names}
        return LogKeys(settings.log_key or "", keys, settings.unsigned_logs)

    def _codes(self, people: People) -> Codes:
        """Whose credential is missing has no voice at the console; the others have."""
        secrets: dict[str, Secret] = {}
        for person in people.all():
            if person.authenticator:
                try:
                    secrets[person.name] = self._credentials.secret(person.authenticator)
                except CredentialUnusable as error:
                    _log.error("somebody has no authenticator here", who=person.name, why=error.problem)
        used = UsedCodes(Path(self._settings.folder))
        return Codes(secrets, used.read(), used.keep)

    def _channel(self) -> Channel | None:
        peer = self._settings.peer
        if peer is None:
            return None
        tls = self._tls(is_server=False)
        return Channel(peer.address, self.keeper, tls, peer.certificate_name)

    def _channel_server(self, replica: Replica, own: OwnRelay) -> ChannelServer | None:
        peer = self._settings.peer
        if peer is None:
            return None
        return ChannelServer(replica, self.keeper, own, self._tls(is_server=True), peer.certificate_name)

    def _tls(self, is_server: bool) -> ssl.SSLContext:
        peer = self._settings.peer
        assert peer is not None
        try:
            return peer_context(peer.certificate, peer.key, peer.authorities, is_server)
        except OSError as error:
            raise ConfigurationError(f"the certificates of [peer] cannot be used: {error}.") from error

    def _zone_doors(self, deed: Rfc2136Deed) -> ZoneDoors:
        servers = tuple(parse_name_server(server) for server in deed.servers)
        key = TsigKey(deed.tsig_name, self._credentials.secret(deed.tsig).reveal(), deed.tsig_algorithm)
        door = ZoneDoor(servers, deed.record_name, deed.alias_name, LOOK_MS, key)

        async def look(server: str) -> ZoneAnswer:
            return await door.look(deed.servers.index(server))

        async def change(asked: ZoneChange) -> ChangeAnswer:
            return await change_zone(asked, servers[0], key, self._settings.tsig_timeout_s)

        return ZoneDoors(look, change)

    # ---- life --------------------------------------------------------------------------------------------------------
    async def serve(self) -> None:
        """Until SIGTERM. Raises ListenFailed, StoreFailed."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await self._control.start()
        try:
            await self._listen()
            why_not = await self.runner.claim()
            if why_not:
                _log.warning("this orchestrator does not act", why=why_not)
            _log.info("failover orchestrator ready", center=self._settings.center, run=self.keeper.name, acts=not why_not)
            running = spawn("failover run", self._go_on())
            beside = (spawn("failover plans", self.watch.go_on()), spawn("failover metrics", self._show()))
            stopped = spawn("failover stop", stopping.wait())
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            self.runner.stop()
            if running.done():
                running.result()
            for task in (running, stopped, *beside):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            if self._server is not None:
                self._server.close()
            await self._exposition.stop()
            await self._control.close()
            self._shelf.close()

    async def _listen(self) -> None:
        if self._server is not None and self._settings.peer is not None:
            try:
                await self._server.start(self._settings.peer.listen)
            except OSError as error:
                raise ListenFailed(f"peer.listen {self._settings.peer.listen}: {error.strerror}.") from error

        if self._settings.metrics is not None:
            host, _, port = self._settings.metrics.rpartition(":")
            await self._exposition.start(host.strip("[]"), int(port))

    async def _show(self) -> None:
        while True:
            self._gauges.show(self._handlers.view(), self._settings.peer is not None, self.watch.free_bytes())
            await asyncio.sleep(SHOW_EVERY_S)

    async def _go_on(self) -> None:
        """The run; and when another center's orchestrator acts, wait until people give it back. Raises StoreFailed."""
        while True:
            await self.runner.run()
            if self.keeper.is_dead:
                raise StoreFailed("the run log cannot be written.", "Mend the disk; the next process resumes from what it has.")
            while self.runner.stopped:  # noqa: ASYNC110  people have all the time they want
                await asyncio.sleep(AGAIN_S)


async def _web_call(method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int) -> WebAnswer:
    status, content, is_sent = await outside_call(method, url, headers, body, timeout_ms)
    return WebAnswer(status, content, is_sent)


def serve(settings: OrchestratorSettings) -> int:
    """The process; its exit code."""
    orchestrator = Orchestrator(settings)
    asyncio.run(orchestrator.serve())
    return 0
