"""The heir: what the core and the copy say, the journal in its hands, and the messages that are led there and no more."""

from __future__ import annotations

import asyncio
import threading
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
from relay.journal.inherited import Inherited
from relay.journal.items import IDS_PER_INCARNATION
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
PATIENCE_S = 5.0
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

    async def copied_until(self) -> int:
        self._look()
        return 77

    async def generation(self) -> Generation:
        self._look()
        return read_generation(self.disk.link_variables.get(LINK_NAME, {}))

    async def open(self, on_failed: Callable[[str], None], life_floor: int) -> AdoptedJournal:
        self._look()
        self.disk.incarnation = max(self.disk.incarnation, life_floor - 1)
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
        self.inherited = Inherited()
        self.heir = Heir(
            client, lambda: self.permit, self.copy, self._make, self.front, self.front_outbound, self.inherited, 1_000
        )

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
        await self.heir.open(0)
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
    for ask in (world.heir.is_writing, world.heir.promote, lambda: world.heir.open(0)):
        with pytest.raises(NotNow, match="away"):
            await ask()
    world.copy.why = ""
    assert await world.heir.is_writing()
    assert await world.heir.copied_until() == 77


async def test_what_was_open_is_taken_up_and_messages_are_led_there() -> None:
    world = World()
    assert await world.heir.open(0) == Generation()
    assert not world.heir.is_at_work
    world.front.is_awaited = world.front_outbound.is_awaited = True
    await world.adopt()
    assert world.heir.is_at_work
    assert not world.front.is_awaited
    assert not world.front_outbound.is_awaited
    assert world.heir.open_count > 0
    assert world.heir.adopted is not None
    assert world.front.adopted is world.heir.adopted.desk
    assert world.front_outbound.adopted is world.heir.adopted.outbound
    assert world.inherited.adopted is world.copy.journals[0], "links see what their listener had there"
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
    assert world.inherited.adopted is None
    world.time.run(50)
    world.own.core.calls[-1].reply(Undone("reversed"))
    world.time.run(50)
    assert not await world.heir.is_handed_back(back), "as long as it is open"
    await world.during(world.heir.close(back))
    assert not world.heir.is_at_work
    assert await world.heir.is_handed_back(back)
    assert not world.copy.disk.in_use


async def test_it_is_opened_above_every_life_that_its_center_may_have_begun() -> None:
    world = World()
    await world.heir.open(10_041)
    assert world.copy.journals[0].incarnation == 10_041
    assert world.copy.journals[0].next_exchange_id() > 10_041 * IDS_PER_INCARNATION


async def test_questions_of_a_busy_center_are_nothing_open_and_are_answered_before_it_is_closed() -> None:
    world = World()
    await world.adopt()
    world.time.run(50)
    world.own.core.calls[-1].reply(Undone("reversed"))
    world.time.run(50)
    for number in range(2, 7):
        world.front.open(Message(trace="1", terminal=f"ATM{number}"), world.own.link())
    assert world.copy.journals[0].waiting_count() > 0
    assert world.heir.open_count == 0, "what is new here is nothing of the lost center's"
    back = Generation(1, "osaka-1", "")
    with pytest.raises(NotNow, match="on their way"):
        await world.heir.close(back)
    world.time.run(50)
    await world.during(world.heir.close(back))
    asked = {call.key for call in world.own.core.calls if call.verb == "submit"}
    assert asked == {f"ATM{number}-financial-1" for number in range(2, 7)}, "each has gone its way"


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
    assert world.front_outbound.is_awaited
    with pytest.raises(NotNow, match="not open"):
        await world.heir.raise_generation(RAISED)
    world.copy.disk.sync_fails = False
    assert await world.heir.open(0) == RAISED
    assert world.copy.journals[1].incarnation == first.incarnation + 1
    await world.heir.adopt(RECORD)
    assert world.heir.is_at_work
    world.heir.stop()
    assert not world.copy.disk.in_use


async def test_a_server_that_hangs_while_its_list_is_counted_holds_up_nobody_else() -> None:
    world = World()
    await world.adopt()
    journal, go_on = world.copy.journals[0], threading.Event()

    def hanging() -> list[object]:
        go_on.wait(PATIENCE_S)
        raise JournalUnusable("The server hangs.", "")

    journal.listed = hanging  # type: ignore[method-assign, assignment]
    asking = asyncio.ensure_future(world.heir.listed_count())
    try:
        for _ in range(10):
            await asyncio.sleep(0)
        assert not asking.done()
    finally:
        go_on.set()
    with pytest.raises(NotNow, match="hangs"):
        await asking


async def test_the_list_is_counted_while_it_is_at_work() -> None:
    world = World()
    assert await world.heir.listed_count() == 0
    await world.adopt()
    world.time.run(50)
    assert await world.heir.listed_count() == sum(1 for _ in world.copy.journals[0].listed())


async def test_a_journal_that_fails_before_it_is_handed_over_is_opened_in_another_life() -> None:
    """Its one word about it comes while the thread that opened it is still on its way back."""
    world = World()
    open_it = world.copy.open

    async def failing(on_failed: Callable[[str], None], life_floor: int) -> AdoptedJournal:
        journal = await open_it(on_failed, life_floor)
        if len(world.copy.journals) == 1:
            world.copy.disk.sync_fails = True
            journal.store_variable("x", "y", b"", lambda result: None)
            world.time.run(5)
            world.copy.disk.sync_fails = False
        return journal

    world.copy.open = failing  # type: ignore[method-assign]
    with pytest.raises(NotNow, match="failed as it was opened"):
        await world.heir.open(0)
    await world.adopt()
    assert world.heir.is_at_work
    assert len(world.copy.journals) == 2
    world.heir.stop()
    assert not world.copy.disk.in_use


@pytest.mark.parametrize(
    ("wrong", "said"), [(JournalUnusable("The server went away.", ""), NotNow), (LookupError("of ours"), LookupError)]
)
async def test_an_adoption_that_breaks_off_begins_again_in_another_life(wrong: Exception, said: type[Exception]) -> None:
    world = World()
    await world.heir.open(0)
    await world.during(world.heir.raise_generation(RAISED))
    journal = world.copy.journals[0]

    def away() -> list[object]:
        raise wrong

    journal.open_outbound = away  # type: ignore[method-assign, assignment]
    with pytest.raises(said, match=r"went away|of ours"):
        await world.heir.adopt(RECORD)
    assert not world.heir.is_at_work
    assert world.front.adopted is None
    world.time.run(1_000)
    assert [call.verb for call in world.own.core.calls] == ["undo"] * len(world.own.core.calls)
    said = len(world.own.core.calls)
    world.time.run(60_000)
    assert len(world.own.core.calls) == said, "what was begun says nothing more"
    assert await world.heir.open(0) == RAISED
    await world.heir.adopt(RECORD)
    assert world.heir.is_at_work
    assert len(world.copy.journals) == 2
