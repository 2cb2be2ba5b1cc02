"""One life of a relay of a pair, on virtual time: with its front desks, its own standing at the core, and the take-over
loop.

Owns the wiring, as relay/takingover.py does for the daemon. The trap: what dies with a life is all of it, the other
center's journal that it had open included; and what it had asked for and not heard goes on without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any

from relay.core.balance import Balance
from relay.core.client import ClientSettings, CoreClient
from relay.errors import JournalUnusable
from relay.exchange.desk import Desk
from relay.exchange.front import FrontDesk
from relay.exchange.reopening import Reopening
from relay.journal.acks import Acks
from relay.journal.generation import LINK_NAME, Generation, read_generation, relay_epoch
from relay.journal.inherited import Inherited
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.needs import IN_PAIR
from relay.outbound.front import FrontOutbound
from relay.permit import Permit
from relay.reconcile.asking import Asking
from relay.reconcile.dates import Cutover
from relay.reconcile.shelf import Shelf
from relay.reconcile.tails import AllRows, TailParts, Tails
from relay.reconcile.tailwalk import TailRules
from relay.region.active import ActiveRegion
from relay.takeover.adopted import Adopted, AdoptedJournal
from relay.takeover.heir import Heir
from relay.takeover.record import Record, Signed, TakeoverBook
from relay.takeover.run import TakeOver
from relay.takeover.standing import OwnStanding, Standing
from relay.telemetry.metrics import Metrics
from tests.simulation.banks import LIMITS
from tests.simulation.reconciling import at_once
from tests.simulation.regions.relay import LAG_ASSUMED_MS, MARGIN_MS, WINDOW_MS, WORK_MS, ProcessTime, TailDiskRows
from tests.simulation.relayside import OUTBOUND_LIMITS, SimulatedRelay

LOOK_MS = 200
OWN_LOOK_MS = 2_000  # as takeover.own_look_ms
CALL_TIMEOUT_MS = 1_000


class SimulatedCopy:
    """The database here that follows the other center's journal; it outlives the relay. `disk` is what it holds once it
    writes."""

    PROMOTION_MS = (20, 2_000)

    def __init__(self, promoted: Callable[[], MemoryDisk], chance: Random) -> None:
        self._promoted = promoted
        self.chance = chance
        self.disk: MemoryDisk | None = None
        self.is_promoting = False

    def promote(self, time: Any) -> None:
        """Goes on by itself, whoever asked."""
        if not self.is_promoting:
            self.is_promoting = True
            time.after(self.chance.randint(*self.PROMOTION_MS), self._done)

    def _done(self) -> None:
        self.disk = self._promoted()


class CopyOfLife:
    """Fulfils relay.takeover.heir.Copy for one life of a relay."""

    def __init__(self, relay: CenterRelay, copy: SimulatedCopy, world_time: Any) -> None:
        self._relay = relay
        self._copy = copy
        self._world_time = world_time
        self.journal: MemoryJournal | None = None

    async def is_writing(self) -> bool:
        await self._pause()
        return self._copy.disk is not None

    async def promote(self) -> None:
        self._copy.promote(self._world_time)
        await self._pause()

    async def copied_until(self) -> int:
        await self._pause()
        return self._relay.time.wall_ms()

    async def generation(self) -> Generation:
        await self._pause()
        return read_generation(self._disk.link_variables.get(LINK_NAME, {}))

    async def open(self, on_failed: Callable[[str], None], life_floor: int) -> AdoptedJournal:
        await self._pause()
        disk = self._disk
        disk.incarnation = max(disk.incarnation, life_floor - 1)
        disk.sync_fails = False  # a database that starts again
        self.journal = MemoryJournal(disk, self._relay.timers, self._relay.time, on_failed=on_failed)
        return self.journal

    @property
    def _disk(self) -> MemoryDisk:
        if self._copy.disk is None:
            raise JournalUnusable("The copy does not write.", "")
        return self._copy.disk

    async def _pause(self) -> None:
        await self._relay.sleep(self._copy.chance.randint(1, 60))


class CenterRelay(SimulatedRelay):
    """`copy` is this center's copy of the other one's journal. `is_copy_away`: nobody copies this center's own, so that what is
    acknowledged here needs the core."""

    time: ProcessTime

    def __init__(self, copy: SimulatedCopy, world_time: Any, is_copy_away: bool, *args: Any, **named: Any) -> None:
        self._copy = copy
        self._is_copy_away = is_copy_away
        self._world_time = world_time
        self._deeds: set[asyncio.Task[None]] = set()
        self.adopted_count = 0
        self.answered_from_adopted = 0
        super().__init__(*args, **named)

    def _desk_port(self) -> FrontDesk:
        self.front = FrontDesk(self.desk, self.time)
        return self.front

    def _outbound_port(self) -> FrontOutbound:
        self.front_outbound = FrontOutbound(self.outbound)
        return self.front_outbound

    def _new_region(self) -> ActiveRegion:
        return ActiveRegion(
            self.journal.epoch,
            lambda epoch, done: self.client.region(epoch, 1_000, done),
            self.journal.raise_epoch,
            clock=self.time,
            timers=self.timers,
            random=self.chance,
            metrics=self.metrics,
            on_epoch=self._epoch_began,
        )

    def _epoch_began(self, epoch: int, region: str) -> None:
        self.client.epoch_began(epoch)
        self.tails.begin(epoch)

    def _find_region(self) -> None:
        self.tails.start()
        super()._find_region()

    def _tails_of(
        self,
        center: str,
        journal: MemoryJournal,
        desk: Desk,
        client: CoreClient,
        permit: Callable[[], Permit | None],
        page: Metrics,
    ) -> Tails:
        shelf = Shelf(journal)

        async def open_rows() -> AllRows:
            return TailDiskRows(journal.disk)

        async def close_rows(rows: AllRows) -> None:
            rows.close()

        return Tails(
            TailParts(
                journal=journal,
                reopen=Reopening(desk.register, desk.saf, self.timers).judge,
                saf=desk.saf,
                gate=desk.gate,
                open_rows=open_rows,
                close_rows=close_rows,
                asking=lambda rows: Asking(client, rows, permit, self.sleep, center, 1_500, 300, at_once),
                shelf=lambda: shelf,
                date_at=Cutover().date_at,
                clock=self.time,
                timers=self.timers,
                metrics=page,
                spawn=lambda name, work: asyncio.get_running_loop().create_task(work),
                center=center,
                rules=TailRules(MARGIN_MS, WORK_MS, WINDOW_MS, 4),
                lag_ms=LAG_ASSUMED_MS,
            )
        )

    def _inherited_port(self) -> Inherited:
        self.inherited = Inherited()
        return self.inherited

    def _before_recovery(self) -> None:
        self.desk.is_in_pair = True
        if self._is_copy_away:
            acks = Acks(IN_PAIR, None, lambda: self.region.permit() is not None, self.time, self.metrics)
            self.desk.acks.use(acks)
        self.tails = self._tails_of(self.center, self.journal, self.desk, self.client, self.region.permit, self.metrics)
        self.copy = CopyOfLife(self, self._copy, self._world_time)
        self.heir = Heir(
            self.client,
            self.region.permit,
            self.copy,
            self._make,
            self.front,
            self.front_outbound,
            self.inherited,
            CALL_TIMEOUT_MS,
        )
        self.takeover = TakeOver(self.center, TakeoverBook(self.journal), self.heir, self.time, self.sleep, LOOK_MS)
        self.front.is_awaited = self.front_outbound.is_awaited = self.takeover.is_awaited
        self.standing = OwnStanding(
            self.center,
            self.journal.relay_epoch,
            self.client,
            self.region.permit,
            self.timers,
            self._stands,
            LOOK_MS,
            OWN_LOOK_MS,
            CALL_TIMEOUT_MS,
        )
        self.standing.start()
        self.spawn(self.takeover.run())

    def _stands(self, standing: Standing) -> None:
        if standing is Standing.SUPERSEDED:
            self.desk.fence()
            self.outbound.fence()
            for pipe in self.pipes:
                pipe.abortConnection()

    @property
    def is_open(self) -> bool:
        """Whether its doors are open to terminals."""
        return self.standing.standing is Standing.CLEAR

    def sleep(self, delay_ms: int) -> asyncio.Future[None]:
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timers.after(delay_ms, lambda: None if passed.done() else passed.set_result(None))
        return passed

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._deeds.add(task)
        task.add_done_callback(self._deeds.discard)

    # ---- the other center's business ---------------------------------------------------------------------------------
    def _make(self, record: Record, journal: AdoptedJournal) -> Adopted:
        metrics = Metrics()
        client = CoreClient(
            ClientSettings("core.sim", 80, False, record.center, relay_epoch(record.generation, journal.incarnation)),
            self.door,
            Balance(),
            clock=self.time,
            timers=self.timers,
            metrics=metrics,
            epoch_floor=lambda: max(self.journal.epoch, self.region.floor),
        )
        client.use_addresses(["10.1.0.1", "10.1.0.2", "10.1.0.3"])

        def permit() -> Permit | None:
            return self.region.permit() if self.takeover.may_speak else None

        adopted = Adopted(
            record.center,
            journal,
            client,
            permit,
            lambda listener, line: self.roster.find_line("bank", listener, line),
            lambda listener, line: "" if listener in self.services else "there is no such line",
            self.time,
            self.timers,
            metrics,
            self.chance,
            LIMITS,
            OUTBOUND_LIMITS,
        )
        memory: Any = journal
        adopted.use_tails(self._tails_of(record.center, memory, adopted.desk, client, adopted.permit, metrics))
        self.adopted_count += sum(1 for _ in journal.open_exchanges())
        self.adopted_metrics = metrics
        return adopted

    # ---- what people ask of it ---------------------------------------------------------------------------------------
    def begin_takeover(self, center: str) -> None:
        self.spawn(self._carry_out(partial(self.takeover.begin, center, self._signed())))

    def give_back(self) -> None:
        self.spawn(self._carry_out(partial(self.takeover.give_back, self._signed())))

    def _signed(self) -> Signed:
        return Signed("Sato", "Suzuki", "no power there", self.time.wall_ms())

    async def _carry_out(self, deed: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await deed()
        except Exception as error:  # noqa: BLE001  # whatever a person would be shown
            self.said = str(error)

    # ---- the end -----------------------------------------------------------------------------------------------------
    def die(self) -> None:
        super().die()
        self.stop()

    def stop(self) -> None:
        """Nothing of it is left on the loop."""
        self.tails.stop()
        adopted = self.heir.adopted
        if adopted is not None and adopted.tails is not None:
            adopted.tails.stop()
        for task in list(self._deeds):
            task.cancel()
