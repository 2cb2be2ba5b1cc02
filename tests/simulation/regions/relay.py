"""One life of a relay that finds its region in DNS, on virtual time, with the real chooser, poller, tails and steering.

Owns the wiring, as relay/regions.py and relay/tailing.py do for the daemon, and the sleep of a whole process. The trap: a
process that is stopped runs nothing, and what it had in hand goes on where it stood when it wakes, under the epoch that it
knew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any

from relay.control import regions as c
from relay.core.balance import Balance
from relay.core.client import ClientSettings, CoreClient
from relay.exchange.elsewhere import AskOther, nobody_else
from relay.exchange.reopening import Reopening
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.records import StoredState
from relay.reconcile.asking import Asking
from relay.reconcile.dates import Cutover
from relay.reconcile.shelf import Shelf
from relay.reconcile.tails import AllRows, TailParts, Tails
from relay.reconcile.tailwalk import TailRules
from relay.region.active import ActiveRegion
from relay.region.book import Book
from relay.region.chooser import Chooser, ChooserRules
from relay.region.poller import Poller
from relay.region.view import RegionWord
from relay.steering import Steering
from relay.telemetry.metrics import Metrics
from tests.simulation.reconciling import DiskRows, at_once
from tests.simulation.regions.names import NAMES, SERVERS, TARGETS, NameServers
from tests.simulation.regions.sites import ADDRESSES, RoutedDoor
from tests.simulation.relayside import SimulatedRelay
from tests.support.virtualtime import VirtualTime, VirtualTimer

LAG_ASSUMED_MS, MARGIN_MS, WORK_MS = 20_000, 8_000, 6_000
WINDOW_MS = 3_600_000
_NOBODYS = Metrics()  # of the clients that only ask GET /v1/region


class ProcessTime(VirtualTime):
    """The time of one process: the world's, but that nothing happens in it while it is stopped."""

    def __init__(self, world: VirtualTime) -> None:
        self._world = world
        self.is_asleep = False
        self._slept: list[VirtualTimer] = []

    def monotonic_ms(self) -> int:
        return self._world.monotonic_ms()

    def wall_ms(self) -> int:
        return self._world.wall_ms()

    def after(self, delay_ms: int, callback: Callable[[], None]) -> VirtualTimer:
        timer = VirtualTimer(callback)
        self._world.after(delay_ms, partial(self._due, timer))
        return timer

    def _due(self, timer: VirtualTimer) -> None:
        if self.is_asleep:
            self._slept.append(timer)
        elif timer.callback is not None:
            callback, timer.callback = timer.callback, None
            callback()

    def wake(self) -> None:
        self.is_asleep = False
        slept, self._slept = self._slept, []
        for timer in slept:
            self._world.after(0, partial(self._due, timer))


class TailDiskRows(DiskRows):
    """The memory disk as relay/journal/tailrows.py reads a real one."""

    def close(self) -> None:
        """Nothing is open."""

    def last_id(self, life: int) -> int:
        return max((n for n in self._disk.exchanges if n // IDS_PER_INCARNATION == life), default=life * IDS_PER_INCARNATION)

    def last_before(self, wall_ms: int, life: int) -> int:
        ids = sorted(n for n in self._disk.exchanges if n // IDS_PER_INCARNATION == life)
        first = next((n for n in ids if self._disk.exchanges[n].taken.recorded_ms >= wall_ms), None)
        return (ids[-1] if ids else life * IDS_PER_INCARNATION) if first is None else first - 1

    def line_before(self, wall_ms: int) -> int:
        lines = self._disk.lines
        return next((number for number, line in enumerate(lines) if line.at_ms >= wall_ms), len(lines))

    def newest_confirmed_ms(self, below_epoch: int) -> int | None:
        for stored in sorted(self._disk.exchanges.values(), key=lambda each: -each.taken.exchange_id):
            is_approved = stored.intent is not None and stored.intent.verdict.value == "approve"
            is_closed = stored.state in (StoredState.SETTLED, StoredState.CONFIRMED)
            if 0 < stored.epoch < below_epoch and (is_approved or is_closed):
                return stored.updated_ms
        return None


class RegionRelay(SimulatedRelay):
    """`names` are its name servers."""

    book: Book
    tails: Tails
    chooser: Chooser
    poller: Poller

    def __init__(
        self,
        time: ProcessTime,
        chance: Random,
        journal: MemoryJournal,
        door: RoutedDoor,
        names: NameServers,
        disk: MemoryDisk,
        *parts: Any,
        center: str,
        ask_other: AskOther = nobody_else,
    ) -> None:
        self.names = names
        self._ask_other = ask_other
        self.disk = disk
        self._deeds: set[asyncio.Task[None]] = set()
        super().__init__(time, chance, journal, door, *parts, center=center)  # type: ignore[arg-type]
        daemon: Any = SimpleNamespace(
            journal=journal,
            region=self.region,
            client=self.client,
            clock=time,
            timers=self.timers,
            metrics=self.metrics,
            desk=self.desk,
            settings=SimpleNamespace(core=SimpleNamespace(old_epoch_deadline_ms=500)),
            regions=SimpleNamespace(
                chooser=self.chooser,
                tails=self.tails,
                names=tuple(TARGETS),
                taking_over=SimpleNamespace(tails=None),
            ),
        )
        self._steering = Steering(daemon, self.book)

    # ---- what people ask of it ---------------------------------------------------------------------------------------
    def do(self, command: str, args: object, told: Callable[[object], None]) -> None:
        """A command of the control socket; `told` hears the answer, or the error. A dead process answers nothing."""
        handler: Any = self._steering.handlers()[command]

        async def carry_out() -> None:
            try:
                answer: object = await handler(args)
            except Exception as error:  # noqa: BLE001  # whatever a person would be shown
                answer = error
            if self.is_alive:
                told(answer)

        if self.is_alive:
            task = asyncio.get_running_loop().create_task(carry_out())
            self._deeds.add(task)
            task.add_done_callback(self._deeds.discard)

    def seal(self, epoch: int, told: Callable[[bool], None]) -> None:
        args = c.RegionSealArgs(epoch=epoch, who="Sato", why="failover")
        self.do("region-seal", args, lambda answer: told(not isinstance(answer, Exception)))

    # ---- the region: named by DNS, confirmed by itself ---------------------------------------------------------------
    def _new_region(self) -> ActiveRegion:
        self.book = Book(self.journal)
        claim = self.book.claim()
        known = claim.region if claim is not None and claim.epoch == self.journal.epoch else ""
        return ActiveRegion(
            self.journal.epoch,
            lambda epoch, done: self.client.region(epoch, 1_000, done),
            self.journal.raise_epoch,
            clock=self.time,
            timers=self.timers,
            random=self.chance,
            metrics=self.metrics,
            interval_ms=500,
            begin=self.book.begin,
            region=known,
            on_epoch=self._epoch_began,
        )

    def _before_recovery(self) -> None:
        self.desk.is_in_pair = True
        self.desk.ask_other = self._ask_other
        self.region.seal(self.book.sealed())
        self.desk.gate.blocked = self.book.blocked()
        reopening = Reopening(self.desk.register, self.desk.saf, self.timers)
        shelf = Shelf(self.journal)

        async def open_rows() -> AllRows:
            return TailDiskRows(self.disk)

        async def close_rows(rows: AllRows) -> None:
            rows.close()

        self.tails = Tails(
            TailParts(
                journal=self.journal,
                reopen=reopening.judge,
                saf=self.desk.saf,
                gate=self.desk.gate,
                open_rows=open_rows,
                close_rows=close_rows,
                asking=lambda rows: Asking(
                    self.client, rows, self.region.permit, self._sleep, self.center, 1_500, 300, at_once
                ),
                shelf=lambda: shelf,
                date_at=Cutover().date_at,
                clock=self.time,
                timers=self.timers,
                metrics=self.metrics,
                spawn=lambda name, coro: asyncio.get_running_loop().create_task(coro),
                center=self.center,
                rules=TailRules(MARGIN_MS, WORK_MS, WINDOW_MS, 4),
                lag_ms=LAG_ASSUMED_MS,
            )
        )

    def _sleep(self, delay_ms: int) -> asyncio.Future[None]:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timers.after(delay_ms, lambda: None if passed.done() else passed.set_result(None))
        return passed

    def _find_region(self) -> None:
        probes = {name: self._probe_client(address) for name, address in ADDRESSES.items()}

        def confirm(region: str, done: Callable[[RegionWord | None], None]) -> None:
            probes[region].region(self.journal.epoch, 1_000, done)

        self.chooser = Chooser(self.region, confirm, ChooserRules(2), clock=self.time, metrics=self.metrics)
        self.poller = Poller(
            SERVERS,
            lambda number, done: self.names.ask(number, self.timers.after, done),
            NAMES,
            lambda: self.journal.epoch,
            self.chooser.heard,
            clock=self.time,
            timers=self.timers,
            random=self.chance,
            metrics=self.metrics,
            interval_ms=500,
        )
        self.tails.start()
        self._use(self.region.region)
        claim = self.book.claim()
        if claim is not None and claim.epoch > self.journal.epoch:
            self.region.named(claim)
        self.poller.start()
        self.region.start()

    def _probe_client(self, address: str) -> CoreClient:
        client = CoreClient(
            ClientSettings("core.sim", 80, False, self.center, self.journal.incarnation),
            self.door,
            Balance(),
            clock=self.time,
            timers=self.timers,
            metrics=_NOBODYS,
            epoch_floor=lambda: 0,
        )
        client.use_addresses([address])
        return client

    def _use(self, region: str) -> None:
        self.client.use_addresses([ADDRESSES[region]] if region in ADDRESSES else [])

    def _epoch_began(self, epoch: int, region: str) -> None:
        self._use(region)
        self.client.epoch_began(epoch)
        self.tails.begin(epoch)

    def die(self) -> None:
        super().die()
        self.stop()

    def stop(self) -> None:
        """Nothing of it is left on the loop."""
        self.tails.stop()
        self.poller.stop()
        for task in list(self._deeds):
            task.cancel()
