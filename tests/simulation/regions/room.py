"""The ATMs of two relay centers: each has one where it goes first, and goes to the other when nobody answers there.

Owns their books and what must hold of what they hear. It must never look at a relay's memory; of the disks, only whether an
intent was there. The trap: a terminal that went over repeats there what it asked here, under the same key.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Verdict
from relay.journal.memory_disk import MemoryDisk
from relay.loopback.books import Books
from relay.loopback.customers import Customers
from relay.loopback.entries import Entry
from relay.loopback.report import Conservation, Listed, compare, lines_of
from relay.loopback.tally import Tally
from tests.simulation.rooms import Violation, newest
from tests.simulation.terminals import SimulatedTerminal
from tests.simulation.wires import Pipe
from tests.support.virtualtime import VirtualTime

TERMINALS = 6
THINK_MS = 500.0
KEY_PARTS = 7  # realm, dialect, acquirer, terminal, type, trace, date

Open = Callable[[int, Callable[[bytes], None], Callable[[], None]], Pipe | None]


class AtmRoom:
    """`connect(center, ...)` opens a link to a center, by its number; None where nobody is there."""

    def __init__(
        self,
        seed: int,
        time: VirtualTime,
        disks: list[MemoryDisk],
        connect: Open,
        note: Callable[[str], None],
        terminals: int = TERMINALS,
    ) -> None:
        self._disks = disks
        self._note = note
        self.unanswered: set[tuple[str, str]] = set()  # terminal and trace: asked of the other center, which could not answer
        self._seen: list[int] = [0 for _ in disks]
        self._ids: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.books = Books()
        self.tally = Tally()
        customers = Customers(seed, card_count=120)
        self.terminals = [
            SimulatedTerminal(
                f"ATM{number:05d}",
                time,
                Random(f"{seed}/{number}"),
                self.books,
                self.tally,
                customers,
                self._way(number % len(disks), connect),
                self._watch,
                THINK_MS,
            )
            for number in range(1, terminals + 1)
        ]

    def _way(self, first: int, connect: Open) -> Callable[[Callable[[bytes], None], Callable[[], None]], Pipe | None]:
        count = len(self._disks)

        def accept(on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> Pipe | None:
            for number in range(count):
                pipe = connect((first + number) % count, on_data, on_lost)
                if pipe is not None:
                    return pipe
            return None

        return accept

    def _watch(self, terminal: str, message: IsoMessage, is_reversed: bool) -> None:
        """Law 1: an approval was on a disk, as the intent "approve", before its first byte left. And none after its reversal
        was acknowledged, unless the center that gave it asked the other one and found nobody."""
        self._note(f"{terminal} {message.mti} {message.fields.get(11)} {message.fields.get(39)}")
        if message.mti != "0210" or message.fields.get(39) not in ("00", "10"):
            return
        trace = str(message.fields[11])
        if is_reversed and (terminal, trace) not in self.unanswered:
            raise Violation(f"section 5: {terminal} heard an approval of {trace} after its reversal was acknowledged")
        for center, exchange_id in self._exchanges(terminal, trace):
            intent = self._disks[center].exchanges[exchange_id].intent
            if intent is not None and intent.verdict is Verdict.APPROVE:
                return
        raise Violation(f"law 1: {terminal} heard an approval of {trace} that is not on disk")

    def _exchanges(self, terminal: str, trace: str) -> list[tuple[int, int]]:
        """(center, exchange) of those whose key names this terminal and number."""
        for center, disk in enumerate(self._disks):
            for key, exchange_id in newest(disk.ids, len(disk.ids) - self._seen[center]):
                parts = key.split(":")
                if len(parts) >= KEY_PARTS:
                    self._ids.setdefault((parts[3].strip(), parts[5]), []).append((center, exchange_id))
            self._seen[center] = len(disk.ids)
        return self._ids.get((terminal, trace), [])

    # ---- what the world asks -----------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        return all(terminal.is_settled for terminal in self.terminals)

    def open(self) -> None:
        for terminal in self.terminals:
            terminal.is_serving = True
            terminal.begin_again()

    def shut(self) -> None:
        for terminal in self.terminals:
            terminal.is_serving = False

    def check_step(self) -> None:
        if self.tally.violations:
            raise Violation(f"a terminal was answered wrongly: {self.tally.violations[0]}")

    def held(self, entries: list[Entry], listed: list[Listed]) -> Conservation:
        """The books against a ledger."""
        mine = {terminal.name for terminal in self.terminals}
        return compare(self.books, [line for line in lines_of(entries) if line.terminal.strip() in mine], listed, ())

    def asked_and_answered(self) -> tuple[int, int]:
        return self.tally.requests, self.tally.approved + self.tally.declined
