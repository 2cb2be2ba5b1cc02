"""The Zengin center on an RC line as a troupe: telegrams both ways, the center's books against the ledger, 閉局 at the end.

Owns the line's configuration, the pace of orders from the other bank, transfers for the core to post. It must never know
another dialect. The traps: the center holds what the line cannot take now, so orders are bounded while the relay is away; and
an outward telegram is recognised by its amount, which is never used twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping

import msgspec

from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback.center import CenterMind, CenterState
from relay.loopback.centerbooks import CenterBooks, Given, Known
from relay.loopback.centerdeeds import CenterFault, CenterSettings
from relay.loopback.centerserver import CenterServer
from relay.loopback.claims import Claim, hold
from relay.loopback.report import Conservation, LedgerLine, Listed
from relay.loopback.tally import Tally
from relay.loopback.troupe import HOST, Part, Post, Site, until

FIRST_OUT = 10_000_000  # amounts of outward telegrams are their names in the center's books
ACCOUNTS = ("001-1-1234567", "002-2-7654321", "003-1-2345678")
AMOUNT_MAX = 900_000
WAITING_MAX = 200  # telegrams at the center without the relay's word; beyond it no order is taken
CLOSED_LOOP_MS = 20.0
TRANSFER = "1000"  # 種目コード
SETTLE_S = 30.0
# What goes wrong on the line by itself, one after the other, a fault every so many telegrams.
LINE_FAULTS = (CenterFault.DUPLICATE, CenterFault.GAP, CenterFault.LOST_ACK, CenterFault.WRONG_LINE, CenterFault.CUT)
FAULT_EVERY = 150

CONFIG = """
[[dialer]]
name = "zengin"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:host={host}:port={port}"
backoff_first_ms = 50
backoff_max_ms = 500

[dialer.profile.calendar]
service = "always"
utc_offset_minutes = {offset}
[dialer.profile.session]
closes = "by-hand"
[dialer.profile.timers]
ack_wait_ms = 2000
watch_send_ms = 1000
watch_silence_ms = 5000
open_retry_ms = 200
close_wait_ms = 3000
"""


class ZrcTroupe:
    """`with_faults`: the line goes wrong by itself now and then. `day_offset_minutes`: of its days; None: it is noon there."""

    name, peers, key_word = "zrc", "line", "zrc"
    customer_waits = False

    def __init__(
        self, part: Part, with_faults: bool, host: str = HOST, port: int = 0, day_offset_minutes: int | None = None
    ) -> None:
        self.tally = Tally()
        self.books = CenterBooks()
        self.mind = CenterMind(self.books, CenterSettings(ack_wait_ms=3_000, watch_ms=1_000))
        self.center = CenterServer(self.mind, port, self._changed, host)
        self._host = host
        self._part = part
        self._day_offset_minutes = day_offset_minutes
        self._with_faults = with_faults
        self._chance = random.Random(f"{part.seed}/zrc")
        self._monotonic_us = SystemClock().monotonic_us
        self._ordered_ms: dict[int, float] = {}  # 受信通番 -> when; while its ACK is waited for
        self._ordering: asyncio.Task[None] | None = None
        self._posted = 0
        self._links_seen = 0

    async def prepare(self) -> None:
        await self.center.start()

    def site(self) -> Site:
        offset = self._day_offset_minutes
        if offset is None:
            offset = (12 - SystemClock().wall_ms() // 3_600_000 % 24) * 60  # no run meets its midnight
        config = CONFIG.replace("{port}", str(self.center.port)).replace("{host}", self._host)
        config = config.replace("{offset}", str(offset))
        return Site(config=config, address=f"{self._host}:{self.center.port}", note="Zengin RC: the relay dials a fake center")

    def start(self) -> None:
        """Nothing: the relay dials."""

    def peer_count(self) -> int:
        return 1

    def present_count(self) -> int:
        return int(self.mind.state is CenterState.OPEN)

    def open_doors(self) -> None:
        self._ordering = spawn("orders at the center", self._order())

    def close_doors(self) -> None:
        if self._ordering is not None:
            self._ordering.cancel()

    async def evening(self) -> None:
        """Everything under way is taken; 閉局 is the operator's, and only where nobody posts any more."""
        await until(lambda: self.mind.is_settled, SETTLE_S)

    def unsettled_count(self) -> int:
        return len(self._ordered_ms)

    async def stop(self) -> None:
        self.close_doors()
        await self.center.stop()

    # ---- traffic ---------------------------------------------------------------------------------------------------------
    async def _order(self) -> None:
        pause_ms = self._part.pause_ms(1) or CLOSED_LOOP_MS
        number = 0
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / pause_ms) / 1_000)
            if len(self._ordered_ms) >= WAITING_MAX:
                self.tally.unserved += 1
                continue
            number += 1
            if self._with_faults and number % FAULT_EVERY == 0:
                self.center.inject(LINE_FAULTS[number // FAULT_EVERY % len(LINE_FAULTS)])
            self.tally.requests += 1
            self._ordered_ms[number] = self._now_ms()
            self.center.order(number, self._chance.choice(ACCOUNTS), self._chance.randint(1, AMOUNT_MAX))

    def _changed(self) -> None:
        for number, since_ms in list(self._ordered_ms.items()):
            given = self.books.by_receipt(number)
            if given is not None and given.known is Known.TAKEN:
                del self._ordered_ms[number]
                self.tally.taken(1, since_ms, self._now_ms())
        self.tally.links_lost += max(0, self.mind.links - 1 - self._links_seen)
        self._links_seen = max(0, self.mind.links - 1)

    def _now_ms(self) -> float:
        return self._monotonic_us() / 1_000

    # ---- the core's own --------------------------------------------------------------------------------------------------
    def next_post(self) -> Post | None:
        self._posted += 1
        amount = str(FIRST_OUT + self._posted)
        body = {"to_bank": "0005", "to_branch": "002", "account_type": "1", "account": "7654321", "amount": amount}
        return Post(listener="zengin", kind="interbank-transfer", body=body, mark=amount)

    def heard(self) -> Mapping[tuple[str, str], int]:
        return {("", str(got.amount)): got.times for got in self.books.got() if got.subject == TRANSFER}

    # ---- the end ---------------------------------------------------------------------------------------------------------
    def reversed_count(self) -> int:
        """None: a telegram is never taken back."""
        return 0

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        """Each telegram that the relay took is in the ledger once, under its bank and 発信通番, on its account."""
        for serial in self.books.doubles():
            self.tally.violation(f"発信通番 {serial} came out of the relay more than once")
        named = [_named(line) for line in lines if line.kind == "interbank-transfer"]
        wrong = {(line.trace, line.account) for line in named} - {(f"{g.serial:06}", g.account) for g in self.books.given()}
        for trace, _ in sorted(wrong):
            self.tally.violation(f"telegram {trace} was posted to an account that it does not name")
        return hold((_claim(given) for given in self.books.given()), named, listed, posted_twice)

    def extras(self) -> Mapping[str, int]:
        return {
            "telegrams_in": self.books.count_known(Known.TAKEN),
            "telegrams_out": sum(1 for got in self.books.got() if got.subject == TRANSFER),
            "line_faults": len(self.mind.struck),
            "openings": self.mind.links,
        }


def _claim(given: Given) -> Claim:
    name = (given.bank, f"{given.serial:06}")
    is_taken = given.known is Known.TAKEN
    return Claim(
        terminal=name[0], trace=name[1], kind="telegram", fate=given.known.value, minor=given.amount, may_miss=not is_taken
    )


def _named(line: LedgerLine) -> LedgerLine:
    """A key is realm:zrc:bank:day:serial."""
    parts = line.key.split(":")
    return msgspec.structs.replace(line, terminal=parts[2], trace=f"{int(parts[4]):06}")
