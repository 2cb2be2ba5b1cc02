"""`python -m relay.loopback.lab.regions LAB`: two regions' fake cores in one process, and the asynchronous copy between them.

Owns both ledgers, the sockets of all zones, each in its region's namespace, and who called in whose name. It must never
decide when a region changes: whoever plays the failover tells it to promote. The trap: an isolated region knows nothing of a
promotion, and goes on as before; so the old primary stays as it is until somebody makes it a copy.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from relay.clock import SystemClock
from relay.core.contract import NETWORK_EVENTS_PATH, REGION_PATH, REVERSALS_SUFFIX
from relay.loopback.core import CoreAnswer, FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.lab.cast import customers
from relay.loopback.lab.centers import CORE_PORT
from relay.loopback.lab.door import LabError, entered
from relay.loopback.lab.hotline import Nothing, serve
from relay.loopback.lab.laying import namespace
from relay.loopback.lab.registry import folder_of
from relay.loopback.lab.topology import CENTERS, zones_of
from relay.loopback.ledger import Ledger
from relay.loopback.replica import Replica
from relay.loopback.report import LedgerLine, lines_of

FIRST_EPOCH = 8
SHIP_S = 0.02


class Lag(msgspec.Struct, frozen=True):
    ms: int


class Promote(msgspec.Struct, frozen=True):
    epoch: int


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
    """`behind` commits are not at the standby yet, `lost` were not when it was promoted."""

    primary: str
    standby: str
    lag_ms: int
    behind: int
    lost: int
    rows: tuple[RegionRow, ...]
    calls: tuple[Calls, ...]


class Books(msgspec.Struct, frozen=True):
    """The primary's ledger, for the check at the end."""

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

    def status(self) -> RegionsStatus:
        replica = self.replica
        rows = [RegionRow(city, each.epoch, each.state, each.size) for city, each in self.ledgers.items()]
        calls = [
            Calls(city, center, *counts) for city, core in self.cores.items() for center, counts in sorted(core.counts.items())
        ]
        standby = "" if replica.standby is None else replica.standby.region
        return RegionsStatus(
            replica.primary.region, standby, replica.lag_ms, replica.behind_count, len(replica.lost), tuple(rows), tuple(calls)
        )

    def copy(self) -> None:
        """The region that is not the primary becomes its copy, whatever it was."""
        self.replica.copy_to(next(each for each in self.ledgers.values() if each is not self.replica.primary))

    # ---- what is asked ---------------------------------------------------------------------------------------------------
    async def on_status(self, args: bytes) -> RegionsStatus:
        return self.status()

    async def on_lag(self, args: bytes) -> RegionsStatus:
        self.replica.lag_ms = msgspec.json.decode(args, type=Lag).ms
        return self.status()

    async def on_promote(self, args: bytes) -> RegionsStatus:
        self.replica.promote(msgspec.json.decode(args, type=Promote).epoch)
        return self.status()

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
        return Books(tuple(lines_of(primary.entries())), tuple(primary.posted_twice()))

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
    names = ("status", "lag", "promote", "state", "copy", "books", "nothing")
    await serve(socket_path(folder), {name: getattr(regions, f"on_{name}") for name in names})
    while True:
        regions.replica.ship()
        await asyncio.sleep(SHIP_S)


def socket_path(folder: Path) -> Path:
    return folder / "regions.sock"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
