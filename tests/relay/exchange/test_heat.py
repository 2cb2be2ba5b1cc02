"""Rates over a bounded number of keys: what a steady stream reads as, what is forgotten, what is never missed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.exchange.heat import EXPONENT_MAX, RECENT_FACTOR, Heat

FAST_MS, USUAL_MS = 2_000, 600_000


def heat(keys_count_max: int = 100, alarm_per_s: float = 1_000.0) -> Heat:
    return Heat(keys_count_max, FAST_MS, USUAL_MS, alarm_per_s)


def stream(sut: Heat, key: str, per_s: float, from_ms: int, for_ms: int) -> int:
    """A steady stream; returns when it ended."""
    for number in range(int(per_s * for_ms / 1_000)):
        sut.observe(key, from_ms + int(number * 1_000 / per_s))
    return from_ms + for_ms


def test_a_steady_stream_reads_as_what_it_is() -> None:
    sut = heat()
    now_ms = stream(sut, "A", 20, 0, 40_000)
    assert sut.rate_per_s("A", now_ms) == pytest.approx(20, rel=0.02)
    assert sut.usual_per_s("A", now_ms, 0) == pytest.approx(20, rel=0.02), "a young key is not held to be calm"


def test_the_short_half_life_is_what_a_rate_falls_by() -> None:
    sut = heat()
    now_ms = stream(sut, "A", 20, 0, 30_000)
    before = sut.rate_per_s("A", now_ms)
    assert sut.rate_per_s("A", now_ms + FAST_MS) == pytest.approx(before / 2, rel=0.02)


def test_a_burst_moves_the_usual_rate_little() -> None:
    sut = heat()
    now_ms = stream(sut, "A", 2, 0, 120_000)
    now_ms = stream(sut, "A", 100, now_ms, 1_000)
    assert sut.rate_per_s("A", now_ms) > 25
    assert (sut.usual_per_s("A", now_ms, 0) or 0) < 3


@pytest.mark.parametrize(
    ("learning_ms", "age_ms", "is_known"),
    [
        (60_000, 59_999, False),
        (60_000, 60_000, True),
        (1, 2 * RECENT_FACTOR * FAST_MS - 1, False),  # most of it is recent
        (1, 2 * RECENT_FACTOR * FAST_MS, True),
    ],
)
def test_a_key_has_no_usual_rate_before_it_was_learned(learning_ms: int, age_ms: int, is_known: bool) -> None:
    sut = heat()
    sut.observe("A", 0)
    assert (sut.usual_per_s("A", age_ms, learning_ms) is not None) == is_known


def test_what_is_frozen_is_not_learned_and_goes_on_where_it_was() -> None:
    sut = heat()
    now_ms = stream(sut, "A", 2, 0, 120_000)
    sut.frozen.add("A")
    now_ms = stream(sut, "A", 50, now_ms, 600_000)
    sut.frozen.discard("A")
    sut.set_usual("A", 2.0, now_ms)
    assert sut.usual_per_s("A", now_ms, 0) == pytest.approx(2.0, rel=0.01)


def test_keys_count_max_is_the_number_of_keys_that_are_kept() -> None:
    sut = heat(keys_count_max=3)
    for number, key in enumerate("ABC"):
        sut.observe(key, number)
    assert len(sut) == 3
    sut.observe("D", 10)
    assert len(sut) == 3
    assert sut.rate_per_s("D", 10) > 0


def test_the_coolest_makes_room_and_what_is_inherited_is_not_held_against_anybody() -> None:
    sut = heat(keys_count_max=2)
    now_ms = stream(sut, "hot", 50, 0, 5_000)
    now_ms = stream(sut, "warm", 10, now_ms, 1_000)
    sut.observe("new", now_ms)
    assert sut.rate_per_s("warm", now_ms) == 0, "forgotten"
    assert sut.rate_per_s("new", now_ms) < 1, "one message is one message, whoever had the place before"
    assert sut.hottest(1, now_ms)[0][0] == "hot"


def test_one_that_is_judged_keeps_its_place() -> None:
    sut = heat(keys_count_max=2)
    sut.observe("judged", 0)
    sut.frozen.add("judged")
    for number in range(20):
        sut.observe(f"other-{number}", 1_000 + number)
    assert sut.rate_per_s("judged", 1_020) > 0


def test_the_alarm_names_who_reached_the_rate() -> None:
    sut = heat(alarm_per_s=5)
    stream(sut, "calm", 4, 0, 20_000)
    assert sut.suspects == set()
    stream(sut, "wild", 8, 0, 20_000)
    assert sut.suspects == {"wild"}


def test_counters_are_scaled_before_they_overflow_and_nobody_notices() -> None:
    sut = heat()
    now_ms = stream(sut, "A", 1, 0, 100_000)
    later_ms = int(FAST_MS * EXPONENT_MAX) + 50_000
    assert now_ms < later_ms
    end_ms = stream(sut, "A", 1, now_ms, later_ms)
    assert sut.rate_per_s("A", end_ms) == pytest.approx(1, rel=0.2)
    assert sut.usual_per_s("A", end_ms, 0) == pytest.approx(1, rel=0.05)
    quiet_ms = end_ms + 400_000_000  # days without a word
    sut.observe("B", quiet_ms)
    assert [key for key, _ in sut.active(quiet_ms)] == ["B"]


@given(st.integers(0, 2**32), st.integers(4, 32))
def test_a_busy_key_among_thousands_is_never_missed(seed: int, keys_count_max: int) -> None:
    """Space-saving's promise: whoever has more than 1 of `keys_count_max` messages is tracked, whatever the others do."""
    sut, chance = heat(keys_count_max), Random(seed)
    share = 2 / keys_count_max
    for now_ms in range(0, 3_000, 2):
        sut.observe("busy" if chance.random() < share else f"one-off-{now_ms}", now_ms)
    assert sut.rate_per_s("busy", 3_000) > 0
    assert len(sut) <= keys_count_max
