"""What the world asks of a room: the peers of one dialect, with their own books.

Owns the port `Room`, `Stage` (what a room gets) and `Violation`. It must never know a dialect. The trap: a room's books are
written by code that imports neither relay nor journal; the relay's disk is read only at the end, for the list of what it
gave to people.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Protocol

import msgspec

from relay.journal.memory_disk import MemoryDisk
from relay.journal.records import LISTED_STATES, StoredExchange, unpack_request
from relay.loopback.books import Books, Fate
from relay.loopback.core import FakeCore
from relay.loopback.entries import MOVES
from relay.loopback.ledger import Ledger
from relay.loopback.report import LedgerLine, Listed
from relay.outbound.desk import Outbound
from tests.simulation.banks import PLAIN, Bank
from tests.simulation.handbook import HandBook
from tests.simulation.virtualloop import VirtualLoop
from tests.support.virtualtime import VirtualTime


class Violation(AssertionError):
    """An invariant does not hold. The message names it; the seed is the test case."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """`outbound` is the desk of the relay's life that there is, None between two lives. `note` goes into the trace."""

    seed: int
    time: VirtualTime
    loop: VirtualLoop
    disk: MemoryDisk
    ledger: Ledger
    core: FakeCore
    outbound: Callable[[], Outbound | None]
    note: Callable[[str], None]
    bank: Bank = PLAIN
    hand: HandBook = msgspec.field(default_factory=HandBook)

    def chance(self, name: str) -> Random:
        """Chance of its own for each user, so that one more draw here moves nothing there."""
        return Random(f"{self.seed}/{name}")

    def listed(self) -> list[StoredExchange]:
        """What the relay gave to people."""
        listed = [stored for stored in self.disk.exchanges.values() if stored.state in LISTED_STATES]
        return sorted(listed, key=lambda stored: stored.taken.exchange_id)

    def stored(self, key: str) -> StoredExchange | None:
        """What the disk has under a key."""
        return self.disk.exchanges.get(self.disk.ids.get(key, 0))

    def excused(self) -> list[Listed]:
        """What somebody still has to work out: on the relay's list, or taken from it in haste. Of a reversal that never
        reached the core, the original too."""
        hasty = (self.stored(decision.key) for decision in self.hand.in_haste())
        found = self.listed() + [stored for stored in hasty if stored is not None]
        lines = []
        for stored in found:
            lines.append(Listed(stored.taken.key, stored.taken.terminal, act_of(stored)[1]))
            original = self.stored(stored.taken.original_key)
            if original is not None:
                lines.append(Listed(original.taken.key, original.taken.terminal, act_of(original)[1]))
        return lines

    def given_up(self) -> dict[str, StoredExchange]:
        """What the relay gave to people, whether they have decided or not, by key."""
        decided = (self.stored(decision.key) for decision in self.hand.decided())
        found = [*self.listed(), *(stored for stored in decided if stored is not None)]
        return {stored.taken.key: stored for stored in found}

    def with_hand(self, lines: list[LedgerLine]) -> list[LedgerLine]:
        """The ledger's lines and what was booked by hand, as one line per act."""
        moved = self.hand.moved()
        together = []
        for line in lines:
            more = moved.pop((line.terminal.strip(), line.trace), 0) if line.delta_minor or line.kind in MOVES else 0
            together.append(msgspec.structs.replace(line, delta_minor=line.delta_minor + more) if more else line)
        return together + [LedgerLine("by hand", terminal, trace, minor) for (terminal, trace), minor in moved.items()]


def newest(ids: dict[str, int], count: int) -> list[tuple[str, int]]:
    """The last `count` entries in their order, without walking over those before them."""
    return list(islice(reversed(ids.items()), max(0, count)))[::-1]


def act_of(stored: StoredExchange) -> tuple[str, str]:
    """(terminal, number) of what a stored exchange is about."""
    taken = stored.taken
    trace = unpack_request(taken.key, taken.request, taken.pan).trace if taken.request else ""
    return (taken.terminal.strip(), trace)


def missing_in(books: Books, stage: Stage, stored: StoredExchange) -> int | None:
    """`Room.missing_minor` for rooms whose books go by terminal and number."""
    terminal, trace = act_of(stored)
    act = books.find(terminal, trace)
    if act is None:
        return 0
    if act.fate in (Fate.OPEN, Fate.REVERSAL_OWED):
        return None
    entries = [entry for entry in stage.ledger.entries() if entry.trace == trace and entry.terminal.strip() == terminal]
    return act.owed_by_ledger - sum(MOVES.get(entry.kind, 0) * entry.standing_minor for entry in entries)


class Room(Protocol):
    """The peers of one dialect."""

    listeners: tuple[str, ...]  # whose exchanges are this room's

    @property
    def is_settled(self) -> bool:
        """Nobody waits for anything, and nothing of this room is under way."""
        ...

    def open(self) -> None:
        """Customers come: at the beginning, and again in calm weather."""
        ...

    def shut(self) -> None:
        """No new customers; those who are here end what they began."""
        ...

    def check_step(self) -> None:
        """Raises Violation. Cheap: after each step of the world."""
        ...

    def check_end(self) -> None:
        """Everything has come to its end: hold the books against the ledger. Raises Violation."""
        ...

    def missing_minor(self, stored: StoredExchange) -> int | None:
        """For the person at the list: what the account must have gained in this act by this room's books, less what the
        ledger has. None while somebody here is still busy with it."""
        ...

    def asked_and_answered(self) -> tuple[int, int]:
        """Requests so far, and how many of them got the core's own outcome: equal in calm weather."""
        ...
