"""How a run asks the core, and reads the journal: with tries, and without holding up the loop.

Owns the two questions (a page of the listing, one key) and the rule of what is tried again. It must never compare. The traps: a
core that may not be asked ends the run, which is taken up later, while one key that cannot be asked for is only that key's
trouble; and an inquiry names the exchange's own attempt, because another one would supersede it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from protocols.vocabulary import NotProcessed, Unknown
from relay.clock import Cancellable
from relay.core.contract import LedgerPage
from relay.core.port import Attempt, Look, Looked, Permit
from relay.journal.sides import ROWS_MAX, Moved, Side

TRIES_MAX: Final = 5  # of one page, or one key
TURN_COUNT: Final = 100  # lines or rows compared at one go: about a millisecond

T = TypeVar("T")
Page = LedgerPage | NotProcessed | Unknown
Aside = Callable[[Callable[[], T]], Awaitable[T]]


class LedgerCore(Protocol):
    def ledger(
        self, business_date: str, terminal: str, cursor: str, permit: Permit, timeout_ms: int, done: Callable[[Page], None]
    ) -> Cancellable: ...

    def look(
        self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Look], None]
    ) -> Cancellable: ...


class Rows(Protocol):
    """The journal's side, read where it holds nobody up; each call may take its time."""

    def by_keys(self, keys: Sequence[str]) -> dict[str, Side]: ...

    def by_ids(self, exchange_ids: Sequence[int]) -> dict[int, Side]: ...

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]: ...

    def moved_rows(self, exchange_id: int) -> list[Moved]: ...

    def moved_lines(self, line_id: int) -> list[Moved]: ...

    def last_line(self) -> int: ...

    def lives(self) -> list[int]: ...

    def last_before(self, wall_ms: int, life: int) -> int: ...


class NotRun(Exception):
    """The run stopped where it stands on disk; the next one takes it up from there."""


async def in_thread(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)


class Asking(msgspec.Struct, frozen=True):
    """What every run stands on. `aside` runs a read of the journal, in a thread unless a test says otherwise."""

    core: LedgerCore
    rows: Rows
    permit: Callable[[], Permit | None]
    sleep: Callable[[int], Awaitable[None]]
    center: str
    call_timeout_ms: int
    retry_ms: int
    aside: Callable[[Callable[[], object]], Awaitable[object]] = in_thread
    peer: str = ""  # the other center of a pair; empty for none

    async def page(self, business_date: str, terminal: str, cursor: str) -> LedgerPage:
        """One page of the listing; `terminal` empty for all. Raises NotRun."""
        why = "unreachable"
        for tried in range(TRIES_MAX):
            permit = self.permit()
            if permit is not None:
                asked: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
                self.core.ledger(business_date, terminal, cursor, permit, self.call_timeout_ms, once(asked))
                page = await asked
                if isinstance(page, LedgerPage):
                    return page
                why = words(page)
            if tried + 1 < TRIES_MAX:
                await self.sleep(self.retry_ms)
        raise NotRun(f"the listing of {business_date} breaks off: {why}")

    async def look(self, side: Side) -> Looked | Unknown:
        """What the core says about one key, under the exchange's own attempt. Raises NotRun where the core cannot be asked
        at all."""
        said: Look = NotProcessed(reason="unreachable")
        attempt = Attempt(self.center, side.incarnation, side.exchange_id)
        for tried in range(TRIES_MAX):
            permit = self.permit()
            if permit is not None:
                asked: asyncio.Future[Look] = asyncio.get_running_loop().create_future()
                self.core.look(side.key, attempt, permit, self.call_timeout_ms, once(asked))
                said = await asked
            if isinstance(said, Looked) or (isinstance(said, NotProcessed) and said.reason == "invalid"):
                break
            if tried + 1 < TRIES_MAX:
                await self.sleep(self.retry_ms)
        if isinstance(said, NotProcessed) and said.reason != "invalid":
            raise NotRun(f"the core cannot be asked: {said.reason}")
        return said if isinstance(said, Looked) else Unknown(why=words(said))

    async def sides_by_keys(self, keys: Sequence[str]) -> dict[str, Side]:
        """However many."""
        found: dict[str, Side] = {}
        for start in range(0, len(keys), ROWS_MAX):
            part = keys[start : start + ROWS_MAX]
            found |= await self.read(lambda part=part: self.rows.by_keys(part))  # type: ignore[misc]
        return found

    async def sides_by_ids(self, exchange_ids: Sequence[int]) -> dict[int, Side]:
        """However many."""
        found: dict[int, Side] = {}
        for start in range(0, len(exchange_ids), ROWS_MAX):
            part = exchange_ids[start : start + ROWS_MAX]
            found |= await self.read(lambda part=part: self.rows.by_ids(part))  # type: ignore[misc]
        return found

    async def read(self, work: Callable[[], T]) -> T:
        return await self.aside(work)  # type: ignore[return-value]  # it gives back what the work gives back


async def in_turns(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """`items` in parts, the loop free between two: comparing a page at one go would hold up every message for milliseconds."""
    for start in range(0, len(items), TURN_COUNT):
        yield items[start : start + TURN_COUNT]
        await asyncio.sleep(0)


def once(future: asyncio.Future[T]) -> Callable[[T], None]:
    """A callback may come after its waiter was cancelled."""

    def done(value: T) -> None:
        if not future.done():
            future.set_result(value)

    return done


def words(said: NotProcessed | Unknown) -> str:
    return said.reason if isinstance(said, NotProcessed) else said.why
