"""A clock that is set forward makes nothing older, and what this life took is no older than this life."""

from __future__ import annotations

from relay.journal.age import Age
from relay.journal.items import DAY_MS, IDS_PER_INCARNATION

WALL_MS = 1_800_000_000_000


class SetClock:
    def __init__(self) -> None:
        self.wall = WALL_MS
        self.monotonic = 5_000

    def wall_ms(self) -> int:
        return self.wall

    def monotonic_ms(self) -> int:
        return self.monotonic

    def pass_(self, by_ms: int) -> None:
        self.wall += by_ms
        self.monotonic += by_ms


def test_time_that_passed_counts_and_a_clock_set_forward_does_not() -> None:
    clock = SetClock()
    age = Age(clock, 3)
    clock.pass_(DAY_MS)
    assert age.now_ms() == WALL_MS + DAY_MS
    clock.wall += 40 * DAY_MS
    assert age.now_ms() == WALL_MS + DAY_MS
    clock.wall -= 42 * DAY_MS
    assert age.now_ms() == WALL_MS - DAY_MS, "set back it counts: nothing is old then"


def test_what_this_life_took_is_as_old_as_this_life_at_most() -> None:
    clock = SetClock()
    age = Age(clock, 3)
    clock.pass_(35 * DAY_MS - 1)
    assert age.below_id(35 * DAY_MS) == 3 * IDS_PER_INCARNATION
    clock.pass_(1)
    assert age.below_id(35 * DAY_MS) > 3 * IDS_PER_INCARNATION + 10**11


def test_both_are_what_a_walk_gets() -> None:
    clock = SetClock()
    age = Age(clock, 3)
    clock.wall += 100 * DAY_MS
    item = age.forgetting(35 * DAY_MS, 7 * DAY_MS, lambda _: None, only_archived=True)
    assert (item.keys_before_ms, item.bodies_before_ms) == (WALL_MS - 35 * DAY_MS, WALL_MS - 7 * DAY_MS)
    assert (item.keys_below_id, item.only_archived) == (3 * IDS_PER_INCARNATION, True)
