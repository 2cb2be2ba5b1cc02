"""NDC machines as a troupe: the room of machines behind the port that a load drives, and its notes against the ledger.

Owns their listener's configuration and load, commands for the core to post, and the claim of each dispense. It must never know
another dialect. The traps: what a customer carried away is what the account must have lost, not what was ordered; and the
notes must add up by themselves, before any ledger is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from relay.loopback.claims import Claim, hold
from relay.loopback.customers import Customers
from relay.loopback.deeds import NdcPolicy
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndcroom import NdcRoom, RoomSettings
from relay.loopback.ndcstates import DEMO_LOAD
from relay.loopback.ndctally import NdcTally
from relay.loopback.report import Conservation, LedgerLine, Listed
from relay.loopback.troupe import HOST, Part, Post, Site, until

MACHINES_MAX = 200
SOURCES = ("127.0.1.", 1)  # the network from which machines dial, and the first of them
NOTES_LOADED = (90_000, 90_000, 90_000, 0)
MIX = {"withdrawal": 80.0, "balance-inquiry": 20.0}
# Rare enough that the person's list stays short, often enough to be seen.
SHARES = {
    "short_share": 0.005,
    "none_share": 0.005,
    "unknown_share": 0.001,
    "purge_share": 0.005,
    "retract_share": 0.001,
    "power_cut_share": 0.002,
    "supervisor_share": 0.002,
}
COMMAND, COMMAND_CODE = "send-tallies", "5"  # one that the relay never gives by itself
SETTLE_S = 30.0

CONFIG = """
[[listener]]
name = "ndc"
dialect = "ndc"
endpoint = "tcp:{port}:interface={host}"
reply_deadline_ms = {reply_deadline_ms}
[listener.profile]
config_id = "0001"
load = "demo-load"
[listener.profile.session]
identify_wait_ms = 200
step_wait_ms = 5000
status_wait_ms = 5000
reply_window_ms = {reply_window_ms}
"""


class NdcTroupe:
    name, peers, key_word = "ndc", "ATMs", "ndc"
    customer_waits = True

    def __init__(
        self, part: Part, customers: Customers, port: int, host: str = HOST, sources: tuple[str, int] = SOURCES
    ) -> None:
        self.tally = NdcTally()
        self.books = NoteBooks()
        self._port, self._host = port, host
        self._reply_timeout_ms = part.reply_timeout_ms
        self._posted = 0
        machines = min(part.terminals, MACHINES_MAX)
        settings = RoomSettings(
            host=host,
            port=port,
            machines=machines,
            think_ms=part.pause_ms(machines),
            loaded=NOTES_LOADED,
            seed=part.seed,
            source_net=sources[0],
            source_first=sources[1],
        )
        policy = msgspec.convert({"reply_timeout_ms": part.reply_timeout_ms, **SHARES}, NdcPolicy)
        people = Customers(part.seed + 1, len(customers.cards), MIX)  # the same cards, other wishes
        self.room = NdcRoom(settings, policy, people, self.books, self.tally)

    async def prepare(self) -> None:
        """Nothing: the machines dial."""

    def site(self) -> Site:
        config = CONFIG.replace("{port}", str(self._port)).replace("{host}", self._host)
        config = config.replace("{reply_window_ms}", str(int(self._reply_timeout_ms * 0.8)))
        return Site(
            config=config,
            address=f"{self._host}:{self._port}",
            note=f"NDC, length in two bytes; {len(self.room.machines)} fake ATMs, all LUNO 000",
            files={"dialects/demo-load.toml": DEMO_LOAD},
        )

    def start(self) -> None:
        self.room.start()

    def peer_count(self) -> int:
        return len(self.room.machines)

    def present_count(self) -> int:
        """In service, or with their supervisor, who comes and goes."""
        return sum(machine.mind.power.value in ("in-service", "supervisor") for machine in self.room.machines)

    def open_doors(self) -> None:
        self.room.open_doors()

    def close_doors(self) -> None:
        self.room.close_doors()

    async def evening(self) -> None:
        """The last customers go home, the journals are uploaded."""
        await until(lambda: self.room.unsettled_count() == 0, SETTLE_S)

    def unsettled_count(self) -> int:
        return self.room.unsettled_count()

    async def stop(self) -> None:
        await self.room.stop()

    def next_post(self) -> Post | None:
        machine = self.room.machines[self._posted % len(self.room.machines)]
        self._posted += 1
        return Post(
            listener="ndc", kind="atm-command", line=machine.mind.terminal, body={"command": COMMAND}, mark=COMMAND_CODE
        )

    def heard(self) -> Mapping[tuple[str, str], int]:
        return self.books.told

    def reversed_count(self) -> int:
        """None: an NDC machine reports, the relay reverses."""
        return 0

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        lines = list(lines)
        for terminal, why in self.books.imbalance().items():
            self.tally.violation(f"{terminal}: {why}")
        uploaded = {(line.terminal, line.trace) for line in lines if line.kind == "journal-upload"}
        for block in set(self.tally.blocks_acknowledged) - uploaded:
            self.tally.violation(f"{block[0]}: journal block {block[1]} was acknowledged and is nowhere")
        claims = [
            Claim(terminal=act.terminal, trace=act.tsn, kind="withdrawal", fate=act.ended, minor=-act.taken)
            for act in self.books.acts()
            if act.tsn
        ]
        return hold(claims, (line for line in lines if line.kind == "withdrawal"), listed, posted_twice)

    def extras(self) -> Mapping[str, int]:
        return {
            "cash_paid_minor": self.books.total_taken(),
            "dispenses": self.tally.dispenses,
            "cash_faults": self.tally.faults,
            "power_cuts": self.tally.power_cuts,
            "journal_blocks": len(self.tally.blocks_acknowledged),
        }
