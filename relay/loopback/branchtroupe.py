"""Branch terminals as a troupe: tellers and branch ATMs that work through the day, lose power, and balance in the evening.

Owns their listener's configuration and the acts of each terminal, one after the other. It must never know another dialect. The
traps: a terminal loses power at most once without having stored what happened, so that its evening count can prove it; and
the day is closed before the ledger is asked, because the count is the evidence.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback.books import Act, Books, Fate
from relay.loopback.branch import IN_DOUBT, NO_FOR_GOOD, BranchPolicy, BranchTerminal, Refused
from relay.loopback.branchslips import TOKYO, Place
from relay.loopback.report import Conservation, LedgerLine, Listed, compare
from relay.loopback.tally import Ending, Tally
from relay.loopback.troupe import HOST, Part, Post, Site, until

TERMINALS_MAX = 200
OPENING_CASH = 10**10
ACCOUNTS = tuple(f"123-1-{number:07}" for number in range(1, 51))
AMOUNTS = tuple(range(1_000, 31_000, 1_000))
CLOSE_S = 60.0
LOOK_S = 0.2  # how often an idle terminal looks after its line
COUNT_DIFFERS = "1008"
MANAGER = "MGR00001"
# What a terminal does next, in shares.
WISHES: dict[str, float] = {"deposit": 40, "withdraw": 40, "transfer": 12, "nothing": 2, "cancel": 3, "told": 2, "power": 1}

CONFIG = """
[[listener]]
name = "branch"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{port}:interface={host}"
reply_deadline_ms = {reply_deadline_ms}
connection_count_per_host_max = {links_max}
"""


class BranchTroupe:
    name, peers, key_word = "branch-p1", "terminals", "branch-p1"
    customer_waits = True

    def __init__(self, part: Part, port: int, host: str = HOST) -> None:
        self.tally = Tally()
        self.books = Books()
        self._port, self._host = port, host
        clock = SystemClock()
        self._monotonic_us = clock.monotonic_us
        count = min(part.terminals, TERMINALS_MAX)
        self._pause_ms = part.pause_ms(count)
        today = f"{datetime.fromtimestamp(clock.wall_ms() / 1_000, UTC) + TOKYO:%Y%m%d}"
        policy = BranchPolicy(reply_timeout_s=part.reply_timeout_ms / 1_000, approver=MANAGER, tries_max=1_000)
        self.desks = [
            _Desk(
                self,
                BranchTerminal(host, port, _place(number, today), self.books, OPENING_CASH, clock.wall_ms, policy),
                random.Random(f"{part.seed}/branch/{number}"),
            )
            for number in range(1, count + 1)
        ]
        self.is_open = False
        self._days: list[asyncio.Task[None]] = []

    def now_ms(self) -> float:
        return self._monotonic_us() / 1_000

    def pause_s(self, chance: random.Random) -> float:
        return chance.expovariate(1 / self._pause_ms) / 1_000 if self._pause_ms else 0.0

    async def prepare(self) -> None:
        """Nothing: the terminals dial."""

    def site(self) -> Site:
        return Site(
            config=CONFIG.replace("{port}", str(self._port)).replace("{host}", self._host),
            address=f"{self._host}:{self._port}",
            note=f"branch-p1; {len(self.desks)} fake terminals, tellers and ATMs",
        )

    def start(self) -> None:
        self._days = [spawn(f"day of {desk.terminal.place.name}", desk.day()) for desk in self.desks]

    def peer_count(self) -> int:
        return len(self.desks)

    def present_count(self) -> int:
        return sum(desk.terminal.is_connected for desk in self.desks)

    def open_doors(self) -> None:
        self.is_open = True

    def close_doors(self) -> None:
        self.is_open = False

    async def evening(self) -> None:
        """Each terminal counts and closes; who cannot is a violation."""
        await until(lambda: not any(desk.is_busy for desk in self.desks), CLOSE_S)
        await asyncio.gather(*(desk.close() for desk in self.desks if not desk.is_busy))

    def unsettled_count(self) -> int:
        return sum(desk.is_busy for desk in self.desks)

    async def stop(self) -> None:
        for day in self._days:
            day.cancel()
        if self._days:
            await asyncio.wait(self._days)
        for desk in self.desks:
            desk.terminal.cut()

    def next_post(self) -> Post | None:
        """None: branch-p1 has no telegram that the core starts."""
        return None

    def heard(self) -> Mapping[tuple[str, str], int]:
        return {}

    def reversed_count(self) -> int:
        return self.books.counts()[Fate.REVERSED]

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        for desk in self.desks:
            for wrong in desk.terminal.violations:
                self.tally.violation(wrong)
            self.tally.repeats_sent += desk.terminal.repeats_sent
        return compare(self.books, lines, listed, posted_twice)

    def extras(self) -> Mapping[str, int]:
        tills = [desk.terminal.till for desk in self.desks]
        return {
            "cash_out": sum(till.out_total for till in tills),
            "cash_in": sum(till.in_total for till in tills),
            "power_cuts": sum(desk.power_cuts for desk in self.desks),
            "days_closed": sum(desk.is_closed for desk in self.desks),
        }


class _Desk:
    """One terminal and whoever sits at it."""

    def __init__(self, troupe: BranchTroupe, terminal: BranchTerminal, chance: random.Random) -> None:
        self.terminal = terminal
        self.is_busy = False
        self.is_closed = False
        self.power_cuts = 0
        self._at_the_keys = asyncio.Lock()  # one person at a time: an evening may begin while the day still opens
        self._unproven = False
        self._deposits: list[Act] = []  # that may be cancelled
        self._troupe = troupe
        self._chance = chance

    async def day(self) -> None:
        try:
            await self._open()
            while not self.is_closed:
                await self._idle(self._troupe.pause_s(self._chance) if self._troupe.is_open else LOOK_S)
                async with self._at_the_keys:
                    if self._troupe.is_open and not self.is_closed:
                        self.is_busy = True
                        await self._act()
                        self.is_busy = False
        except (Refused, TimeoutError, ValueError) as error:
            self._troupe.tally.violation(f"{self.terminal.place.name}: {error}")
            self.is_busy = False

    async def _open(self) -> None:
        async with self._at_the_keys:
            if not self.is_closed:
                await self.terminal.open()

    async def _idle(self, pause_s: float) -> None:
        """Nobody is at the desk; a line that is lost is opened again all the same."""
        while True:
            await asyncio.sleep(min(pause_s, LOOK_S))
            pause_s -= LOOK_S
            if pause_s <= 0 or self.is_closed:
                return
            if not self.terminal.is_connected and self._troupe.is_open:
                await self._open()

    async def _act(self) -> None:
        troupe, chance = self._troupe, self._chance
        wish = chance.choices(list(WISHES), list(WISHES.values()))[0]
        account, amount = chance.choice(ACCOUNTS), chance.choice(AMOUNTS)
        is_atm = self.terminal.place.kind == "A"
        asked_ms = troupe.now_ms()
        troupe.tally.requests += 1
        if wish == "cancel" and not is_atm and self._deposits:
            await self.terminal.cancel(self._deposits.pop())
        elif wish == "transfer":
            await self.terminal.transfer(account, chance.choice([other for other in ACCOUNTS if other != account]), amount)
        elif wish == "nothing" and is_atm:
            await self.terminal.dispense_nothing(account, amount)
        elif wish == "told" and is_atm:
            self.power_cuts += 1
            await self.terminal.withdraw(account, amount, power="told")
        elif wish == "power" and is_atm and not self._unproven:
            self._unproven = True
            self.power_cuts += 1
            await self.terminal.withdraw(account, amount, power=chance.choice(("before", "after")))
        elif wish == "withdraw":
            await self.terminal.withdraw(account, amount)
        else:
            act = await self.terminal.deposit(account, amount)
            if not is_atm and not act.returned:
                self._deposits = [*self._deposits[-9:], act]
        code = self.terminal.last_code
        troupe.tally.ended_as(_ending(code), asked_ms, troupe.now_ms(), code)

    async def close(self) -> None:
        """閉局, with a manager where the count leaves something open. What goes wrong is a violation."""
        try:
            async with asyncio.timeout(CLOSE_S):
                async with self._at_the_keys:
                    try:
                        await self.terminal.close()
                    except Refused as refused:
                        if refused.code != COUNT_DIFFERS:
                            raise
                        await self.terminal.close(approver=MANAGER)
                    self.is_closed = True
        except (Refused, TimeoutError) as error:
            self._troupe.tally.violation(f"{self.terminal.place.name} could not close its day: {error}")


def _place(number: int, business_date: str) -> Place:
    """Every third terminal is a teller's."""
    is_teller = number % 3 == 0
    operator = "TEL00001" if is_teller else ""
    return Place(terminal=f"{number:04}", kind="T" if is_teller else "A", operator=operator, business_date=business_date)


def _ending(code: str) -> Ending:
    if code == "0000":
        return Ending.APPROVED
    if code in NO_FOR_GOOD:
        return Ending.REFUSED
    return Ending.DOUBTED if code == IN_DOUBT else Ending.DECLINED
