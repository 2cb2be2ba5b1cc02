"""The heir: what the core and the copy say, the journal in its hands, and the messages that are led there and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from protocols.vocabulary import NotProcessed, Unknown
from relay.core.contract import CenterAnswer, FenceRequest
from relay.core.port import Undone
from relay.errors import JournalUnusable
from relay.exchange.front import FrontDesk
from relay.journal.generation import LINK_NAME, Generation, read_generation
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.outbound.desk import OutboundLimits
from relay.outbound.front import FrontOutbound
from relay.permit import Permit
from relay.takeover.adopted import Adopted, AdoptedJournal
from relay.takeover.heir import Heir
from relay.takeover.record import Record
from relay.takeover.ways import NotNow
from relay.telemetry.metrics import Metrics
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, Message
from tests.support.outboundworld import OutboundWorld

T = TypeVar("T")
RECORD = Record(state_name="ADOPTED", run="osaka-1", center="tokyo", generation=1)
RAISED = Generation(1, "osaka-1", "osaka")
ASKED = FenceRequest(relay_epoch=10_000_000, run="osaka-1")


class Copy:
    def __init__(self, time: Any, disk: MemoryDisk) -> None:
        self.time = time
        self.disk = disk
        self.why = ""
        self.journals: list[MemoryJournal] = []

    def _look(self) -> None:
        if self.why:
            raise JournalUnusable(self.why, "")

    async def is_writing(self) -> bool:
        self._look()
        return True

    async def promote(self) -> None:
        self._look()

    async def generation(self) -> Generation:
        self._look()
        return read_generation(self.disk.link_variables.get(LINK_NAME, {}))

    async def open(self, on_failed: Callable[[str], None]) -> AdoptedJournal:
        self._look()
        self.journals.append(MemoryJournal(self.disk, self.time, self.time, on_failed=on_failed))
        return self.journals[-1]


class World:
    """Osaka's own desk, and tokyo's disk with one withdrawal whose terminal was told "in doubt"."""

    def __init__(self) -> None:
        self.own = DeskWorld()
        tokyo = DeskWorld()
        tokyo.say(tokyo.link(), Message(trace="1"))
        tokyo.time.run(DEADLINE_MS + 100)
        tokyo.journal.crash()
        self.time = self.own.time
        self.copy = Copy(self.time, tokyo.journal.disk)
        self.permit: Permit | None = Permit(3, "tokyo")
        self.said: CenterAnswer | NotProcessed | Unknown = CenterAnswer(center="tokyo", newest=7)
        client: Any = SimpleNamespace(
            center=lambda name, permit, timeout_ms, done: done(self.said),
            fence=lambda name, request, permit, timeout_ms, done: done(self.said),
        )
        self.front = FrontDesk(self.own.desk, self.time)
        self.front_outbound = FrontOutbound(OutboundWorld().outbound)
        self.heir = Heir(client, lambda: self.permit, self.copy, self._make, self.front, self.front_outbound, 1_000)

    def _make(self, record: Record, journal: AdoptedJournal) -> Adopted:
        return Adopted(
            record.center,
            journal,
            self.own.core,  # type: ignore[arg-type]  # as much of the client as a desk needs
            lambda: self.permit,
            lambda listener, line: None,
            lambda listener, line: "",
            self.time,
            self.time,
            Metrics(),
            self.own.desk.saf._chance,
            self.own.limits,
            OutboundLimits(),
        )

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Time goes on while `work` waits for a journal."""
        task = asyncio.ensure_future(work)
        while not task.done():
            self.time.run(1)
            await asyncio.sleep(0)
        return task.result()

    async def adopt(self) -> None:
        await self.heir.open()
        await self.during(self.heir.raise_generation(RAISED))
        await self.heir.adopt(RECORD)


async def test_the_cores_word_is_told_and_its_silence_is_not_now() -> None:
    world = World()
    assert world.heir.region_epoch == 3
    assert (await world.heir.standing("tokyo")).newest == 7
    await world.heir.fence("tokyo", ASKED)
    for said in (Unknown(why="lost"), NotProcessed(reason="wrong-region")):
        world.said = said
        with pytest.raises(NotNow):
            await world.heir.standing("tokyo")
        with pytest.raises(NotNow):
            await world.heir.fence("tokyo", ASKED)
    world.said = NotProcessed(reason="fence-behind")
    await world.heir.fence("tokyo", ASKED)  # the next look chooses another number
    world.permit = None
    assert world.heir.region_epoch == 0
    with pytest.raises(NotNow, match="may not be asked"):
        await world.heir.standing("tokyo")


async def test_a_copy_that_is_away_is_not_now() -> None:
    world = World()
    world.copy.why = "away"
    for ask in (world.heir.is_writing, world.heir.promote, world.heir.open):
        with pytest.raises(NotNow, match="away"):
            await ask()
    world.copy.why = ""
    assert await world.heir.is_writing()


async def test_what_was_open_is_taken_up_and_messages_are_led_there() -> None:
    world = World()
    assert await world.heir.open() == Generation()
    assert not world.heir.is_at_work
    world.front.is_awaited = True
    await world.adopt()
    assert world.heir.is_at_work
    assert not world.front.is_awaited
    assert world.heir.open_count > 0
    assert world.heir.adopted is not None
    assert world.front.adopted is world.heir.adopted.desk
    assert world.front_outbound.adopted is world.heir.adopted.outbound
    world.time.run(50)
    undo = world.own.core.calls[-1]
    assert (undo.verb, undo.key, undo.attempt.center) == ("undo", W1, "tokyo")
    await world.heir.adopt(RECORD)
    assert len(world.copy.journals) == 1, "adopted twice is adopted once"


async def test_it_goes_back_only_when_nothing_is_open_and_says_so_in_the_journal() -> None:
    world = World()
    await world.adopt()
    back = Generation(1, "osaka-1", "")
    with pytest.raises(NotNow, match="not at their end"):
        await world.heir.close(back)
    assert world.front.adopted is None, "and nothing new comes in meanwhile"
    world.time.run(50)
    world.own.core.calls[-1].reply(Undone("reversed"))
    world.time.run(50)
    assert not await world.heir.is_handed_back(back), "as long as it is open"
    await world.during(world.heir.close(back))
    assert not world.heir.is_at_work
    assert await world.heir.is_handed_back(back)
    assert not world.copy.disk.in_use


async def test_a_journal_that_fails_is_silent_and_opened_in_another_life() -> None:
    world = World()
    await world.adopt()
    first = world.copy.journals[0]
    world.copy.disk.sync_fails = True
    first.store_variable("x", "y", b"", lambda result: None)
    world.time.run(5)
    assert not world.heir.is_at_work
    assert world.front.adopted is None
    assert world.front.is_awaited
    with pytest.raises(NotNow, match="not open"):
        await world.heir.raise_generation(RAISED)
    world.copy.disk.sync_fails = False
    assert await world.heir.open() == RAISED
    assert world.copy.journals[1].incarnation == first.incarnation + 1
    await world.heir.adopt(RECORD)
    assert world.heir.is_at_work
    world.heir.stop()
    assert not world.copy.disk.in_use


async def test_an_adoption_that_breaks_off_begins_again_in_another_life() -> None:
    world = World()
    await world.heir.open()
    await world.during(world.heir.raise_generation(RAISED))
    journal = world.copy.journals[0]

    def away() -> list[object]:
        raise JournalUnusable("The server went away.", "")

    journal.open_outbound = away  # type: ignore[method-assign, assignment]
    with pytest.raises(NotNow, match="went away"):
        await world.heir.adopt(RECORD)
    assert not world.heir.is_at_work
    assert world.front.adopted is None
    world.time.run(1_000)
    assert [call.verb for call in world.own.core.calls] == ["undo"] * len(world.own.core.calls)
    said = len(world.own.core.calls)
    world.time.run(60_000)
    assert len(world.own.core.calls) == said, "what was begun says nothing more"
    assert await world.heir.open() == RAISED
    await world.heir.adopt(RECORD)
    assert world.heir.is_at_work
    assert len(world.copy.journals) == 2
