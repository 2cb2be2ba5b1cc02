"""`python -m relay.loopback.lab.regions LAB`: two regions' fake cores in one process, and the asynchronous copy between them.

Owns both ledgers, the sockets of all zones, each in its region's namespace, and who called in whose name. It must never
decide when a region changes: whoever plays the failover tells it to promote. The trap: an isolated region knows nothing of a
promotion, and goes on as before; so the old primary stays as it is until somebody makes it a copy.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from relay.bridge import spawn
from relay.clock import SystemClock
from relay.core.contract import NETWORK_EVENTS_PATH, REGION_PATH, REVERSALS_SUFFIX, TransactionRequest
from relay.loopback.core import CoreAnswer, FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.entries import account_of
from relay.loopback.lab.cast import customers
from relay.loopback.lab.centers import CORE_PORT
from relay.loopback.lab.door import LabError, entered
from relay.loopback.lab.hotline import Nothing, serve
from relay.loopback.lab.laying import namespace
from relay.loopback.lab.registry import folder_of
from relay.loopback.lab.topology import CENTERS, zones_of
from relay.loopback.ledger import Commit, Ledger
from relay.loopback.replica import Replica
from relay.loopback.report import LedgerLine, lines_of

FIRST_EPOCH = 8
SHIP_S = 0.02
HALTED_MS = 3_600_000  # the lag of a copy that nothing reaches


class Lag(msgspec.Struct, frozen=True):
    ms: int


class Promote(msgspec.Struct, frozen=True):
    """`after_ms`: a managed database takes its time, in which a promotion is under way."""

    epoch: int
    after_ms: int = 0


class State(msgspec.Struct, frozen=True):
    city: str
    state: Literal["standby", "blocked", "serving"]


class Calls(msgspec.Struct, frozen=True):
    """POSTs of one center at one region: `posted` and `reversed` are of money and were processed, `told` are network events,
    `refused` is whatever was not processed."""

    region: str
    center: str
    posted: int
    reversed: int
    told: int
    refused: int


class RegionRow(msgspec.Struct, frozen=True):
    city: str
    epoch: int
    state: str
    entries: int


class RegionsStatus(msgspec.Struct, frozen=True):
    """`behind` commits are not at the standby yet, `lost` were not when it was promoted. `promoting`: to which epoch a
    promotion is under way. `asked`: how often a promotion or a halt of the copy was asked for, whatever became of it."""

    primary: str
    standby: str
    lag_ms: int
    behind: int
    lost: int
    rows: tuple[RegionRow, ...]
    calls: tuple[Calls, ...]
    behind_ms: int = 0
    is_halted: bool = False
    promoting: int = 0
    asked: dict[str, int] = {}


class Books(msgspec.Struct, frozen=True):
    """The primary's ledger, for the check at the end; and, moving nothing, what promotions lost: whose each key was."""

    lines: tuple[LedgerLine, ...]
    posted_twice: tuple[str, ...]


class ListeningCore(FakeCore):
    """Counts whose POSTs it takes."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.counts: dict[str, list[int]] = {}

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, wall_ms: int) -> CoreAnswer:
        answer = super().handle(method, target, headers, body, wall_ms)
        if method == "POST" and not target.startswith(REGION_PATH):
            count = self.counts.setdefault(headers.get("relay-center", ""), [0, 0, 0, 0])
            count[_column(target) if answer.status < 300 else 3] += 1
        return answer


def _column(target: str) -> int:
    if target.startswith(NETWORK_EVENTS_PATH):
        return 2
    return 1 if target.partition("?")[0].endswith(REVERSALS_SUFFIX) else 0


def _memory(lost: Iterable[Commit]) -> Iterator[LedgerLine]:
    """A key on a person's list says nothing of the terminal's own number, and the region that knew it has lost it."""
    for commit in lost:
        if commit.verb == "post" and isinstance(commit.request, TransactionRequest):
            asked = commit.request
            yield LedgerLine(commit.key, asked.terminal, asked.trace, 0, account_of(asked), asked.kind)


class Regions:
    """`tls` is the certificate of both."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.ledgers = {city: Ledger(city, FIRST_EPOCH, utc_offset_minutes=0) for city in CENTERS}
        for ledger in self.ledgers.values():
            for card in customers().cards:
                if card.refusal:
                    ledger.block_account(card.pan.reveal(), card.refusal)
        self.cores = {city: ListeningCore(ledger) for city, ledger in self.ledgers.items()}
        self.servers = {
            city: CoreServer(core, zones=zones_of(city), port=CORE_PORT, latency_ms=2.0, tls=tls)
            for city, core in self.cores.items()
        }
        first, second = CENTERS
        self.replica = Replica(self.ledgers[first], self.ledgers[second], SystemClock().monotonic_ms)
        self._kept_lag_ms = -1  # of a copy that is halted; -1 while it runs
        self._promoting = 0
        self._asked = {"promote": 0, "halt": 0, "resume": 0}

    def status(self) -> RegionsStatus:
        replica = self.replica
        rows = [RegionRow(city, each.epoch, each.state, each.size) for city, each in self.ledgers.items()]
        calls = [
            Calls(city, center, *counts) for city, core in self.cores.items() for center, counts in sorted(core.counts.items())
        ]
        standby = "" if replica.standby is None else replica.standby.region
        return RegionsStatus(
            replica.primary.region,
            standby,
            replica.lag_ms if self._kept_lag_ms < 0 else self._kept_lag_ms,
            replica.behind_count,
            len(replica.lost),
            tuple(rows),
            tuple(calls),
            behind_ms=replica.behind_ms,
            is_halted=self._kept_lag_ms >= 0,
            promoting=self._promoting,
            asked=dict(self._asked),
        )

    def copy(self) -> None:
        """The region that is not the primary becomes its copy, whatever it was."""
        self.replica.copy_to(next(each for each in self.ledgers.values() if each is not self.replica.primary))

    # ---- what is asked ---------------------------------------------------------------------------------------------------
    async def on_status(self, args: bytes) -> RegionsStatus:
        return self.status()

    async def on_lag(self, args: bytes) -> RegionsStatus:
        ms = msgspec.json.decode(args, type=Lag).ms
        if self._kept_lag_ms < 0:
            self.replica.lag_ms = ms
        else:
            self._kept_lag_ms = ms
        return self.status()

    async def on_halt(self, args: bytes) -> RegionsStatus:
        """Nothing reaches the copy any more, until `resume` or a promotion."""
        self._asked["halt"] += 1
        if self._kept_lag_ms < 0:
            self._kept_lag_ms, self.replica.lag_ms = self.replica.lag_ms, HALTED_MS
        return self.status()

    async def on_resume(self, args: bytes) -> RegionsStatus:
        self._asked["resume"] += 1
        self._resume()
        return self.status()

    def _resume(self) -> None:
        if self._kept_lag_ms >= 0:
            self.replica.lag_ms, self._kept_lag_ms = self._kept_lag_ms, -1

    async def on_promote(self, args: bytes) -> RegionsStatus:
        asked = msgspec.json.decode(args, type=Promote)
        self._asked["promote"] += 1
        if self._promoting:
            raise LabError(f"a promotion to epoch {self._promoting} is under way")
        if self.replica.standby is None:
            raise LabError("there is no standby")
        self._promoting = asked.epoch
        if asked.after_ms:
            spawn("promotion", self._promote_after(asked))
        else:
            self._promote(asked.epoch)
        return self.status()

    async def _promote_after(self, asked: Promote) -> None:
        await asyncio.sleep(asked.after_ms / 1_000)
        self._promote(asked.epoch)

    def _promote(self, epoch: int) -> None:
        try:
            self.replica.promote(epoch)
        finally:
            self._promoting = 0
            self._resume()

    async def on_state(self, args: bytes) -> RegionsStatus:
        state = msgspec.json.decode(args, type=State)
        if state.city not in self.ledgers:
            raise LabError(f"there is no region {state.city}")
        self.ledgers[state.city].state = state.state
        return self.status()

    async def on_copy(self, args: bytes) -> RegionsStatus:
        self.copy()
        return self.status()

    async def on_books(self, args: bytes) -> Books:
        primary = self.replica.primary
        return Books((*lines_of(primary.entries()), *_memory(self.replica.lost)), tuple(primary.posted_twice()))

    async def on_nothing(self, args: bytes) -> Nothing:
        return Nothing()


async def main(lab: str) -> None:
    folder = folder_of(lab)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "core.pem", folder / "core.key")
    regions = Regions(tls)
    for city, server in regions.servers.items():
        with entered(namespace(lab, f"{city}-region")):
            await server.start()
    names = ("status", "lag", "halt", "resume", "promote", "state", "copy", "books", "nothing")
    await serve(socket_path(folder), {name: getattr(regions, f"on_{name}") for name in names})
    while True:
        regions.replica.ship()
        await asyncio.sleep(SHIP_S)


def socket_path(folder: Path) -> Path:
    return folder / "regions.sock"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
