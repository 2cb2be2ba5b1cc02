"""The room of branch terminals: a teller and an ATM, who work, correct, lose the line and send afterwards.

Owns what they do next, drawn from the seed, and the comparison of tills, books and ledger. It must never decide what a
terminal itself decides. The trap: a terminal that is cut in the middle of an act has notes in its till whose question nobody
answered; the same number is asked until it is, so an act always ends.
"""

from __future__ import annotations

import asyncio

from protocols.vocabulary import DoubtPolicy
from relay.journal.records import LISTED_STATES, StoredExchange
from relay.loopback.books import Act, Books, Fate
from relay.loopback.branch import BranchPolicy, BranchTerminal, Refused
from relay.loopback.branchslips import Place
from relay.loopback.report import compare, lines_of
from tests.simulation.lines import BRANCH
from tests.simulation.rooms import Stage, Violation, act_of, missing_in

OPENING = 10_000_000
PAUSE_S = (0.1, 1.5)
POLICY = BranchPolicy(reply_timeout_s=5.0, again_s=0.2, tries_max=1_000)
ACCOUNTS = tuple(f"123-1-000{number:04}" for number in range(1, 9))
POWER = ("", "", "", "", "", "told", "after", "before")


class Worker:
    """One terminal and who works at it."""

    def __init__(self, room: BranchRoom, stage: Stage, number: str, kind: str) -> None:
        self._room = room
        self._chance = stage.chance(f"branch {number}")
        place = Place(terminal=number, kind=kind, operator="" if kind == "A" else "TEL00001", business_date="20261124")
        self.terminal = BranchTerminal("10.9.0.3", BRANCH, place, room.books, OPENING, stage.time.wall_ms, POLICY)
        self.is_working = False
        self.asked = self.answered = 0
        self.done_serial = 0  # the last number of the last act that is over
        self.unclear: list[Act] = []  # approved withdrawals whose end the terminal never told

    async def work(self) -> None:
        if self.is_working:
            return
        self.is_working = True
        try:
            while self._room.is_open:
                self.asked += 1
                self.done_serial = self.terminal.till.serial
                await self._act()
                self.answered += 1
                await asyncio.sleep(self._chance.uniform(*PAUSE_S))
        finally:
            self.is_working = False

    async def _act(self) -> None:
        terminal, chance = self.terminal, self._chance
        account, amount = chance.choice(ACCOUNTS), chance.randint(1, 60) * 1_000
        if terminal.place.kind == "A":
            if chance.random() < 0.15:
                # It says so once, and that word may be lost.
                self.unclear.append(await terminal.dispense_nothing(account, amount, given=chance.choice((0, 0, 1_000))))
                return
            if chance.random() < 0.15:
                await self._retract(account, amount)
                return
            power = chance.choice(POWER)
            act = await terminal.withdraw(account, amount, power=power)
            if power and act.paid + amount and power != "told":
                self.unclear.append(act)
            return
        match chance.choice(("deposit", "deposit", "withdraw", "transfer", "cancel", "correct", "offline")):
            case "deposit":
                await terminal.deposit(account, amount)
            case "withdraw":
                await terminal.withdraw(account, amount)
            case "transfer":
                await terminal.transfer(account, chance.choice([other for other in ACCOUNTS if other != account]), amount)
            case "offline":
                terminal.go_offline()
                for _ in range(chance.randint(1, 3)):
                    await terminal.deposit(account, amount)
                await terminal.go_online()
            case undo:
                act = await terminal.deposit(account, amount)
                if act.fate is Fate.ANSWERED and not act.returned:
                    try:
                        await (terminal.cancel(act) if undo == "cancel" else terminal.correct(act, amount // 2))
                    except Refused:
                        self._room.refused += 1  # what the core may do, and nothing moved

    async def _retract(self, account: str, amount: int) -> None:
        """The power fails when the notes are out, the machine takes them back in, and says 取消 instead of how it ended."""
        act = await self.terminal.withdraw(account, amount, power="after")
        self.unclear.append(act)
        if act.paid:
            try:
                await self.terminal.cancel(act)
            except Refused:
                self._room.refused += 1


class BranchRoom:
    listeners = ("branch",)

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.books = Books()
        self.is_open = False
        self.refused = 0
        self.workers = [Worker(self, stage, "0001", "T"), Worker(self, stage, "0042", "A")]
        self._tasks: list[asyncio.Task[None]] = []

    # ---- Room ------------------------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        return not any(worker.is_working for worker in self.workers)

    def open(self) -> None:
        self.is_open = True
        self._tasks = [self._stage.loop.create_task(worker.work()) for worker in self.workers]

    def shut(self) -> None:
        self.is_open = False

    def check_step(self) -> None:
        for task in self._tasks:
            if task.done() and task.exception() is not None:
                raise Violation(f"a branch terminal cannot go on: {task.exception()!r}") from task.exception()
        for worker in self.workers:
            if worker.terminal.violations:
                raise Violation(f"a branch terminal was answered wrongly: {worker.terminal.violations[0]}")

    def check_end(self) -> None:
        names = {worker.terminal.place.name for worker in self.workers}
        entries = [entry for entry in self._stage.ledger.entries() if entry.terminal in names]
        lines = [line for line in self._stage.with_hand(lines_of(entries)) if line.terminal in names]
        held = compare(self.books, lines, self._stage.excused(), ())
        if not held.holds:
            raise Violation(f"law 10: branch: lost {held.lost}, doubled {held.doubled}: {held.differences[:3]}")
        duties = {
            act_of(stored)
            for stored in self._stage.disk.exchanges.values()
            if stored.taken.listener == "branch" and self._is_given_up_duty(stored)
        }
        unclear = duties | {(act.terminal, act.trace) for worker in self.workers for act in worker.unclear}
        guessed = [
            each for each in held.differences if each.kind == "withdrawal" and (each.terminal, each.trace) not in unclear
        ]
        if guessed:
            raise Violation(f"law 4: listed although the terminal had told how it ended: {guessed[:3]}")

    def _is_given_up_duty(self, stored: StoredExchange) -> bool:
        """Listed for its age, or by a bank that has doubt ended by people: how the terminal ended has nothing to do with it."""
        if stored.state not in LISTED_STATES and self._stage.hand.signed(stored.taken.key) is None:
            return False
        if stored.taken.policy is DoubtPolicy.HOLD:
            return True
        mine = (line for line in self._stage.disk.lines if line.exchange_id == stored.taken.exchange_id)
        return any(line.detail.startswith("expired") for line in mine)

    def missing_minor(self, stored: StoredExchange) -> int | None:
        terminal, trace = act_of(stored)
        is_busy = any(w.terminal.place.name == terminal and w.is_working and int(trace) > w.done_serial for w in self.workers)
        return None if is_busy else missing_in(self.books, self._stage, stored)

    def asked_and_answered(self) -> tuple[int, int]:
        return sum(worker.asked for worker in self.workers), sum(worker.answered for worker in self.workers)
