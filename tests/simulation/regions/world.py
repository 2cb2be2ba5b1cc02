"""A history of two regions and two relay centers, from a seed: traffic, faults, failovers that lose a tail, and what must hold.

Owns the history and the invariants. After each step: no relay's epoch goes back, no epoch is spoken to two regions, nothing
is said in an epoch after its seal was acknowledged. At the end: everything has come to its end, every tail is replayed, and
the surviving ledger equals the terminals' books but for what is on a list. The trap: the list must not grow to hide a tail
that nobody replayed, so what was put there is counted beside what was mended.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from relay.exchange.exchange import Event, State
from relay.journal.memory import SYNC_MS, MemoryJournal
from relay.journal.records import LISTED_STATES, StoredExchange
from relay.loopback.faults import STORM, FaultInjector
from relay.loopback.ledger import Ledger
from relay.loopback.replica import Replica
from relay.loopback.report import Listed
from relay.reconcile.matcher import Ending
from relay.reconcile.shelf import Shelf
from relay.region.record import RegionRecord
from tests.simulation.banks import LIMITS
from tests.simulation.lines import Lines
from tests.simulation.reconciling import _DiskVariables
from tests.simulation.regions.asking import Between
from tests.simulation.regions.center import Center
from tests.simulation.regions.names import NameServers
from tests.simulation.regions.operator import Operator
from tests.simulation.regions.relay import ProcessTime, RegionRelay
from tests.simulation.regions.room import AtmRoom
from tests.simulation.regions.sites import RoutedDoor, Site
from tests.simulation.rooms import Violation, act_of
from tests.simulation.virtualloop import VirtualLoop
from tests.simulation.wires import Pipe
from tests.support.samples import sampled
from tests.support.virtualtime import VirtualTime

FAULTS_MS = 45_000
SETTLE_MS = 240_000
CALM_MS = 8_000
FIRST_EPOCH = 8
LAG_MS = (500, 8_000)
SLEEP_MS, MOVED_MS = (1_000, 8_000), 3_000
FAULTS = (
    *("failover", "failover", "failover", "failover", "lag", "lag", "kill", "kill", "sleep", "storm", "storm"),
    *("cut-core", "cut-link", "half-open", "stall", "disk-full", "sync-fails", "slow-disk", "dns-silent", "dns-old"),
)
SLOW_SYNC_MS = 300
TRANSCRIPT_LINES = 60


class Figures(msgspec.Struct, kw_only=True):
    seed: int
    exchanges: int
    failovers: int
    lost: int  # transactions that a promotion lost
    asked: int
    missing: int
    mended: int
    listed: int  # by tails, for a person
    refused_releases: int
    faults: int
    crashes: int
    answered_by_core: int
    simulated_ms: int
    trace: str


class RegionsWorld:
    def __init__(self, seed: int, kinds: tuple[str, ...] = FAULTS, faults_ms: int = FAULTS_MS, centers: int = 2) -> None:
        self.seed = seed
        self.kinds = kinds
        self.faults_ms = faults_ms
        self.time = VirtualTime()
        self.chance = Random(seed)
        self.people = Random(f"{seed}/people")
        self.loop = VirtualLoop(self.time, Random(f"{seed}/loop"))
        self.injector = FaultInjector(seed)
        self.epoch = FIRST_EPOCH
        self.sites = {"tokyo": Site("tokyo", FIRST_EPOCH), "osaka": Site("osaka", FIRST_EPOCH - 1)}
        self.replica = Replica(
            self.sites["tokyo"].ledger, self.sites["osaka"].ledger, self.time.monotonic_ms, self.chance.randint(*LAG_MS)
        )
        self.names = NameServers(self.time, Random(f"{seed}/dns"), RegionRecord(FIRST_EPOCH, "tokyo", "run-0"))
        self.lines = Lines(("atm",))
        self.centers = [Center(name) for name in ("tokyo", "osaka")[:centers]]
        self.between = Between(self.time, self.centers)
        self.operator = Operator(self)
        self.spoken: dict[int, str] = {}
        self.wrong = ""
        self.lost = self.crashes = self.faults = 0
        self.counts = dict.fromkeys(("asked", "missing", "mended", "listed"), 0)
        self.transcript: deque[str] = deque(maxlen=TRANSCRIPT_LINES)
        self._hash = hashlib.sha256()
        with self.loop.running():
            for center in self.centers:
                self._start(center)
            self.room = self._new_room()
            self.room.unanswered = self.between.unanswered
        self.time.after(50, self._ship)

    def _new_room(self) -> AtmRoom:
        return AtmRoom(self.seed, self.time, [each.disk for each in self.centers], self._connect, self.note)

    def site_of(self, ledger: Ledger) -> Site:
        return self.sites[ledger.region]

    def _ship(self) -> None:
        self.replica.ship()
        self.time.after(50, self._ship)

    # ---- relays and their links --------------------------------------------------------------------------------------
    def _connect(self, number: int, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
        center = self.centers[number]
        if center.relay is None or center.is_asleep or center.is_away:
            return None
        return center.relay.connect("atm", "10.0.0.1", on_data, on_lost)

    def _start(self, center: Center) -> None:
        if center.disk.is_full:
            self.time.after(500, lambda: self._start(center))
            return
        time = ProcessTime(self.time)
        door = RoutedDoor(time, self.chance, list(self.sites.values()), self.injector, center.name, self._spoken)
        journal = MemoryJournal(center.disk, time, time, on_failed=lambda why: self._fenced(center))
        center.time = time
        center.relay = RegionRelay(
            time,
            self.chance,
            journal,
            door,
            self.names,
            center.disk,
            self.lines,
            self.loop,
            LIMITS,
            lambda number, state, event: self._row_taken(center.name, number, state, event),
            center=center.name,
            ask_other=partial(self.between.ask, center),
        )

    def _row_taken(self, center: str, exchange_id: int, state: State, event: Event) -> None:
        self.note(f"{center} {exchange_id} {state.name} {event.name}")

    def kill(self, center: Center) -> None:
        relay, center.relay = center.relay, None
        if relay is None or center.time is None:
            return
        self._check_relay(relay)
        self._count(relay)
        self.crashes += 1
        relay.die()
        center.time.wake()
        relay.journal.crash(keep_in_flight=self.chance.random() < 0.5)
        self.time.after(self.chance.randint(100, 6_000), lambda: self._start(center))

    def _fenced(self, center: Center) -> None:
        if center.relay is not None:
            center.relay.desk.fence()
            center.relay.outbound.fence()
            center.disk.sync_fails = False
            self.time.soon(lambda: self.kill(center))

    # ---- what goes wrong ---------------------------------------------------------------------------------------------
    def strike(self) -> None:
        self.faults += 1
        what = self.chance.choice(self.kinds)
        center = self.chance.choice(self.centers)
        heal_ms = self.chance.randint(200, 5_000)
        self.note(f"{center.name} {what}")
        relay = center.relay
        match what:
            case "failover":
                self.operator.move()
            case "lag":
                self.replica.lag_ms = self.chance.randint(*LAG_MS)
            case "kill":
                self.kill(center)
            case "sleep" if center.time is not None and not center.is_asleep:
                time = center.time
                time.is_asleep = True
                self.time.after(self.chance.randint(*SLEEP_MS), time.wake)
            case "storm":
                self.injector.set_rates({fault: rate * 2 for fault, rate in STORM.items()})
                self.time.after(heal_ms, lambda: self.injector.set_rates({}))
            case "cut-core" if relay is not None:
                relay.door.is_cut = True
                self.time.after(heal_ms, lambda: setattr(relay.door, "is_cut", False))
            case "cut-link" | "half-open":
                for pipe in [] if relay is None else relay.pipes[:2]:
                    pipe.cut(half_open=what == "half-open")
            case "stall":
                for pipe in [] if relay is None else relay.pipes:
                    pipe.stall(self.chance.randint(500, 5_000))
            case "moved" if relay is not None:
                relay.door.is_cut = True
                self.time.after(heal_ms // 2, lambda: self._move(center))
                self.time.after(heal_ms + MOVED_MS, lambda: self._moved_back(center))
            case "disk-full":
                center.disk.is_full = True
                self.time.after(min(heal_ms, 3_000), lambda: setattr(center.disk, "is_full", False))
            case "sync-fails":
                center.disk.keeps_failed_sync = self.chance.random() < 0.5
                center.disk.sync_fails = True
            case "slow-disk" if relay is not None:
                journal = relay.journal
                journal._sync_ms = SLOW_SYNC_MS
                self.time.after(heal_ms, lambda: setattr(journal, "_sync_ms", SYNC_MS))
            case "dns-silent" | "dns-old":
                self.names.mood(what.removeprefix("dns-"), heal_ms)

    def _move(self, center: Center) -> None:
        """The route is at the other center; this one lives, and does not reach the core."""
        center.is_away = True
        for pipe in list(center.relay.pipes) if center.relay else []:
            pipe.cut(half_open=False)

    def _moved_back(self, center: Center) -> None:
        center.is_away = False
        if center.relay is not None:
            center.relay.door.is_cut = False

    def _heal(self) -> None:
        self.injector.set_rates({})
        self.names.heal()
        for center in self.centers:
            center.disk.is_full = center.disk.sync_fails = center.is_away = False
            if center.time is not None and center.is_asleep:
                center.time.wake()
            if center.relay is not None:
                center.relay.door.is_cut = False
                center.relay.journal._sync_ms = SYNC_MS

    # ---- invariants --------------------------------------------------------------------------------------------------
    def _spoken(self, center: str, region: str, epoch: int) -> None:
        """Law 5, call by call."""
        known = self.spoken.setdefault(epoch, region)
        if known != region:
            self.wrong = f"law 5: epoch {epoch} was spoken to {known} and to {region}"
        mine = next(each for each in self.centers if each.name == center)
        if epoch in mine.sealed:
            self.wrong = f"law 5: {center} spoke in epoch {epoch} after its seal was acknowledged"
        if epoch < mine.epochs_seen:
            self.wrong = f"law 5: {center} spoke in epoch {epoch} after {mine.epochs_seen}"
        mine.epochs_seen = max(mine.epochs_seen, epoch)

    def _check_step(self) -> None:
        if self.wrong:
            raise Violation(self.wrong)
        if self.loop.failures:
            raise Violation(f"something broke: {self.loop.failures[0]!r}") from self.loop.failures[0]
        for center in self.centers:
            if center.disk.region_epoch < center.epochs_seen:
                raise Violation(f"law 5: the epoch ratchet of {center.name} went back")
        self.room.check_step()

    def _check_relay(self, relay: RegionRelay) -> None:
        if relay.unexpected:
            raise Violation("the exchange table met an event that it has no row for")

    def _check_end(self) -> None:
        for center in self.centers:
            relay = center.relay
            if relay is None:
                raise Violation(f"liveness: {center.name} did not come back")
            self._check_relay(relay)
            if relay.desk.register.by_key or relay.desk.saf.owed_count:
                states = sorted(f"{entry.state.name} {key}" for key, entry in relay.desk.register.by_key.items())
                raise Violation(f"law 3: still open after {SETTLE_MS} ms of quiet: {states[:5]}")
            if not relay.tails.is_finished:
                raise Violation(f"liveness: a lost tail is not replayed: {relay.tails.trouble} {relay.tails.tail}")
        if not self.room.is_settled:
            raise Violation(f"liveness: the terminals are not at rest after {SETTLE_MS} ms of quiet")
        ledger = self.replica.primary
        if ledger.posted_twice():
            raise Violation(f"law 2: posted twice: {ledger.posted_twice()[:3]}")
        held = self.room.held(list(ledger.entries()), self._listed())
        if not held.holds:
            found = [each for each in held.differences if not each.is_listed][:3]
            raise Violation(f"law 10: conservation does not hold: lost {held.lost}, doubled {held.doubled}: {found}")

    def _listed(self) -> list[Listed]:
        """What somebody has to work out, at either center."""
        found: list[StoredExchange] = []
        for center in self.centers:
            exchanges = center.disk.exchanges
            found += [stored for stored in exchanges.values() if stored.state in LISTED_STATES]
            reports = Shelf(_DiskVariables(center.disk)).reports()
            numbers = {d.exchange_id for report in reports for d in report.differences if d.ending is Ending.LISTED}
            found += [exchanges[number] for number in sorted(numbers) if number in exchanges]
        lines = []
        for stored in found:
            lines.append(Listed(stored.taken.key, stored.taken.terminal, act_of(stored)[1]))
            for center in self.centers:
                original = center.disk.exchanges.get(center.disk.ids.get(stored.taken.original_key, 0))
                if original is not None:
                    lines.append(Listed(original.taken.key, original.taken.terminal, act_of(original)[1]))
        return lines

    # ---- the history -------------------------------------------------------------------------------------------------
    def run(self) -> Figures:
        """Faults, then quiet until everything has ended, then customers without faults. Raises Violation."""
        try:
            with self.loop.running():
                return self._run()
        finally:
            with self.loop.running():
                for center in self.centers:
                    if center.relay is not None:
                        center.relay.stop()
                self.time.run(10)
            for transport in list(self.loop.transports):
                transport.forget()

    def _run(self) -> Figures:
        self.room.open()
        end_ms = self.time.monotonic_ms() + self.faults_ms
        next_fault_ms = self.time.monotonic_ms() + self.chance.randint(2_000, 4_000)
        while self.time.monotonic_ms() < end_ms:
            if self.time.monotonic_ms() >= next_fault_ms:
                self.strike()
                next_fault_ms += self.chance.randint(500, 3_000)
            self.time.step()
            self._check_step()
        self._heal()
        self._quiet()
        self._check_end()
        answered = self._calm()
        self._quiet()
        self._check_end()
        for center in self.centers:
            if center.relay is not None:
                self._count(center.relay)
        return Figures(
            seed=self.seed,
            exchanges=sum(len(center.disk.exchanges) for center in self.centers),
            failovers=self.operator.failovers,
            lost=self.lost,
            refused_releases=self.operator.refused_releases,
            faults=self.faults + sum(self.injector.counts.values()),
            crashes=self.crashes,
            answered_by_core=answered,
            simulated_ms=self.time.monotonic_ms(),
            trace=self._hash.hexdigest()[:16],
            **self.counts,
        )

    def _quiet(self) -> None:
        self.room.shut()
        start_ms = self.time.monotonic_ms()
        while self.time.monotonic_ms() < start_ms + SETTLE_MS and not self._is_settled():
            self.time.run(500)
            self._check_step()

    def _is_settled(self) -> bool:
        return (
            not self.operator.is_busy
            and all(
                center.relay is not None
                and not center.relay.desk.register.by_key
                and not center.relay.journal.waiting_count()
                and center.disk.region_epoch == self.epoch
                and center.relay.tails.is_finished
                and not center.relay.book.blocked()
                for center in self.centers
            )
            and self.room.is_settled
        )

    def _calm(self) -> int:
        """Liveness: without faults every request gets the core's own outcome."""
        self.time.run(3_000)
        asked, answered = self.room.asked_and_answered()
        self.room.open()
        self.time.run(CALM_MS)
        self.room.shut()
        self.time.run(8_000)
        self._check_step()
        asked, answered = (after - then for after, then in zip(self.room.asked_and_answered(), (asked, answered), strict=True))
        if not asked or asked != answered:
            raise Violation(f"liveness: {asked} asked in calm weather, {answered} got the core's outcome")
        return answered

    def _count(self, relay: RegionRelay) -> None:
        """What its tails came to, at the end of a life."""
        for name in self.counts:
            said = sampled(relay.metrics, "relay_region_tail_exchanges_total", {"result": name})
            self.counts[name] += int(said)

    def note(self, text: str) -> None:
        line = f"{self.time.monotonic_ms()} {text}"
        self.transcript.append(line)
        self._hash.update(f"{line}\n".encode())
