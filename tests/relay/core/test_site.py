"""A region that is watched beside the traffic: what is known of it, and how soon it confirms an epoch."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from relay.core.contract import RegionAnswer
from relay.core.discovery import DnsResult, Found
from relay.core.site import Looked, Site
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime


def word(epoch: int, region: str = "osaka", state: str = "standby") -> RegionAnswer:
    return msgspec.convert({"region": region, "epoch": epoch, "state": state}, RegionAnswer)


class World:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.used: list[tuple[str, ...]] = []
        self.told: list[str] = []
        self.asked: list[tuple[int, Callable[[Looked], None]]] = []
        self.confirmed: list[RegionAnswer | None] = []
        self.site = Site(
            "osaka",
            "osa.core.example",
            self.resolve,
            self.probe,
            self.used.append,
            self.told.append,
            lambda: 8,
            clock=self.time,
            timers=self.time,
            random=Random(1),
            metrics=self.metrics,
            interval_ms=5_000,
        )
        self.site.start()

    def resolve(self, name: str, done: Callable[[DnsResult], None]) -> None:
        assert name == "osa.core.example"
        done(Found(("10.2.0.1", "10.2.0.2"), 60_000))

    def probe(self, known_epoch: int, done: Callable[[Looked], None]) -> World:
        self.asked.append((known_epoch, done))
        return self

    def cancel(self) -> None:
        raise AssertionError("a probe ends by its own timeout")

    def answer(self, said: RegionAnswer | None, why: str = "silent", skew_ms: int | None = None) -> None:
        self.asked.pop(0)[1](Looked(said, why, skew_ms))

    def good(self) -> float | None:
        return self.metrics.registry.get_sample_value("relay_region_shadow_good", {"region": "osaka"})


def test_its_addresses_are_known_before_anybody_needs_them() -> None:
    w = World()
    assert w.site.addresses == ("10.2.0.1", "10.2.0.2")
    assert (w.used, w.told) == ([("10.2.0.1", "10.2.0.2")], ["osaka"])


def test_it_is_asked_all_the_time_and_what_it_says_is_shown() -> None:
    w = World()
    assert w.asked[0][0] == 8
    w.answer(word(8))
    report = w.site.report()
    assert (report.result, report.said_epoch, report.said_state, w.good()) == ("good", 8, "standby", 1)
    w.time.run(6_000)
    w.answer(None)
    assert (w.site.report().result, w.good()) == ("silent", 0)
    w.time.run(6_000)
    w.answer(word(8, "tokyo"))
    assert (w.site.report().result, w.good()) == ("other-region", 0)


def test_why_it_does_not_answer_and_how_far_its_clock_is_off() -> None:
    w = World()
    w.answer(None, "certificate")
    assert (w.site.report().result, w.site.report().skew_ms, w.good()) == ("certificate", None, 0)
    w.time.run(6_000)
    w.answer(word(8), skew_ms=-4_000)
    assert (w.site.report().result, w.site.report().skew_ms) == ("good", -4_000)
    assert w.metrics.registry.get_sample_value("relay_region_clock_skew_seconds", {"region": "osaka"}) == -4.0


def test_since_when_it_is_so() -> None:
    w = World()
    w.answer(None)
    w.time.run(6_000)
    w.answer(None)
    assert w.site.report().since_ms == 6_000


def test_a_confirmation_does_not_wait_for_the_interval() -> None:
    w = World()
    w.answer(word(8))
    w.site.confirm(w.confirmed.append)
    w.answer(word(9))
    assert w.confirmed == [word(9)]


def test_an_answer_that_was_asked_for_before_confirms_nothing() -> None:
    w = World()
    w.site.confirm(w.confirmed.append)  # the first question is under way since the start
    w.answer(word(8))
    assert w.confirmed == []
    w.time.run(1)
    w.answer(word(9))
    assert w.confirmed == [word(9)]


def test_after_a_stop_nobody_waits() -> None:
    w = World()
    w.site.stop()
    w.site.confirm(w.confirmed.append)
    assert w.confirmed == [None]
    w.answer(word(8))
    w.time.run(60_000)
    assert w.asked == []
