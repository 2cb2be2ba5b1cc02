"""The replay of a lost tail, from the new epoch to its end: begun, taken up after a crash, tried again, and reported.

Owns which tail is the present one, the one run at a time, and what waits for it: classes of new messages where it is set so,
and completions, which must not reach the new region before their original. It must never decide what is asked (tailwalk.py)
nor what follows (relay/exchange/replay.py). The traps: it begins in the same step in which the new epoch is known, before any
permit, or the first calls would overtake it; a life that finds an epoch without a tail on disk begins one; and a run that
cannot go on keeps what it has and tries again, for what is not asked is not released.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from protocols.vocabulary import MessageClass
from relay.clock import Cancellable, Clock, Timers
from relay.errors import JournalUnusable
from relay.exchange.gate import Gate
from relay.exchange.register import Open
from relay.exchange.saf import Saf
from relay.journal.port import StepResult
from relay.journal.source import SourceDamaged
from relay.reconcile.asking import Asking, NotRun, Rows
from relay.reconcile.judging import Reopen
from relay.reconcile.report import Layer, Report
from relay.reconcile.shelf import Shelf
from relay.reconcile.tail import Tail, TailShelf, Variables, first_tail, tail_of
from relay.reconcile.tailwalk import TailRows, TailRules, TailWalk
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("tail")

RETRY_FIRST_MS: Final = 500
RETRY_MAX_MS: Final = 10_000


class AllRows(Rows, TailRows, Protocol):
    """The journal's side, on a connection of its own."""

    def close(self) -> None: ...


class TailParts(msgspec.Struct, frozen=True):
    """What a replay stands on. `open_rows` opens the journal's side; `asking` makes the questions of it; `shelf` is where
    reports go, one for all who make them; `lag_ms` is assumed where nobody says it; `holds` are the classes that wait."""

    journal: Variables
    reopen: Reopen
    saf: Saf
    gate: Gate
    open_rows: Callable[[], Awaitable[AllRows]]
    close_rows: Callable[[AllRows], Awaitable[None]]
    asking: Callable[[AllRows], Asking]
    shelf: Callable[[], Shelf]
    date_at: Callable[[int], str]
    clock: Clock
    timers: Timers
    metrics: Metrics
    spawn: Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]
    center: str
    rules: TailRules
    lag_ms: int
    holds: frozenset[str] = frozenset()


class Tails:
    def __init__(self, parts: TailParts) -> None:
        self._parts = parts
        self._shelf = TailShelf(parts.journal)
        self._tail = self._shelf.tail()
        self._is_new = not parts.journal.epoch  # nobody was ever asked: there is nothing to lose
        self._released: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._timer: Cancellable | None = None
        self._tries = 0
        self._is_running = False
        self.trouble = ""
        parts.saf.holds = self.holds
        parts.metrics.region_tail_left.set_function(lambda: 0 if self._tail is None else self._tail.left)
        parts.metrics.region_tail_unfinished_seconds.set_function(self._unfinished_s)
        self._show()

    @property
    def tail(self) -> Tail | None:
        """Of the present epoch, as last known; None where nothing ever had a predecessor."""
        return self._tail

    @property
    def is_finished(self) -> bool:
        """Whether everything that the present epoch's predecessor may have confirmed last was asked for."""
        epoch = self._parts.journal.epoch
        return not epoch or (self._tail is not None and self._tail.epoch >= epoch and self._tail.is_finished)

    # ---- life --------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        self._is_running = True
        if self._parts.journal.epoch:
            self.begin(self._parts.journal.epoch)

    def stop(self) -> None:
        """A run under way is left where it stands on disk."""
        self._is_running = False
        self._cancel()

    def begin(self, epoch: int) -> None:
        """`epoch` is durable. Its tail is to be asked for; nothing where that is done, or under way."""
        tail, now_ms = self._tail, self._parts.clock.wall_ms()
        if tail is None and self._is_new:
            self._tail = first_tail(epoch, now_ms)
            self._shelf.keep(self._tail, _ignore)  # without it the next life looks, and finds nothing
            self._show()
        elif tail is None or tail.epoch < epoch:
            self._replace(tail_of(epoch, tail, now_ms, self._parts.lag_ms))
        elif not tail.is_finished and self._task is None and self._timer is None:
            self._go()

    def follow(self) -> None:
        """Another worker replays: this one knows from the disk how far it is, and holds what waits for it."""
        tail = self._shelf.tail()
        if tail != self._tail:
            self._tail = tail
            self._show()

    def measure_again(self, lag_ms: int, from_ms: int, who: str, why: str) -> None:
        """Somebody says how far the copy was behind. Raises ValueError where there is no tail."""
        if self._tail is None:
            raise ValueError("no epoch is known yet")
        self._replace(self._tail.measured_again(lag_ms=lag_ms, from_ms=from_ms, who=who, why=why))

    def _replace(self, tail: Tail) -> None:
        """A walk from the beginning, once that is durable; what waits for it waits from now on."""
        self._cancel()
        self._released.clear()  # what the walk before has opened follows its original, which is asked for anew
        self._tail = tail
        self._tries = 0
        self._show()
        if self._is_running:
            self._keep(tail)

    def _keep(self, tail: Tail) -> None:
        self._timer = None

        def kept(result: StepResult) -> None:
            if self._tail is not tail or not self._is_running:
                return  # an epoch later already
            if result is None:
                self._go()
            else:
                self.trouble = f"the journal does not take it: {result.why}"
                self._timer = self._parts.timers.after(RETRY_FIRST_MS, partial(self._keep, tail))

        self._shelf.keep(tail, kept)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    # ---- the run -----------------------------------------------------------------------------------------------------
    def _go(self) -> None:
        self._timer = None
        if self._tail is not None and self._is_running:
            self._task = self._parts.spawn("tail", self._run(self._tail))

    async def _run(self, tail: Tail) -> None:
        parts = self._parts
        rows: AllRows | None = None
        try:
            rows = await parts.open_rows()
            asking = parts.asking(rows)
            walk = TailWalk(asking, rows, parts.reopen, self._shelf, parts.clock, parts.rules, self._told, self._released.add)
            tail = await walk.run(tail)
        except (NotRun, SourceDamaged, JournalUnusable, sqlite3.Error) as error:
            self._broken_off(str(error))
            return
        except Exception as error:  # else nobody would go on with it before the next epoch
            log.exception("the replay of a lost tail failed by a mistake of ours")
            self._broken_off(f"{type(error).__name__} in the relay: the log has it")
            return
        finally:
            if rows is not None:
                await parts.close_rows(rows)
        self._task = None
        self._released.clear()
        self._report(tail)
        log.info("lost tail replayed", epoch=tail.epoch, asked=tail.asked, missing=tail.missing, listed=tail.listed)

    def _broken_off(self, why: str) -> None:
        self._task = None
        if why != self.trouble:
            log.warning("the replay of a lost tail does not go on; it is tried again", why=why)
        self.trouble = why
        delay_ms = min(RETRY_MAX_MS, RETRY_FIRST_MS << min(self._tries, 8))
        self._tries += 1
        self._timer = self._parts.timers.after(delay_ms, self._go)

    def _told(self, tail: Tail) -> None:
        before, self._tail = self._tail, tail
        self._tries, self.trouble = 0, ""
        results = self._parts.metrics.region_tail_exchanges
        for result in ("asked", "missing", "mended", "listed"):
            gained = getattr(tail, result) - (0 if before is None else getattr(before, result))
            results.labels(result).inc(max(0, gained))
        self._show()

    def _report(self, tail: Tail) -> None:
        if not tail.listed:
            return
        now_ms = self._parts.clock.wall_ms()
        shelf = self._parts.shelf()
        report = Report(
            number=shelf.next_number(),
            layer=Layer.TAIL,
            business_date=self._parts.date_at(now_ms),
            center=self._parts.center,
            made_ms=now_ms,
            is_whole=True,
            journal_rows=tail.asked,
            differences=tail.differences,
            left_out=tail.listed - len(tail.differences),
        )
        shelf.keep_report(report, partial(self._reported, report.number))

    def _reported(self, number: int, result: StepResult) -> None:
        if result is None:
            log.warning("the lost tail has something for a person", report=number)
        else:
            log.error("the report of a lost tail was not recorded", why=result.why)

    # ---- what waits for it -------------------------------------------------------------------------------------------
    def _show(self) -> None:
        is_over = self._tail is None or self._tail.is_finished  # of an epoch that the journal may not show yet
        self._parts.gate.awaited = frozenset() if is_over and self.is_finished else self._parts.holds

    def holds(self, entry: Open) -> bool:
        """A completion booked before its original would be booked a second time with it."""
        request = entry.request
        if request.message_class is not MessageClass.ADVICE or not request.original_key or entry.key in self._released:
            return False
        tail = self._tail
        return tail is None or tail.epoch < self._parts.journal.epoch or not (tail.is_walked or tail.is_finished)

    def _unfinished_s(self) -> float:
        tail = self._tail
        if tail is None or self.is_finished:
            return 0.0
        return max(0, self._parts.clock.wall_ms() - tail.began_ms) / 1_000


def _ignore(_: StepResult) -> None:
    """See `begin`."""
