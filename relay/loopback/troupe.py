"""What a load needs of one dialect's fake peers: the port that every troupe fulfils. Declarations only.

Owns the interface and the values that go through it: a troupe says what of the daemon's configuration it needs, opens and
closes its doors, hands over messages for the core to start, and holds its own books against the ledger at the end. It must
never know a dialect. The trap: whoever drives troupes asks only what stands here, so a new dialect is one more troupe and
no change in the load, the report or the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from relay.loopback.report import Conservation, LedgerLine, Listed
from relay.loopback.tally import Tally

HOST = "127.0.0.1"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What falls to one troupe of the whole load. `rate_per_s` None: closed loop, with `think_ms` between two acts."""

    terminals: int
    rate_per_s: float | None
    think_ms: float = 0.0
    reply_timeout_ms: float = 10_000
    seed: int = 1

    def pause_ms(self, peers: int) -> float:
        """The mean pause between two acts of each of `peers` that together keep about this part's rate."""
        if self.rate_per_s is None:
            return self.think_ms
        return 1_000 * peers / self.rate_per_s if self.rate_per_s > 0 else 86_400_000.0


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What of the daemon's world a troupe needs. In `config` the stage replaces {directory}, {reply_deadline_ms}, {links_max}.

    `address` and `note` are for people: where the line is, and what speaks there. `files` are beside the configuration.
    """

    config: str
    address: str
    note: str
    credentials: Mapping[str, str] = {}
    files: Mapping[str, str] = {}


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the core is to start. `mark` is what the peer's own book will call it on this `line`."""

    listener: str
    kind: str
    body: Mapping[str, str]
    line: str = ""
    mark: str = ""


class Troupe(Protocol):
    """One dialect's fake peers. Made inside the running loop; no method raises for anything that the relay does."""

    name: str  # as the command line and the report call it
    peers: str  # what its peers are, for people: "ATMs"
    key_word: str  # the dialect's word in the keys of the ledger
    customer_waits: bool  # somebody waits at the terminal for the answer: its latencies count in the whole load's

    @property
    def tally(self) -> Tally: ...

    async def prepare(self) -> None:
        """Open what the daemon will dial; before the daemon starts, and before `site` is asked."""

    def site(self) -> Site: ...

    def start(self) -> None:
        """Connect, sign on."""

    def peer_count(self) -> int: ...

    def present_count(self) -> int:
        """How many of them are signed on, in service or open now."""

    def open_doors(self) -> None: ...

    def close_doors(self) -> None: ...

    async def evening(self) -> None:
        """After the doors closed: finish what is under way, close the day where the dialect has one. Bounded by itself."""

    def unsettled_count(self) -> int: ...

    async def stop(self) -> None: ...

    def next_post(self) -> Post | None:
        """A message for the core to start now, or None: not now, or never."""

    def heard(self) -> Mapping[tuple[str, str], int]:
        """The peers' own book of messages that the core started: (line, mark) -> how often."""

    def reversed_count(self) -> int:
        """Acts that the peers themselves took back."""

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        """The troupe's books against the ledger's lines whose key has its word."""

    def extras(self) -> Mapping[str, int]:
        """Figures of this dialect alone, from the books: notes paid, telegrams, files."""


async def until(condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.02) -> bool:
    """Wait for `condition`, looking every `poll_s` seconds. False when `timeout_s` passed first."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while not condition():
        if loop.time() >= deadline_s:
            return False
        await asyncio.sleep(poll_s)
    return True
