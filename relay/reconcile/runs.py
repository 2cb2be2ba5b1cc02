"""One run of reconciliation: read the core's listing, walk the journal's rows, end each difference, make the report.

Owns the daily sweep and its durable progress. It must never decide about an exchange (judging.py has it decided). The traps: it
runs beside traffic, so an exchange that is open or younger than `margin_ms` is no difference; and from a listing that did not
come to its end nothing is concluded about what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec
from msgspec import UNSET

from relay.clock import Clock
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.port import JournalFailed, StepResult
from relay.journal.sides import Side
from relay.reconcile.asking import Asking, NotRun, in_turns, once
from relay.reconcile.balance import DayTotals
from relay.reconcile.centers import Centers, CoreTotals, InPair
from relay.reconcile.dates import DAY_MS, Cutover, days_apart
from relay.reconcile.judging import Judge
from relay.reconcile.listing import Listing, Sum
from relay.reconcile.matcher import Difference, Ending, What, compare, difference, missing
from relay.reconcile.report import Layer, Report
from relay.reconcile.seen import Seen
from relay.reconcile.shelf import Progress, Shelf

DIFFERENCES_MAX: Final = 1_000  # shown in one report; the rest is counted
_DATE_DAYS_MAX: Final = 7  # a business date further from its receipt is looked at by a person


class RunRules(msgspec.Struct, frozen=True):
    margin_ms: int = 120_000  # younger exchanges are not looked at
    save_pages: int = 10  # progress is made durable after so many pages


class Totals(Protocol):
    """The sheet of totals (relay/reconcile/balance.py). `told`: this center's share of the core's, None where it is not at
    hand."""

    async def __call__(
        self, business_date: str, told: CoreTotals | None, found: Sequence[Difference], pair: InPair
    ) -> DayTotals: ...


class Run:
    def __init__(
        self,
        asking: Asking,
        judge: Judge,
        shelf: Shelf,
        clock: Clock,
        cutover: Cutover,
        rules: RunRules,
        totals: Totals | None = None,
    ) -> None:
        self._asking = asking
        self._judge = judge
        self._shelf = shelf
        self._clock = clock
        self._cutover = cutover
        self._rules = rules
        self._totals = totals
        self._dropped = 0  # differences over ten times the limit

    async def daily(self, business_date: str) -> Report:
        """Compare one whole business date; take up an unfinished run of the same date. Raises NotRun."""
        progress = self._shelf.progress()
        is_resumed = progress is not None and progress.business_date == business_date
        if progress is None or not is_resumed:
            progress = Progress(layer=Layer.DAILY, business_date=business_date)
        seen = Seen.unpack(progress.seen) if progress.seen else Seen()
        listing = Listing(business_date)
        centers = Centers(self._asking.center, self._asking.peer, progress.others)
        found: dict[str, Difference] = {}
        for each in progress.differences:
            self._add(found, each)
        if not progress.is_listed:
            progress = await self._list(progress, seen, listing, centers, found)
            if listing.is_whole and not is_resumed:
                for group, ours, theirs in listing.wrong_totals(centers.is_peers):
                    self._add(found, wrong_total(group, ours, theirs))
        if not listing.trouble:
            progress = await self._walk(progress, seen, found)
            if found:  # what is moved from here on is in the report, also when another life makes it
                progress = await self._save(progress, seen, found)
        ended, unsure = await end_all(self._judge, found)
        if listing.trouble:
            ended += (Difference(what=What.LISTING, key="-", why=listing.trouble, ending=Ending.LISTED),)
        shown = centers.shown()
        report = Report(
            number=self._shelf.next_number(),
            layer=progress.layer,
            business_date=business_date,
            center=self._asking.center,
            made_ms=self._clock.wall_ms(),
            is_whole=not listing.trouble,
            trouble=listing.trouble,
            journal_rows=progress.journal_rows,
            core_lines=progress.core_lines,
            repeated_lines=progress.repeated_lines,
            in_work=progress.in_work + unsure,
            differences=ended[:DIFFERENCES_MAX],
            left_out=progress.left_out + self._dropped + max(0, len(ended) - DIFFERENCES_MAX),
            totals=UNSET if self._totals is None else await self._sheet(business_date, listing, centers, ended),
            others=UNSET if shown is None else shown,
        )
        await durable(lambda done: self._shelf.keep_report(report, done))
        await durable(lambda done: self._shelf.keep_progress(None, done))
        return report

    async def _sheet(self, business_date: str, listing: Listing, centers: Centers, ended: Sequence[Difference]) -> DayTotals:
        """Against this center's share of the core's totals. Where the core has told both centers' together, there is none."""
        assert self._totals is not None
        is_mixed = centers.shown() is not None and not listing.is_told_apart
        told = None if is_mixed else listing.told_of(centers.is_peers) if listing.told else None
        pair = InPair(centers.peer, listing.told_of(centers.is_peers, peers=True), centers.apart)
        return await self._totals(business_date, told, ended, pair)

    # ---- the core's listing ------------------------------------------------------------------------------------------
    async def _list(
        self, progress: Progress, seen: Seen, listing: Listing, centers: Centers, found: dict[str, Difference]
    ) -> Progress:
        unknown: set[str] = set()
        while not listing.is_whole and not listing.trouble:
            page = await self._asking.page(progress.business_date, "", progress.cursor)
            entries = page.entries
            sides = await self._asking.sides_by_keys([entry.key for entry in entries])
            fresh: list[bool] = []
            in_work = own = 0
            async for part in in_turns(entries):
                for entry in part:
                    side = sides.get(entry.key)
                    if centers.leaves(entry, side):
                        fresh.append(True)  # however many: nothing is kept of them
                    elif side is None:
                        fresh.append(entry.key not in unknown)
                        if len(unknown) < DIFFERENCES_MAX * 10:
                            unknown.add(entry.key)
                    else:
                        fresh.append(seen.add(side.exchange_id))
                    if fresh[-1]:
                        own += not centers.is_peers(entry.center)
                        centers.count(entry, side)
                    if side is not None and self._is_young(side):
                        in_work += fresh[-1]
                    else:
                        self._add(found, compare(entry, side, centers))
            listing.page(page, fresh)
            progress = msgspec.structs.replace(
                progress,
                cursor=page.next_cursor or "",
                is_listed=listing.is_whole,
                core_lines=progress.core_lines + own,
                repeated_lines=progress.repeated_lines + len(fresh) - sum(fresh),
                in_work=progress.in_work + in_work,
                others=centers.told(),
            )
            if not listing.trouble and (listing.is_whole or listing.pages % self._rules.save_pages == 0):
                progress = await self._save(progress, seen, found)
        return progress

    # ---- the journal's own rows --------------------------------------------------------------------------------------
    async def _walk(self, progress: Progress, seen: Seen, found: dict[str, Difference]) -> Progress:
        begins_ms = self._cutover.begins_ms(progress.business_date)
        walked_id, journal_rows, in_work = progress.walked_id, progress.journal_rows, progress.in_work
        pages = 0
        for life in await self._asking.read(self._asking.rows.lives):
            if walked_id >= (life + 1) * IDS_PER_INCARNATION:
                continue  # walked before this run was taken up
            if walked_id < life * IDS_PER_INCARNATION:
                walked_id = await self._asking.read(partial(self._asking.rows.last_before, begins_ms - DAY_MS, life))
            while rows := await self._asking.read(partial(self._asking.rows.after, walked_id)):
                async for part in in_turns(rows):
                    for side in part:
                        own = self._cutover.date_of(side.business_date, side.recorded_ms)
                        if own != progress.business_date:
                            self._add(found, self._far_away(side, own, progress.business_date))
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

    def _far_away(self, side: Side, own: str, business_date: str) -> Difference | None:
        """It was received on the date, and carries quite another one."""
        received = self._cutover.date_at(side.recorded_ms)
        if received != business_date or (days_apart(own, received) or 0) <= _DATE_DAYS_MAX:
            return None
        return difference(What.DATE, side, None, f"business date {own}, received on {received}")

    # ---- helpers -----------------------------------------------------------------------------------------------------
    def _is_young(self, side: Side) -> bool:
        return max(side.recorded_ms, side.updated_ms) > self._clock.wall_ms() - self._rules.margin_ms

    def _add(self, found: dict[str, Difference], each: Difference | None) -> None:
        """Once per exchange or key; the limit is the report's, ten times over, and what is beyond is counted."""
        if each is not None and len(found) < DIFFERENCES_MAX * 10:
            found.setdefault(f"{each.exchange_id}/{each.key}/{each.terminal}/{each.kind}", each)
        elif each is not None:
            self._dropped += 1

    async def _save(self, progress: Progress, seen: Seen, found: dict[str, Difference]) -> Progress:
        progress = msgspec.structs.replace(progress, seen=seen.pack(), differences=tuple(found.values()))
        await durable(lambda done: self._shelf.keep_progress(progress, done))
        return progress


async def end_all(judge: Judge, found: dict[str, Difference]) -> tuple[tuple[Difference, ...], int]:
    """Every difference with its ending, and how many turned out to be still in work. Raises NotRun."""
    ended: list[Difference] = []
    moved: dict[int, Difference] = {}
    unsure = 0
    for each in found.values():
        judged = await judge.judge(each)
        if judged.difference is None:
            unsure += not judged.is_agreed
        elif judged.moved_id:
            moved[judged.moved_id] = judged.difference
        else:
            ended.append(judged.difference)
    return (*(await judge.follow(moved)).values(), *ended), unsure


async def durable(write: Callable[[Callable[[StepResult], None]], None]) -> None:
    """Raises NotRun where the journal does not take it."""
    written: asyncio.Future[StepResult] = asyncio.get_running_loop().create_future()
    write(once(written))
    result = await written
    if isinstance(result, JournalFailed):
        raise NotRun(f"the journal does not take it: {result.why}")


def wrong_total(group: tuple[str, str, str], ours: Sum, told: Sum) -> Difference:
    """The core's total is not the sum of its own lines."""
    terminal, kind, currency = group
    return Difference(
        what=What.LISTING,
        key="-",
        terminal=terminal,
        kind=kind,
        core_minor=told.minor,
        currency=currency,
        why=f"the core's total is {told.minor}, its own lines make {ours.minor}",
    )
