"""What the world asks of a room: the peers of one dialect, with their own books.

Owns the port `Room`, `Stage` (what a room gets) and `Violation`. It must never know a dialect. The trap: a room's books are
written by code that imports neither relay nor journal; the relay's disk is read only at the end, for the list of what it
gave to people.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

import msgspec

from relay.journal.memory import MemoryDisk
from relay.journal.records import LISTED_STATES, StoredExchange
from relay.loopback.core import FakeCore
from relay.loopback.ledger import Ledger
from relay.outbound.desk import Outbound
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

    def chance(self, name: str) -> Random:
        """Chance of its own for each user, so that one more draw here moves nothing there."""
        return Random(f"{self.seed}/{name}")

    def listed(self) -> list[StoredExchange]:
        """What the relay gave to people."""
        return [stored for _, stored in sorted(self.disk.exchanges.items()) if stored.state in LISTED_STATES]


class Room(Protocol):
    """The peers of one dialect."""

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

    def asked_and_answered(self) -> tuple[int, int]:
        """Requests so far, and how many of them got the core's own outcome: equal in calm weather."""
        ...
