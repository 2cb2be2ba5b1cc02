"""The correction run: every few minutes, only the terminals with movement since the last one, each against the core's listing.

Owns the window (what moved), the walk over its pairs of business date and terminal, and their durable progress. It must never
decide about an exchange (judging.py has it decided). The traps: a window ends before the first exchange that is younger than
the margin, so that nothing in work is passed over; late events move old exchanges, so the history has a window of its own; a
run that is taken up again collects the same window and goes on after the last pair that is on disk, and looking at a pair twice
changes nothing; and a difference that a report lists already is not listed by every run after it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
from msgspec import UNSET

from relay.clock import Clock
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.sides import MOVED_ROWS_MAX, Moved, Side
from relay.reconcile.asking import Asking, NotRun, in_turns
from relay.reconcile.centers import Centers, Told
from relay.reconcile.dates import Cutover
from relay.reconcile.judging import Judge
from relay.reconcile.listing import Listing
from relay.reconcile.matcher import Difference, Ending, What, compare, missing
from relay.reconcile.report import Layer, Report
from relay.reconcile.runs import DIFFERENCES_MAX, durable, wrong_total
from relay.reconcile.shelf import Checked, Shelf

MOVED_MAX: Final = 100_000  # exchanges in one window; the rest is the next one's, which follows at once
SAVE_PAIRS: Final = 50  # progress is made durable after so many pairs
_KEPT_MAX: Final = 10 * DIFFERENCES_MAX  # differences in the progress; the rest is counted
_FIRST_MS: Final = 3_600_000  # how far back the first window ever begins: what is older, the daily sweep has

Pair = tuple[str, str]  # business date, terminal


class Outcome(msgspec.Struct, frozen=True):
    """`has_more`: the window was full, and the next one is due at once. `reports` are those that were made."""

    pairs: int
    has_more: bool
    reports: tuple[Report, ...] = ()


class _Window(msgspec.Struct):
    """What moved, as it is collected. `is_resumed`: its ends are known. `at_ms`: everything up to then is in it."""

    before_ms: int
    is_resumed: bool
    room: int
    at_ms: int
    is_full: bool = False
    moved: dict[Pair, array[int]] = {}


class Correction:
    def __init__(self, asking: Asking, judge: Judge, shelf: Shelf, clock: Clock, cutover: Cutover, margin_ms: int) -> None:
        self._asking = asking
        self._judge = judge
        self._shelf = shelf
        self._clock = clock
        self._cutover = cutover
        self._margin_ms = margin_ms

    async def run(self) -> Outcome:
        """One window, or the rest of one. Raises NotRun."""
        before_ms = self._clock.wall_ms() - self._margin_ms
        rows = self._asking.rows
        lives = await self._asking.read(rows.lives)
        checked = self._shelf.checked()
        if checked is None:
            first = {life: await self._asking.read(partial(rows.last_before, before_ms - _FIRST_MS, life)) for life in lives}
            checked = Checked(from_ids=first, from_line=await self._asking.read(rows.last_line), at_ms=before_ms)
            await self._save(checked)
        window = _Window(before_ms, checked.is_under_way, MOVED_MAX, before_ms)
        to_ids: dict[int, int] = {}
        for life in lives:
            start = checked.from_ids.get(life, life * IDS_PER_INCARNATION)
            to_ids[life] = await self._collect(window, rows.moved_rows, start, checked.to_ids.get(life, start))
        window.room = MOVED_MAX
        to_line = await self._collect(window, rows.moved_lines, checked.from_line, checked.to_line)
        checked = msgspec.structs.replace(checked, is_under_way=True, to_ids=to_ids, to_line=to_line)
        checked = await self._end(checked)
        pairs = sorted(pair for pair in window.moved if pair > (checked.done_date, checked.done_terminal))
        for number, pair in enumerate(pairs, start=1):
            checked = await self._pair(checked, pair, window.moved[pair])
            if number % SAVE_PAIRS == 0:
                await self._save(checked)
        reports = await self._report(checked)
        await self._save(Checked(from_ids=to_ids, from_line=to_line, at_ms=window.at_ms))
        return Outcome(pairs=len(pairs), has_more=window.is_full, reports=reports)

    # ---- what moved --------------------------------------------------------------------------------------------------
    async def _collect(self, window: _Window, read: Callable[[int], list[Moved]], mark: int, to_mark: int) -> int:
        """Everything after `mark`, up to `to_mark` where an earlier try of this window ended there, else up to the margin or as
        much as there is room. Where it stands then."""
        while not window.is_resumed or mark < to_mark:
            if window.room <= 0:
                window.is_full = True
                return mark
            rows = await self._asking.read(partial(read, mark))
            for row in rows:
                if row.mark > to_mark if window.is_resumed else self._is_in_work(row, window):
                    return mark
                mark = row.mark
                window.room -= not window.is_resumed
                window.at_ms = min(window.at_ms, max(row.at_ms, 0)) if window.room <= 0 else window.at_ms
                if row.terminal:
                    date = self._cutover.date_of(row.business_date, row.recorded_ms)
                    window.moved.setdefault((date, row.terminal), array("q")).append(row.exchange_id)
            if len(rows) < MOVED_ROWS_MAX:
                break
        return mark

    def _is_in_work(self, row: Moved, window: _Window) -> bool:
        """Within the margin: the window ends before it. What is dated far ahead comes of a clock that was set back, and ends
        none."""
        return window.before_ms < row.at_ms <= window.before_ms + 2 * self._margin_ms

    # ---- one terminal on one business date ---------------------------------------------------------------------------
    async def _pair(self, checked: Checked, pair: Pair, exchange_ids: array[int]) -> Checked:
        date, terminal = pair
        listing = Listing(date)
        centers = Centers(self._asking.center, self._asking.peer, msgspec.structs.replace(checked.others, apart=()))
        own = 0
        found: dict[int | str, Difference] = {}
        named: set[int] = set()
        keys: set[str] = set()
        in_work = 0
        cursor = ""
        while not listing.is_whole and not listing.trouble:
            page = await self._asking.page(date, terminal, cursor)
            if any(entry.terminal != terminal for entry in page.entries):
                raise NotRun(f"the core's listing of {date} does not keep to the terminal that is asked for")
            sides = await self._asking.sides_by_keys([entry.key for entry in page.entries])
            fresh: list[bool] = []
            async for part in in_turns(page.entries):
                for entry in part:
                    fresh.append(entry.key not in keys)
                    keys.add(entry.key)
                    side = sides.get(entry.key)
                    if fresh[-1]:
                        own += not centers.is_peers(entry.center)
                        centers.count(entry, side)
                    if side is not None:
                        named.add(side.exchange_id)
                    if side is not None and self._is_young(side):
                        in_work += 1
                    else:
                        each = compare(entry, side, centers)
                        if each is not None:
                            found.setdefault(each.exchange_id or entry.key, each)
            listing.page(page, fresh)
            cursor = page.next_cursor or ""
        if listing.trouble:  # nothing is concluded about what is missing
            found["-"] = Difference(what=What.LISTING, key="-", terminal=terminal, why=listing.trouble)
        else:
            for group, ours, told in listing.wrong_totals(centers.is_peers):
                found[f"total {group}"] = wrong_total(group, ours, told)
            unnamed = sorted(set(exchange_ids) - named)
            for side in (await self._asking.sides_by_ids(unnamed)).values():
                if self._cutover.date_of(side.business_date, side.recorded_ms) != date:
                    continue
                if self._is_young(side) or not side.is_closed:
                    in_work += 1
                elif (each := missing(side)) is not None:
                    found.setdefault(side.exchange_id, each)
        differences = (*checked.differences, *((date, each) for each in found.values()))
        checked = msgspec.structs.replace(
            checked,
            done_date=date,
            done_terminal=terminal,
            journal_rows=checked.journal_rows + len(exchange_ids),
            core_lines=checked.core_lines + own,
            others=Told(centers.lines, centers.held),
            repeated_lines=checked.repeated_lines + listing.repeated,
            in_work=checked.in_work + in_work,
            differences=differences[:_KEPT_MAX],
            left_out=checked.left_out + len(differences[_KEPT_MAX:]),
        )
        if found:  # what is moved from here on is in the report, also when another life makes it
            await self._save(checked)
        return await self._end(checked)

    async def _end(self, checked: Checked) -> Checked:
        """Every difference that has no ending yet gets one; what is agreed upon by now, or in work, is none."""
        open_ones = [(date, each) for date, each in checked.differences if each.ending is Ending.OPEN]
        if not open_ones:
            return checked
        ended = [(date, each) for date, each in checked.differences if each.ending is not Ending.OPEN]
        moved: dict[int, Difference] = {}
        dates: dict[int, str] = {}
        in_work = checked.in_work
        for date, each in open_ones:
            judged = await self._judge.judge(each)
            if judged.difference is None or judged.is_agreed:
                in_work += not judged.is_agreed
            elif judged.moved_id:
                moved[judged.moved_id], dates[judged.moved_id] = judged.difference, date
            else:
                ended.append((date, judged.difference))
        ended += [(dates[number], each) for number, each in (await self._judge.follow(moved)).items()]
        return msgspec.structs.replace(checked, differences=tuple(ended), in_work=in_work)

    def _is_young(self, side: Side) -> bool:
        return max(side.recorded_ms, side.updated_ms) > self._clock.wall_ms() - self._margin_ms

    # ---- its end -----------------------------------------------------------------------------------------------------
    async def _report(self, checked: Checked) -> tuple[Report, ...]:
        """One report for each business date with differences that no report lists already."""
        made: list[Report] = []
        others = Centers(self._asking.center, self._asking.peer, checked.others).shown()
        for date in sorted({date for date, _ in checked.differences}):
            known = {
                _what(each)
                for report in self._shelf.reports()
                if report.business_date == date
                for each in report.differences
                if each.ending is Ending.LISTED
            }
            fresh = tuple(
                each
                for of_date, each in checked.differences
                if of_date == date and (each.ending is not Ending.LISTED or _what(each) not in known)
            )
            if not fresh:
                continue
            report = Report(
                number=self._shelf.next_number(),
                layer=Layer.CORRECTION,
                business_date=date,
                center=self._asking.center,
                made_ms=self._clock.wall_ms(),
                is_whole=not any(each.what is What.LISTING and each.key == "-" and not each.kind for each in fresh),
                trouble=next((each.why for each in fresh if each.what is What.LISTING), ""),
                journal_rows=checked.journal_rows,
                core_lines=checked.core_lines,
                repeated_lines=checked.repeated_lines,
                in_work=checked.in_work,
                others=UNSET if others is None else others,
                differences=fresh[:DIFFERENCES_MAX],
                left_out=checked.left_out + max(0, len(fresh) - DIFFERENCES_MAX),
            )
            await durable(partial(self._shelf.keep_report, report))
            made.append(report)
        return tuple(made)

    async def _save(self, checked: Checked) -> None:
        await durable(partial(self._shelf.keep_checked, checked))


def _what(each: Difference) -> tuple[str, int, str, str, str]:
    return (each.what.value, each.exchange_id, each.key, each.terminal, each.kind)
