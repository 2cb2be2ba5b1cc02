"""One incarnation of the real relay on virtual time: only the clock, the wires and the disk are not real.

Owns the wiring, as daemon.py does for the real machine, and the death of an incarnation. The trap: a dead process runs no
timer, so each incarnation has timers of its own that fall silent with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import Random
from typing import Any

from twisted.python.failure import Failure

from protocols.vocabulary import MessageClass
from relay.clock import Cancellable
from relay.configfile import build_dialect
from relay.core.balance import Balance
from relay.core.client import ClientSettings, CoreClient
from relay.core.contract import TRANSACTIONS_PATH
from relay.core.door import Address, HttpCall, HttpResult
from relay.exchange.desk import Desk
from relay.exchange.exchange import Event, State
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.exchange.recovery import recover
from relay.exchange.register import Open
from relay.exchange.siblings import Siblings
from relay.journal.memory import MemoryJournal
from relay.journal.shared import FIRST, Share
from relay.outbound.desk import Outbound, OutboundLimits
from relay.outbound.reports import ReportLimits
from relay.outbound.turns import TurnLimits
from relay.permit import Permit
from relay.region.active import ActiveRegion
from relay.settings import LinkSettings
from relay.telemetry.metrics import Metrics
from relay.wire.counters import LinkCounters
from relay.wire.link import Link
from relay.wire.ports import (
    NOTHING_INHERITED,
    DeskPort,
    InheritedPort,
    LinkIds,
    LinkServices,
    OutboundPort,
    WireParts,
    link_services,
)
from relay.wire.roster import Roster
from tests.simulation.banks import LIMITS
from tests.simulation.coreside import SimulatedDoor
from tests.simulation.lines import Lines
from tests.simulation.virtualloop import LoopTransport, VirtualLoop
from tests.simulation.wires import Pipe
from tests.support.samples import sampled
from tests.support.virtualtime import VirtualTime, VirtualTimer

OUTBOUND_LIMITS = OutboundLimits(
    turns=TurnLimits(deferred_first_ms=200, deferred_max_ms=2_000, delivery_deadline_ms=60_000),
    reports=ReportLimits(call_timeout_ms=1_500, retry_first_ms=200, retry_max_ms=5_000),
)


class MortalTimers:
    """Timers of one incarnation: after its death nothing fires, and while it is stopped nothing does either."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.is_dead = False
        self.is_stopped = False
        self._late: list[Callable[[], None]] = []

    def after(self, delay_ms: int, callback: Callable[[], None]) -> VirtualTimer:
        def fire() -> None:
            if timer is not None and self.is_stopped and not self.is_dead:
                timer.callback = callback  # still to be cancelled by whoever set it
                self._late.append(lambda: _fire_late(timer))
            elif not self.is_dead:
                callback()

        timer: VirtualTimer | None = None
        timer = self._time.after(delay_ms, fire)
        return timer

    def call(self, callback: Callable[[], None]) -> None:
        """Something came from outside: now, or once the process goes on."""
        if self.is_dead:
            return
        if self.is_stopped:
            self._late.append(callback)
        else:
            callback()

    def stop(self, for_ms: int) -> None:
        """SIGSTOP, and SIGCONT so much later: everything that was due meanwhile happens then, at once and in order."""
        self.is_stopped = True
        self._time.after(for_ms, self._go_on)

    def _go_on(self) -> None:
        self.is_stopped = False
        late, self._late = self._late, []
        for callback in late:
            if not self.is_dead:
                callback()


def _fire_late(timer: VirtualTimer) -> None:
    callback, timer.callback = timer.callback, None
    if callback is not None:
        callback()


class StoppableLink:
    """A link whose process may stand still: what arrives waits in the kernel."""

    def __init__(self, link: Link, timers: MortalTimers) -> None:
        self._link = link
        self._timers = timers

    def makeConnection(self, transport: object) -> None:
        self._link.makeConnection(transport)  # type: ignore[arg-type]  # as in Pipe

    def dataReceived(self, data: bytes) -> None:
        self._timers.call(lambda: self._link.dataReceived(data))

    def connectionLost(self, reason: Failure) -> None:
        self._timers.call(lambda: self._link.connectionLost(reason))


class StoppableDoor:
    """The way to the core of a process that may stand still: answers wait in the kernel."""

    def __init__(self, door: SimulatedDoor, timers: MortalTimers, watch: Callable[[HttpCall], None]) -> None:
        self._door = door
        self._timers = timers
        self._watch = watch

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> Cancellable:
        self._watch(call)
        return self._door.call(address, call, timeout_ms, lambda result: self._timers.call(lambda: done(result)))

    def keep_only(self, addresses: Collection[Address]) -> None:
        self._door.keep_only(addresses)

    def renew(self) -> None:
        self._door.renew()


class SimulatedDialer:
    """Dials a serving peer again and again, as relay/wire/dialer.py does."""

    PAUSE_MS = (50, 400)

    def __init__(self, relay: SimulatedRelay, name: str, port: int, loop: VirtualLoop) -> None:
        self._relay = relay
        self._name = name
        self._port = port
        self._loop = loop

    def dial(self) -> None:
        self._relay.timers.after(self._relay.chance.randint(*self.PAUSE_MS), self._try)

    def _try(self) -> None:
        serve = self._loop.serving.get(self._port)
        if serve is None:
            self.dial()
            return
        transport = LoopTransport(self._loop, serve())
        pipe = self._relay.connect(self._name, "10.9.0.1", transport.arrived, transport.ended)
        pipe.when_relay_knows = self.dial
        transport.attach(pipe)


class SimulatedRelay:
    """`lines` are its listeners and dialers. Peers come to `loop`'s ports, and its dialers go there."""

    def __init__(
        self,
        time: VirtualTime,
        chance: Random,
        journal: MemoryJournal,
        door: SimulatedDoor,
        lines: Lines,
        loop: VirtualLoop,
        limits: DeskLimits = LIMITS,
        row_taken: Callable[[int, State, Event], None] | None = None,
        center: str = "tokyo",
        timers: MortalTimers | None = None,
        share: Share | None = None,
    ) -> None:
        self.time = time
        self.chance = chance
        self.journal = journal
        self.door = door
        self.timers = MortalTimers(time) if timers is None else timers
        self.share = share
        self.siblings: Siblings | None = None
        self.posted_from_disk: list[str] = []  # keys
        self.metrics = Metrics()
        self.pipes: list[Pipe] = []
        self.is_alive = True
        self.center = center
        self.client = CoreClient(
            ClientSettings("core.sim", 80, False, center, journal.relay_epoch if share is None else 1),
            door if share is None else StoppableDoor(door, self.timers, self._called),
            Balance(),
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            epoch_floor=lambda: max(journal.epoch, self.region.floor),
        )
        self.region = self._new_region()
        permit = self.region.permit if share is None else self._permit
        self.desk = Desk(
            journal,
            self.client,
            permit,
            time,
            self.timers,
            self.metrics,
            chance,
            center,
            limits,
            lambda: bool(self.region.sealed_epoch) and self.region.sealed_epoch >= self.region.epoch,
        )
        self.roster: Roster[Link] = Roster()
        self.outbound = Outbound(
            journal,
            self.client,
            permit,
            lambda listener, line: self.roster.find_line("bank", listener, line),
            lambda listener, line: "" if listener in self.services else "there is no such line",
            time,
            self.timers,
            self.metrics,
            chance,
            center,
            OUTBOUND_LIMITS,
            remembers=lambda listener: listener == "zengin",
        )
        parts = WireParts(
            desk=self._desk_port(),
            outbound=self._outbound_port(),
            variables=journal,
            roster=self.roster,
            link_ids=LinkIds(center, journal.incarnation, time.wall_ms()),
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            tell=lambda event, terminal, listener, detail: None,
            credential_path=lambda name: name,
            inherited=self._inherited_port(),
        )
        self.services = {each.name: self._services(each, parts, lines) for each in lines.all}
        if row_taken is not None:
            self._watch_rows(row_taken)
        if share is not None:
            self.siblings = Siblings(
                self.desk, journal, share, self.timers, self.metrics, limits.completion_deadline_ms, self._epoch_heard
            )
        self._before_recovery()
        recover(self.desk, limits.completion_deadline_ms)
        if share is None or share.worker == FIRST:
            self.outbound.recover()
        if self.siblings is not None:
            self.siblings.start()
        self._find_region()
        for each in lines.dialers if share is None or share.worker == FIRST else ():
            SimulatedDialer(self, each.name, lines.port(each), loop).dial()

    # ---- the region: one, that says itself what it is ----------------------------------------------------------------
    def _new_region(self) -> ActiveRegion:
        return ActiveRegion(
            self.journal.epoch,
            lambda epoch, done: self.client.region(epoch, 1_000, done),
            self.journal.raise_epoch,
            clock=self.time,
            timers=self.timers,
            random=self.chance,
            metrics=self.metrics,
            on_epoch=lambda epoch, _: self.client.epoch_began(epoch),
        )

    def _before_recovery(self) -> None:
        """Nothing here; relays of two regions make what their recovery needs."""

    def _find_region(self) -> None:
        self.client.use_addresses(["10.1.0.1", "10.1.0.2", "10.1.0.3"])
        self.region.start()

    def _desk_port(self) -> DeskPort:
        """Where links bring messages; where two journals are at work there is another desk in front."""
        return self.desk

    def _outbound_port(self) -> OutboundPort:
        return self.outbound

    def _inherited_port(self) -> InheritedPort:
        return NOTHING_INHERITED

    def _services(self, settings: LinkSettings, parts: WireParts, lines: Lines) -> LinkServices:
        facts = ListenerFacts(
            name=settings.name,
            realm="bank",
            channel=settings.channel,
            reply_deadline_ms=settings.reply_deadline_ms,
            dialect=build_dialect(settings, lines.read_text, self.time.wall_ms),
        )
        counters = LinkCounters(self.metrics, settings.name, self.timers)
        return link_services(parts, facts, counters, settings.pipelined_count_max, is_dialled=settings in lines.dialers)

    def connect(self, listener: str, host: str, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe:
        """A connection from `host`, accepted by `listener`; or dialled by it."""
        link: Any = Link(self.services[listener])
        if self.share is not None:
            link = StoppableLink(link, self.timers)
        pipe = Pipe(self.time, self.chance, link, on_data, on_lost, host)
        self.pipes = [p for p in self.pipes if p.is_open]
        self.pipes.append(pipe)
        return pipe

    def _permit(self) -> Permit | None:
        """As relay/workers.py has it."""
        permit = self.region.permit()
        if permit is None or self.siblings is None or not self.siblings.is_sure or permit.epoch < self.journal.epoch:
            return None
        return permit

    def _epoch_heard(self, epoch: int) -> None:
        if epoch > self.region.epoch:
            self.region.look_now()

    def _called(self, call: HttpCall) -> None:
        """What another life took is never posted again from what is on disk."""
        if call.method != b"POST" or call.target != TRANSACTIONS_PATH.encode():
            return
        for entry in self.desk.register.by_key.values():
            is_stored = entry.request.message_class is MessageClass.FINANCIAL and not entry.request.fingerprint_text.reveal()
            if is_stored and f'"{entry.key}"'.encode() in call.head:
                self.posted_from_disk.append(entry.key)

    def _watch_rows(self, taken: Callable[[int, State, Event], None]) -> None:
        """Tell `taken` of each row of the exchange table, before it is taken."""
        register, move = self.desk.register, self.desk.register.move

        def watched(entry: Open, event: Event) -> bool:
            taken(entry.exchange_id, entry.state, event)
            return move(entry, event)

        register.move = watched  # type: ignore[method-assign]

    def die(self) -> None:
        """kill -9, or the power: no further step of this incarnation, in memory or on the wire."""
        self.is_alive = False
        self.timers.is_dead = True
        self.door.is_dead = True
        for pipe in self.pipes:
            pipe.relay_died()

    @property
    def outbound_unexpected(self) -> float:
        return sampled(self.metrics, "relay_outbound_unexpected_events_total")

    @property
    def unexpected(self) -> float:
        return sampled(self.metrics, "relay_unexpected_events_total")
