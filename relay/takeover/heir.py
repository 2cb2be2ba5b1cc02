"""The heir: this center with the other's journal in its hands. Fulfils `Ways` with the core, the copy's database and the
desks.

Owns the journal that was opened, the business in it, and the two fronts that lead messages there. It must never decide what
comes next (relay/takeover/plan.py). The traps: messages are led there only when what was open has been taken up, and are
led there no more before it is closed; the other center's name is spoken in only while the fence is known to stand in the
region's present epoch; when its journal fails, nothing more is said from it, and it is opened anew; and a server that hangs
must hold up its own business alone, so it is never read on the loop once that is at work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from protocols.vocabulary import NotProcessed, Unknown
from relay.bridge import answer_of
from relay.core.client import CoreClient
from relay.core.contract import CenterAnswer, FenceRequest
from relay.errors import JournalUnusable
from relay.exchange.front import FrontDesk
from relay.journal.generation import LINK_NAME, NAME, Generation, pack_generation, read_generation
from relay.journal.inherited import Inherited
from relay.outbound.front import FrontOutbound
from relay.permit import Permit
from relay.takeover.adopted import Adopted, AdoptedJournal
from relay.takeover.record import Record
from relay.takeover.ways import NotNow

T = TypeVar("T")
Said: TypeAlias = CenterAnswer | NotProcessed | Unknown


class Copy(Protocol):
    """The database that keeps the copy of the other center's journal."""

    async def is_writing(self) -> bool: ...

    async def promote(self) -> None: ...

    async def copied_until(self) -> int:
        """UTC epoch milliseconds of the newest record in it; 0 where it cannot say, or writes itself."""
        ...

    async def generation(self) -> Generation:
        """What the journal knows of itself, without opening it."""
        ...

    async def open(self, on_failed: Callable[[str], None], life_floor: int) -> AdoptedJournal:
        """In a new life, `life_floor` or above. Raises JournalUnusable."""
        ...


class Heir:
    """Fulfils relay.takeover.ways.Ways. `client` and `permit` are this center's own; `make(record, journal)` makes the
    business, not yet taken up."""

    def __init__(
        self,
        client: CoreClient,
        permit: Callable[[], Permit | None],
        copy: Copy,
        make: Callable[[Record, AdoptedJournal], Adopted],
        front: FrontDesk,
        front_outbound: FrontOutbound,
        inherited: Inherited,
        call_timeout_ms: int,
    ) -> None:
        self._client = client
        self._permit = permit
        self._copy = copy
        self._make = make
        self._front = front
        self._front_outbound = front_outbound
        self._inherited = inherited
        self._call_timeout_ms = call_timeout_ms
        self._journal: AdoptedJournal | None = None
        self._broken: AdoptedJournal | None = None  # failed, and not closed yet
        self.adopted: Adopted | None = None
        self._listing = asyncio.Lock()  # one connection reads

    # ---- the core ----------------------------------------------------------------------------------------------------
    @property
    def region_epoch(self) -> int:
        permit = self._permit()
        return 0 if permit is None else permit.epoch

    def _own_permit(self) -> Permit:
        permit = self._permit()
        if permit is None:
            raise NotNow("the core may not be asked.", "relay region status")
        return permit

    async def standing(self, center: str) -> CenterAnswer:
        permit = self._own_permit()

        def ask(done: Callable[[Said], None]) -> None:
            self._client.center(center, permit, self._call_timeout_ms, done)

        return self._answered(await answer_of(ask))

    async def fence(self, center: str, request: FenceRequest) -> None:
        permit = self._own_permit()

        def ask(done: Callable[[Said], None]) -> None:
            self._client.fence(center, request, permit, self._call_timeout_ms, done)

        answer = await answer_of(ask)
        if isinstance(answer, NotProcessed) and answer.reason == "fence-behind":
            return  # a higher life was heard meanwhile: the next look chooses another number
        self._answered(answer)

    @staticmethod
    def _answered(answer: Said) -> CenterAnswer:
        if isinstance(answer, CenterAnswer):
            return answer
        why = answer.reason if isinstance(answer, NotProcessed) else answer.why
        raise NotNow(f"the core has not answered about the fence: {why}.", "relay region status")

    # ---- the copy, and the journal in it -----------------------------------------------------------------------------
    async def is_writing(self) -> bool:
        return await _now(self._copy.is_writing())

    async def copied_until(self) -> int:
        return await _now(self._copy.copied_until())

    async def promote(self) -> None:
        await _now(self._copy.promote())

    async def open(self, life_floor: int) -> Generation:
        if self._broken is not None:
            self._broken.close()
            self._broken = None
        if self._journal is None:
            early: list[str] = []
            opened: list[AdoptedJournal] = []

            def failed(why: str) -> None:
                if not opened:
                    early.append(why)
                elif opened[0] is self._journal:
                    self._failed(why)

            journal = await _now(self._copy.open(failed, life_floor))
            if early:  # before it was ours: it says so once
                self._broken = journal
                raise NotNow(f"the adopted journal failed as it was opened: {early[0]}.", "Look at its database.")
            opened.append(journal)
            self._journal = journal
        return read_generation(self._journal.variables(LINK_NAME))

    def _failed(self, why: str) -> None:
        """Law 6, for the adopted journal: no further word from it; the next look opens it in another life."""
        self._lead_nowhere(is_awaited=True)
        if self.adopted is not None:
            self.adopted.fence()
        self._broken, self._journal, self.adopted = self._journal, None, None

    async def raise_generation(self, generation: Generation) -> None:
        journal = self._journal
        if journal is None:
            raise NotNow("the journal is not open.", "relay takeover status")
        store = partial(journal.store_variable, LINK_NAME, NAME, pack_generation(generation))
        result = await answer_of(store)
        if result is not None:
            raise NotNow(f"the adopted journal does not write: {result.why}.", "Look at its database.")

    async def is_handed_back(self, generation: Generation) -> bool:
        return self._journal is None and await _now(self._copy.generation()) == generation

    # ---- the business ------------------------------------------------------------------------------------------------
    @property
    def is_at_work(self) -> bool:
        return self.adopted is not None

    @property
    def open_count(self) -> int:
        return 0 if self.adopted is None else self.adopted.open_count

    async def listed_count(self) -> int:
        """How many exchanges of it wait for a person. Raises NotNow."""
        adopted = self.adopted
        if adopted is None:
            return 0
        async with self._listing:
            return await _now(asyncio.to_thread(lambda: sum(1 for _ in adopted.journal.listed())))

    async def adopt(self, record: Record) -> None:
        journal = self._journal
        if journal is None or self.adopted is not None:
            return
        adopted = self._make(record, journal)
        try:
            adopted.take_up()
        except Exception as error:  # a part may be under way already: all of it begins again in another life
            adopted.fence()
            self._broken, self._journal = journal, None
            if isinstance(error, JournalUnusable):
                raise NotNow(error.problem, error.next_step) from error
            raise
        self.adopted = adopted
        self._inherited.adopted = journal  # first: what is said of its books must find its exchanges
        self._front_outbound.adopted, self._front_outbound.is_awaited = adopted.outbound, False
        self._front.lead_to(adopted.desk)

    def follow(self) -> None:
        if self.adopted is not None:
            self.adopted.follow()

    async def close(self, generation: Generation) -> None:
        self._lead_nowhere(is_awaited=False)
        if self.adopted is not None and not self.adopted.is_at_rest:
            on_the_way = self.adopted.journal.waiting_count()
            raise NotNow(
                f"{self.adopted.open_count} are not at their end yet, {on_the_way} on their way.", "relay takeover status"
            )
        if await self.open(0) != generation:  # it was open: its life is above the floor by now
            await self.raise_generation(generation)
        self.stop()

    def _lead_nowhere(self, is_awaited: bool) -> None:
        self._inherited.adopted = None
        self._front.adopted = self._front_outbound.adopted = None
        self._front.is_awaited = self._front_outbound.is_awaited = is_awaited

    def stop(self) -> None:
        """The process ends, or the journal goes back: no further word from it."""
        if self.adopted is not None:
            self.adopted.stop()
        for journal in (self._journal, self._broken):
            if journal is not None:
                journal.close()
        self._journal = self._broken = self.adopted = None


async def _now(work: Awaitable[T]) -> T:
    """What the copy's database says. Raises NotNow in place of JournalUnusable: it is asked again."""
    try:
        return await work
    except JournalUnusable as error:
        raise NotNow(error.problem, error.next_step) from error
