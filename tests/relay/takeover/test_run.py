"""The carrying out of a take-over: whoever signs, whatever fails, and wherever the process dies, it comes to the same end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from relay.core.contract import CenterAnswer, FenceRequest
from relay.errors import RelayError
from relay.journal.generation import LIVES_SKIPPED, Generation
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.loopback.fences import RelayEpochs
from relay.takeover.record import Record, Signed, TakeoverBook
from relay.takeover.run import TakeOver
from relay.takeover.states import State
from relay.takeover.ways import NotNow
from tests.support.virtualtime import VirtualTime

SIGNED = Signed("Sato", "Suzuki", "no power", 5)


class Died(BaseException):
    """The process, between two steps."""


class World:
    """What outlives a process: the core, the copy, the journal in it. Each question or deed counts one step; after `dies_at`
    steps the process is dead, half of the times before the deed and half after it."""

    def __init__(self, dies_at: int | None = None, dies_after: bool = False) -> None:
        self.core = RelayEpochs()
        self.core.saw("tokyo", 7)
        self.epoch = 3
        self.writes = False
        self.generation = Generation()
        self.promotions = 0
        self.fences: list[int] = []
        self.followed: list[int] = []  # epochs of the region
        self.steps = 0
        self.dies_at = dies_at
        self.dies_after = dies_after
        self.troubles: set[str] = set()
        self.mistakes: set[str] = set()  # of ours: each is made once

    def step(self, what: str, deed: Callable[[], object] = lambda: None) -> None:
        self.steps += 1
        dies = self.steps == self.dies_at
        if what in self.troubles:
            raise NotNow(f"{what} is away.")
        if what in self.mistakes:
            self.mistakes.discard(what)
            raise LookupError("of ours")
        if dies and not self.dies_after:
            raise Died
        deed()
        if dies:
            raise Died


class WorldsWays:
    """Fulfils Ways for one life of a process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._is_open = False
        self.is_at_work = False
        self.open_count = 0

    @property
    def region_epoch(self) -> int:
        return self._world.epoch

    async def standing(self, center: str) -> CenterAnswer:
        self._world.step("core")
        return self._world.core.standing(center)

    async def fence(self, center: str, request: FenceRequest) -> None:
        def deed() -> None:
            self._world.fences.append(request.relay_epoch)
            self._world.core.raise_fence(center, request, "osaka")

        self._world.step("core", deed)

    async def is_writing(self) -> bool:
        self._world.step("copy")
        return self._world.writes

    async def copied_until(self) -> int:
        self._world.step("copy")
        assert not self._world.writes, "nobody can see it any more"
        return 77

    async def promote(self) -> None:
        assert self._world.core.standing("tokyo").fence, "promoted before it was fenced"

        def deed() -> None:
            self._world.promotions += 1
            self._world.writes = True

        self._world.step("copy", deed)

    async def open(self, life_floor: int) -> Generation:
        assert self._world.writes
        assert life_floor >= LIVES_SKIPPED, "no life that the other center may have begun is begun again"
        self._world.step("journal")
        self._is_open = True
        return self._world.generation

    async def raise_generation(self, generation: Generation) -> None:
        self._world.step("journal", lambda: setattr(self._world, "generation", generation))

    async def adopt(self, record: Record) -> None:
        assert self._world.generation == Generation(record.generation, record.run, "osaka"), "at work before its generation"
        self._world.step("journal")
        self.is_at_work = True

    def follow(self) -> None:
        assert self.is_at_work
        self._world.followed.append(self._world.epoch)

    async def is_handed_back(self, generation: Generation) -> bool:
        self._world.step("journal")
        return not self._is_open and self._world.generation == generation

    async def close(self, generation: Generation) -> None:
        if self.open_count:
            raise NotNow(f"{self.open_count} are not at their end yet.")
        self.is_at_work = False
        self._world.step("journal", lambda: setattr(self._world, "generation", generation))
        self._is_open = False


class Life:
    """One process of osaka on `disk`."""

    def __init__(self, disk: MemoryDisk, world: World) -> None:
        self.time = VirtualTime()
        self.journal = MemoryJournal(disk, self.time, self.time)
        self.ways = WorldsWays(world)
        self.takeover = TakeOver("osaka", TakeoverBook(self.journal), self.ways, self.time, self._sleep, 10)

    async def _sleep(self, delay_ms: int) -> None:
        await asyncio.sleep(0)

    async def _ticking(self) -> None:
        while True:
            self.time.run(5)
            await asyncio.sleep(0)

    async def until(self, state: State, looks: int = 3_000) -> None:
        """Raises Died where the process does."""
        ticking, running = asyncio.ensure_future(self._ticking()), asyncio.ensure_future(self.takeover.run())
        try:
            for _ in range(looks):
                is_there = self.takeover.record.state is state
                if is_there and (self.ways.is_at_work or state is not State.ADOPTED):
                    return
                if running.done():
                    running.result()
                await asyncio.sleep(0)
            raise AssertionError(f"still {self.takeover.record.state_name}: {self.takeover.trouble}")
        finally:
            for task in (ticking, running):
                task.cancel()
            await asyncio.gather(ticking, running, return_exceptions=True)

    async def say(self, deed: Callable[[], object]) -> object:
        ticking = asyncio.ensure_future(self._ticking())
        try:
            return await deed()  # type: ignore[misc]
        finally:
            ticking.cancel()

    async def begin(self) -> None:
        await self.say(lambda: self.takeover.begin("tokyo", SIGNED))

    async def give_back(self) -> None:
        await self.say(lambda: self.takeover.give_back(SIGNED))


async def test_two_people_say_so_and_it_is_fenced_promoted_opened_and_at_work() -> None:
    world, disk = World(), MemoryDisk()
    life = Life(disk, world)
    assert not life.takeover.is_awaited
    await life.begin()
    assert life.takeover.is_awaited
    await life.until(State.ADOPTED)
    assert life.takeover.record.copied_until_ms == 77, "asked before it was promoted, and kept"
    assert world.fences == [10_000_000]
    assert world.promotions == 1
    assert not world.core.admits("tokyo", 8)
    assert life.takeover.may_speak
    assert not life.takeover.is_awaited
    await life.give_back()
    await life.until(State.RETURNED)
    assert world.generation == Generation(1, "osaka-5", "")
    assert not life.takeover.may_speak


@pytest.mark.parametrize("where", ["core", "copy", "journal"])
async def test_a_look_that_fails_by_a_mistake_of_ours_is_shown_and_is_not_the_last_one(where: str) -> None:
    world = World()
    world.mistakes = {where}
    life = Life(MemoryDisk(), world)
    troubles: list[str] = []
    life.takeover._troubled = lambda: troubles.append(where)
    await life.begin()
    await life.until(State.ADOPTED)
    assert troubles == [where]
    assert not world.mistakes


@pytest.mark.parametrize("dies_after", [False, True])
async def test_wherever_the_process_dies_it_goes_on_and_does_nothing_twice(dies_after: bool) -> None:
    reached = 0
    for dies_at in range(1, 25):
        world, disk = World(dies_at, dies_after), MemoryDisk()
        returned = False
        for _ in range(4):
            life = Life(disk, world)
            try:
                if life.takeover.record.state is State.NONE:
                    await life.begin()
                if life.takeover.record.state is not State.RETURNING:
                    await life.until(State.ADOPTED)
                    await life.give_back()
                await life.until(State.RETURNED)
                returned = True
                break
            except Died:
                reached += 1
                life.journal.crash()
        assert returned, f"death at step {dies_at}"
        assert set(world.fences) == {10_000_000}, "one number, however often it was said"
        assert world.promotions == 1
        assert world.generation == Generation(1, "osaka-5", "")
    assert reached > 10, "no death was died"


@pytest.mark.parametrize("what", ["core", "copy", "journal"])
async def test_what_is_away_is_waited_for_and_told(what: str) -> None:
    world = World()
    world.troubles = {what}
    life = Life(MemoryDisk(), world)
    await life.begin()
    with pytest.raises(AssertionError, match=f"{what} is away"):
        await life.until(State.ADOPTED, looks=300)
    world.troubles = set()
    await life.until(State.ADOPTED)
    assert life.takeover.trouble == ""


async def test_in_a_new_region_nothing_is_said_before_the_fence_was_seen_there() -> None:
    world = World()
    life = Life(MemoryDisk(), world)
    await life.begin()
    await life.until(State.ADOPTED)
    world.epoch, world.core = 4, RelayEpochs()
    assert not life.takeover.may_speak
    await life.until(State.ADOPTED)
    world.core.saw("tokyo", 8)
    for _ in range(3):
        await life.takeover._look()
    assert life.takeover.may_speak
    assert not world.core.admits("tokyo", 9)
    assert set(world.followed) == {3, 4}, "and what the region before confirmed last is asked for there"


async def test_who_may_not_say_it() -> None:
    life = Life(MemoryDisk(), World())
    for wrong in (Signed("Sato", "sato"), Signed("", "Suzuki"), Signed("Sato", "")):
        with pytest.raises(RelayError, match="two different people"):
            await life.takeover.begin("tokyo", wrong)
    with pytest.raises(RelayError, match="does not take itself over"):
        await life.takeover.begin("osaka", SIGNED)
    with pytest.raises(RelayError, match="no journal of another center"):
        await life.takeover.give_back(SIGNED)
    await life.begin()
    assert (await life.takeover.begin("tokyo", SIGNED)).run == "osaka-5", "said again"
    with pytest.raises(RelayError, match="tokyo is being taken over"):
        await life.takeover.begin("kyoto", SIGNED)


async def test_nothing_goes_back_while_anything_is_open() -> None:
    life = Life(MemoryDisk(), World())
    await life.begin()
    await life.until(State.ADOPTED)
    life.ways.open_count = 1
    with pytest.raises(RelayError, match="1 are not at their end"):
        await life.give_back()
    life.ways.open_count = 0
    await life.give_back()
    await life.until(State.RETURNED)


@pytest.mark.parametrize("epoch", [3, 4])
async def test_what_came_just_before_it_was_given_back_is_carried_to_its_end(epoch: int) -> None:
    world = World()
    life = Life(MemoryDisk(), world)
    await life.begin()
    await life.until(State.ADOPTED)
    await life.give_back()
    life.ways.open_count = 1  # a reversal, while the signature was written
    world.epoch = epoch
    with pytest.raises(AssertionError, match="1 are not at their end"):
        await life.until(State.RETURNED, looks=300)
    assert life.takeover.may_speak, "or it would stay open, and the journal here, until the next start"
    assert world.followed[-1] == epoch
    life.ways.open_count = 0
    await life.until(State.RETURNED)
    assert not life.takeover.may_speak


async def test_a_signature_that_is_recorded_late_takes_hold_then_and_not_at_the_next_start() -> None:
    life = Life(MemoryDisk(), World())
    beginning = asyncio.ensure_future(life.takeover.begin("tokyo", SIGNED))
    await asyncio.sleep(0)
    beginning.cancel()  # the control server's time limit
    await asyncio.gather(beginning, return_exceptions=True)
    assert life.takeover.record.state is State.NONE
    with pytest.raises(NotNow, match="just deciding"):
        await life.takeover.begin("tokyo", SIGNED)
    life.time.run(100)
    assert life.takeover.record.state is State.FENCING
    assert TakeoverBook(life.journal).record() == life.takeover.record


async def test_what_was_asked_for_and_takes_its_time_is_not_asked_for_without_a_pause() -> None:
    world = World()
    life = Life(MemoryDisk(), world)
    asked: list[int] = []
    pauses: list[int] = []

    async def slow() -> None:
        asked.append(len(pauses))
        world.writes = len(asked) > 3

    async def sleep(delay_ms: int) -> None:
        pauses.append(delay_ms)
        await asyncio.sleep(0)

    life.ways.promote = slow  # type: ignore[method-assign]
    life.takeover._sleep_ms = sleep
    await life.begin()
    await life.until(State.ADOPTED)
    between = [any(pauses[earlier:later]) for earlier, later in pairwise(asked)]
    assert between == [False, True, True], "at once the first time, and then with the pause of a look"


async def test_without_a_journal_of_its_own_nothing_begins() -> None:
    disk = MemoryDisk()
    life = Life(disk, World())
    disk.is_full = True
    with pytest.raises(RelayError, match="does not write"):
        await life.begin()
    assert life.takeover.record == Record()
