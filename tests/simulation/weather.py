"""What goes wrong in a history, and how it heals: one fault after the other, drawn from the seed.

Owns the kinds of fault and the doing of each. It must never check anything. The trap: what is switched on must be switched off
again by a timer of its own, because the relay that it was done to may be dead by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.journal.memory import SYNC_MS
from relay.loopback.faults import STORM, Fault
from tests.simulation.banks import Bank

if TYPE_CHECKING:
    from tests.simulation.world import World

STALL_MS_MAX = 7_000  # longer than an NDC machine's step, so that commands are sent twice and answered twice
DYING_MS = 120  # a region's last moments
FAULTS = (
    *("kill", "kill", "storm", "storm", "cut-core", "cut-link", "half-open", "stall"),
    *("disk-full", "sync-fails", "clock", "epoch", "failover", "stale-region", "poison", "other-center"),
)
SLOW_CORE_MS = 4_000  # what a call takes longer at most while the core is slow
NO_WRITER_MS = 45_000  # until the core's database has a writer again
CUT_OFF = {Fault.CORE_5XX: 0.25, Fault.HANG: 0.05}  # what calls meet meanwhile that are not refused; nothing of them is posted
SLOW_SYNC_MS = 400  # one group of the journal, while the disk is slow


def kinds_of(bank: Bank) -> tuple[str, ...]:
    """What goes wrong in the histories of one bank; a kind that is there twice goes wrong twice as often."""
    return FAULTS + bank.more_faults


class Weather:
    """`faults` counts what was done here; the core's own faults are counted by its injector."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.faults = 0

    def strike(self) -> None:
        self.faults += 1
        what = self._world.chance.choice(self._world.kinds)
        self._world.note(what)
        heal_ms = self._world.chance.randint(200, 6_000)
        match what:
            case "kill":
                self._world.kill()
            case "storm":
                self._world.injector.set_rates({fault: rate * 3 for fault, rate in STORM.items()})
                self._world.time.after(heal_ms, lambda: self._world.injector.set_rates({}))
            case "cut-core" if self._world.relay is not None:
                door = self._world.relay.door
                door.is_cut = True
                self._world.time.after(heal_ms, lambda: setattr(door, "is_cut", False))
            case "cut-link" | "half-open":
                pipes = [] if self._world.relay is None else [pipe for pipe in self._world.relay.pipes if pipe.is_open]
                for pipe in self._world.chance.sample(pipes, k=min(len(pipes), self._world.chance.randint(1, 3))):
                    pipe.cut(half_open=what == "half-open")
            case "stall":
                for pipe in [] if self._world.relay is None else self._world.relay.pipes:
                    pipe.stall(self._world.chance.randint(1_000, STALL_MS_MAX))
            case "disk-full":
                self._world.disk.is_full = True
                self._world.time.after(min(heal_ms, 3_000), lambda: setattr(self._world.disk, "is_full", False))
            case "sync-fails":
                self._world.disk.keeps_failed_sync = self._world.chance.random() < 0.5
                self._world.disk.sync_fails = True
            case "clock":
                self._world.time.jump_wall(self._world.chance.choice([-3_000, 2_000, 30_000]))
            case "epoch":
                self._world.ledger.activate(self._world.ledger.epoch + 1)
            case "failover":
                self._world.region.is_dying = True
                self._world.time.after(DYING_MS, self._region_lost)
            case "stale-region":
                self._world.region.is_stale = True
                self._world.time.after(heal_ms, lambda: setattr(self._world.region, "is_stale", False))
            case "poison":
                self._world.region.is_poisoning = True
                self._world.time.after(heal_ms, lambda: setattr(self._world.region, "is_poisoning", False))
            case "other-center":
                self._world.region.has_other_center = True
                self._world.time.after(heal_ms, lambda: setattr(self._world.region, "has_other_center", False))
            case "slow-disk" if self._world.relay is not None:
                journal = self._world.relay.journal
                journal._sync_ms = SLOW_SYNC_MS
                self._world.time.after(heal_ms, lambda: setattr(journal, "_sync_ms", SYNC_MS))
            case "no-writer" if self._world.core.has_writer:
                self._world.core.has_writer = False
                self._world.injector.set_rates(CUT_OFF)
                self._world.time.after(NO_WRITER_MS, self._writer_back)
            case "slow-core":
                self._world.region.slow_ms = SLOW_CORE_MS
                self._world.time.after(heal_ms, lambda: setattr(self._world.region, "slow_ms", 0))

    def _writer_back(self) -> None:
        self._world.core.has_writer = True
        self._world.injector.set_rates({})

    def _region_lost(self) -> None:
        """The next region serves, without what the old one posted last; the old one's answers arrive when the relay knows."""
        self._world.region.is_dying = False
        held, self._world.region.dying = self._world.region.dying, {}
        for key in held:
            for account in self._world.ledger.forget(key):
                self._world.postings.discard((key, account))
        epoch = self._world.ledger.epoch + 1
        self._world.ledger.activate(epoch)
        self._world.note(f"region lost with {len(held)} postings")

        def deliver(tries: int) -> None:
            if self._world.disk.region_epoch < epoch and tries:
                self._world.time.after(20, lambda: deliver(tries - 1))
                return
            for answers in held.values():
                for answer in answers:
                    answer()

        deliver(100)

    def heal(self) -> None:
        self._writer_back()
        self._world.disk.is_full = self._world.disk.sync_fails = False
        self._world.region.is_stale = self._world.region.is_poisoning = self._world.region.has_other_center = False
        self._world.region.slow_ms = 0
        for relay in self._world.living():
            relay.door.is_cut = False
            relay.journal._sync_ms = SYNC_MS
