"""Two people at once about the regions: neither's decision is lost. The rest is in tests/live/test_region_switch.py."""

from __future__ import annotations

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.control import regions as c
from relay.control.report import Done
from relay.core.clients import Clients
from relay.errors import RelayError
from relay.exchange.gate import Gate
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.shared import Share
from relay.region.book import Book, Pin
from relay.steering import Steering, to_the_end
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime


class Region:
    sealed_epoch = 0

    def seal(self, epoch: int, is_durable: bool = True) -> None:
        self.sealed_epoch = epoch


class Client:
    """One call is under way until it is cut short."""

    def __init__(self) -> None:
        self.epochs = [7]

    asking = ()

    def count_below(self, epoch: int) -> int:
        return sum(each < epoch for each in self.epochs)

    def end_below(self, epoch: int) -> None:
        self.epochs = [each for each in self.epochs if each >= epoch]


class Room:
    def __init__(self, other: Room | None = None, share: Share | None = None) -> None:
        """`other`: that of another worker of the same relay."""
        self.time = VirtualTime() if other is None else other.time
        self.disk = MemoryDisk() if other is None else other.disk
        self.disk.region_epoch = 7
        self.journal = MemoryJournal(self.disk, self.time, self.time, sync_ms=50, share=share)
        self.book = Book(self.journal)
        self.gate = Gate(lambda: None, bool)
        self.region, self.client, self.others = Region(), Client(), Client()
        self.others.epochs = []
        self.pins: list[Pin | None] = []  # as the relay follows them
        clients: Any = Clients(cast(Any, self.client))
        clients.add(self.others)
        daemon = SimpleNamespace(
            desk=SimpleNamespace(gate=self.gate),
            metrics=Metrics(),
            clock=self.time,
            timers=self.time,
            journal=self.journal,
            region=self.region,
            clients=clients,
            workers=SimpleNamespace(share=share),
            settings=SimpleNamespace(core=SimpleNamespace(old_epoch_deadline_ms=1_000)),
            regions=SimpleNamespace(
                tails=SimpleNamespace(tail=None, is_finished=True),
                taking_over=SimpleNamespace(tails=None),
                chooser=SimpleNamespace(pin=None, why_no_pin=lambda region, epoch: "", use_pin=self.pins.append),
                names=("tokyo", "osaka"),
            ),
            signing=SimpleNamespace(sign=lambda what, who, second, why: SimpleNamespace(who=who, second=second, why=why)),
        )
        self.steering = Steering(cast(Any, daemon), self.book)

    def begin(self, command: str, who: str, *classes: str) -> asyncio.Task[Done]:
        kind = c.RegionReleaseArgs if command == "region-release" else c.RegionBlockArgs
        args = kind(classes=classes, who=who, why="drill")
        return asyncio.ensure_future(cast(Any, self.steering.handlers()[command](args)))

    def seal(self) -> asyncio.Task[Done]:
        args = c.RegionSealArgs(epoch=7, who="Sato", why="drill")
        return asyncio.ensure_future(cast(Any, self.steering.handlers()["region-seal"](args)))

    def unseal(self, epoch: int) -> asyncio.Task[Done]:
        args = c.RegionSealArgs(epoch=epoch, who="Sato", why="drill")
        return asyncio.ensure_future(cast(Any, self.steering.handlers()["region-unseal"](args)))

    async def until_done(self, *tasks: asyncio.Task[Done]) -> None:
        for _ in range(10_000):
            if all(task.done() for task in tasks):
                return
            self.time.run(1)
            await asyncio.sleep(0)
        raise AssertionError("never done")


async def test_two_blocks_at_once_both_hold_and_both_are_told() -> None:
    room = Room()
    first = room.begin("region-block", "Sato", "atm")
    second = room.begin("region-block", "Mori", "branch")
    await asyncio.sleep(0)
    assert set(room.gate.blocked) == {"atm", "branch"}, "at once, durable or not"
    await room.until_done(first, second)
    assert room.book.blocked() == set(room.gate.blocked) == {"atm", "branch"}
    assert [(deed.what, deed.who) for deed in room.book.deeds()] == [("block atm", "Sato"), ("block branch", "Mori")]


async def test_a_release_beside_a_block_takes_nothing_else_away() -> None:
    room = Room()
    await room.until_done(room.begin("region-block", "Sato", "atm"))
    release = room.begin("region-release", "Sato", "atm")
    block = room.begin("region-block", "Mori", "inquiry")
    await asyncio.sleep(0)
    assert set(room.gate.blocked) == {"atm", "inquiry"}, "what opens, opens when it is durable"
    await room.until_done(release, block)
    assert room.book.blocked() == set(room.gate.blocked) == {"inquiry"}
    assert len(room.book.deeds()) == 3


async def test_a_block_that_is_not_durable_is_taken_back_and_told() -> None:
    room = Room()
    room.disk.is_full = True
    block = room.begin("region-block", "Sato", "atm")
    await room.until_done(block)
    with pytest.raises(RelayError, match="was not recorded"):
        block.result()
    assert set(room.gate.blocked) == set()


async def test_a_seal_waits_for_what_is_under_way_in_another_center_s_name() -> None:
    room = Room()
    room.client.epochs, room.others.epochs = [], [7]
    room.time.after(300, partial(room.others.end_below, 8))
    began_ms = room.time.monotonic_ms()
    sealing = room.seal()
    await room.until_done(sealing)
    assert room.time.monotonic_ms() >= began_ms + 300, "an adopted journal's word may still be posted"
    assert "0 calls were cut short" in sealing.result().text
    room = Room()
    room.client.epochs, room.others.epochs = [], [7]
    sealing = room.seal()
    await room.until_done(sealing)
    assert "1 calls were cut short" in sealing.result().text
    assert room.others.epochs == []


# ---- several workers ------------------------------------------------------------------------------------------------------
async def test_another_worker_s_block_and_release_hold_here_once_they_are_followed() -> None:
    first = Room(share=Share(1, 2_000))
    second = Room(first, Share(2, 2_000))
    await first.until_done(first.begin("region-block", "Sato", "atm"))
    assert set(second.gate.blocked) == set()
    second.steering.follow()
    assert set(second.gate.blocked) == {"atm"}
    await first.until_done(first.begin("region-release", "Sato", "atm"))
    second.steering.follow()
    assert set(second.gate.blocked) == set()


async def test_a_seal_is_followed_and_ends_what_is_under_way_there() -> None:
    first = Room(share=Share(1, 2_000))
    second = Room(first, Share(2, 2_000))
    sealing = first.seal()
    while not first.book.sealed():
        first.time.run(1)
        await asyncio.sleep(0)
    second.steering.follow()
    assert second.region.sealed_epoch == 7, "nothing new is asked there"
    await first.until_done(sealing)
    assert second.client.epochs == [], "cut short"


async def test_a_seal_is_not_said_before_every_other_worker_has_heard_of_it_or_lost_its_lease() -> None:
    first = Room(share=Share(1, 2_000))
    sealing = first.seal()
    while not first.book.sealed():
        first.time.run(1)
        await asyncio.sleep(0)
    durable_ms = first.time.monotonic_ms()
    await first.until_done(sealing)
    assert first.time.monotonic_ms() >= durable_ms + 2_000 + 1_000
    alone = Room()
    began_ms = alone.time.monotonic_ms()
    await alone.until_done(alone.seal())
    assert alone.time.monotonic_ms() < began_ms + 2_000


async def test_only_the_epoch_that_is_sealed_is_unsealed_once_and_not_while_it_is_being_sealed() -> None:
    room = Room()
    room.client.epochs = []
    sealing = room.seal()
    early = room.unseal(7)
    await room.until_done(sealing, early)
    with pytest.raises(RelayError, match="epoch 7 is not sealed"):
        early.result()
    assert room.region.sealed_epoch == room.book.sealed() == 7
    for wrong in (6, 8):
        other = room.unseal(wrong)
        await room.until_done(other)
        with pytest.raises(RelayError, match=f"epoch {wrong} is not sealed"):
            other.result()
    assert room.region.sealed_epoch == 7
    right = room.unseal(7)
    await room.until_done(right)
    assert (room.region.sealed_epoch, room.book.sealed()) == (0, 0)
    again = room.unseal(7)
    await room.until_done(again)
    with pytest.raises(RelayError, match="is not sealed"):
        again.result()
    assert [deed.what for deed in room.book.deeds()] == ["seal 7", "unseal 7"]


async def test_a_pin_that_is_recorded_late_holds_then_and_not_at_the_next_start() -> None:
    """The control server's time limit passes before the journal's write has ended."""
    room = Room()
    args = c.RegionPinArgs(region="osaka", epoch=7, minutes=60, who="Sato", second="Mori", why="drill")
    pinning = asyncio.ensure_future(cast(Any, room.steering.handlers()["region-pin"](args)))
    await asyncio.sleep(0)
    pinning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pinning
    assert room.pins == []
    room.time.run(50)
    assert room.pins == [room.book.pin()]
    assert room.pins[0] is not None
    assert room.pins[0].region == "osaka"


async def test_a_seal_that_nobody_waits_for_any_more_is_done_whole() -> None:
    """The control server's time limit passes while a call under way has its deadline: not sealed by half, in memory only."""
    room = Room()
    handler = to_the_end(room.steering.handlers())["region-seal"]
    sealing = asyncio.ensure_future(cast(Any, handler(c.RegionSealArgs(epoch=7, who="Sato", why="drill"))))
    for _ in range(5):
        await asyncio.sleep(0)
    assert room.region.sealed_epoch == 7
    sealing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sealing
    for _ in range(2_000):
        room.time.run(1)
        await asyncio.sleep(0)
    assert (room.region.sealed_epoch, room.book.sealed(), room.client.epochs) == (7, 7, [])
    assert [deed.what for deed in room.book.deeds()] == ["seal 7"]


async def test_a_refusal_is_told_to_whoever_waits() -> None:
    room = Room()
    handler = to_the_end(room.steering.handlers())["region-unseal"]
    with pytest.raises(RelayError, match="is not sealed"):
        await cast(Any, handler(c.RegionSealArgs(epoch=7, who="Sato", why="drill")))
