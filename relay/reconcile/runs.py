"""One run of reconciliation: read the core's listing, walk the journal's rows, ask about each difference, make the report.

Owns the edge: calls to the core by page and by key, reads of the journal in a thread, and the durable progress. It must never
move an exchange; what it cannot explain is listed for a person. The traps: it runs beside traffic, so an exchange that is open
or younger than `margin_ms` is no difference, and every difference is asked for by key once more before it is believed; and an
inquiry names the exchange's own attempt, because another one would supersede it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from protocols.vocabulary import Approved, Declined, NotProcessed, Unknown
from relay.clock import Cancellable, Clock
from relay.core.contract import LedgerPage
from relay.core.port import Attempt, Finding, NotFound, Permit, Reversed
from relay.journal.port import JournalFailed, StepResult
from relay.journal.sides import ROWS_MAX, Side
from relay.reconcile.balance import CoreTotals, DayTotals
from relay.reconcile.dates import DAY_MS, Cutover, days_apart
from relay.reconcile.listing import Listing
from relay.reconcile.matcher import Difference, Ending, What, compare, difference, missing
from relay.reconcile.report import Layer, Report
from relay.reconcile.seen import Seen
from relay.reconcile.shelf import Progress, Shelf

DIFFERENCES_MAX: Final = 1_000  # shown in one report; the rest is counted
PAGE_TRIES_MAX: Final = 5
_DATE_DAYS_MAX: Final = 7  # a business date further from its receipt is looked at by a person

T = TypeVar("T")
Page = LedgerPage | NotProcessed | Unknown


class RunRules(msgspec.Struct, frozen=True):
    margin_ms: int = 120_000  # younger exchanges are not looked at
    call_timeout_ms: int = 4_000
    retry_ms: int = 1_000  # between tries of one page
    save_pages: int = 10  # progress is made durable after so many pages


class LedgerCore(Protocol):
    def ledger(
        self, business_date: str, terminal: str, cursor: str, permit: Permit, timeout_ms: int, done: Callable[[Page], None]
    ) -> Cancellable: ...

    def inquire(
        self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Finding], None]
    ) -> Cancellable: ...


class Rows(Protocol):
    def by_keys(self, keys: list[str]) -> dict[str, Side]: ...

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]: ...

    def last_before(self, wall_ms: int) -> int: ...


class Totals(Protocol):
    """The sheet of totals; `told` are the core's own, None where they are not at hand; relay/reconcile/balance.py."""

    async def __call__(self, business_date: str, told: CoreTotals | None, found: Sequence[Difference]) -> DayTotals: ...


class NotRun(Exception):
    """The run stopped where it stands on disk; the next one takes it up from there."""


class Run:
    """`keys` keeps the real keys of what is asked again: a difference holds a masked one."""

    def __init__(
        self,
        core: LedgerCore,
        rows: Rows,
        shelf: Shelf,
        permit: Callable[[], Permit | None],
        clock: Clock,
        sleep: Callable[[int], asyncio.Future[None]],
        cutover: Cutover,
        center: str,
        rules: RunRules,
        totals: Totals | None = None,
    ) -> None:
        self._core = core
        self._rows = rows
        self._shelf = shelf
        self._permit = permit
        self._clock = clock
        self._sleep = sleep
        self._cutover = cutover
        self._center = center
        self._rules = rules
        self._totals = totals

    async def daily(self, business_date: str) -> Report:
        """Compare one whole business date; take up an unfinished run of the same date. Raises NotRun."""
        progress = self._shelf.progress()
        is_resumed = progress is not None and progress.business_date == business_date
        if progress is None or not is_resumed:
            progress = Progress(layer=Layer.DAILY, business_date=business_date)
        seen = Seen.unpack(progress.seen) if progress.seen else Seen()
        listing = Listing(business_date)
        found: dict[str, Difference] = {}
        for each in progress.differences:
            self._add(found, each)
        if not progress.is_listed:
            progress = await self._list(progress, seen, listing, found)
            if listing.is_whole and not is_resumed:
                for group, ours, theirs in listing.wrong_totals():
                    self._add(found, _wrong_total(group, ours.minor, theirs.minor))
        if not listing.trouble:
            progress = await self._walk(progress, seen, found)
        ended = tuple([await self._judge(each) for each in found.values()])
        if listing.trouble:
            ended += (Difference(what=What.LISTING, key="-", why=listing.trouble, ending=Ending.LISTED),)
        report = Report(
            number=self._shelf.next_number(),
            layer=progress.layer,
            business_date=business_date,
            center=self._center,
            made_ms=self._clock.wall_ms(),
            is_whole=not listing.trouble,
            trouble=listing.trouble,
            journal_rows=progress.journal_rows,
            core_lines=progress.core_lines,
            repeated_lines=progress.repeated_lines,
            in_work=progress.in_work,
            differences=ended[:DIFFERENCES_MAX],
            left_out=progress.left_out + max(0, len(ended) - DIFFERENCES_MAX),
            totals=UNSET if self._totals is None else await self._totals(business_date, listing.told or None, ended),
        )
        await self._durable(lambda done: self._shelf.keep_report(report, done))
        await self._durable(lambda done: self._shelf.keep_progress(None, done))
        return report

    # ---- the core's listing ------------------------------------------------------------------------------------------
    async def _list(self, progress: Progress, seen: Seen, listing: Listing, found: dict[str, Difference]) -> Progress:
        unknown: set[str] = set()
        while not listing.is_whole and not listing.trouble:
            page = await self._page(progress.business_date, progress.cursor)
            if not isinstance(page, LedgerPage):
                raise NotRun(f"the listing of {progress.business_date} breaks off: {_words(page)}")
            entries = page.entries
            sides: dict[str, Side] = {}
            for start in range(0, len(entries), ROWS_MAX):
                keys = [entry.key for entry in entries[start : start + ROWS_MAX]]
                sides |= await asyncio.to_thread(self._rows.by_keys, keys)
            fresh: list[bool] = []
            in_work = 0
            for entry in entries:
                side = sides.get(entry.key)
                if side is None:
                    fresh.append(entry.key not in unknown)
                    if len(unknown) < DIFFERENCES_MAX * 10:
                        unknown.add(entry.key)
                else:
                    fresh.append(seen.add(side.exchange_id))
                if side is not None and self._is_young(side):
                    in_work += fresh[-1]
                else:
                    self._add(found, compare(entry, side))
            listing.page(page, fresh)
            progress = msgspec.structs.replace(
                progress,
                cursor=page.next_cursor or "",
                is_listed=listing.is_whole,
                core_lines=progress.core_lines + sum(fresh),
                repeated_lines=progress.repeated_lines + len(fresh) - sum(fresh),
                in_work=progress.in_work + in_work,
            )
            if not listing.trouble and (listing.is_whole or listing.pages % self._rules.save_pages == 0):
                progress = await self._save(progress, seen, found)
        return progress

    async def _page(self, business_date: str, cursor: str) -> Page:
        page: Page = Unknown(why="not asked")
        for attempt in range(PAGE_TRIES_MAX):
            permit = self._permit()
            if permit is None:
                page = NotProcessed(reason="unreachable")
            else:
                asked: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
                self._core.ledger(business_date, "", cursor, permit, self._rules.call_timeout_ms, _once(asked))
                page = await asked
            if isinstance(page, LedgerPage):
                return page
            if attempt + 1 < PAGE_TRIES_MAX:
                await self._sleep(self._rules.retry_ms)
        return page

    # ---- the journal's own rows --------------------------------------------------------------------------------------
    async def _walk(self, progress: Progress, seen: Seen, found: dict[str, Difference]) -> Progress:
        begins_ms = self._cutover.begins_ms(progress.business_date)
        walked_id, journal_rows, in_work = progress.walked_id, progress.journal_rows, progress.in_work
        if walked_id < 0:
            walked_id = await asyncio.to_thread(self._rows.last_before, begins_ms - DAY_MS)
        pages = 0
        while rows := await asyncio.to_thread(self._rows.after, walked_id):
            for side in rows:
                own = self._cutover.date_of(side.business_date, side.recorded_ms)
                received = self._cutover.date_at(side.recorded_ms)
                if own != progress.business_date:
                    if received == progress.business_date and (days_apart(own, received) or 0) > _DATE_DAYS_MAX:
                        self._add(found, difference(What.DATE, side, None, f"business date {own}, received on {received}"))
                    continue
                journal_rows += 1
                if side.exchange_id not in seen:
                    if self._is_young(side) or not side.is_closed:
                        in_work += 1
                    else:
                        self._add(found, missing(side))
            walked_id = rows[-1].exchange_id
            pages += 1
            progress = msgspec.structs.replace(progress, walked_id=walked_id, journal_rows=journal_rows, in_work=in_work)
            if pages % self._rules.save_pages == 0:
                progress = await self._save(progress, seen, found)
            if rows[-1].recorded_ms >= begins_ms + 2 * DAY_MS:
                break
        return progress

    # ---- each difference ---------------------------------------------------------------------------------------------
    async def _judge(self, found: Difference) -> Difference:
        """Ask once more, by key: a listing may be older than the journal."""
        if found.what not in (What.MISSING, What.UNEXPECTED) or found.ending is not Ending.OPEN:
            return found if found.ending is not Ending.OPEN else found.ended(Ending.LISTED, "a person decides")
        permit = self._permit()
        rows = [] if permit is None else await asyncio.to_thread(self._rows.after, found.exchange_id - 1, 1)
        if permit is None or not rows or rows[0].exchange_id != found.exchange_id:
            return found.ended(Ending.LISTED, "it could not be asked for by key")
        asked: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()
        attempt = Attempt(self._center, found.incarnation, found.exchange_id)
        self._core.inquire(rows[0].key, attempt, permit, self._rules.call_timeout_ms, _once(asked))
        said = await asked
        if found.what is What.MISSING and isinstance(said, Approved):
            return found.ended(Ending.MENDED, "asked by key, the core holds it")
        if found.what is What.UNEXPECTED and isinstance(said, (Declined, Reversed, NotFound)) and not _stands(said):
            return found.ended(Ending.MENDED, "asked by key, nothing stands any more")
        return found.ended(Ending.LISTED, f"asked by key: {type(said).__name__.lower()}")

    # ---- helpers -----------------------------------------------------------------------------------------------------
    def _is_young(self, side: Side) -> bool:
        return max(side.recorded_ms, side.updated_ms) > self._clock.wall_ms() - self._rules.margin_ms

    def _add(self, found: dict[str, Difference], each: Difference | None) -> None:
        """Once per exchange or key; the limit is the report's, ten times over, and what is beyond is told by the totals."""
        if each is not None and len(found) < DIFFERENCES_MAX * 10:
            found.setdefault(f"{each.exchange_id}/{each.key}/{each.terminal}/{each.kind}", each)

    async def _save(self, progress: Progress, seen: Seen, found: dict[str, Difference]) -> Progress:
        progress = msgspec.structs.replace(progress, seen=seen.pack(), differences=tuple(found.values()))
        await self._durable(lambda done: self._shelf.keep_progress(progress, done))
        return progress

    async def _durable(self, write: Callable[[Callable[[StepResult], None]], None]) -> None:
        written: asyncio.Future[StepResult] = asyncio.get_running_loop().create_future()
        write(_once(written))
        result = await written
        if isinstance(result, JournalFailed):
            raise NotRun(f"the journal does not take it: {result.why}")


def _once(future: asyncio.Future[T]) -> Callable[[T], None]:
    """A callback may come after its waiter was cancelled."""

    def done(value: T) -> None:
        if not future.done():
            future.set_result(value)

    return done


def _stands(said: Finding) -> bool:
    return isinstance(said, Reversed) and said.standing_minor > 0


def _words(page: NotProcessed | Unknown) -> str:
    return page.reason if isinstance(page, NotProcessed) else page.why


def _wrong_total(group: tuple[str, str, str], lines_minor: int, told_minor: int) -> Difference:
    terminal, kind, currency = group
    return Difference(
        what=What.LISTING,
        key="-",
        terminal=terminal,
        kind=kind,
        core_minor=told_minor,
        currency=currency,
        why=f"the core's total is {told_minor}, its own lines make {lines_minor}",
    )
