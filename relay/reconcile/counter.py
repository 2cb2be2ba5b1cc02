"""Our own sums while a far end waits for them: one walk over the day at a time, and all who asked meanwhile share the next.

Owns that sharing, the thread and the limit of the wait. It must never compare (protocols/totals.py does), and never hold up an
acknowledgement for longer than `wait_ms`: who waits longer is told that there are none. The traps: a walk that had begun before
a statement came may have missed the last exchanges before it, so a statement waits for one that begins after it; and a walk
costs some four seconds of a core for a million exchanges (measured), so ten thousand terminals that state their totals at
midnight cost a few walks, not ten thousand. Why the timer is safe: the statement is durable before anybody waits here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from protocols.totals import OwnSum, TotalsStated
from relay.bridge import spawn
from relay.clock import Cancellable, Timers
from relay.errors import RelayError
from relay.journal.source import Source, SourceDamaged
from relay.journal.sums import SumReader
from relay.reconcile.dates import Cutover
from relay.reconcile.tally import Closed, Counting, Index, Tally
from relay.telemetry.log import get_log

log = get_log("reconcile")

WAIT_MS: Final = 10_000
WAITING_MAX: Final = 20_000  # statements that wait at a time; beyond it the answer is "none" at once

Told = Callable[[tuple[OwnSum, ...] | None], None]


class Walks(Protocol):
    """Makes a walk over a business date, and ends the connection that it reads on."""

    def begin(self, business_date: str) -> Counting: ...

    def end(self) -> None: ...


class JournalWalks:
    """On a source of either engine, which it closes: each of its reads, and `end`, in a thread."""

    def __init__(self, source: Source, cutover: Cutover, closed: Callable[[str], Iterable[Closed]]) -> None:
        self._reader = SumReader(source)
        self._cutover = cutover
        self._closed = closed

    def begin(self, business_date: str, since_ms: int | None = None) -> Counting:
        """See Counting for `since_ms`. Raises ValueError for what is no date."""
        return Counting(self._reader, self._cutover, business_date, self._closed(business_date), since_ms)

    def end(self) -> None:
        self._reader.close()


class _Waiting:
    __slots__ = ("is_over", "listener", "stated", "timer", "told")

    def __init__(self, stated: TotalsStated, listener: str, told: Told) -> None:
        self.stated = stated
        self.listener = listener
        self.told = told
        self.is_over = False
        self.timer: Cancellable | None = None

    def answer(self, sums: tuple[OwnSum, ...] | None) -> None:
        if not self.is_over:
            self.is_over = True
            if self.timer is not None:
                self.timer.cancel()
            self.told(sums)


class Counter:
    """Fulfils relay.reconcile.statements.OwnSums. `opened` opens the journal for one round of walks, in a thread."""

    def __init__(self, opened: Callable[[], Walks], timers: Timers, wait_ms: int = WAIT_MS) -> None:
        self._opened = opened
        self._timers = timers
        self._wait_ms = wait_ms
        self._waiting: list[_Waiting] = []
        self._is_walking = False

    def __call__(self, stated: TotalsStated, listener: str, done: Told) -> None:
        if len(self._waiting) >= WAITING_MAX:
            done(None)
            return
        waiting = _Waiting(stated, listener, done)
        waiting.timer = self._timers.after(self._wait_ms, lambda: waiting.answer(None))
        self._waiting.append(waiting)
        if not self._is_walking:
            self._is_walking = True
            spawn("totals", self._walk())

    async def _walk(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting, []
                try:
                    walks = await asyncio.to_thread(self._opened)
                except (SourceDamaged, RelayError) as error:
                    log.warning("our own totals cannot be counted", why=str(error))
                    self._answer(now, None)
                    continue
                try:
                    for business_date in sorted({each.stated.business_date for each in now}):
                        mine = [each for each in now if each.stated.business_date == business_date]
                        try:
                            tally = await asyncio.to_thread(walks.begin(business_date).run)
                        except (SourceDamaged, RelayError, ValueError) as error:
                            log.warning("our own totals cannot be counted", business_date=business_date, why=str(error))
                            self._answer(mine, None)
                        else:
                            self._answer(mine, tally)
                finally:
                    await asyncio.to_thread(walks.end)
        finally:
            self._is_walking = False

    @staticmethod
    def _answer(waiting: list[_Waiting], tally: Tally | None) -> None:
        index = None if tally is None or tally.left_out else Index(tally.sums)
        for each in waiting:
            each.answer(None if index is None else own_of(index, each.stated, each.listener))


def own_of(index: Index, stated: TotalsStated, listener: str) -> tuple[OwnSum, ...]:
    """One sum per line of a statement, in their order."""
    return tuple([index.of(listener, stated.party, line.kinds, stated.currency) for line in stated.lines])
