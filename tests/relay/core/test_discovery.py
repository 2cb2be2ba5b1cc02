"""What is known of the core's name over time: refreshed early, kept through silence, given up only when too old."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.discovery import (
    ADDRESS_COUNT_MAX,
    TTL_CEILING_MS,
    Discovery,
    DiscoveryRules,
    DnsResult,
    Found,
    KnownAddresses,
    Unheard,
)
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

RULES = DiscoveryRules(ttl_floor_ms=1_000, serve_stale_ms=60_000)
A, B, C, SIX = "10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1"
KEPT = DiscoveryRules(ttl_floor_ms=1_000, serve_stale_ms=None)


GOOD = Found((A, B), 10_000)


class World:
    """A Discovery whose DNS says what the test wants, in virtual time."""

    def __init__(
        self,
        name: str = "core.test",
        rules: DiscoveryRules = RULES,
        last_known: tuple[str, ...] = (),
        says: DnsResult | None = GOOD,
    ) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.says = says  # None: never answers
        self.asked_ms: list[int] = []
        self.waiting: list[Callable[[DnsResult], None]] = []
        self.told: list[tuple[str, ...]] = []
        self.start_ms = self.time.monotonic_ms()
        self.discovery = Discovery(
            name,
            self.resolve,
            self.told.append,
            clock=self.time,
            timers=self.time,
            random=Random(1),
            metrics=self.metrics,
            rules=rules,
            last_known=last_known,
        )

    def resolve(self, name: str, done: Callable[[DnsResult], None]) -> None:
        assert name == "core.test"
        self.asked_ms.append(self.time.monotonic_ms() - self.start_ms)
        if self.says is None:
            self.waiting.append(done)
        else:
            result = self.says
            self.time.soon(lambda: done(result))

    def age_s(self) -> float | None:
        return self.metrics.registry.get_sample_value("relay_dns_answer_age_seconds")


def test_it_asks_at_once_and_again_at_eight_tenths_of_the_ttl() -> None:
    w = World()
    w.discovery.start()
    w.time.run(30_000)
    assert w.told == [(A, B)]
    assert w.asked_ms == [0, 8_000, 16_000, 24_000]


def test_changes_are_told_once() -> None:
    w = World()
    w.discovery.start()
    w.time.run(1_000)
    w.says = Found((C, B), 10_000)
    w.time.run(30_000)
    assert w.told == [(A, B), (B, C)]
    assert w.discovery.addresses == (B, C)


@pytest.mark.parametrize("ttl_ms", [0, 1, 999])
def test_a_tiny_ttl_is_no_storm(ttl_ms: int) -> None:
    w = World()
    w.says = Found((A,), ttl_ms)
    w.discovery.start()
    w.time.run(10_000)
    assert len(w.asked_ms) <= 11


def test_a_ttl_of_a_day_is_asked_again_within_minutes() -> None:
    w = World()
    w.says = Found((A,), 86_400_000)
    w.discovery.start()
    w.time.run(TTL_CEILING_MS)
    assert len(w.asked_ms) == 2


@pytest.mark.parametrize("why", ["silent", "nxdomain", "servfail", "empty"])
def test_no_news_keeps_the_last_known_and_is_asked_again_soon(why: str) -> None:
    w = World()
    w.discovery.start()
    w.time.run(1_000)
    w.says = Unheard(why)
    w.time.run(50_000)
    assert w.told == [(A, B)]
    assert w.age_s() == pytest.approx(51.0)
    assert w.metrics.registry.get_sample_value("relay_dns_answers_total", {"result": why}) == len(w.asked_ms) - 1
    pauses = [b - a for a, b in zip(w.asked_ms[1:], w.asked_ms[2:], strict=False)]
    assert min(pauses) >= 500
    assert max(pauses) <= 10_001
    w.says = Found((C,), 10_000)
    w.time.run(11_000)
    assert w.told == [(A, B), (C,)]


def test_an_answer_without_addresses_is_no_news() -> None:
    w = World()
    w.discovery.start()
    w.time.run(1_000)
    w.says = Found((), 10_000)
    w.time.run(30_000)
    assert w.told == [(A, B)]


def test_what_is_too_old_is_given_up_and_comes_back() -> None:
    w = World()
    w.discovery.start()
    w.time.run(100)
    w.says = Unheard("silent")
    w.time.run(10_000 + 60_000 - 200)
    assert w.told == [(A, B)]
    w.time.run(200)
    assert w.told == [(A, B), ()]
    w.says = Found((A,), 10_000)
    w.time.run(11_000)
    assert w.told == [(A, B), (), (A,)]


def test_where_others_choose_the_region_the_last_known_addresses_never_run_out() -> None:
    w = World(rules=KEPT)
    w.discovery.start()
    w.time.run(100)
    w.says = Unheard("silent")
    w.time.run(10 * 86_400_000)
    assert w.told == [(A, B)]


def test_the_addresses_of_a_former_life_serve_until_dns_says_otherwise() -> None:
    w = World(rules=KEPT, last_known=(C,), says=None)
    w.discovery.start()
    w.time.run(86_400_000)
    assert w.told == [(C,)]
    assert w.discovery.answer_age_ms is None, "DNS has said nothing"
    w.waiting.pop(0)(GOOD)
    assert w.told == [(C,), (A, B)]


def test_a_resolver_that_never_answers_does_not_keep_old_addresses_for_ever() -> None:
    w = World()
    w.discovery.start()
    w.time.run(100)
    w.says = None
    w.time.run(8_000)
    assert len(w.waiting) == 1
    w.time.run(200_000)
    assert w.told == [(A, B), ()]
    assert len(w.waiting) == 1  # one question at a time


def test_a_family_that_was_not_heard_keeps_what_it_had() -> None:
    w = World()
    w.says = Found((A, SIX), 10_000)
    w.discovery.start()
    w.time.run(1_000)
    w.says = Found((B,), 10_000, frozenset({6}))
    w.time.run(8_000)
    w.says = Found((B,), 10_000)
    w.time.run(8_000)
    assert w.told == [(A, SIX), (B, SIX), (B,)]


def test_addresses_are_bounded() -> None:
    w = World()
    w.says = Found(tuple(f"10.0.{n // 250}.{n % 250}" for n in range(300)), 10_000)
    w.discovery.start()
    w.time.run(1)
    assert len(w.told[0]) == ADDRESS_COUNT_MAX


@pytest.mark.parametrize(("name", "told"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1")])
def test_an_address_instead_of_a_name_is_never_asked_for(name: str, told: str) -> None:
    w = World(name)
    w.discovery.start()
    w.time.run(100_000)
    assert w.told == [(told,)]
    assert w.asked_ms == []
    assert w.discovery.answer_age_ms is None


def test_the_age_of_the_answer_in_use_is_told() -> None:
    w = World()
    assert w.discovery.answer_age_ms is None
    w.discovery.start()
    w.time.run(3_000)
    assert w.discovery.answer_age_ms == 3_000


def test_after_stop_nothing_happens() -> None:
    w = World()
    w.says = None
    w.discovery.start()
    w.discovery.stop()
    w.waiting[0](Found((A,), 1_000))
    w.time.run(100_000)
    assert w.told == []
    assert len(w.asked_ms) == 1


RESULTS = st.one_of(
    st.builds(Found, st.lists(st.sampled_from([A, B, C, SIX]), max_size=4).map(tuple), st.integers(0, 10**9)),
    st.builds(Unheard, st.sampled_from(["silent", "nxdomain"])),
)


@given(st.lists(st.tuples(RESULTS, st.integers(0, 100_000)), max_size=30), st.integers())
def test_known_addresses_are_never_older_than_allowed_and_questions_never_closer_than_half_the_floor(
    steps: list[tuple[DnsResult, int]], seed: int
) -> None:
    known, now_ms, good_ms = KnownAddresses(RULES, Random(seed)), 0, None
    for result, pause_ms in steps:
        now_ms += pause_ms
        if isinstance(result, Found):
            known.found(result, now_ms)
            good_ms = now_ms if result.addresses else good_ms
        else:
            known.missed(now_ms)
        assert now_ms + RULES.ttl_floor_ms / 2 <= known.ask_at_ms <= now_ms + TTL_CEILING_MS
        if known.addresses(now_ms):
            assert good_ms is not None
            assert now_ms - good_ms <= TTL_CEILING_MS + RULES.serve_stale_ms
        assert known.age_ms(now_ms) == (0 if good_ms is None else now_ms - good_ms)


def test_an_error_of_whoever_is_told_does_not_make_a_question_the_last() -> None:
    w = World()

    def told(addresses: tuple[str, ...]) -> None:
        raise RuntimeError("our own bug")

    w.discovery._on_change = told
    w.discovery.start()
    with pytest.raises(RuntimeError):
        w.time.run(1)
    w.time.run(30_000)
    assert w.asked_ms == [0, 8_000, 16_000, 24_000]
