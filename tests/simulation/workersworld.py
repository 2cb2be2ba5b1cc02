"""Several workers of one relay on one journal: terminals come to any of them, each dies, stands still or hangs on its own.

Owns what a world of several workers has beyond one: whom a terminal meets, the deaths and stalls of single workers, and the
invariants between them. It must never look at who owns what on the disk, but for the check that two never hold the same. The
trap: a worker that was stopped wakes with everything that was due meanwhile, at once: timers, answers, bytes of terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from random import Random

from relay.exchange.exchange import State
from relay.journal.records import OPEN_STATES
from relay.journal.shared import FIRST, Share
from tests.simulation.banks import PLAIN, Bank
from tests.simulation.coreside import SimulatedDoor
from tests.simulation.isoroom import IsoRoom
from tests.simulation.relayside import MortalTimers, SimulatedRelay
from tests.simulation.rooms import Violation
from tests.simulation.weather import kinds_of
from tests.simulation.wires import Pipe
from tests.simulation.world import SETTLE_MS, World
from tests.support.samples import sampled

LEASE_MS = 2_000
STOP_MS = (300, 8_000)  # from a hiccup to four leases
GONE_MS = (100, 9_000)  # until a dead worker is started again: some are taken over meanwhile
LOOK_MS = 50  # how often it is looked whether two workers hold the same
OWN_SHARE = 0.35  # of the faults: deaths and stalls of single workers, beside what goes wrong with one relay
SPREAD = "atm"  # the listener whose terminals meet any worker


class WorkersWorld(World):
    """`self.relay` is the first worker, which the other rooms and the person know; None while it is dead or stands still."""

    def __init__(self, seed: int, workers: int = 2, rooms: tuple[str, ...] = ("atm",), bank: Bank = PLAIN) -> None:
        self.numbers = tuple(range(FIRST, workers + 1))
        self.relays: dict[int, SimulatedRelay] = {}
        self.whom = Random(f"{seed}/workers")
        self.takeovers = self.handovers = self.joined = self.stops = 0
        self._looked_ms = 0
        super().__init__(seed, rooms=rooms, kinds=kinds_of(bank), bank=bank)
        for room in self.rooms.values():
            if isinstance(room, IsoRoom):
                room.poster.is_posting = False  # what the core starts goes to lines of the first worker only

    # ---- lives -----------------------------------------------------------------------------------------------------------
    def _start_relay(self) -> None:
        for number in self.numbers:
            self._start_worker(number)

    def _start_worker(self, number: int) -> None:
        if number in self.relays:
            return
        if self.disk.is_full:
            self.time.after(500, partial(self._start_worker, number))
            return
        timers = MortalTimers(self.time)
        share = Share(number, LEASE_MS)
        door = SimulatedDoor(self.time, self.chance, self.core, self.injector, self.region)
        journal = self.make_journal(self.disk, timers, self.time, on_failed=partial(self._worker_fenced, number), share=share)
        relay = SimulatedRelay(
            self.time,
            self.chance,
            journal,
            door,
            self.lines,
            self.loop,
            self.bank.limits,
            self._row_taken,
            timers=timers,
            share=share,
        )
        self.relays[number] = relay
        self._show_first()

    def _show_first(self) -> None:
        first = self.relays.get(FIRST)
        self.relay = None if first is None or first.timers.is_stopped else first

    def kill(self) -> None:
        """One of them, by chance."""
        if self.relays:
            self._kill_worker(self.whom.choice(sorted(self.relays)))

    def _kill_worker(self, number: int) -> None:
        relay = self.relays.pop(number, None)
        if relay is None:
            return
        self.note(f"worker {number} dies")
        self._check_relay(relay)
        self._count(relay)
        self.crashes += 1
        relay.die()
        relay.journal.crash(keep_in_flight=self.chance.random() < 0.5)
        self._show_first()
        self.time.after(self.whom.randint(*GONE_MS), partial(self._start_worker, number))

    def stop(self) -> None:
        """SIGSTOP and SIGCONT of one of them; its last group may have reached the journal's server."""
        going = [number for number, relay in sorted(self.relays.items()) if not relay.timers.is_stopped]
        if not going:
            return
        number = self.whom.choice(going)
        relay, for_ms = self.relays[number], self.whom.randint(*STOP_MS)
        self.note(f"worker {number} stands still for {for_ms} ms")
        self.stops += 1
        journal = relay.journal
        if journal._in_flight and self.whom.random() < 0.5:
            outcomes = journal._commit(journal._in_flight)
            journal._in_flight = []
            relay.timers.stop(for_ms)
            relay.timers.call(partial(journal._answer, outcomes))
        else:
            relay.timers.stop(for_ms)
        self._show_first()
        self.time.after(for_ms, self._show_first)

    def _worker_fenced(self, number: int, why: str) -> None:
        relay = self.relays.get(number)
        if relay is not None:
            relay.desk.fence()
            relay.outbound.fence()
            self.disk.sync_fails = False
            self.note(f"worker {number} is fenced: {why}")
            self.time.soon(partial(self._end_fenced, number, relay))

    def _end_fenced(self, number: int, relay: SimulatedRelay) -> None:
        if self.relays.get(number) is relay:
            self._kill_worker(number)

    def strike(self) -> None:
        """What the weather does to a relay, it does to one of them; and there is a fault that is theirs alone."""
        if not self.relays:
            return
        self.relay = self.relays[self.whom.choice(sorted(self.relays))]
        try:
            draw = self.whom.random() / OWN_SHARE
            if draw > 1:
                self.weather.strike()
            elif draw > 0.5:
                self.stop()
            else:
                self.kill()
        finally:
            self._show_first()

    def _accepting(self, listener: str) -> Callable[[str, Callable[[bytes], None], Callable[[], None]], Pipe | None]:
        def accept(host: str, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
            numbers = sorted(self.relays) if listener == SPREAD else [FIRST] * (FIRST in self.relays)
            if not numbers:
                return None
            return self.relays[self.whom.choice(numbers)].connect(listener, host, on_data, on_lost)

        return accept

    # ---- invariants ------------------------------------------------------------------------------------------------------
    def _check_step(self) -> None:
        super()._check_step()
        now_ms = self.time.monotonic_ms()
        if now_ms >= self._looked_ms + LOOK_MS:
            self._looked_ms = now_ms
            self._check_apart()
        for relay in self.relays.values():
            if relay.posted_from_disk:
                raise Violation(f"law 9: posted again from what is on disk: {relay.posted_from_disk[0]}")

    def _check_apart(self) -> None:
        """Of two workers that may speak, never both have the same exchange, and never both deliver what is owed of one key."""
        held: dict[int, int] = {}
        owed: dict[str, int] = {}
        for number, relay in self._speaking():
            for entry in relay.desk.register.by_key.values():
                if entry.state is not State.OFFERED and held.setdefault(entry.exchange_id, number) != number:
                    raise Violation(f"section 5: workers {held[entry.exchange_id]} and {number} both hold {entry.key}")
            for entry in relay.desk.saf.entries():
                if owed.setdefault(entry.chain, number) != number:
                    raise Violation(f"law 7: workers {owed[entry.chain]} and {number} both deliver for {entry.chain}")

    def _speaking(self) -> Iterator[tuple[int, SimulatedRelay]]:
        for number, relay in sorted(self.relays.items()):
            if relay.siblings is not None and relay.siblings.is_sure and not relay.timers.is_stopped:
                yield number, relay

    def _check_end(self) -> None:
        if set(self.relays) != set(self.numbers):
            raise Violation("liveness: a worker did not come back")
        for number, relay in sorted(self.relays.items()):
            self._check_relay(relay)
            if relay.desk.register.by_key or relay.desk.saf.owed_count:
                states = sorted(f"{entry.state.name} {key}" for key, entry in relay.desk.register.by_key.items())
                raise Violation(f"law 3: worker {number} still has open after {SETTLE_MS} ms of quiet: {states[:5]}")
        left = [stored.taken.key for stored in self.disk.exchanges.values() if stored.state in OPEN_STATES]
        if left:  # before the money is counted, which is why it is missing
            raise Violation(f"law 1: open on the disk, and nobody has it: {left[:3]}")
        super()._check_end()

    def _check_reversals(self, before_ms: int) -> None:
        """A reversal waits for nothing but its own chain; which here may be placed at another worker first."""

    def _is_settled(self) -> bool:
        return (
            set(self.relays) == set(self.numbers)
            and not any(relay.timers.is_stopped for relay in self.relays.values())
            and not any(relay.desk.register.by_key for relay in self.relays.values())
            and super()._is_settled()
        )

    def living(self) -> Iterable[SimulatedRelay]:
        return self.relays.values()

    def _count(self, relay: SimulatedRelay) -> None:
        self.takeovers += int(sampled(relay.metrics, "relay_worker_takeovers_total"))
        self.handovers += int(sampled(relay.metrics, "relay_worker_handovers_total"))
        self.joined += int(sampled(relay.metrics, "relay_duplicates_total", {"listener": SPREAD, "how": "elsewhere"}))

    def count_all(self) -> dict[str, int]:
        """What happened between the workers."""
        for relay in self.relays.values():
            self._count(relay)
        return {
            "takeovers": self.takeovers,
            "handovers": self.handovers,
            "joined_elsewhere": self.joined,
            "stops": self.stops,
            "crashes": self.crashes,
        }
