"""`python -m relay.loopback.lab.crowd LAB`: fake peers of every dialect in the terminals' network, and the check at the end.

Owns the troupes' day, what they saw since a mark, and their books against the primary's ledger. It must never know what fails
nor why. The traps: an act that a killed center had begun is unknown until that center or its heir has asked, so the check
waits for both; and it is this process that reads both journals' lists, which the network between them cannot keep it from.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback import inspector
from relay.loopback.deliveries import Outcome
from relay.loopback.lab import databases
from relay.loopback.lab.cast import troupes
from relay.loopback.lab.centers import control_path
from relay.loopback.lab.door import Door, LabError, enter
from relay.loopback.lab.hotline import Nothing, ask, serve
from relay.loopback.lab.laying import Command, namespace
from relay.loopback.lab.regions import Books
from relay.loopback.lab.regions import socket_path as regions_socket
from relay.loopback.lab.registry import folder_of
from relay.loopback.lab.relays import Relay
from relay.loopback.lab.topology import CENTERS, TERMINALS, peer_of
from relay.loopback.lab.watching import Seen, Watcher
from relay.loopback.reckoning import reckon
from relay.loopback.report import Listed
from relay.loopback.troupe import Troupe

LOOK_S = 0.005
QUIET_S = 180.0
STILL_LOOKS = 3


class CrowdRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    peers: str
    present: int
    expected: int
    requests: int
    approved: int
    declined: int
    refused: int
    doubted: int
    timed_out: int
    waiting: int


class CrowdStatus(msgspec.Struct, frozen=True):
    is_open: bool
    rows: tuple[CrowdRow, ...]
    violations: tuple[str, ...]


class Sight(msgspec.Struct, frozen=True):
    rows: tuple[Seen, ...]


class Evening(msgspec.Struct, frozen=True):
    """`lost` is the center whose journal is at work at the other one; "" where each has its own."""

    lost: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The evening: `unended` exchanges were not at rest in time; `listed` wait for a person."""

    lost: int
    doubled: int
    is_good: bool
    listed: int
    unended: int
    differences: tuple[str, ...]
    violations: tuple[str, ...]
    quiet_ms: int


class Crowd:
    """Made inside the running loop."""

    def __init__(self, lab: str, folder: Path) -> None:
        self._folder = folder
        self._door = Door(lab, folder)
        self._troupes: list[Troupe] = troupes()
        self._now_us = SystemClock().monotonic_us
        self._watchers: list[Watcher] = []
        self._is_open = False

    async def start(self) -> None:
        for troupe in self._troupes:
            await troupe.prepare()
            troupe.start()
        self._mark()
        spawn("looks at the crowd", self._look())

    async def _look(self) -> None:
        while True:
            now_ms = self._now_us() / 1_000
            for troupe, watcher in zip(self._troupes, self._watchers, strict=True):
                watcher.look(troupe.present_count(), _counts(troupe), now_ms)
            await asyncio.sleep(LOOK_S)

    def _mark(self) -> None:
        now_ms = self._now_us() / 1_000
        self._watchers = [Watcher(each.name, each.peer_count(), _counts(each), now_ms) for each in self._troupes]

    # ---- what is asked ---------------------------------------------------------------------------------------------------
    async def on_status(self, args: bytes) -> CrowdStatus:
        rows = [
            CrowdRow(
                name=troupe.name,
                peers=troupe.peers,
                present=troupe.present_count(),
                expected=troupe.peer_count(),
                requests=troupe.tally.requests,
                approved=troupe.tally.approved,
                declined=troupe.tally.declined,
                refused=troupe.tally.refused,
                doubted=troupe.tally.doubted,
                timed_out=troupe.tally.timed_out,
                waiting=troupe.unsettled_count(),
            )
            for troupe in self._troupes
        ]
        return CrowdStatus(self._is_open, tuple(rows), self._violations())

    async def on_open(self, args: bytes) -> Nothing:
        if not self._is_open:
            self._is_open = True
            for troupe in self._troupes:
                troupe.open_doors()
        self._mark()
        return Nothing()

    async def on_mark(self, args: bytes) -> Nothing:
        self._mark()
        return Nothing()

    async def on_sight(self, args: bytes) -> Sight:
        return Sight(tuple(watcher.seen() for watcher in self._watchers))

    async def on_evening(self, args: bytes) -> Verdict:
        """No more customers; everybody comes to rest; the books against the ledger."""
        for troupe in self._troupes:
            troupe.close_doors()
        await asyncio.gather(*(troupe.evening() for troupe in self._troupes))
        return await self.on_books(args)

    async def on_books(self, args: bytes) -> Verdict:
        """After the evening: when everybody is at rest, the books against the ledger."""
        begun_us, lost = self._now_us(), msgspec.json.decode(args, type=Evening).lost
        unended = await self._rest(begun_us, lost)
        listed = [row for city in CENTERS for row in await self._listed(city, lost)]
        books = await asyncio.to_thread(ask, regions_socket(self._folder), "books", Nothing(), Books)
        outcomes = [Outcome({}) for _ in self._troupes]
        whole = reckon(self._troupes, books.lines, listed, books.posted_twice, outcomes).whole
        violations = self._violations()
        return Verdict(
            lost=whole.lost,
            doubled=whole.doubled,
            is_good=whole.holds and not violations and not unended,
            listed=len(listed),
            unended=unended,
            differences=tuple(str(difference) for difference in whole.differences),
            violations=violations,
            quiet_ms=(self._now_us() - begun_us) // 1_000,
        )

    async def _listed(self, city: str, lost: str) -> list[Listed]:
        """What waits for a person; of an adopted journal read in its database, for its heir shows how many and no more."""
        if city != lost:
            path = self._control(city)
            return (await inspector.listed(path))[1] + await inspector.listed_in_tail(path)
        server = databases.server(f"standby-{lost}")
        words = databases.asking(server, str(self._folder / server.name), databases.LISTED)
        told = await asyncio.to_thread(self._door.run, Command(tuple(words)))
        rows = [msgspec.json.decode(line, type=Listed) for line in told.splitlines()]
        return [msgspec.structs.replace(row, trace=inspector.trace_of(row.key)) for row in rows]

    async def _unended(self, city: str, lost: str) -> int:
        if city != lost:
            return (await inspector.status(self._control(city))).unended
        report = await asyncio.to_thread(Relay(self._folder, peer_of(lost)).takeover)
        return report.open_count if report.is_at_work else 1

    async def _rest(self, begun_us: int, lost: str) -> int:
        """How many are not at rest when patience ends."""
        still = 0
        while True:
            unended = sum(troupe.unsettled_count() for troupe in self._troupes)
            for city in CENTERS:
                try:
                    unended += await self._unended(city, lost)
                except (inspector.NotThere, LabError):
                    unended += 1
            still = 0 if unended else still + 1
            if still >= STILL_LOOKS or self._now_us() - begun_us > QUIET_S * 1_000_000:
                return unended
            await asyncio.sleep(0.1)

    def _control(self, city: str) -> str:
        return control_path(str(self._folder / city))

    def _violations(self) -> tuple[str, ...]:
        return tuple(f"{troupe.name}: {what}" for troupe in self._troupes for what in troupe.tally.violations)


def _counts(troupe: Troupe) -> tuple[int, int, int, int]:
    tally = troupe.tally
    return tally.approved + tally.declined, tally.refused, tally.doubted, tally.timed_out


def crowd_socket(folder: Path) -> Path:
    return folder / "crowd.sock"


async def main(lab: str) -> None:
    folder = folder_of(lab)
    crowd = Crowd(lab, folder)
    await crowd.start()
    names = ("status", "open", "mark", "sight", "evening", "books")
    await serve(crowd_socket(folder), {name: getattr(crowd, f"on_{name}") for name in names})
    await asyncio.Event().wait()


if __name__ == "__main__":
    enter(namespace(sys.argv[1], TERMINALS))
    asyncio.run(main(sys.argv[1]))
