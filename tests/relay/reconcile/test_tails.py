"""A tail from the new epoch to its end: begun by itself, taken up, tried again, and what waits for it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from protocols.vocabulary import Approved, Declined, MessageClass, NotProcessed, Unknown
from relay.core.port import Looked, NotFound, Permit
from relay.exchange.reopening import Reopening
from relay.journal.memory_disk import MemoryDisk
from relay.reconcile.asking import Asking
from relay.reconcile.shelf import Shelf
from relay.reconcile.tail import Tail, TailShelf, first_tail, tail_of
from relay.reconcile.tails import AllRows, TailParts, Tails
from relay.reconcile.tailwalk import TailRules
from tests.simulation.regions.relay import TailDiskRows
from tests.support.deskworld import W1, DeskWorld, Message, stored

NEW = 2
FOUND = Looked(Approved(), 10_000, "tokyo/1/1")
MISSING = Looked(NotFound())


class Region:
    """The new region, as far as it is asked by key."""

    def __init__(self) -> None:
        self.says: Any = MISSING
        self.asked: list[str] = []

    def look(self, key: str, attempt: Any, permit: Permit, timeout_ms: int, done: Callable[[Any], None]) -> None:
        self.asked.append(key)
        done(self.says)

    def ledger(self, *_: Any) -> None:
        raise AssertionError("a listing is not asked for")


class World(DeskWorld):
    def __init__(self, holds: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.holds = holds
        self.region = Region()
        self.say(self.link(), Message(trace="1"))
        self.core.last("submit").reply(Approved())
        self.time.run(5)
        self.core.calls.clear()
        self.journal.raise_epoch(1, lambda _: None)
        self.time.run(5)
        TailShelf(self.journal).keep(first_tail(1, self.time.wall_ms()), lambda _: None)
        self.time.run(5)
        self.live()

    def live(self) -> None:
        """The tails of one life."""

        async def open_rows() -> AllRows:
            return TailDiskRows(self.journal.disk)

        async def close_rows(rows: AllRows) -> None:
            rows.close()

        async def turn(delay_ms: int) -> None:
            await asyncio.sleep(0)

        async def at_once(work: Callable[[], object]) -> object:
            return work()

        shelf = Shelf(self.journal)
        self.tails = Tails(
            TailParts(
                journal=self.journal,
                reopen=Reopening(self.desk.register, self.desk.saf, self.time).judge,
                saf=self.desk.saf,
                gate=self.desk.gate,
                open_rows=open_rows,
                close_rows=close_rows,
                asking=lambda rows: Asking(self.region, rows, lambda: self.permit, turn, "tokyo", 1_000, 0, at_once),
                shelf=lambda: shelf,
                date_at=lambda ms: "2026-11-26",
                clock=self.time,
                timers=self.time,
                metrics=self.metrics,
                spawn=lambda name, coro: asyncio.get_running_loop().create_task(coro),
                center="tokyo",
                rules=TailRules(margin_ms=1_000, work_ms=1_000, window_ms=3_600_000, asking_count_max=4),
                lag_ms=60_000,
                holds=self.holds,
            )
        )
        self.tails.start()

    def switch(self, epoch: int = NEW) -> None:
        """The new epoch is durable."""
        self.journal.raise_epoch(epoch, lambda _: None)
        self.time.run(5)
        self.permit = Permit(epoch, "osaka")
        self.tails.begin(epoch)

    async def settle(self, turns: int = 60) -> None:
        for _ in range(turns):
            self.time.run(2)
            await asyncio.sleep(0)

    @property
    def disk(self) -> MemoryDisk:
        return self.journal.disk

    def counted(self, result: str) -> float | None:
        return self.metrics.registry.get_sample_value("relay_region_tail_exchanges_total", {"result": result})


async def test_it_begins_by_itself_and_ends_when_everything_is_settled() -> None:
    world = World()
    assert world.tails.is_finished
    world.switch()
    assert not world.tails.is_finished
    await world.settle()
    (call,) = world.core.pending
    assert (call.verb, call.key, call.permit.epoch) == ("submit", W1, NEW)
    assert call.request is not None
    assert call.request.message_class is MessageClass.ADVICE
    assert not world.tails.is_finished, "it is owed, not settled"
    call.reply(Approved())
    await world.settle()
    assert world.tails.is_finished
    assert (world.counted("asked"), world.counted("missing"), world.counted("mended")) == (1, 1, 1)
    assert not world.unexpected()
    world.tails.begin(NEW)
    await world.settle()
    assert world.region.asked == [W1], "once"


async def test_before_the_first_epoch_there_was_nothing_to_lose() -> None:
    world = World(frozenset({"atm"}))
    world.journal.disk.region_epoch = 0
    world.journal.disk.link_variables.clear()
    world.live()
    assert world.tails.is_finished, "no epoch, no tail"
    world.journal.raise_epoch(1, lambda _: None)
    world.time.run(5)
    world.tails.begin(1)
    assert world.tails.is_finished
    assert not world.desk.gate.awaited
    await world.settle()
    assert world.region.asked == []
    world.live()
    assert world.tails.is_finished, "and it is on disk"


async def test_classes_wait_where_it_is_set_so_until_it_is_replayed() -> None:
    world = World(frozenset({"atm"}))
    world.region.says = FOUND
    link = world.link()
    world.switch()
    world.say(link, Message(trace="7"))
    assert link.said == [("7", "suspended")], "before any permit of the new epoch was used"
    world.say(link, Message(trace="1"))
    assert link.said[-1] == ("1", "approved"), "a repeat is answered from the journal as ever"
    await world.settle()
    world.say(link, Message(trace="8"))
    assert world.core.last("submit").key == "ATM1-financial-8"


async def test_a_completion_waits_until_its_original_was_asked_for() -> None:
    world = World()
    world.permit = None
    world.switch()
    world.permit = None  # the new region has not confirmed itself yet
    completion = Message(trace="2", message_class=MessageClass.ADVICE, original="1")
    world.say(world.link(), completion)
    world.say(world.link(), Message(trace="3", message_class=MessageClass.ADVICE))
    world.region.says = NotProcessed(reason="unreachable")
    world.permit = Permit(NEW, "osaka")
    world.time.run(10_000)
    assert {call.key for call in world.core.calls} == {"ATM1-advice-3"}, "others do not wait"
    world.region.says = MISSING
    await world.settle(2_000)
    assert [call.key for call in world.core.pending if call.key != "ATM1-advice-3"] == [W1], "the original goes first"
    world.core.last("submit").reply(Approved())
    await world.settle(2_000)
    assert world.core.last("submit").key == "ATM1-advice-2"


async def test_a_completion_that_was_said_anew_waits_again_where_the_region_moves_once_more() -> None:
    """Booked before its original, which the third region lacks as well, it would be booked a second time with it."""
    world = World()
    world.say(world.link(), Message(trace="2", message_class=MessageClass.ADVICE, original="1"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    world.switch()
    await world.settle()
    world.core.last("submit").reply(Approved())
    await world.settle()
    under_way = world.core.last("submit")
    assert under_way.key == "ATM1-advice-2", "its original is settled, and it was said anew"
    said = len(world.core.calls)
    world.switch(NEW + 1)
    under_way.reply(Unknown(why="the region moved"))
    world.time.run(10_000)
    assert len(world.core.calls) == said, "nothing is said before its original was asked for in the third region"
    await world.settle(2_000)
    assert [call.key for call in world.core.calls[said:]] == [W1]
    world.core.last("submit").reply(Approved())
    await world.settle(2_000)
    assert [call.key for call in world.core.calls[said:]] == [W1, "ATM1-advice-2"]


async def test_a_life_that_finds_an_epoch_without_its_tail_begins_one() -> None:
    world = World()
    world.journal.raise_epoch(NEW, lambda _: None)  # and then the power went
    world.time.run(5)
    world.crash()
    world.permit = Permit(NEW, "osaka")
    world.live()
    assert not world.tails.is_finished
    await world.settle()
    assert world.core.pending[0].key == W1


async def test_it_is_taken_up_by_another_life_and_followed_to_its_end() -> None:
    world = World()
    world.switch()
    await world.settle()
    assert world.core.pending[0].key == W1
    world.tails.stop()
    world.crash()
    world.live()
    await world.settle()
    assert not world.tails.is_finished
    world.core.last("submit").reply(Approved())
    await world.settle()
    assert world.tails.is_finished
    assert world.region.asked == [W1], "it was behind the mark"


async def test_a_run_that_cannot_go_on_is_tried_again() -> None:
    world = World()
    world.region.says = NotProcessed(reason="unreachable")
    world.switch()
    await world.settle()
    assert "unreachable" in world.tails.trouble
    world.region.says = FOUND
    await world.settle(3_000)
    assert world.tails.is_finished
    assert world.tails.trouble == ""


async def test_a_run_that_fails_by_a_mistake_of_ours_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the new region would lack what the old one confirmed, and nobody would go on asking before the next epoch."""
    world = World()
    world.region.says = FOUND
    with monkeypatch.context() as patched:
        patched.delattr(TailDiskRows, "newest_confirmed_ms")
        world.switch()
        await world.settle()
    assert world.tails.trouble == "AttributeError in the relay: the log has it"
    assert not world.tails.is_finished
    await world.settle(3_000)
    assert world.tails.is_finished


async def test_a_journal_that_takes_nothing_delays_it_and_forgets_nothing() -> None:
    world = World()
    world.region.says = FOUND
    world.switch()
    world.disk.is_full = True
    await world.settle()
    assert "the disk is full" in world.tails.trouble
    assert world.region.asked == []
    world.disk.is_full = False
    await world.settle(3_000)
    assert world.tails.is_finished


async def test_the_next_epoch_covers_what_the_last_one_did_not_ask() -> None:
    world = World()
    world.region.says = NotProcessed(reason="unreachable")
    world.switch()
    await world.settle()
    first = world.tails.tail
    assert first is not None
    world.time.run(500_000)
    world.journal.raise_epoch(NEW + 1, lambda _: None)
    world.time.run(5)
    world.permit = Permit(NEW + 1, "tokyo")
    world.region.says = FOUND
    world.tails.begin(NEW + 1)
    await world.settle(100)
    tail = world.tails.tail
    assert tail is not None
    assert (tail.epoch, tail.is_finished, tail.asked) == (NEW + 1, True, 1)
    assert tail.since_ms <= first.since_ms


async def test_what_a_person_must_see_is_in_a_report() -> None:
    world = World()
    world.region.says = Looked(Declined(reason="limit"))
    world.switch()
    await world.settle()
    (report,) = Shelf(world.journal).reports()
    assert (report.layer.value, report.listed, report.business_date) == ("tail", 1, "2026-11-26")
    assert "does not let it stand" in report.differences[0].why
    assert world.tails.is_finished, "the rest is the person's"
    assert world.counted("listed") == 1


async def test_other_evidence_walks_again() -> None:
    world = World()
    world.region.says = FOUND
    world.switch()
    await world.settle()
    assert world.tails.is_finished
    world.tails.measure_again(0, world.time.wall_ms() - 600_000, "Sato", "LSN")
    assert not world.tails.is_finished
    await world.settle()
    kept = TailShelf(world.journal).tail()
    assert isinstance(kept, Tail)
    assert (kept.who, kept.is_finished, len(world.region.asked)) == ("Sato", True, 2)


async def test_what_another_center_undid_by_itself_is_no_delivery() -> None:
    """It found nothing, for our posting was lost; and our terminal has the cash."""
    world = World()
    world.switch()
    await world.settle()
    world.core.last("submit").reply(Declined(reason="reversed"))
    await world.settle()
    assert stored(world, W1).state.value == "listed"
    tail = world.tails.tail
    assert tail is not None
    assert (tail.listed, tail.mended, tail.is_finished) == (1, 0, True)


async def test_another_worker_that_only_follows_lets_a_completion_go_when_the_walk_is_through() -> None:
    world = World()
    entry = cast(Any, SimpleNamespace(key="c", request=SimpleNamespace(message_class=MessageClass.ADVICE, original_key=W1)))
    world.journal.raise_epoch(NEW, lambda _: None)
    world.time.run(5)
    world.tails.follow()
    assert world.desk.saf.holds(entry), "the new epoch's tail is on no disk yet"
    shelf = TailShelf(world.journal)
    for is_walked in (False, True):
        shelf.keep(replace(tail_of(NEW, None, 0, 0), is_walked=is_walked), lambda _: None)
        world.time.run(5)
        world.tails.follow()
        assert world.desk.saf.holds(entry) is not is_walked
    assert world.region.asked == [], "who follows asks nobody"
