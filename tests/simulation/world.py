"""A room of ATMs, one relay after another, one core: a history from a seed, with faults, and what must hold all the time.

Owns the history and the invariants. The books of the terminals are kept by code that imports neither relay nor journal. The
trap: an invariant that is checked only at the end hides the step that broke it, so what can be checked at a step is.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

import msgspec

from protocols.vocabulary import MessageClass
from relay.exchange.exchange import Event, State
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.loopback.core import FakeCore
from relay.loopback.faults import FaultInjector
from relay.loopback.ledger import Ledger
from relay.outbound.desk import Outbound
from tests.simulation.banks import Bank, bank_of
from tests.simulation.branchroom import BranchRoom
from tests.simulation.centerroom import CenterRoom
from tests.simulation.coreside import Region, SimulatedDoor
from tests.simulation.fileroom import FileRoom
from tests.simulation.handbook import HandBook
from tests.simulation.isoroom import IsoRoom
from tests.simulation.lines import Lines
from tests.simulation.machineroom import MachineRoom
from tests.simulation.person import Person
from tests.simulation.relayside import SimulatedRelay
from tests.simulation.rooms import Room, Stage, Violation
from tests.simulation.virtualloop import VirtualLoop
from tests.simulation.weather import Weather, kinds_of
from tests.simulation.wires import Pipe
from tests.support.virtualtime import VirtualTime

FAULTS_MS = 90_000  # safety: faults of every kind
SETTLE_MS = 240_000  # all healed, no customers: everything must come to its end
CALM_MS = 15_000  # liveness: customers again, no faults

TRANSCRIPT_LINES = 60
UNDO_QUIET_MS = 25_000  # after so much quiet every reversal has arrived, whatever else the core cannot digest
UNDOING = (State.UNDOING, State.UNDONE, State.PART_UNDONE)

ROOMS: Mapping[str, Callable[[Stage], Room]] = {
    "atm": IsoRoom,
    "ndc": MachineRoom,
    "branch": BranchRoom,
    "zengin": CenterRoom,
    "files": FileRoom,
}


class Figures(msgspec.Struct, kw_only=True):
    """What one history was."""

    seed: int
    exchanges: int
    faults: int
    crashes: int
    simulated_ms: int
    listed: int
    trace: str
    answered_by_core: int
    outbound: dict[str, int] = {}  # messages that the core started, by how they ended
    by_listener: dict[str, int] = {}  # exchanges
    bank: str = ""
    decided: int = 0  # lines of the list that the person took off it
    tried_again: int = 0
    turned_down: int = 0  # what the person wanted at a wrong moment


class World:
    """`rooms` are the names of the dialects' rooms that take part; `kinds` and `faults_ms` what goes wrong, and how long;
    `make_journal` lets a test put a broken one in; `bank` is the seed's own where none is given. `rows` counts the rows of the
    exchange table that were taken, `transcript`
    has the last of what happened."""

    def __init__(
        self,
        seed: int,
        make_journal: type[MemoryJournal] = MemoryJournal,
        rooms: Sequence[str] = tuple(ROOMS),
        kinds: Sequence[str] | None = None,
        faults_ms: int = FAULTS_MS,
        bank: Bank | None = None,
    ) -> None:
        self.seed = seed
        self.bank = bank_of(seed) if bank is None else bank
        self.kinds = kinds_of(self.bank) if kinds is None else kinds
        self.faults_ms = faults_ms
        self.rows: Counter[tuple[State, Event]] = Counter()
        self.transcript: deque[str] = deque(maxlen=TRANSCRIPT_LINES)
        self.time = VirtualTime()
        self.chance = Random(seed)
        self.loop = VirtualLoop(self.time, Random(f"{seed}/loop"))
        self.disk = MemoryDisk()
        self.ledger = Ledger()
        self.core = FakeCore(self.ledger)
        self.injector = FaultInjector(seed)
        self.region = Region(Random(f"{seed}/region"))
        self.make_journal = make_journal
        self.hand = HandBook()
        self.weather = Weather(self)
        self.crashes = 0
        self._hash = hashlib.sha256()
        self._epochs_seen = 0
        self._open_keys: set[str] = set()  # at the last look of `_check_reversals`
        self._movements_seen = 0  # only what is new is looked at after a step
        self.postings: set[tuple[str, str]] = set()
        self.relay: SimulatedRelay | None = None
        self.lines = Lines(rooms, self.bank)
        for each in self.lines.listeners:
            self.loop.listening[self.lines.port(each)] = self._accepting(each.name)
        with self.loop.running():
            self._start_relay()
            stage = Stage(
                seed=seed,
                time=self.time,
                loop=self.loop,
                disk=self.disk,
                ledger=self.ledger,
                core=self.core,
                outbound=self._outbound,
                note=self.note,
                bank=self.bank,
                hand=self.hand,
            )
            self.rooms = {name: ROOMS[name](stage) for name in rooms}
            self.person = Person(stage, self.rooms, lambda: self.relay, self._row_taken)

    def _outbound(self) -> Outbound | None:
        return None if self.relay is None else self.relay.outbound

    def _accepting(self, listener: str) -> Callable[[str, Callable[[bytes], None], Callable[[], None]], Pipe | None]:
        def accept(host: str, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
            return None if self.relay is None else self.relay.connect(listener, host, on_data, on_lost)

        return accept

    # ---- the relay's lives -----------------------------------------------------------------------------------------------
    def _start_relay(self) -> None:
        if self.disk.is_full:
            self.time.after(500, self._start_relay)
            return
        door = SimulatedDoor(self.time, self.chance, self.core, self.injector, self.region)
        journal = self.make_journal(self.disk, self.time, self.time, on_failed=self._fenced)
        limits = self.bank.limits
        relay = SimulatedRelay(self.time, self.chance, journal, door, self.lines, self.loop, limits, self._row_taken)
        self.relay = relay

    def kill(self) -> None:
        """The process dies between two steps; what was on its way to the disk may have arrived."""
        relay, self.relay = self.relay, None
        if relay is None:
            return
        self._check_relay(relay)
        self.crashes += 1
        relay.die()
        relay.journal.crash(keep_in_flight=self.chance.random() < 0.5)
        self.time.after(self.chance.randint(100, 2_000), self._start_relay)

    def _fenced(self, why: str) -> None:
        """A failed sync: the relay fences itself; the next incarnation starts on what the disk has."""
        if self.relay is not None:
            self.relay.desk.fence()
            self.relay.outbound.fence()
            self.disk.sync_fails = False
            self.time.soon(self.kill)

    def strike(self) -> None:
        self.weather.strike()

    def living(self) -> Iterable[SimulatedRelay]:
        return () if self.relay is None else (self.relay,)

    def _row_taken(self, exchange_id: int, state: State, event: Event) -> None:
        self.rows[state, event] += 1
        self.note(f"exchange {exchange_id} {state.name} {event.name}")

    # ---- invariants ------------------------------------------------------------------------------------------------------
    def _check_step(self) -> None:
        movements = self.ledger.movements
        while self._movements_seen < len(movements):
            movement = movements[self._movements_seen]
            self._movements_seen += 1
            if movement.posting:
                if (movement.key, movement.account) in self.postings:
                    raise Violation(f"law 2: posted twice: {movement.key}")
                self.postings.add((movement.key, movement.account))
        for room in self.rooms.values():
            room.check_step()
        self.person.check_step()
        if self.loop.failures:
            raise Violation(f"a peer broke: {self.loop.failures[0]!r}") from self.loop.failures[0]
        if self.region.lower_epochs:
            raise Violation(f"law 5: epoch {self.region.lower_epochs[0]} was spoken to after {self.region.highest_epoch}")
        if self.disk.region_epoch < self._epochs_seen:
            raise Violation("law 5: the epoch ratchet went back")
        self._epochs_seen = self.disk.region_epoch

    def _check_relay(self, relay: SimulatedRelay) -> None:
        if relay.unexpected:
            raise Violation("the exchange table met an event that it has no row for")
        if relay.outbound_unexpected:
            raise Violation("the table of outbound messages met an event that it has no row for")

    def _check_end(self) -> None:
        relay = self.relay
        if relay is None:
            raise Violation("liveness: the relay did not come back")
        self._check_relay(relay)
        if relay.desk.register.by_key or relay.desk.saf.owed_count:
            states = sorted(f"{entry.state.name} {key}" for key, entry in relay.desk.register.by_key.items())
            raise Violation(f"law 3: still open after {SETTLE_MS} ms of quiet: {states[:5]}")
        unsettled = [name for name, room in self.rooms.items() if not room.is_settled]
        if unsettled:
            raise Violation(f"liveness: not at rest after {SETTLE_MS} ms of quiet: {unsettled}")
        self.person.check_end()
        for room in self.rooms.values():
            room.check_end()

    # ---- the history -----------------------------------------------------------------------------------------------------
    def run(self) -> Figures:
        """Faults, then quiet until everything has ended, then customers without faults. Raises Violation."""
        try:
            with self.loop.running():
                return self._run()
        finally:
            for transport in list(self.loop.transports):
                transport.forget()

    def _run(self) -> Figures:
        for room in self.rooms.values():
            room.open()
        self.person.open()
        end_ms = self.time.monotonic_ms() + self.faults_ms
        next_fault_ms = self.time.monotonic_ms() + self.chance.randint(500, 3_000)
        while self.time.monotonic_ms() < end_ms:
            if self.time.monotonic_ms() >= next_fault_ms:
                self.strike()
                next_fault_ms += self.chance.randint(500, 3_000)
            self.time.step()
            self._check_step()
        self.weather.heal()
        self._quiet()
        self._check_end()
        answered = self._calm()
        self._quiet()
        self._check_end()
        return Figures(
            seed=self.seed,
            exchanges=len(self.disk.exchanges),
            faults=self.weather.faults + sum(self.injector.counts.values()),
            crashes=self.crashes,
            simulated_ms=self.time.monotonic_ms(),
            listed=sum(1 for _ in self.relay.journal.listed()) if self.relay is not None else 0,
            trace=self._hash.hexdigest()[:16],
            answered_by_core=answered,
            outbound=_counted(stored.state.value for stored in self.disk.outbound.messages.values()),
            by_listener=_counted(stored.taken.listener for stored in self.disk.exchanges.values()),
            bank=self.bank.name,
            decided=self.hand.count,
            tried_again=self.hand.tried_again,
            turned_down=self.hand.turned_down,
        )

    def _quiet(self) -> None:
        self.person.shut()
        for room in self.rooms.values():
            room.shut()
        start_ms = self.time.monotonic_ms()
        while self.time.monotonic_ms() < start_ms + SETTLE_MS and not self._is_settled():
            self.time.run(500)
            self._check_step()
            if self.time.monotonic_ms() > start_ms + UNDO_QUIET_MS:
                self._check_reversals(start_ms)

    def _check_reversals(self, before_ms: int) -> None:
        """A reversal waits for nothing but its own chain."""
        relay = self.relay
        if relay is None:
            return
        open_keys = set(relay.desk.register.by_key)
        own_chain, self._open_keys = self._open_keys | open_keys, open_keys
        for entry in relay.desk.register.by_key.values():
            is_reversal = entry.request.message_class is MessageClass.REVERSAL
            waits_for_original = is_reversal and entry.request.original_key in own_chain
            is_untried = (
                not entry.tries and entry.opened_ms < before_ms
            )  # what the core itself refuses is on its way to the list
            if (is_reversal or entry.state in UNDOING) and is_untried and not waits_for_original:
                raise Violation(f"liveness: a reversal is held up by something else: {entry.key} {entry.state.name}")

    def _is_settled(self) -> bool:
        relay = self.relay
        return (
            relay is not None
            and not relay.desk.register.by_key  # the cheap ones first: most looks end here
            and not relay.outbound.register.open
            and not relay.journal.waiting_count()
            and all(room.is_settled for room in self.rooms.values())
        )

    def _calm(self) -> int:
        """Liveness: without faults every request gets the core's own outcome."""
        self.time.run(5_000)
        before = {name: room.asked_and_answered() for name, room in self.rooms.items()}
        for room in self.rooms.values():
            room.open()
        self.person.open()
        self.time.run(CALM_MS)
        self.person.shut()
        for room in self.rooms.values():
            room.shut()
        self.time.run(10_000)
        self._check_step()
        total = 0
        for name, room in self.rooms.items():
            asked, answered = (after - then for after, then in zip(room.asked_and_answered(), before[name], strict=True))
            if not asked or answered != asked:
                raise Violation(f"liveness: {name}: {asked} asked in calm weather, {answered} got the core's outcome")
            total += answered
        return total

    def note(self, text: str) -> None:
        line = f"{self.time.monotonic_ms()} {text}"
        self.transcript.append(line)
        self._hash.update(f"{line}\n".encode())


def _counted(words: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found
