"""A room of ATMs, one relay after another, one core: a history from a seed, with faults, and what must hold all the time.

Owns the history and the invariants. The books of the terminals are kept by code that imports neither relay nor journal. The
trap: an invariant that is checked only at the end hides the step that broke it, so what can be checked at a step is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random

import msgspec

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Verdict
from relay.journal.memory import MemoryDisk, MemoryJournal
from relay.loopback.books import Books
from relay.loopback.core import FakeCore
from relay.loopback.customers import Customers
from relay.loopback.faults import STORM, FaultInjector
from relay.loopback.ledger import Ledger
from relay.loopback.report import Conservation, Listed, compare, lines_of
from relay.loopback.tally import Tally
from relay.outbound.desk import Outbound
from tests.simulation.coreside import SimulatedDoor
from tests.simulation.outboundside import Poster
from tests.simulation.relayside import SimulatedRelay
from tests.simulation.terminals import SimulatedTerminal
from tests.simulation.wires import Pipe
from tests.support.virtualtime import VirtualTime

TERMINALS = 8
THINK_MS = 700.0
FAULTS_MS = 90_000  # safety: faults of every kind
SETTLE_MS = 240_000  # all healed, no customers: everything must come to its end
CALM_MS = 15_000  # liveness: customers again, no faults


class Violation(AssertionError):
    """An invariant does not hold. The message names it; the seed is the test case."""


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


class World:
    def __init__(self, seed: int, make_journal: type[MemoryJournal] = MemoryJournal) -> None:
        self.seed = seed
        self.time = VirtualTime()
        self.chance = Random(seed)
        self.disk = MemoryDisk()
        self.ledger = Ledger()
        self.core = FakeCore(self.ledger)
        self.injector = FaultInjector(seed)
        self.books = Books()
        self.tally = Tally()
        self.make_journal = make_journal
        self.faults = self.crashes = 0
        self._hash = hashlib.sha256()
        self._epochs_seen = 0
        self.relay: SimulatedRelay | None = None
        self._start_relay()
        customers = Customers(seed, card_count=200)
        self.terminals = [
            SimulatedTerminal(
                f"ATM{number:05d}",
                self.time,
                Random(f"{seed}/{number}"),
                self.books,
                self.tally,
                customers,
                self._accept,
                self._watch,
                THINK_MS,
            )
            for number in range(1, TERMINALS + 1)
        ]
        names = [terminal.name for terminal in self.terminals]
        self.poster = Poster(seed, self.time, names, self._outbound, self.disk)

    def _outbound(self) -> Outbound | None:
        return None if self.relay is None else self.relay.outbound

    # ---- the relay's lives -----------------------------------------------------------------------------------------------
    def _start_relay(self) -> None:
        if self.disk.is_full:
            self.time.after(500, self._start_relay)
            return
        door = SimulatedDoor(self.time, self.chance, self.core, self.injector)
        journal = self.make_journal(self.disk, self.time, self.time, on_failed=self._fenced)
        self.relay = SimulatedRelay(self.time, self.chance, journal, door)

    def _accept(self, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
        return None if self.relay is None else self.relay.connect(on_data, on_lost)

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

    # ---- faults ----------------------------------------------------------------------------------------------------------
    def _fault(self) -> None:
        self.faults += 1
        what = self.chance.choice(
            ["kill", "kill", "storm", "storm", "cut-core", "cut-link", "half-open", "disk-full", "sync-fails", "clock", "epoch"]
        )
        self._note(what)
        heal_ms = self.chance.randint(200, 6_000)
        match what:
            case "kill":
                self.kill()
            case "storm":
                self.injector.set_rates({fault: rate * 3 for fault, rate in STORM.items()})
                self.time.after(heal_ms, lambda: self.injector.set_rates({}))
            case "cut-core" if self.relay is not None:
                door = self.relay.door
                door.is_cut = True
                self.time.after(heal_ms, lambda: setattr(door, "is_cut", False))
            case "cut-link" | "half-open":
                pipes = [terminal.pipe for terminal in self.terminals if terminal.pipe is not None]
                for pipe in self.chance.sample(pipes, k=min(len(pipes), self.chance.randint(1, 3))):
                    pipe.cut(half_open=what == "half-open")
            case "disk-full":
                self.disk.is_full = True
                self.time.after(min(heal_ms, 3_000), lambda: setattr(self.disk, "is_full", False))
            case "sync-fails":
                self.disk.keeps_failed_sync = self.chance.random() < 0.5
                self.disk.sync_fails = True
            case "clock":
                self.time.jump_wall(self.chance.choice([-3_000, 2_000, 30_000]))
            case "epoch":
                self.ledger.activate(self.ledger.epoch + 1)

    def _heal(self) -> None:
        self.injector.set_rates({})
        self.disk.is_full = self.disk.sync_fails = False
        if self.relay is not None:
            self.relay.door.is_cut = False

    # ---- invariants ------------------------------------------------------------------------------------------------------
    def _watch(self, terminal: str, message: IsoMessage, is_reversed: bool) -> None:
        """What an ATM hears. Law 1: an approval was on disk, as the intent "approve", before its first byte left."""
        self._note(f"{terminal} {message.mti} {message.fields.get(11)} {message.fields.get(39)}")
        self.poster.watch(terminal, message)
        if message.mti != "0210" or message.fields.get(39) not in ("00", "10"):
            return
        trace = str(message.fields[11])
        if is_reversed:
            raise Violation(f"section 5: {terminal} heard an approval of {trace} after its reversal was acknowledged")
        intents = [
            stored.intent
            for key, exchange_id in self.disk.ids.items()
            if terminal in key and trace in key
            for stored in (self.disk.exchanges[exchange_id],)
        ]
        if not any(intent is not None and intent.verdict is Verdict.APPROVE for intent in intents):
            raise Violation(f"law 1: {terminal} heard an approval of {trace} that is not on disk")

    def _check_step(self) -> None:
        twice = self.ledger.posted_twice()
        if twice:
            raise Violation(f"law 2: posted twice: {twice[:3]}")
        if self.tally.violations:
            raise Violation(f"a terminal was answered wrongly: {self.tally.violations[0]}")
        if self.disk.region_epoch < self._epochs_seen:
            raise Violation("law 5: the epoch ratchet went back")
        self._epochs_seen = self.disk.region_epoch

    def _check_relay(self, relay: SimulatedRelay) -> None:
        if relay.unexpected:
            raise Violation("the exchange table met an event that it has no row for")
        if relay.outbound_unexpected:
            raise Violation("the table of outbound messages met an event that it has no row for")

    def _check_end(self) -> Conservation:
        relay = self.relay
        if relay is None:
            raise Violation("liveness: the relay did not come back")
        self._check_relay(relay)
        if relay.desk.register.by_key or relay.desk.saf.owed_count:
            states = sorted(entry.state.name for entry in relay.desk.register.by_key.values())
            raise Violation(f"law 3: still open after {SETTLE_MS} ms of quiet: {states}")
        self.poster.check_end(self.core.reports)
        listed = [Listed(s.taken.key, s.taken.terminal, _trace_of(s.taken.key)) for s in relay.journal.listed()]
        held = compare(self.books, lines_of(self.ledger.entries()), listed, self.ledger.posted_twice())
        if not held.holds:
            raise Violation(
                f"law 10: conservation does not hold: lost {held.lost}, doubled {held.doubled}: {held.differences[:3]}"
            )
        return held

    # ---- the history -----------------------------------------------------------------------------------------------------
    def run(self) -> Figures:
        """Faults, then quiet until everything has ended, then customers without faults. Raises Violation."""
        end_ms = self.time.monotonic_ms() + FAULTS_MS
        next_fault_ms = self.time.monotonic_ms() + self.chance.randint(500, 3_000)
        while self.time.monotonic_ms() < end_ms:
            if self.time.monotonic_ms() >= next_fault_ms:
                self._fault()
                next_fault_ms += self.chance.randint(500, 3_000)
            self.time.step()
            self._check_step()
        self._heal()
        self._quiet()
        self._check_end()
        answered = self._calm()
        self._quiet()
        self._check_end()
        return Figures(
            seed=self.seed,
            exchanges=len(self.disk.exchanges),
            faults=self.faults + sum(self.injector.counts.values()),
            crashes=self.crashes,
            simulated_ms=self.time.monotonic_ms(),
            listed=sum(1 for _ in self.relay.journal.listed()) if self.relay is not None else 0,
            trace=self._hash.hexdigest()[:16],
            answered_by_core=answered,
            outbound=self.poster.counts(),
        )

    def _quiet(self) -> None:
        self.poster.is_posting = False
        for terminal in self.terminals:
            terminal.is_serving = False
        end_ms = self.time.monotonic_ms() + SETTLE_MS
        while self.time.monotonic_ms() < end_ms and not self._is_settled():
            self.time.run(500)
            self._check_step()

    def _is_settled(self) -> bool:
        relay = self.relay
        return (
            relay is not None
            and all(terminal.is_settled for terminal in self.terminals)
            and not relay.desk.register.by_key
            and self.poster.is_settled
            and not relay.journal.waiting_count()
        )

    def _calm(self) -> int:
        """Liveness: without faults every request gets the core's own outcome."""
        self.time.run(5_000)
        before = (self.tally.requests, self.tally.approved + self.tally.declined)
        for terminal in self.terminals:
            terminal.is_serving = True
            terminal.begin_again()
        self.time.run(CALM_MS)
        for terminal in self.terminals:
            terminal.is_serving = False
        self.time.run(10_000)
        self._check_step()
        asked = self.tally.requests - before[0]
        answered = self.tally.approved + self.tally.declined - before[1]
        if not asked or answered != asked:
            raise Violation(f"liveness: {asked} asked in calm weather, {answered} got the core's outcome: {self.tally.codes}")
        return answered

    def _note(self, text: str) -> None:
        self._hash.update(f"{self.time.monotonic_ms()} {text}\n".encode())


def _trace_of(key: str) -> str:
    """The trace number in a key of the default recipe."""
    parts = key.split(":")
    return parts[-2] if len(parts) > 2 else ""
