"""Two people take a line, and something else is said before the database answers: that holds, and the line is not taken by hand
either. The rest is in tests/live/test_lease.py."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from protocols.dialect import LineRight
from relay.control import lease as c
from relay.control.report import Done
from relay.errors import RelayError
from relay.exclusive import Exclusive
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.lease.book import LeaseBook
from relay.lease.keeper import Heard, Keeper, Signed
from relay.lease.lease import Answer, Denied, Granted, Lease, Silent
from relay.lease.states import State
from relay.telemetry.metrics import Metrics
from tests.support.leaseclocks import LIMITS
from tests.support.virtualtime import VirtualTime

TAKE = c.LeaseTakeArgs(line="zengin", by_hand=True, who="Sato", second="Mori", why="the other one is off, we looked")
STANDBY = c.LeaseSignedArgs(line="zengin", who="Sato", why="well again")


class Room:
    """The database is this one: it answers when it is told to. The line is this one, too."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.asked: list[Heard] = []
        self.opened = 0
        self.keeper = Keeper(
            "zengin",
            Lease(LIMITS, 0),
            self,
            self,
            lambda keeper: None,
            boot_ms=self.time.monotonic_ms,
            timers=self.time,
            random=Random(1),
            metrics=Metrics(),
        )
        daemon = SimpleNamespace(
            settings=SimpleNamespace(lease=None, listener=(), dialer=()),
            journal=MemoryJournal(MemoryDisk(), self.time, self.time, sync_ms=1),
            clock=self.time,
            signing=SimpleNamespace(sign=lambda what, who, second, why: Signed(who, second, why)),
            regions=SimpleNamespace(taking_over=SimpleNamespace(is_superseded=False)),
            drainer=SimpleNamespace(is_drained=lambda name: False),
        )
        self.daemon = daemon
        self.exclusive = OneLine(daemon, self.keeper)

    def acquire(self, resource: str, token_min: int, signed: Signed, done: Heard) -> None:
        self.asked.append(done)

    def release(self, resource: str, token: int, done: object) -> None:
        """Nobody waits for it here."""

    def open(self) -> None:
        self.opened += 1

    def shut(self, why: str) -> None:
        """Nothing is open."""

    async def taking(self) -> asyncio.Task[Done]:
        """It has been signed, and the database asked."""
        task = asyncio.ensure_future(cast(Any, self.exclusive.handlers()["lease-take"](TAKE)))
        while not self.asked:
            await asyncio.sleep(0)
            self.time.run(1)
        return task

    async def answered(self, task: asyncio.Task[Done], answer: Answer) -> Done:
        self.asked.pop()(self.time.monotonic_ms(), answer)
        for _ in range(10):
            await asyncio.sleep(0)
            self.time.run(1)
        return await task


class OneLine(Exclusive):
    def __init__(self, daemon: object, keeper: Keeper) -> None:
        super().__init__(cast(Any, daemon))
        self._keepers = {"zengin": keeper}
        self._groups = {"zengin": ("zengin-0101",)}


@pytest.mark.parametrize("answer", [Silent("away"), Granted(LineRight(1))])
@pytest.mark.parametrize(("ended", "why"), [("release", "it was released meanwhile"), ("stop", "the relay stops")])
async def test_what_was_said_meanwhile_holds(answer: Answer, ended: str, why: str) -> None:
    room = Room()
    taking = await room.taking()
    if ended == "release":
        room.keeper.found_in_fault("as before")
        room.keeper.release("drill")
    else:
        room.keeper.stop()
    with pytest.raises(RelayError, match=f"zengin is not taken: {why}"):
        await room.answered(taking, answer)
    assert room.opened == 0
    assert room.keeper.lease.state is State.IDLE


@pytest.mark.parametrize(("ended", "why"), [("release", "it was released meanwhile"), ("stop", "the relay stops")])
async def test_what_was_said_while_the_taking_by_hand_was_written_holds(ended: str, why: str) -> None:
    room = Room()
    taking = await room.taking()
    room.asked.pop()(room.time.monotonic_ms(), Silent("away"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if ended == "release":
        room.keeper.found_in_fault("as before")
        room.keeper.release("drill")
    else:
        room.keeper.stop()
    for _ in range(10):
        await asyncio.sleep(0)
        room.time.run(1)
    with pytest.raises(RelayError, match=f"zengin is not taken: {why}"):
        await taking
    assert room.opened == 0


async def test_by_hand_where_no_database_answers() -> None:
    room = Room()
    taking = await room.taking()
    assert "by your word" in (await room.answered(taking, Silent("away"))).text
    assert room.opened == 1


@pytest.mark.parametrize("began", [True, False])
async def test_a_center_that_was_taken_over_wants_no_line(began: bool) -> None:
    room = Room()
    room.daemon.regions.taking_over.is_superseded = True
    if began:
        room.exclusive.start()
    else:
        room.exclusive.resume(frozenset({"zengin-0101"}), "the drain was ended by Sato")
    assert room.keeper.lease.state is State.IDLE
    assert room.asked == []
    for command, args in (("lease-take", TAKE), ("lease-standby", STANDBY)):
        with pytest.raises(RelayError, match="has taken this one over"):
            await cast(Any, room.exclusive.handlers()[command](args))


async def test_a_database_that_answers_while_the_taking_by_hand_is_written_leaves_no_word_of_it() -> None:
    room = Room()
    room.exclusive.start()
    room.asked.pop()(room.time.monotonic_ms(), Denied("osaka", 1, 1, 0))
    taking = await room.taking()
    heard = room.asked.pop(0)
    heard(room.time.monotonic_ms(), Silent("away"))
    room.time.run(LIMITS.renew_ms)
    room.asked.pop()(room.time.monotonic_ms(), Granted(LineRight(2)))
    for _ in range(10):
        await asyncio.sleep(0)
        room.time.run(1)
    assert "answered meanwhile" in (await taking).text
    room.time.run(10)
    assert LeaseBook(room.daemon.journal).standing("zengin").kept == "", "the next start finds no fault"
