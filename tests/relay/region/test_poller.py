"""Rounds of questions in virtual time: their pace, a dead server among living ones, and hints from anybody."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import msgspec
import pytest

from relay.region.agreement import Names, ZoneWord
from relay.region.poller import HINT_APART_MS, Poller
from relay.region.record import RegionRecord, format_record
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

KEY = bytes(32)
NAMES = Names("_active.core.example", {"tokyo": "tyo.core.example"}, False, (KEY,))
RECORD = RegionRecord(8, "tokyo", "r")


class Word(msgspec.Struct, frozen=True):
    trouble: str = ""
    texts: tuple[tuple[bytes, ...], ...] = ((format_record(RECORD, NAMES.record_name, KEY).encode(),),)
    target: str = ""


class World:
    """Servers that answer after `delay_ms`, each with its word."""

    def __init__(self, delay_ms: tuple[int, ...] = (5, 5), words: tuple[ZoneWord, ...] = (Word(), Word())) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.delay_ms = delay_ms
        self.words = words
        self.asked_ms: list[int] = []
        self.epoch = 8
        self.heard: list[tuple[int, int, bool]] = []
        self.poller = Poller(
            [f"10.0.0.{n}:53" for n in range(len(words))],
            self.ask,
            NAMES,
            lambda: self.epoch,
            lambda records, is_over: self.heard.append((self.time.monotonic_ms(), len(records), is_over)),
            clock=self.time,
            timers=self.time,
            random=Random(1),
            metrics=self.metrics,
        )
        self.begun_ms = self.time.monotonic_ms()
        self.poller.start()

    def ask(self, number: int, done: Callable[[ZoneWord], None]) -> None:
        self.asked_ms.append(self.time.monotonic_ms())
        self.time.after(self.delay_ms[number], lambda: done(self.words[number]))

    def count(self, server: str, result: str) -> float:
        labels = {"server": server, "result": result}
        return self.metrics.registry.get_sample_value("relay_region_dns_answers_total", labels) or 0


def test_all_servers_at_once_about_every_second() -> None:
    w = World()
    w.time.run(100_000)
    rounds = w.asked_ms[::2]
    assert w.asked_ms[::2] == w.asked_ms[1::2]
    pauses = {after - before for before, after in pairwise(rounds)}
    assert min(pauses) >= 800
    assert max(pauses) <= 1_200
    assert len(pauses) > 50  # never in step with the other relay


def test_a_slow_server_delays_nobody_else() -> None:
    w = World(delay_ms=(5, 500), words=(Word(), Word(trouble="silent")))
    w.time.run(700)
    assert w.heard == [(w.begun_ms + 5, 1, False), (w.begun_ms + 500, 1, True)]
    assert w.poller.results == {"10.0.0.0:53": "ok", "10.0.0.1:53": "silent"}


def test_a_server_slower_than_the_interval_is_asked_again_when_it_has_answered() -> None:
    w = World(delay_ms=(5, 3_000))
    w.time.run(10_000)
    assert 3 <= len(w.asked_ms) // 2 <= 4


def test_answers_are_counted_by_server_and_kind() -> None:
    w = World(words=(Word(), Word(texts=((b"v=spf1",),))))
    w.time.run(500)
    assert (w.count("10.0.0.0:53", "ok"), w.count("10.0.0.1:53", "version")) == (1, 1)


def test_a_server_that_lags_is_counted_apart() -> None:
    w = World()
    w.epoch = 9
    w.time.run(500)
    assert (w.count("10.0.0.0:53", "ok"), w.count("10.0.0.0:53", "lower-epoch")) == (0, 1)


def test_a_hint_brings_the_next_round_nearer() -> None:
    w = World()
    w.time.run(400)
    w.poller.hint()
    w.time.run(2)
    assert len(w.asked_ms) == 4


def test_a_hint_in_the_middle_of_a_round_asks_again_after_it() -> None:
    w = World(delay_ms=(5, 50))
    w.time.run(20)
    w.poller.hint()
    w.time.run(HINT_APART_MS)
    assert len(w.asked_ms) == 4


def test_a_flood_of_forged_hints_is_ten_rounds_a_second() -> None:
    w = World()
    for _ in range(10_000):
        w.poller.hint()
        w.time.run(1)
    assert len(w.asked_ms) // 2 <= 101


def test_after_a_stop_nothing_is_asked_or_heard() -> None:
    w = World(delay_ms=(5, 50))
    w.time.run(10)
    w.poller.stop()
    w.poller.hint()
    w.time.run(10_000)
    assert (len(w.asked_ms), len(w.heard)) == (2, 1)


def test_a_flood_of_forged_hints_keeps_no_round_from_beginning() -> None:
    """A hint in every moment in which the next round would have begun."""
    w = World()
    for at_ms in range(1, 5_000):
        w.time.after(at_ms, w.poller.hint)
    w.time.run(5_000)
    assert 45 <= len(w.asked_ms) // 2 <= 51


def test_an_error_of_whoever_hears_does_not_make_a_round_the_last() -> None:
    w, rounds = World(), 0

    def hears(records: object, is_over: bool) -> None:
        nonlocal rounds
        rounds += is_over
        if is_over:
            raise RuntimeError("our own bug")

    w.poller._heard = hears
    for _ in range(3):
        with pytest.raises(RuntimeError):
            w.time.run(1_300)
    assert rounds == 3
