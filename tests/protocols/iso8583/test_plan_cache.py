"""Shapes get a plan when they have come often, and neither plans nor counts grow beyond their bounds."""

from __future__ import annotations

import pytest

from protocols.iso8583 import plan_cache
from protocols.iso8583.plan_cache import PlanCache


def test_a_shape_is_due_when_it_has_come_often_enough_and_then_counted_anew() -> None:
    plans: PlanCache[str, int] = PlanCache(3)
    assert [plans.is_due("a") for _ in range(6)] == [False, False, True] * 2
    assert plans.seen_count == 0
    assert PlanCache[str, int](1).is_due("a")


def test_the_oldest_plan_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "PLAN_COUNT_MAX", 2)
    plans: PlanCache[str, int] = PlanCache()
    for number, key in enumerate("abc"):
        plans.keep(key, number)
    assert (len(plans), "a" in plans, plans.get("a"), plans.get("b"), plans.get("c")) == (2, False, None, 1, 2)


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "SEEN_COUNT_MAX", 3)
    plans: PlanCache[int, int] = PlanCache(10)
    for key in range(20):
        assert not plans.is_due(key)
        assert 1 <= plans.seen_count <= 3
