"""A message with a time of its own: it is never begun with after that, whatever kept it waiting, and the core hears of it."""

from __future__ import annotations

import pytest

from relay.outbound.turns import EXPIRED
from tests.support.outboundworld import OutboundWorld


def expired(world: OutboundWorld, key: str) -> bool:
    stored = world.stored(key)
    return (stored.state.value, stored.detail, stored.sent_ms, stored.is_expired) == ("failed", EXPIRED, None, True)


def test_it_expires_while_its_line_is_down_and_the_core_hears_the_reason() -> None:
    world = OutboundWorld()
    at_ms = world.time.wall_ms() + 150_000
    world.posted("k1", expires_ms=at_ms)
    world.posted("k2")
    world.time.run(149_000)
    assert world.state("k1") == "queued"
    world.time.run(2_000)
    assert expired(world, "k1")
    (report,) = world.core.calls
    assert (report.state, report.detail["reason"]) == ("failed", "expired")
    world.connect()
    world.time.run(50)
    assert world.wire == ["k2"]
    assert world.outbound.register.open == {}


def test_what_is_expired_is_not_begun_with_even_when_the_clock_was_set() -> None:
    world = OutboundWorld()
    at_ms = world.time.wall_ms() + 3_600_000
    for key in ("k1", "k2"):
        world.posted(key, expires_ms=at_ms)
    world.posted("k3")
    world.time.jump_wall(3_600_000)
    world.connect()
    world.time.run(50)
    assert expired(world, "k1")
    assert expired(world, "k2")
    assert world.wire == ["k3"]


def test_a_clock_that_was_set_back_gives_it_its_time_again() -> None:
    world = OutboundWorld()
    world.posted("k1", expires_ms=world.time.wall_ms() + 30_000)
    world.time.jump_wall(-3_600_000)
    world.time.run(40_000)
    assert world.state("k1") == "queued"
    world.time.run(3_600_000)
    assert expired(world, "k1")


def test_what_is_under_way_does_not_expire_and_what_comes_back_does() -> None:
    world = OutboundWorld()
    link = world.connect(mode="silent")
    world.posted("k1", expires_ms=world.time.wall_ms() + 1_000)
    world.time.run(5_000)
    assert world.state("k1") == "sent"
    link.say("k1", "deferred", "not now")
    world.time.run(5_000)
    assert expired(world, "k1")
    assert link.offers[0].id == "k1"
    assert len(link.offers) == 1
    assert world.unexpected() == 0


def test_a_thousand_that_expire_at_once_free_the_line() -> None:
    world = OutboundWorld()
    at_ms = world.time.wall_ms() + 10_000
    for number in range(999):
        world.post(f"k{number}", expires_ms=at_ms)
    world.post("last")
    world.time.run(5)
    world.time.jump_wall(10_000)
    world.connect()
    world.time.run(1_000)
    assert world.wire == ["last"]
    assert all(expired(world, f"k{number}") for number in range(999))


@pytest.mark.parametrize("keep_in_flight", [False, True])
def test_it_expires_in_the_next_life_too(keep_in_flight: bool) -> None:
    world = OutboundWorld()
    world.posted("k1", expires_ms=world.time.wall_ms() + 10_000)
    world.time.run(9_999 - 3)
    world.crash(keep_in_flight=keep_in_flight)
    world.time.run(20_000)
    assert expired(world, "k1")
    assert world.core.states_of("k1") == ["failed"]


def test_one_that_is_over_when_it_is_posted_is_taken_and_fails() -> None:
    world = OutboundWorld()
    world.connect()
    world.posted("k1", expires_ms=world.time.wall_ms())
    world.time.run(20)
    assert expired(world, "k1")
    assert world.wire == []


def test_on_a_full_disk_it_is_not_sent_and_is_written_when_there_is_room() -> None:
    world = OutboundWorld()
    world.posted("k1", expires_ms=world.time.wall_ms() + 1_000)
    world.journal.disk.is_full = True
    world.time.run(5_000)
    world.connect()
    world.time.run(5_000)
    assert (world.state("k1"), world.wire, world.core.calls) == ("queued", [], [])
    world.journal.disk.is_full = False
    world.time.run(5_000)
    assert expired(world, "k1")
    assert world.wire == []


def test_a_cancel_and_an_expiry_at_the_same_moment_end_it_once() -> None:
    world = OutboundWorld()
    world.posted("k1", expires_ms=world.time.wall_ms() + 1_000)
    world.time.run(1_000 - 4)
    world.cancelled("k1")
    world.time.run(5_000)
    assert world.state("k1") == "cancelled"
    assert world.core.states_of("k1") == ["cancelled"]
    assert world.unexpected() == 0
