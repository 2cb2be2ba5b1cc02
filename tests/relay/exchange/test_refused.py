"""The memory of refused keys: its time and its size, at their limits."""

import pytest

from relay.exchange import refused
from relay.exchange.refused import KEPT_MS, RefusedKeys


def test_a_key_is_held_for_its_time_and_not_longer() -> None:
    keys = RefusedKeys()
    keys.add("a", 1_000)
    assert keys.holds("a", 1_000 + KEPT_MS - 1)
    assert not keys.holds("b", 1_000)
    assert not keys.holds("a", 1_000 + KEPT_MS)
    assert len(keys) == 0


def test_a_key_that_is_refused_again_is_held_from_then_on() -> None:
    keys = RefusedKeys()
    keys.add("a", 0)
    keys.add("a", 500)
    assert keys.holds("a", KEPT_MS + 499)
    assert not keys.holds("a", KEPT_MS + 500)


def test_the_oldest_go_first_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "KEYS_MAX", 3)
    keys = RefusedKeys()
    for key in "abcd":
        keys.add(key, 0)
    assert [key for key in "abcd" if keys.holds(key, 1)] == ["b", "c", "d"]
