"""The region's epoch rises while another center's journal is at work here: what was confirmed last is said again here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

from protocols.vocabulary import Approved, MessageClass
from relay.core.port import Looked, NotFound
from relay.exchange.reopening import Reopening
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.memory import MemoryJournal
from relay.outbound.desk import OutboundLimits
from relay.permit import Permit
from relay.reconcile.asking import Asking
from relay.reconcile.shelf import Shelf
from relay.reconcile.tail import TailShelf, first_tail
from relay.reconcile.tails import AllRows, TailParts, Tails
from relay.reconcile.tailwalk import TailRules
from relay.takeover.adopted import Adopted
from relay.telemetry.metrics import Metrics
from tests.simulation.regions.relay import TailDiskRows
from tests.support.deskworld import W1, DeskWorld, Message, stored

OLD, NEW = 1, 2


class World(DeskWorld):
    """Tokyo answered one withdrawal in region epoch 1, and was lost; its journal is adopted."""

    def __init__(self) -> None:
        super().__init__()
        self.say(self.link(), Message(trace="1"))
        self.core.last("submit").reply(Approved())
        self.journal.raise_epoch(OLD, lambda _: None)
        TailShelf(self.journal).keep(first_tail(OLD, self.time.wall_ms()), lambda _: None)
        self.time.run(20)
        self.desk.fence()
        self.core.calls.clear()
        self.asked: list[tuple[str, int]] = []
        self.permit: Permit | None = Permit(OLD, "tokyo")
        self.adopt()

    def adopt(self) -> None:
        self.journal.crash()
        self.journal = MemoryJournal(self.journal.disk, self.time, self.time)
        core: Any = self.core
        self.adopted = Adopted(
            "tokyo",
            self.journal,
            core,
            lambda: self.permit,
            lambda listener, line: None,
            lambda listener, line: "",
            self.time,
            self.time,
            Metrics(),
            Random(1),
            self.limits,
            OutboundLimits(),
        )
        self.adopted.use_tails(self.tails())
        self.adopted.take_up()

    def tails(self) -> Tails:
        desk, journal = self.adopted.desk, self.journal

        async def open_rows() -> AllRows:
            return TailDiskRows(journal.disk)

        async def close_rows(rows: AllRows) -> None:
            rows.close()

        async def turn(delay_ms: int) -> None:
            await asyncio.sleep(0)

        async def at_once(work: Callable[[], object]) -> object:
            return work()

        def look(key: str, attempt: Any, permit: Permit, timeout_ms: int, done: Callable[[Any], None]) -> None:
            self.asked.append((attempt.text(), permit.epoch))
            done(Looked(NotFound()))

        region: Any = SimpleNamespace(look=look)
        return Tails(
            TailParts(
                journal=journal,
                reopen=Reopening(desk.register, desk.saf, self.time).judge,
                saf=desk.saf,
                gate=desk.gate,
                open_rows=open_rows,
                close_rows=close_rows,
                asking=lambda rows: Asking(region, rows, self.adopted.permit, turn, "tokyo", 1_000, 0, at_once),
                shelf=lambda: Shelf(journal),
                date_at=lambda ms: "2026-11-26",
                clock=self.time,
                timers=self.time,
                metrics=Metrics(),
                spawn=lambda name, work: asyncio.get_running_loop().create_task(work),
                center="tokyo",
                rules=TailRules(margin_ms=1_000, work_ms=1_000, window_ms=3_600_000, asking_count_max=4),
                lag_ms=60_000,
            )
        )

    async def settle(self) -> None:
        for _ in range(60):
            self.time.run(2)
            await asyncio.sleep(0)


async def test_in_the_epoch_that_its_center_knew_there_is_nothing_to_say_again() -> None:
    world = World()
    assert world.adopted.permit() is None, "not before it was asked which epoch it is"
    world.adopted.follow()
    await world.settle()
    assert world.adopted.permit() == Permit(OLD, "tokyo")
    assert (world.asked, world.adopted.open_count) == ([], 0)


async def test_what_the_lost_region_confirmed_is_said_again_in_the_lost_centers_name() -> None:
    world = World()
    world.adopted.follow()
    await world.settle()
    world.permit = Permit(NEW, "osaka")
    assert world.adopted.permit() is None, "nothing is said in the new epoch before its tail is begun"
    world.adopted.follow()
    world.adopted.follow()
    assert world.adopted.permit() is None
    await world.settle()
    assert world.journal.epoch == NEW, "as its own center would have it"
    assert world.asked == [(f"tokyo/1/{IDS_PER_INCARNATION + 1}", NEW)]
    (call,) = world.core.pending
    assert (call.verb, call.key, call.attempt.center) == ("submit", W1, "tokyo")
    assert call.request is not None
    assert call.request.message_class is MessageClass.ADVICE
    assert world.adopted.open_count > 0, "it does not go back meanwhile"
    call.reply(Approved())
    await world.settle()
    assert (stored(world, W1).state.value, world.adopted.open_count) == ("settled", 0)
    world.adopted.follow()
    await world.settle()
    assert len(world.asked) == 1


async def test_a_life_that_died_in_the_middle_of_it_goes_on() -> None:
    world = World()
    world.permit = Permit(NEW, "osaka")
    world.adopted.follow()
    for _ in range(3):
        world.time.run(1)
        await asyncio.sleep(0)
    world.adopted.fence()
    world.core.calls.clear()
    world.adopt()
    world.adopted.follow()
    await world.settle()
    assert [call.key for call in world.core.pending] == [W1]


async def test_the_epoch_that_cannot_be_made_durable_is_tried_again() -> None:
    world = World()
    world.permit = Permit(NEW, "osaka")
    world.journal.disk.is_full = True
    world.adopted.follow()
    await world.settle()
    assert (world.adopted.permit(), world.asked) == (None, [])
    world.journal.disk.is_full = False
    world.time.run(5_000)
    world.adopted.follow()
    await world.settle()
    assert world.asked == [(f"tokyo/1/{IDS_PER_INCARNATION + 1}", NEW)]


async def test_in_an_epoch_below_the_one_that_its_center_has_heard_of_nothing_is_said() -> None:
    world = World()
    world.permit = Permit(NEW, "osaka")
    world.adopted.follow()
    await world.settle()
    world.permit = Permit(OLD, "tokyo")
    world.adopted.follow()
    await world.settle()
    assert world.adopted.permit() is None


async def test_a_tail_that_is_not_over_is_open() -> None:
    world = World()
    world.permit = Permit(NEW, "osaka")
    world.adopted.follow()
    world.time.run(20)
    assert world.adopted.open_count == 1
    world.adopted.stop()
