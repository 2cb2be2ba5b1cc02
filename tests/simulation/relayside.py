"""One incarnation of the real relay on virtual time: only the clock, the wires and the disk are not real.

Owns the wiring, as daemon.py does for the real machine, and the death of an incarnation. The trap: a dead process runs no
timer, so each incarnation has timers of its own that fall silent with it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from relay.configfile import build_dialect
from relay.core.balance import Balance
from relay.core.client import ClientSettings, CoreClient
from relay.exchange.desk import Desk
from relay.exchange.exchange import Event, State
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.exchange.recovery import recover
from relay.exchange.register import Open
from relay.journal.memory import MemoryJournal
from relay.outbound.desk import Outbound, OutboundLimits
from relay.outbound.reports import ReportLimits
from relay.outbound.turns import TurnLimits
from relay.region.active import ActiveRegion
from relay.settings import LinkSettings
from relay.telemetry.metrics import Metrics
from relay.wire.counters import LinkCounters
from relay.wire.link import Link
from relay.wire.ports import LinkIds, LinkServices, WireParts, link_services
from relay.wire.roster import Roster
from tests.simulation.banks import LIMITS
from tests.simulation.coreside import SimulatedDoor
from tests.simulation.lines import Lines
from tests.simulation.virtualloop import LoopTransport, VirtualLoop
from tests.simulation.wires import Pipe
from tests.support.virtualtime import VirtualTime, VirtualTimer

OUTBOUND_LIMITS = OutboundLimits(
    turns=TurnLimits(deferred_first_ms=200, deferred_max_ms=2_000, delivery_deadline_ms=60_000),
    reports=ReportLimits(call_timeout_ms=1_500, retry_first_ms=200, retry_max_ms=5_000),
)


class MortalTimers:
    """Timers of one incarnation: after its death nothing fires."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.is_dead = False

    def after(self, delay_ms: int, callback: Callable[[], None]) -> VirtualTimer:
        return self._time.after(delay_ms, lambda: None if self.is_dead else callback())


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
    ) -> None:
        self.time = time
        self.chance = chance
        self.journal = journal
        self.door = door
        self.timers = MortalTimers(time)
        self.metrics = Metrics()
        self.pipes: list[Pipe] = []
        self.is_alive = True
        self.center = center
        self.client = CoreClient(
            ClientSettings("core.sim", 80, False, center, journal.incarnation),
            door,
            Balance(),
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            epoch_floor=lambda: max(journal.epoch, self.region.floor),
        )
        self.region = self._new_region()
        self.desk = Desk(
            journal,
            self.client,
            self.region.permit,
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
            self.region.permit,
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
            desk=self.desk,
            outbound=self.outbound,
            variables=journal,
            roster=self.roster,
            link_ids=LinkIds(center, journal.incarnation, time.wall_ms()),
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            tell=lambda event, terminal, listener, detail: None,
            credential_path=lambda name: name,
        )
        self.services = {each.name: self._services(each, parts, lines) for each in lines.all}
        if row_taken is not None:
            self._watch_rows(row_taken)
        self._before_recovery()
        recover(self.desk, limits.completion_deadline_ms)
        self.outbound.recover()
        self._find_region()
        for each in lines.dialers:
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
        pipe = Pipe(self.time, self.chance, Link(self.services[listener]), on_data, on_lost, host)
        self.pipes = [p for p in self.pipes if p.is_open]
        self.pipes.append(pipe)
        return pipe

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
        return self.metrics.registry.get_sample_value("relay_outbound_unexpected_events_total") or 0.0

    @property
    def unexpected(self) -> float:
        return self.metrics.registry.get_sample_value("relay_unexpected_events_total") or 0.0
