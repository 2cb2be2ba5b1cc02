"""Who waits for our own sums shares a walk that began after he came; who waits too long is told that there are none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.totals import OwnSum, Total, TotalsStated
from relay.errors import JournalUnusable
from relay.journal.source import SourceDamaged, SqliteSource
from relay.reconcile import counter as module
from relay.reconcile.counter import Counter, JournalWalks
from relay.reconcile.dates import Cutover
from relay.reconcile.tally import Tally
from tests.support.journal_suite import answered, taken
from tests.support.sqliterig import SqliteRig
from tests.support.virtualtime import VirtualTime

DATE = "2026-11-24"
SUMS = {("atm", "ATM1", "withdrawal", "JPY"): OwnSum(2, 500)}


def stated(party: str = "ATM1", date: str = DATE) -> TotalsStated:
    lines = (Total(name="debits", count=1, kinds=("withdrawal",)), Total(name="credits", count=0, kinds=("deposit",)))
    return TotalsStated(id="1", party=party, business_date=date, source="0500", currency="JPY", lines=lines)


class Walk:
    """A source whose walks do `work` and find SUMS."""

    def __init__(self, work: Callable[[], None] = lambda: None) -> None:
        self.work = work
        self.opened = 0
        self.ended = 0
        self.walked: list[str] = []

    def __call__(self) -> Walk:
        self.opened += 1
        return self

    def begin(self, business_date: str) -> Walk:
        self.walked.append(business_date)
        return self

    def run(self) -> Tally:
        self.work()
        return Tally(self.walked[-1], dict(SUMS))

    def end(self) -> None:
        self.ended += 1


async def until(done: Callable[[], bool]) -> None:
    for _ in range(1_000_000):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


async def test_all_who_came_before_a_walk_share_it_and_who_comes_during_it_waits_for_the_next() -> None:
    told: list[tuple[str, tuple[OwnSum, ...] | None]] = []
    walk = Walk()
    counter = Counter(walk, VirtualTime())  # type: ignore[arg-type]  # a source of plain walks

    def ask(name: str, statement: TotalsStated) -> None:
        counter(statement, "atm", lambda sums: told.append((name, sums)))

    for name in ("a", "b"):
        ask(name, stated())
    ask("c", stated(date="2026-11-23"))
    ask("line", stated(party=""))
    loop = asyncio.get_running_loop()

    def meanwhile() -> None:
        walk.work = lambda: None
        loop.call_soon_threadsafe(ask, "late", stated("ATM2"))

    walk.work = meanwhile
    await until(lambda: len(told) == 5 and walk.ended == 2)  # its end is in a thread of its own
    ours = (OwnSum(2, 500), OwnSum())
    assert dict(told) == {"a": ours, "b": ours, "c": ours, "line": ours, "late": (OwnSum(), OwnSum())}
    assert walk.walked in (["2026-11-23", DATE, DATE], [DATE, "2026-11-23", DATE])
    assert walk.opened == walk.ended == 2


async def test_who_waits_too_long_or_in_vain_is_told_that_there_are_none() -> None:
    time, told = VirtualTime(), []
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow() -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(20)

    walk = Walk(slow)
    counter = Counter(walk, time)  # type: ignore[arg-type]
    counter(stated(), "atm", told.append)
    await until(lambda: bool(walk.walked))
    while time.step():
        pass
    assert told == [None]
    gate.set()
    await until(lambda: walk.ended == 1)
    assert told == [None], "it is told once"

    def broken() -> None:
        raise SourceDamaged("disk I/O error")

    walk.work = broken
    counter(stated(), "atm", told.append)
    await until(lambda: len(told) == 2)
    assert told == [None, None]


async def test_as_many_wait_as_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    told: list[object] = []
    counter = Counter(Walk(), VirtualTime())  # type: ignore[arg-type]
    for _ in range(3):
        counter(stated(), "atm", told.append)
    assert told == [None]
    await until(lambda: len(told) == 3)


async def test_a_journal_that_cannot_be_opened_is_told_and_asked_again() -> None:
    told: list[object] = []
    tried: list[int] = []

    def opened() -> Walk:
        tried.append(1)
        if len(tried) == 1:
            raise JournalUnusable("the server is away", "Start it.")
        return Walk()

    counter = Counter(opened, VirtualTime())  # type: ignore[arg-type]
    for count in (1, 2):
        counter(stated(), "atm", told.append)
        await until(lambda count=count: len(told) == count)  # type: ignore[misc]
    assert told == [None, (OwnSum(2, 500), OwnSum())]


async def test_the_journal_is_read_and_closed_in_a_thread(tmp_path: Path) -> None:
    """A source of PostgreSQL cannot be used on a loop that is running."""
    rig = SqliteRig(tmp_path)
    record = taken(rig.journal, "k1", listener="atm", terminal="ATM1")
    rig.journal.take(record, lambda _: None)
    rig.journal.step(answered(record.exchange_id), lambda _: None)
    rig.settle()
    threads: list[int] = []

    class Watched(SqliteSource):
        def all(self, sql: str, parameters: Any = ()) -> list[Any]:
            threads.append(threading.get_ident())
            return super().all(sql, parameters)

        def close(self) -> None:
            threads.append(threading.get_ident())
            super().close()

    told: list[object] = []
    counter = Counter(
        lambda: JournalWalks(Watched(str(rig.path)), Cutover(0, 0), lambda day: []),
        VirtualTime(),  # type: ignore[arg-type]
    )
    counter(stated(), "atm", told.append)
    await until(lambda: bool(told) and not counter._is_walking)
    assert told == [(OwnSum(1, 10_000), OwnSum())]
    assert threading.get_ident() not in threads
    rig.end()
