"""Two people at once about the regions: neither's decision is lost. The rest is in tests/live/test_region_switch.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.control import regions as c
from relay.control.report import Done
from relay.errors import RelayError
from relay.exchange.gate import Gate
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.region.book import Book
from relay.steering import Steering
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime


class Room:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.disk = MemoryDisk()
        self.book = Book(MemoryJournal(self.disk, self.time, self.time, sync_ms=50))
        self.gate = Gate(lambda: None, bool)
        regions = SimpleNamespace(tails=SimpleNamespace(tail=None, is_finished=True))
        daemon = SimpleNamespace(desk=SimpleNamespace(gate=self.gate), metrics=Metrics(), clock=self.time, regions=regions)
        self.steering = Steering(cast(Any, daemon), self.book)

    def begin(self, command: str, who: str, *classes: str) -> asyncio.Task[Done]:
        kind = c.RegionReleaseArgs if command == "region-release" else c.RegionBlockArgs
        args = kind(classes=classes, who=who, why="drill")
        return asyncio.ensure_future(cast(Any, self.steering.handlers()[command](args)))

    async def until_done(self, *tasks: asyncio.Task[Done]) -> None:
        for _ in range(1_000):
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
