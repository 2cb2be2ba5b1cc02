"""Histories with a core that loses postings and keeps what it declined or undid, and a relay that reconciles and mends.

Owns the sick core, the relay's runs on virtual time, and what must hold of them: in the end the books agree again, but for what
a report lists; nothing is opened again without the core's word by key; nothing automatic undoes a deposit, nor what another
attempt of the key was told; no key is posted that no message has. It must never look at what a run thought, only at calls, rows
and money. The trap: a run dies with its relay's life and is taken up by the next, so nothing of it may live here but what is on
the disk.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any
from urllib.parse import unquote

import msgspec

from relay.core import contract as c
from relay.exchange.evidence import unpack
from relay.exchange.exchange import Event, State
from relay.exchange.reopening import Reopening
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.memory_disk import MemoryDisk
from relay.journal.records import LISTED_STATES, OPEN_STATES, StoredExchange, StoredState
from relay.journal.sides import MOVED_ROWS_MAX, ROWS_MAX, Moved, Side
from relay.loopback.entries import account_of
from relay.loopback.ledger import Caller
from relay.reconcile.asking import Asking, NotRun
from relay.reconcile.correction import Correction
from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.judging import Judge
from relay.reconcile.matcher import Ending
from relay.reconcile.runs import Run, RunRules
from relay.reconcile.shelf import Shelf
from tests.simulation.banks import PLAIN
from tests.simulation.relayside import SimulatedRelay
from tests.simulation.rooms import Stage, Violation
from tests.simulation.weather import FAULTS
from tests.simulation.world import ROOMS, SETTLE_MS, Figures, World
from tests.support.lossycore import keep, lose

MARGIN_MS = 6_000  # longer than the terminals' reply deadline
INTERVAL_MS = 15_000
SICK_MS = (1_000, 4_000)  # between two faults of the core
SWEEPS_MAX = 6  # of each date at the end, until one finds nothing to move
DECLINED_SHARE = 0.05
PART_SHARE = 0.3  # of what the core keeps, that which was undone in part, where there is any
ELSEWHERE, ELSEWHERE_SHARE = "osaka/1/1", 0.2
DEPOSITS = frozenset({"deposit", "cheque-deposit", "refund"})
SICK_CORE = msgspec.structs.replace(PLAIN, name="sick-core")
RECONCILED_ROOMS = ("atm", "ndc")  # those whose books are held against accounts, and whose terminals say what they paid
RECONCILING_EVERY = 10  # of the seeds of a long run, one has a core that loses and keeps


class DiskRows:
    """The journal's side, read from the memory disk."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self._reopened: Counter[int] = Counter()  # lines of reconciliation, by exchange, of those seen so far
        self._lines_seen = 0

    def by_keys(self, keys: Sequence[str]) -> dict[str, Side]:
        ids = self._disk.ids
        return {key: self._side(self._disk.exchanges[ids[key]]) for key in keys if key in ids}

    def by_ids(self, exchange_ids: Sequence[int]) -> dict[int, Side]:
        held = self._disk.exchanges
        return {number: self._side(held[number]) for number in exchange_ids if number in held}

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]:
        return [self._side(self._disk.exchanges[number]) for number in self._above(exchange_id, count_max)]

    def moved_rows(self, exchange_id: int) -> list[Moved]:
        ids = self._above(exchange_id, MOVED_ROWS_MAX)
        return [self._moved(number, number, self._disk.exchanges[number].taken.recorded_ms) for number in ids]

    def moved_lines(self, line_id: int) -> list[Moved]:
        lines = self._disk.lines[line_id : line_id + MOVED_ROWS_MAX]
        return [self._moved(line_id + 1 + n, line.exchange_id, line.at_ms) for n, line in enumerate(lines)]

    def last_line(self) -> int:
        return len(self._disk.lines)

    def lives(self) -> list[int]:
        return sorted({number // IDS_PER_INCARNATION for number in self._disk.exchanges})

    def last_before(self, wall_ms: int, life: int) -> int:
        return life * IDS_PER_INCARNATION

    def _above(self, exchange_id: int, count_max: int) -> list[int]:
        end = (exchange_id // IDS_PER_INCARNATION + 1) * IDS_PER_INCARNATION
        return sorted(number for number in self._disk.exchanges if exchange_id < number < end)[:count_max]

    def _moved(self, mark: int, exchange_id: int, at_ms: int) -> Moved:
        taken = self._disk.exchanges[exchange_id].taken
        return Moved(mark, exchange_id, taken.terminal, taken.business_date, taken.recorded_ms, at_ms)

    def _times(self, own: set[int]) -> int:
        for line in self._disk.lines[self._lines_seen :]:
            if line.event.startswith("RECONCILED"):
                self._reopened[line.exchange_id] += 1
        self._lines_seen = len(self._disk.lines)
        return sum(self._reopened[number] for number in own)

    def _side(self, stored: StoredExchange) -> Side:
        taken, disk = stored.taken, self._disk
        related = [disk.exchanges[number] for number in disk.reversal_ids.get(taken.key, ())]
        reversals = [each for each in related if each.taken.message_class.value == "reversal"]
        settled = [each for each in reversals if each.state is StoredState.SETTLED and each.outcome is not None]
        newest = max(settled, key=lambda each: each.taken.exchange_id, default=None)
        own = {taken.exchange_id, *(each.taken.exchange_id for each in reversals)}
        return Side(
            exchange_id=taken.exchange_id,
            key=taken.key,
            terminal=taken.terminal,
            message_class=taken.message_class.value,
            kind=taken.kind,
            policy=taken.policy.value,
            state=stored.state.value,
            is_closed=stored.state not in OPEN_STATES and stored.state not in LISTED_STATES,
            verdict=None if stored.intent is None else stored.intent.verdict.value,
            amount_minor=taken.amount_minor,
            currency=taken.currency,
            business_date=taken.business_date,
            recorded_ms=taken.recorded_ms,
            updated_ms=stored.updated_ms,
            standing_minor=stored.standing_minor,
            outcome=stored.outcome,
            incarnation=taken.incarnation,
            is_related=bool(related),
            times=self._times(own),
            reversal_key=None if newest is None else newest.taken.key,
            reversal_outcome=None if newest is None else newest.outcome,
            epoch=stored.epoch,
            original_key=taken.original_key,
        )


class Runs:
    """The runs of one life of the relay, one at a time."""

    def __init__(self, world: ReconcilingWorld, relay: SimulatedRelay) -> None:
        self._world = world
        self._relay = relay
        self.shelf = Shelf(relay.journal)
        self._rows = DiskRows(world.disk)
        self._reopening = Reopening(relay.desk.register, relay.desk.saf, relay.timers)
        self.task: asyncio.Task[None] | None = None
        relay.timers.after(INTERVAL_MS, self._look)

    @property
    def is_busy(self) -> bool:
        return self.task is not None and not self.task.done()

    def _look(self) -> None:
        self._relay.timers.after(INTERVAL_MS, self._look)
        unfinished = self.shelf.progress()
        self.begin("" if unfinished is None else unfinished.business_date)

    def begin(self, business_date: str) -> None:
        """A sweep of that date, or a correction run; nothing where one is under way."""
        if not self.is_busy:
            self.task = self._world.loop.create_task(self._run(business_date))

    def die(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _run(self, business_date: str) -> None:
        relay, time = self._relay, self._world.time
        asking = Asking(relay.client, self._rows, relay.region.permit, self._sleep, "tokyo", 1_500, 300, at_once)
        judge = Judge(asking, self._reopening.judge, is_mending=True, moves_max=1_000)
        try:
            if business_date:
                await Run(asking, judge, self.shelf, time, Cutover(), RunRules(MARGIN_MS, 1)).daily(business_date)
            else:
                await Correction(asking, judge, self.shelf, time, Cutover(), MARGIN_MS).run()
        except NotRun:
            self._world.broken_off += 1

    def _sleep(self, delay_ms: int) -> asyncio.Future[None]:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._relay.timers.after(delay_ms, lambda: None if passed.done() else passed.set_result(None))
        return passed


class ReportedStage(Stage, frozen=True, kw_only=True):
    """What a report lists is given to a person as well."""

    def listed(self) -> list[StoredExchange]:
        reports = Shelf(_DiskVariables(self.disk)).reports()
        numbers = {d.exchange_id for report in reports for d in report.differences if d.ending is Ending.LISTED}
        return super().listed() + [self.disk.exchanges[number] for number in sorted(numbers) if number]


class _DiskVariables:
    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk

    def variables(self, link_name: str) -> dict[str, bytes]:
        return self._disk.link_variables.get(link_name, {})

    def store_variable(self, *_: Any) -> None:
        raise AssertionError("only read here")


class ReconcilingWorld(World):
    """`lost` and `kept` count the core's faults; `opened` the exchanges that were opened again."""

    def __init__(self, seed: int, **more: Any) -> None:
        self.runs: Runs | None = None
        self.broken_off = 0
        self.lost = self.kept = self.opened = 0
        self._looked: set[str] = set()  # keys that the core was asked for since its last listing
        self._wrong = ""
        self._is_sick = True
        kinds = [each for each in FAULTS if each != "failover"]
        super().__init__(seed, **{"bank": SICK_CORE, "rooms": ("atm",), "kinds": kinds, **more})
        self.person.is_away = True  # what a person decided, the relay leaves alone, and this core may lose it afterwards
        for room in self.rooms.values():
            stage: Any = room._stage  # type: ignore[attr-defined]
            room._stage = ReportedStage(**{name: getattr(stage, name) for name in stage.__struct_fields__})  # type: ignore[attr-defined]
        self._sick = Random(f"{seed}/sick")
        self._reverse, self._post = self.ledger.reverse, self.ledger.post
        self.ledger.reverse = self._reversing  # type: ignore[method-assign]
        self.ledger.post = self._posting  # type: ignore[method-assign]
        self.time.after(SICK_MS[1], self._be_sick)

    # ---- the relay's lives -----------------------------------------------------------------------------------------------
    def _start_relay(self) -> None:
        super()._start_relay()
        if self.relay is None:
            return
        door, call = self.relay.door, self.relay.door.call

        def watched(address: Any, asked: Any, timeout_ms: int, done: Any) -> Any:
            path = asked.target.decode("ascii")
            if path.startswith(c.LEDGER_PATH):
                self._looked.clear()
            elif asked.method == b"GET" and path.startswith(c.TRANSACTIONS_PATH + "/"):
                self._looked.add(unquote(path[len(c.TRANSACTIONS_PATH) + 1 :]))
            return call(address, asked, timeout_ms, done)

        door.call = watched  # type: ignore[method-assign]
        self.runs = Runs(self, self.relay)

    def kill(self) -> None:
        super().kill()
        if self.runs is not None and self.relay is None:
            self.runs.die()
            self.runs = None

    def _row_taken(self, exchange_id: int, state: State, event: Event) -> None:
        super()._row_taken(exchange_id, state, event)
        if event.name.startswith("RECONCILED"):
            self.opened += 1
            taken = self.disk.exchanges[exchange_id].taken
            if not self._looked & {taken.key, taken.original_key}:
                raise Violation(f"law 4: {taken.key} was opened again without the core's word by key")

    # ---- the core --------------------------------------------------------------------------------------------------------
    def _be_sick(self) -> None:
        if not self._is_sick:
            return
        self.time.after(self._sick.randint(*SICK_MS), self._be_sick)
        entries = list(self.ledger.entries())
        posted = [each.key for each in entries if each.standing_minor]
        gone = [each.key for each in entries if each.amount is not None and each.account and not each.standing_minor]
        gone = [key for key in gone if self.ledger._entries[key].state.value != "posted" and not self._is_taken_over(key)]
        partly = [each.key for each in entries if each.amount is not None and 0 < each.standing_minor < int(each.amount.minor)]
        partly = [key for key in partly if not self._is_taken_over(key) and not self._is_open(key)]
        if posted and self._sick.random() < 0.6:
            key = self._sick.choice(posted)
            for account in {movement.account for movement in self.ledger.movements if movement.key == key}:
                self.postings.discard((key, account))
            lose(self.ledger, key)
            self._movements_seen = len(self.ledger.movements)
            self.lost += 1
            self.note(f"the core loses {key}")
        elif gone or partly:
            key = self._sick.choice(partly if partly and self._sick.random() < PART_SHARE else gone or partly)
            keep(self.ledger, key)
            self.kept += 1
            is_elsewhere = self._sick.random() < ELSEWHERE_SHARE
            if is_elsewhere and not self._is_open(key):  # posted for the other center, long before this one asks
                attempts = self.ledger._entries[key].attempts
                attempts.answered = {ELSEWHERE: None, **attempts.answered}
            self.note(f"the core keeps {key}")

    def _is_taken_over(self, key: str) -> bool:
        """Another center has it now, and reconciles it; this one's journal has no opinion any more."""
        stored = self.disk.exchanges.get(self.disk.ids.get(key, 0))
        return stored is not None and stored.outcome is not None and unpack(stored.outcome).what == "superseded"

    def _is_open(self, key: str) -> bool:
        """What is owed is sent again by itself, whatever the core has kept meanwhile: no mending."""
        stored = self.disk.exchanges.get(self.disk.ids.get(key, 0))
        return stored is not None and stored.state in OPEN_STATES

    def _posting(self, key: str, request: c.TransactionRequest, caller: Caller, wall_ms: int) -> Any:
        """Some are declined, so that the core may keep them."""
        account = account_of(request)
        if key not in self.disk.ids:
            self._wrong = f"law 2: posted under a key that no message has: {key}"
        if self._is_sick and not request.advice and self._sick.random() < DECLINED_SHARE:
            self.ledger.block_account(account, "exceeds-limit")
        answer = self._post(key, request, caller, wall_ms)
        self.ledger._blocked.pop(account, None)
        return answer

    def _reversing(self, key: str, request: c.ReversalRequest, caller: Caller, wall_ms: int) -> Any:
        entry = self.ledger._entries.get(key)
        if request.automatic and entry is not None and entry.standing_minor:
            if entry.kind in DEPOSITS:
                self._wrong = f"law 4: a deposit was undone by itself: {key}"
            elif ELSEWHERE in entry.attempts.answered:
                self._wrong = f"law 1: what another attempt was told was undone: {key}"
        return self._reverse(key, request, caller, wall_ms)

    # ---- invariants and ends ---------------------------------------------------------------------------------------------
    def _check_step(self) -> None:
        super()._check_step()
        if self._wrong:
            raise Violation(self._wrong)

    def _quiet(self) -> None:
        """The core is well, and all is quiet; then sweeps until one of each date finds nothing to move, and quiet again."""
        self._is_sick = False
        super()._quiet()
        self.time.run(MARGIN_MS + 1_000)
        today = Cutover().date_at(self.time.wall_ms())
        yesterday = Cutover().date_at(self.time.wall_ms() - DAY_MS)
        for _ in range(SWEEPS_MAX):
            before = self.opened
            for date in (yesterday, today):
                self._sweep(date)
            if self.opened == before:
                break
            super()._quiet()
            self.time.run(MARGIN_MS + 1_000)
        super()._quiet()

    def _sweep(self, date: str) -> None:
        end_ms = self.time.monotonic_ms() + SETTLE_MS
        reports = len(self.runs.shelf.reports()) if self.runs is not None else 0
        while self.time.monotonic_ms() < end_ms:
            runs = self.runs
            if runs is not None:
                if any(each.business_date == date and each.layer.value == "daily" for each in runs.shelf.reports()[reports:]):
                    return
                runs.begin(date)
            self.time.run(200)
            self._check_step()
        raise Violation(f"liveness: no sweep of {date} came to its end")

    def endings(self) -> dict[str, int]:
        """How the differences of all reports ended."""
        found: dict[str, int] = {}
        for report in Shelf(_DiskVariables(self.disk)).reports():
            for each in report.differences:
                found[each.ending.value] = found.get(each.ending.value, 0) + 1
        return found

    def run(self) -> Figures:
        try:
            figures = super().run()
            return msgspec.structs.replace(figures, faults=figures.faults + self.lost + self.kept)
        finally:
            with self.loop.running():
                if self.runs is not None:
                    self.runs.die()
                self.time.run(10)


def world_of(seed: int, rooms: Sequence[str] = tuple(ROOMS), **more: Any) -> World:
    """The history of a seed in a long run."""
    reconciled = [room for room in rooms if room in RECONCILED_ROOMS]
    if seed % RECONCILING_EVERY or not reconciled:
        return World(seed, rooms=rooms, **more)
    return ReconcilingWorld(seed, rooms=reconciled, **more)


async def at_once(work: Any) -> object:
    return work()
