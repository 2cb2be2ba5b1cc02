"""People withdraw, or announce again, and the record fails, or takes longer than they wait. The rest is in
tests/live/test_announce.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.announce.book import Book, Deed
from relay.announcing import Announcing
from relay.control import announce as c
from relay.control.report import Done
from relay.errors import RelayError
from relay.journal.items import PROBE_INTERVAL_MS
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.servicesettings import AnnounceSettings
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

SYNC_MS = 50
WITHDRAW = c.AnnounceArgs(who="Mori", why="line work")
RESUME = c.AnnounceArgs(who="Mori", why="the line is mended")


def new_announcing(journal: MemoryJournal, time: VirtualTime) -> Announcing:
    settings = SimpleNamespace(announce=AnnounceSettings(), listener=(), dialer=())
    daemon = SimpleNamespace(
        settings=settings, journal=journal, metrics=Metrics(), clock=time, timers=time, listeners={}, roster=None
    )
    return Announcing(cast(Any, daemon))


async def test_a_withdrawal_that_was_not_recorded_is_recorded_when_it_is_said_again() -> None:
    time, disk = VirtualTime(), MemoryDisk()
    journal = MemoryJournal(disk, time, time, sync_ms=SYNC_MS)
    announcing = new_announcing(journal, time)

    async def withdraw() -> Done:
        task = asyncio.ensure_future(cast(Any, announcing.handlers()["announce-withdraw"](WITHDRAW)))
        while not task.done():
            await asyncio.sleep(0)
            time.run(SYNC_MS)
        return cast(Done, task.result())

    disk.is_full = True
    with pytest.raises(RelayError, match="withdrawn, but not recorded"):
        await withdraw()
    assert announcing.report().role == "paused"
    disk.is_full = False
    time.run(PROBE_INTERVAL_MS)
    assert "until `relay announce resume`" in (await withdraw()).text
    paused = Book(journal).paused()
    assert paused is not None, "or a restart would announce it again"
    assert paused.who == "Mori"


async def test_a_resume_that_is_recorded_late_takes_hold_then_and_not_at_the_next_start() -> None:
    time = VirtualTime()
    journal = MemoryJournal(MemoryDisk(), time, time, sync_ms=SYNC_MS)
    Book(journal).keep_paused(Deed(0, "withdraw", "Sato", "a line is mended"), lambda result: None)
    time.run(SYNC_MS)
    announcing = new_announcing(journal, time)
    assert announcing.report().role == "paused"
    resuming = asyncio.ensure_future(cast(Any, announcing.handlers()["announce-resume"](RESUME)))
    await asyncio.sleep(0)
    resuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resuming
    assert announcing.report().role == "paused"
    time.run(SYNC_MS)
    assert announcing.report().role != "paused"
    assert Book(journal).paused() is None
