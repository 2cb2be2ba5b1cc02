"""One incarnation of the real relay on virtual time: only the clock, the wires and the disk are not real.

Owns the wiring, as daemon.py does for the real machine, and the death of an incarnation. The trap: a dead process runs no
timer, so each incarnation has timers of its own that fall silent with it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from protocols.iso8583.dialect import build_dialect, default_profile
from relay.core.balance import Balance
from relay.core.client import ClientSettings, CoreClient
from relay.exchange.desk import Desk
from relay.exchange.doubt import DoubtLimits
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.exchange.recovery import recover
from relay.exchange.saf import SafLimits
from relay.journal.memory import MemoryJournal
from relay.outbound.desk import Outbound, OutboundLimits
from relay.outbound.reports import ReportLimits
from relay.outbound.turns import TurnLimits
from relay.overlays import read_overlay
from relay.region.active import ActiveRegion
from relay.telemetry.metrics import Metrics
from relay.wire.counters import LinkCounters
from relay.wire.link import Link
from relay.wire.ports import LinkIds, WireParts, link_services
from relay.wire.roster import Roster
from tests.simulation.coreside import SimulatedDoor
from tests.simulation.wires import Pipe
from tests.support.virtualtime import VirtualTime, VirtualTimer

REPLY_DEADLINE_MS = 4_000
LIMITS = DeskLimits(
    call_timeout_ms=1_500,
    doubt=DoubtLimits(inquiry_first_ms=200, inquiry_max_ms=1_000),
    saf=SafLimits(call_timeout_ms=1_500, retry_first_ms=200, retry_max_ms=5_000, head_tries_max=12),
)
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


class SimulatedRelay:
    def __init__(self, time: VirtualTime, chance: Random, journal: MemoryJournal, door: SimulatedDoor) -> None:
        self.time = time
        self.chance = chance
        self.journal = journal
        self.door = door
        self.timers = MortalTimers(time)
        self.metrics = Metrics()
        self.pipes: list[Pipe] = []
        self.is_alive = True
        self.client = CoreClient(
            ClientSettings("core.sim", 80, False, "tokyo", journal.incarnation),
            door,
            Balance(),
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            epoch_floor=lambda: journal.epoch,
        )
        self.region = ActiveRegion(
            journal.epoch,
            lambda epoch, done: self.client.region(epoch, 1_000, done),
            journal.raise_epoch,
            clock=time,
            timers=self.timers,
            random=chance,
            metrics=self.metrics,
        )
        self.desk = Desk(journal, self.client, self.region.permit, time, self.timers, self.metrics, chance, "tokyo", LIMITS)
        self.roster: Roster[Link] = Roster()
        self.outbound = Outbound(
            journal,
            self.client,
            self.region.permit,
            lambda listener, line: self.roster.find_line("bank", listener, line),
            lambda listener, line: listener == "atm",
            time,
            self.timers,
            self.metrics,
            chance,
            "tokyo",
            OUTBOUND_LIMITS,
        )
        parts = WireParts(
            desk=self.desk,
            outbound=self.outbound,
            variables=journal,
            roster=self.roster,
            link_ids=LinkIds("tokyo", journal.incarnation, time.wall_ms()),
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            tell=lambda event, terminal, listener, detail: None,
            credential_path=lambda name: name,
        )
        facts = ListenerFacts(
            name="atm",
            realm="bank",
            channel="atm",
            reply_deadline_ms=REPLY_DEADLINE_MS,
            dialect=build_dialect(default_profile(), read_overlay, time.wall_ms),
        )
        self.services = link_services(parts, facts, LinkCounters(self.metrics, "atm", self.timers), 64, is_dialled=False)
        recover(self.desk, LIMITS.completion_deadline_ms)
        self.outbound.recover()
        self.client.use_addresses(["10.1.0.1", "10.1.0.2", "10.1.0.3"])
        self.region.start()

    def connect(self, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe:
        """An ATM's connection is accepted."""
        pipe = Pipe(self.time, self.chance, Link(self.services), on_data, on_lost)
        self.pipes = [p for p in self.pipes if p.is_open]
        self.pipes.append(pipe)
        return pipe

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
