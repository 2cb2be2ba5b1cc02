"""A history of two relay centers, from a seed: one is lost, the other takes it over, the lost one wakes up, and gets it
back.

Owns the history and what must hold. The lost center leaves what its copy has, which is all of it or lacks the last that need
not be there before it is acknowledged (Lag). It is dead, asleep, or alive without its network; it comes back on its old disk,
which nobody copies any more, so that nothing becomes durable there. The trap: it still has its way to the core, with calls long
under way, and the only thing between them and the ledger is the fence.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

from relay.exchange.exchange import Event, State
from relay.journal.memory_disk import MemoryDisk
from relay.journal.records import LISTED_STATES
from relay.loopback.core import FakeCore
from relay.loopback.faults import STORM, FaultInjector
from relay.loopback.ledger import Ledger
from relay.takeover import states
from tests.simulation.banks import LIMITS
from tests.simulation.coreside import Region, SimulatedDoor
from tests.simulation.regions.relay import ProcessTime
from tests.simulation.rooms import Violation
from tests.simulation.takeovers import weather
from tests.simulation.takeovers.center import Center, CopiedJournal, Lag, PairRoom, lacking
from tests.simulation.takeovers.laws import SETTLE_MS, Figures, Laws
from tests.simulation.takeovers.move import RegionMove
from tests.simulation.takeovers.peers import CenterLines, Peers
from tests.simulation.takeovers.relay import CenterRelay
from tests.simulation.virtualloop import VirtualLoop
from tests.simulation.wires import Pipe
from tests.support.samples import sampled
from tests.support.virtualtime import VirtualTime

FAULTS_MS = 45_000
CALM_MS = 6_000
LOST_MS = (6_000, 16_000)  # when the center is lost
SIGNED_MS = (50, 3_000)  # until two people have signed
DARK_MS = (0, 9_000)  # until terminals find the way to the other center
GALE_MS = 2_500  # of bad weather before the loss: what is open then is adopted
BACK_MS = (500, 15_000)  # until the lost one is up again, on what it had
HELD_MS = (3_000, 10_000)  # until people want to give it back
NEVER_MS = 10**8
WAYS_TO_BE_LOST = ("dead", "asleep", "cut-off")
TRANSCRIPT_LINES = 60


class TakeoverWorld:
    def __init__(self, seed: int, faults_ms: int = FAULTS_MS) -> None:
        self.seed = seed
        self.faults_ms = faults_ms
        self.time = VirtualTime()
        self.chance = Random(seed)
        self.people = Random(f"{seed}/people")
        self.loop = VirtualLoop(self.time, Random(f"{seed}/loop"))
        self.injector = FaultInjector(seed)
        self.ledger = Ledger("tokyo", 1)
        self.core = FakeCore(self.ledger)
        self.copying = Random(f"{seed}/copy")
        self.lag = self.copying.choice(tuple(Lag))
        self.behind = 0  # groups that the copy lacked
        self.lacking = MemoryDisk()  # exchanges that it lacked, as if somebody had them on a list
        self.laws = Laws(self)
        self.lines = {"tokyo": CenterLines(0), "osaka": CenterLines(1)}
        self.centers = [
            Center(name, partial(self.promoted, other), Random(f"{seed}/{name}/copy"), self.lag)
            for name, other in (("tokyo", 1), ("osaka", 0))
        ]
        lost = self.people.randrange(2)
        self.lost, self.heir = self.centers[lost], self.centers[1 - lost]
        self.way = self.people.choice(WAYS_TO_BE_LOST)
        self.snapshot: MemoryDisk | None = None
        self.dark_until_ms = self.told_again = 0
        self.adopted_ms = self.returned_ms = 0  # wall clock: the other's business was at work for the first time, and no more
        self.known: dict[int, str] = {}  # exchange -> key, as the copy had them when it began to write
        self.wrong = ""
        self.crashes = self.crashes_amid = self.faults = self.refused_calls = self.given_back = 0
        self.adopted = self.answered = 0
        self.transcript: deque[str] = deque(maxlen=TRANSCRIPT_LINES)
        self._hash = hashlib.sha256()
        with self.loop.running():
            for center in self.centers:
                self._start(center)
            disks = [center.disk for center in self.centers]
            self.room = PairRoom(self._excused, seed, self.time, disks, self._connect, self.note)
            self.peers = Peers(self)
            self.move = RegionMove(self)  # last: what the rooms know of accounts is in both regions

    def _excused(self) -> bool:
        """A terminal hears an approval after its reversal was acknowledged: the reversal is in the lost center's journal and
        not at the core yet, and the original came again here (docs/takeover.md, Before it is done). It is reversed later."""
        is_between = self.lost.is_orphan and not self.adopted_ms
        self.told_again += is_between
        return is_between

    # ---- lives -------------------------------------------------------------------------------------------------------
    def _connect(self, number: int, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
        return self.connect(number, "atm", "10.0.0.1", on_data, on_lost)

    def connect(
        self, number: int, listener: str, host: str, on_data: Callable[[bytes], None], on_lost: Callable[[], None]
    ) -> Pipe | None:
        center = self.centers[number]
        relay = center.relay
        if relay is None or relay.time.is_asleep or center.is_lost or not relay.is_open:
            return None
        if self.time.monotonic_ms() < self.dark_until_ms:
            return None
        return relay.connect(listener, host, on_data, on_lost)

    def _start(self, center: Center) -> None:
        if center.relay is not None:
            return
        if center.disk.is_full or center.disk.in_use:
            self.time.after(500, lambda: self._start(center))
            return
        time = ProcessTime(self.time)
        door = SimulatedDoor(time, self.chance, self.core, self.injector, Region(self.chance))
        journal = CopiedJournal(center, time, time, on_failed=lambda why: self._fenced(center))
        center.time = time
        center.relay = CenterRelay(
            center.copy,
            self.time,
            self.lag is Lag.AWAY,
            time,
            self.chance,
            journal,
            door,
            self.lines[center.name],
            self.loop,
            LIMITS,
            lambda number, state, event: self._row_taken(center.name, number, state, event),
            center=center.name,
        )
        self._orphan(center)

    def _row_taken(self, center: str, exchange_id: int, state: State, event: Event) -> None:
        self.note(f"{center} {exchange_id} {state.name} {event.name}")

    def kill(self, center: Center, for_ms: int | None = None) -> None:
        relay, center.relay = center.relay, None
        if relay is None or center.time is None:
            return
        self.note(f"{center.name} dies")
        self.laws.check_relay(relay)
        self._count(relay)
        self.crashes += 1
        self.crashes_amid += relay.takeover.record.state in states.ACTIVE
        relay.die()
        center.time.wake()
        adopted = relay.copy.journal
        if adopted is not None and not adopted._gone:
            adopted.crash(keep_in_flight=self.chance.random() < 0.5)
        relay.journal.crash(keep_in_flight=self.chance.random() < 0.5)
        pause_ms = self.chance.randint(100, 6_000) if for_ms is None else for_ms
        self.time.after(pause_ms, lambda: self._start(center))

    def _fenced(self, center: Center) -> None:
        relay = center.relay
        if relay is not None:
            relay.desk.fence()
            relay.outbound.fence()
            center.disk.sync_fails = False
            self.time.soon(lambda: self.kill(center) if center.relay is relay else None)

    # ---- the loss, and what people do about it -----------------------------------------------------------------------
    def _gale(self) -> None:
        self.injector.set_rates({fault: rate * 4 for fault, rate in STORM.items()})
        self.time.after(GALE_MS + 500, lambda: self.injector.set_rates({}))

    def _lose(self) -> None:
        center, time = self.lost, self.lost.time
        self.note(f"{center.name} is lost: {self.way}")
        center.is_lost = True
        self.dark_until_ms = self.time.monotonic_ms() + self.people.randint(*DARK_MS)
        back_ms = self.people.randint(*BACK_MS)
        if center.relay is not None:
            for pipe in center.relay.pipes:
                pipe.cut(half_open=self.people.random() < 0.5)
        if self.way == "asleep" and center.relay is not None and time is not None:
            time.is_asleep = True
            self.time.after(back_ms, time.wake)
        else:
            self._cut_off_copy(center)
            if self.way == "dead":
                self.kill(center, back_ms)
            else:
                self._orphan(center)
        self.time.after(back_ms, lambda: setattr(center, "is_lost", False))
        self.time.after(self.people.randint(*SIGNED_MS), self._sign)

    def _cut_off_copy(self, center: Center) -> None:
        """From now on nothing more comes to it."""
        self.snapshot, self.behind = center.copied(self.copying)
        center.is_orphan = True
        self.lacking = lacking(center.disk, self.snapshot)
        self.note(f"the copy of {center.name} is {self.behind} groups behind")

    def _orphan(self, center: Center) -> None:
        """Its commits wait for a copy that is not there: they never end, or the server says that they failed."""
        relay = center.relay
        if not center.is_orphan or relay is None:
            return
        if self.people.random() < 0.5:
            center.disk.sync_fails = center.disk.keeps_failed_sync = True
        else:
            relay.journal._stop_timer()
            relay.journal._sync_ms = NEVER_MS

    def promoted(self, other: int) -> MemoryDisk:
        """The copy writes from now on, with what it has."""
        center = self.centers[other]
        if self.snapshot is None:
            self._cut_off_copy(center)
            self._orphan(center)
        self.known = {number: stored.taken.key for number, stored in self.snapshot.exchanges.items()}
        self.room._disks.append(self.snapshot)
        self.room._seen.append(0)
        self.note(f"the copy of {center.name} writes")
        return self.snapshot

    def _sign(self) -> None:
        relay = self.heir.relay
        if relay is not None and relay.takeover.record.state is states.State.NONE:
            relay.begin_takeover(self.lost.name)
        if relay is None or relay.takeover.record.state is states.State.NONE:
            self.time.after(500, self._sign)
        else:
            self._await_work()

    def _await_work(self) -> None:
        relay = self.heir.relay
        if relay is None or not relay.heir.is_at_work:
            self.time.after(100, self._await_work)
            return
        self.adopted_ms = self.time.wall_ms()
        self.note("the adopted journal is at work")
        self.move.adopted()
        self.time.after(self.people.randint(*HELD_MS), self._give_back)

    def _give_back(self) -> None:
        """Asked for until nothing is open and it is done; then the other center starts on what comes back."""
        relay, center = self.heir.relay, self.lost
        state = None if relay is None else relay.takeover.record.state
        if relay is not None and state is states.State.RETURNED:
            self.given_back += 1
            self.laws.check_returned(self._adopted_disk())
            self.note(f"{center.name} has its journal again")
            if center.relay is not None:
                self.kill(center, 200)
            center.disk, center.is_orphan, center.is_lost = self._adopted_disk(), False, False
            return
        if relay is not None and state is states.State.ADOPTED:
            self.returned_ms = self.time.wall_ms()
            relay.give_back()
        self.time.after(700, self._give_back)

    def _adopted_disk(self) -> MemoryDisk:
        if self.heir.copy.disk is None:
            raise Violation("given back, and never promoted")
        return self.heir.copy.disk

    # ---- the history -------------------------------------------------------------------------------------------------
    def run(self) -> Figures:
        """Faults and a loss, then quiet until everything has ended, then customers without faults. Raises Violation."""
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
        self.peers.open()
        lost_ms = self.people.randint(*LOST_MS)
        self.time.after(lost_ms - GALE_MS, self._gale)
        self.time.after(lost_ms, self._lose)
        end_ms = self.time.monotonic_ms() + self.faults_ms
        next_fault_ms = self.time.monotonic_ms() + self.chance.randint(2_000, 4_000)
        while self.time.monotonic_ms() < end_ms:
            if self.time.monotonic_ms() >= next_fault_ms:
                weather.strike(self)
                next_fault_ms += self.chance.randint(500, 3_000)
            self.time.step()
            self.laws.check_step()
        weather.heal(self)
        self._quiet()
        self.laws.check_end()
        self._calm()
        self._quiet()
        self.laws.check_end()
        for center in self.centers:
            if center.relay is not None:
                self._count(center.relay)
        return Figures(
            seed=self.seed,
            exchanges=sum(len(disk.exchanges) for disk in self.laws.disks()),
            lost=1,
            behind=self.behind,
            moved=int(self.move.is_done),
            lost_tail=len(self.move.lost),
            proven_by_serial=self.peers.proven_late("ndc"),
            proven_by_branch=self.peers.proven_late("branch"),
            paid=self.peers.paid(),
            adopted=self.adopted,
            listed=sum(stored.state in LISTED_STATES for disk in self.laws.disks() for stored in disk.exchanges.values()),
            answered=self.answered,
            refused_calls=self.refused_calls,
            given_back=self.given_back,
            told_again=self.told_again,
            faults=self.faults + sum(self.injector.counts.values()),
            crashes=self.crashes,
            crashes_amid=self.crashes_amid,
            simulated_ms=self.time.monotonic_ms(),
            trace=self._hash.hexdigest()[:16],
        )

    def _quiet(self) -> None:
        self.room.shut()
        self.peers.shut()
        start_ms = self.time.monotonic_ms()
        while self.time.monotonic_ms() < start_ms + SETTLE_MS and not self._is_settled():
            self.time.run(500)
            self.laws.check_step()

    def _is_settled(self) -> bool:
        return (
            self.given_back > 0
            and all(
                center.relay is not None
                and center.relay.is_open
                and not center.relay.desk.register.by_key
                and not center.relay.journal.waiting_count()
                and center.relay.tails.is_finished
                for center in self.centers
            )
            and self.room.is_settled
            and self.peers.is_settled
        )

    def _calm(self) -> None:
        """Liveness: without faults every request gets the core's own outcome."""
        self.time.run(3_000)
        rooms = (self.room, *self.peers.rooms)
        before = [room.asked_and_answered() for room in rooms]
        for room in rooms:
            room.open()
        self.time.run(CALM_MS)
        for room in rooms:
            room.shut()
        self.time.run(8_000)
        self.laws.check_step()
        for room, then in zip(rooms, before, strict=True):
            asked, answered = (later - earlier for later, earlier in zip(room.asked_and_answered(), then, strict=True))
            if not asked or asked != answered:
                who = type(room).__name__
                raise Violation(f"liveness: {who}: {asked} asked in calm weather, {answered} got the core's outcome")

    def _count(self, relay: CenterRelay) -> None:
        """What happened between the centers, at the end of a life."""
        self.adopted += relay.adopted_count
        if relay.adopted_count:
            for how in ("journal", "joined", "answered", "recovered", "reversed"):
                labels = {"listener": "atm", "how": how}
                self.answered += int(sampled(relay.adopted_metrics, "relay_duplicates_total", labels))
        for verb in ("submit", "undo", "inquire", "center"):
            labels = {"verb": verb, "outcome": "not-processed"}
            if relay.standing.standing.value == "superseded":
                self.refused_calls += int(sampled(relay.metrics, "relay_core_calls_total", labels))

    def note(self, text: str) -> None:
        line = f"{self.time.monotonic_ms()} {text}"
        self.transcript.append(line)
        self._hash.update(f"{line}\n".encode())
