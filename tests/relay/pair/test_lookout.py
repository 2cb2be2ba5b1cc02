"""Looks in virtual time: their pace, one that takes long, and name servers beside the regions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from relay.pair.beat import Sight
from relay.pair.lookout import Lookout
from tests.support.virtualtime import VirtualTime


class World:
    """Regions that answer after `delay_ms`, well or not."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.asked: list[tuple[str, int]] = []
        self.good = {"tokyo": True, "osaka": True}
        self.delay_ms = {"tokyo": 5, "osaka": 5}
        self.servers: dict[str, bool | None] = {"10.0.0.53:53": None}
        self.changes = 0
        self.lookout = Lookout(
            {name: partial(self.look, name) for name in self.good},
            lambda: self.servers,
            self.changed,
            clock=self.time,
            timers=self.time,
            random=Random(1),
            interval_ms=1_000,
            rise_count=2,
            fall_count=3,
        )
        self.lookout.start()

    def look(self, name: str, done: Callable[[bool], None]) -> None:
        self.asked.append((name, self.time.monotonic_ms()))
        is_good = self.good[name]
        self.time.after(self.delay_ms[name], lambda: done(is_good))

    def changed(self) -> None:
        self.changes += 1


def test_each_region_is_asked_each_interval_and_falls_and_rises() -> None:
    world = World()
    world.time.run(500)
    assert (world.lookout.sight("tokyo"), world.lookout.others("tokyo")) == (Sight.OK, (Sight.OK,))
    world.good["tokyo"] = False
    world.time.run(4_000)
    assert world.lookout.sight("tokyo") is Sight.FAILING
    assert world.lookout.sight("osaka") is Sight.OK
    world.good["tokyo"] = True
    world.time.run(3_000)
    assert world.lookout.sight("tokyo") is Sight.OK
    assert world.changes == 4
    assert 14 <= len(world.asked) <= 18, "two regions, about eight rounds"


def test_a_look_that_takes_long_is_not_joined_by_another_and_grows_old() -> None:
    world = World()
    world.time.run(500)
    world.delay_ms["tokyo"] = 20_000
    before = sum(name == "tokyo" for name, _ in world.asked)
    world.time.run(10_000)
    assert sum(name == "tokyo" for name, _ in world.asked) == before + 1
    assert world.lookout.sight("tokyo") is Sight.UNKNOWN
    assert [row.sight for row in world.lookout.regions()] == [Sight.OK, Sight.OK], "and how old it is, stands beside it"
    assert world.lookout.regions()[0].age_ms > world.lookout.old_ms


def test_name_servers_are_seen_from_their_last_answer() -> None:
    world = World()
    world.time.run(2_000)
    assert world.lookout.servers() == ()
    world.servers["10.0.0.53:53"] = True
    world.time.run(1_500)
    assert [row.sight for row in world.lookout.servers()] == [Sight.OK]
    world.servers["10.0.0.53:53"] = False
    world.time.run(4_000)
    assert world.lookout.others("tokyo") == (Sight.OK, Sight.FAILING)


def test_nobody_of_that_name_is_unknown_and_after_a_stop_nothing_is_asked() -> None:
    world = World()
    assert world.lookout.sight("nagoya") is Sight.UNKNOWN
    world.time.run(500)
    world.lookout.stop()
    before = len(world.asked)
    world.time.run(10_000)
    assert len(world.asked) == before


def test_an_error_of_one_look_does_not_make_it_the_last() -> None:
    world = World()
    world.time.run(500)

    def servers() -> dict[str, bool | None]:
        raise LookupError("of ours")

    world.lookout._servers = servers
    with pytest.raises(LookupError):
        world.time.run(1_500)
    world.lookout._servers = lambda: world.servers
    asked = len(world.asked)
    world.time.run(3_000)
    assert len(world.asked) >= asked + 4
