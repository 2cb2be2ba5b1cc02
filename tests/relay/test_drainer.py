"""A drain whose record takes longer than whoever asked for it waits: what is on disk is done here, or is not on disk. The rest
is in tests/live/test_drain_stages.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.control import drain as c
from relay.control.report import Done
from relay.drain.plan import CLASSES
from relay.drainer import LINK_NAME, LOOK_MS, Drainer
from relay.errors import RelayError
from relay.handoversettings import DrainSettings
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

SYNC_MS = 50
START = c.DrainStartArgs(who="Sato", why="new disk")
ABORT = c.DrainAbortArgs(who="Sato", why="done")


class Room:
    """A relay without a line."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.disk = MemoryDisk()
        self.journal = MemoryJournal(self.disk, self.time, self.time, sync_ms=SYNC_MS)
        nobody = SimpleNamespace(pause=lambda *_: None, resume=lambda *_: None)
        self.daemon = SimpleNamespace(
            settings=SimpleNamespace(drain=DrainSettings(), listener=(), dialer=()),
            journal=self.journal,
            metrics=Metrics(),
            clock=self.time,
            timers=self.time,
            listeners={},
            dialers={},
            roster=SimpleNamespace(links=tuple),
            exclusive=nobody,
            state="serving",
            why="",
            is_stopping=False,
            fenced=False,
        )
        self.drainer = Drainer(cast(Any, self.daemon))

    def say(self, command: str, args: c.DrainStartArgs | c.DrainAbortArgs) -> asyncio.Task[Done]:
        return asyncio.ensure_future(cast(Any, self.drainer.handlers()[command](args)))

    async def given_up(self, command: str, args: c.DrainStartArgs | c.DrainAbortArgs) -> None:
        """The control server's time limit passes before the journal's write has ended."""
        task = self.say(command, args)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def done(self, command: str, args: c.DrainStartArgs | c.DrainAbortArgs) -> Done:
        task = self.say(command, args)
        await asyncio.sleep(0)
        self.time.run(SYNC_MS)
        return await task


async def test_a_drain_that_is_recorded_late_takes_hold_then_and_not_at_the_next_start() -> None:
    room = Room()
    await room.given_up("drain-start", START)
    assert not room.drainer.is_active
    room.time.run(SYNC_MS)
    assert room.drainer.drained() == tuple(sorted(CLASSES))
    assert room.daemon.state == "draining"
    assert (await room.done("drain-abort", ABORT)).text.startswith("in service again")
    assert not room.journal.variables(LINK_NAME)


async def test_an_end_that_is_recorded_late_takes_hold_then() -> None:
    room = Room()
    await room.done("drain-start", START)
    await room.given_up("drain-abort", ABORT)
    assert room.drainer.is_active
    room.time.run(SYNC_MS)
    assert not room.drainer.is_active
    assert room.daemon.state == "serving"


async def test_while_a_record_is_under_way_nobody_orders_anything_else() -> None:
    room = Room()
    await room.given_up("drain-start", START)
    with pytest.raises(RelayError, match="another drain command is under way"):
        await room.say("drain-start", START)
    room.time.run(SYNC_MS)
    assert "under way already" in (await room.say("drain-start", START)).text


async def test_a_drain_that_cannot_be_recorded_changes_nothing_and_may_be_said_again() -> None:
    room = Room()
    room.disk.is_full = True
    with pytest.raises(RelayError, match="the drain was not recorded"):
        await room.done("drain-start", START)
    with pytest.raises(RelayError, match="the drain was not recorded"):
        await room.done("drain-start", START)
    assert not room.drainer.is_active


async def test_a_look_that_fails_by_a_mistake_of_ours_is_not_the_last_one() -> None:
    room = Room()

    def broken() -> tuple[()]:
        raise LookupError("of ours")

    await room.done("drain-start", START)
    room.daemon.roster.links = broken
    with pytest.raises(LookupError):
        room.time.run(LOOK_MS)
    room.daemon.roster.links = tuple
    room.time.run(2 * LOOK_MS)
    assert room.drainer.is_empty, "or its deadline would never come"


@pytest.mark.parametrize(("is_fenced", "state"), [(False, "serving"), (True, "fenced")])
async def test_a_relay_that_was_silenced_while_it_came_up_does_not_say_that_it_serves(is_fenced: bool, state: str) -> None:
    room = Room()
    room.daemon.fenced, room.daemon.state = is_fenced, "fenced" if is_fenced else "starting"
    room.drainer.serves()
    assert room.daemon.state == state
