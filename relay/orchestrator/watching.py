"""The plans looked at again and again, so that what would fail at night is found in the afternoon before.

Owns the round and its pace. It must never change anything, nor look while a run is open: then the run has the programs, the
relays and the attention of people. The traps: one plan that hangs must not keep the others from being looked at (each look
has a limit of its own); a folder that cannot be read makes no plan good; and a round that fails by a mistake of ours is told
and tried again.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from relay.clock import Clock
from relay.errors import RelayError
from relay.failover.actions.port import Action
from relay.failover.chain import LOG_BYTES_MAX
from relay.failover.deeds import Deed
from relay.failover.evaluation import Examine, evaluate
from relay.failover.evidence import Evidence, epoch_known
from relay.failover.keeper import Keeper
from relay.failover.peer import CopyAsk, Peer
from relay.failover.plancheck import Finding, left_out
from relay.failover.planwatch import Exercise, PlanBook, PlanView, WatchSettings
from relay.failover.run import Run, fold
from relay.failover.states import TERMINAL, State
from relay.failover.store import Shelf
from relay.orchestrator.plans import PlanFolder
from relay.telemetry.log import get_log

_log = get_log("failover")
FREE_BYTES_MIN: Final = LOG_BYTES_MAX  # room for the longest log there may be


class Watch:
    """Args: `gather` takes a snapshot, `make` gives the action of a deed; `folder` holds the logs, `examine`
    says what a plan may do where a look cannot tell; `peer` is the other center's orchestrator."""

    def __init__(
        self,
        keeper: Keeper,
        plans: PlanFolder,
        gather: Callable[[], Awaitable[Evidence]],
        make: Callable[[Deed], Action],
        clock: Clock,
        *,
        center: str,
        folder: str,
        settings: WatchSettings,
        examine: Examine | None = None,
        peer: Peer | None = None,
    ) -> None:
        self._keeper, self._plans, self._gather, self._make, self._clock = keeper, plans, gather, make, clock
        self._center, self._folder, self.settings = center, folder, settings
        self._examine, self._peer = examine, peer
        self._book = PlanBook()
        self.trouble = ""  # why nothing can be looked at at all

    def remember(self, shelf: Shelf) -> None:
        """Which runs came to an end, of all logs that are here. A log that cannot be read is told, and says nothing."""
        for name in shelf.names():
            if name in self._keeper.records.damaged:
                continue  # told at the start
            try:
                run = fold(shelf.open(name).read().entries)
            except RelayError as error:
                _log.warning("an old run log says nothing about drills", run=name, why=error.problem)
                continue
            self._exercised(run)

    def views(self) -> tuple[PlanView, ...]:
        return self._book.views()

    async def go_on(self) -> None:
        """For ever, a round each `every_s`."""
        while True:
            try:
                await self.round()
            except Exception:  # noqa: BLE001  a mistake of ours in one round does not end the looking
                _log.exception("the plans could not be looked at, by a mistake of ours")
            await asyncio.sleep(self.settings.every_s)

    async def round(self) -> None:
        """Look at every plan once; nothing while a run is open."""
        run = self._keeper.run
        if run.state in TERMINAL:
            self._exercised(run)
        if run.state not in (*TERMINAL, State.IDLE):
            return
        try:
            plans = self._book.read(self._plans.texts())
            self.trouble = "" if plans else "there is no plan in the folder"
        except RelayError as error:
            self.trouble = error.problem
            self._book.read({})
            _log.error("the plans cannot be looked at", why=error.problem)
            return
        evidence = await self._gather()
        epoch, centers = epoch_known(evidence), tuple(one.center for one in evidence.centers)
        around = (*self._host(), *await self._other_center())
        for file, plan in plans.items():
            if self._keeper.run.state not in (*TERMINAL, State.IDLE):
                return  # declared in the middle of it
            made = await evaluate(plan, self._make, epoch, self._center, self._examine)
            findings = (*made.findings, *left_out(plan, centers), *around)
            view = self._book.looked(file, findings, made.looked, self._clock.wall_ms())
            if not view.is_good:
                _log.warning("a failover plan is not good", file=file, plan=view.plan, why=view.trouble[:10])

    def free_bytes(self) -> int:
        """On the disk of the logs; 0 where it cannot be asked."""
        try:
            return shutil.disk_usage(Path(self._folder)).free
        except OSError:
            return 0

    def _host(self) -> Iterator[Finding]:
        for name in self._keeper.records.unclear:
            yield Finding("plan", f"the log of the run {name} is damaged and may not be over: no run can be declared")
        if self._keeper.disk.is_sick:
            yield Finding("plan", f"no copy of the other center's run is kept here: {self._keeper.disk.why}")
        if self.free_bytes() < FREE_BYTES_MIN:
            yield Finding("plan", f"the disk of {self._folder} has less than {FREE_BYTES_MIN // 2**20} MiB left")

    async def _other_center(self) -> tuple[Finding, ...]:
        """Is it heard, and would it keep a copy of what is written here?"""
        if self._peer is None or not self._peer.exists:
            return ()
        keeper = self._keeper
        answer = await self._peer.copy(CopyAsk(run="", term=keeper.term, proof=keeper.keys.proof() or "?"))
        if answer.kind == "away":
            return (Finding("plan", f"the other center's orchestrator is not heard: {answer.detail}"),)
        return (Finding("plan", f"{answer.differs}: it would keep no copy", "See log_key."),) if answer.differs else ()

    def _exercised(self, run: Run) -> None:
        if run.state is State.DONE and run.plan is not None:
            plan = run.plan
            regions = frozenset((plan.from_region, plan.to_region))
            self._book.exercised(Exercise(plan.name, plan.kind, regions, run.path[-1][1]))
