"""Which addresses the core's name has now, asked in the background, never while a call waits.

Owns the age of what DNS said: when to ask again, how long an old answer still serves. It must never speak DNS itself: a
`Resolve` does. The traps: a TTL of zero must not become a storm of questions, nor a TTL of a day a core that nobody finds
after it moved, so both ends are bounded; silence, NXDOMAIN, SERVFAIL and an empty answer are not news, and the last known
addresses stay until `serve_stale_ms` after they ran out, or for ever where others choose the region; if one family
answered and the other did not, the other keeps what it had.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.core.retry import backoff_ms
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("core.discovery")
ADDRESS_COUNT_MAX: Final = 64
TTL_CEILING_MS: Final = 300_000
RETRY_MS_MAX: Final = 10_000


class Found(msgspec.Struct, frozen=True):
    """An answer of DNS. `addresses` are IP literals, `ttl_ms` the shortest time to live among its records,
    `unanswered` the IP versions (4, 6) that nothing was heard of."""

    addresses: tuple[str, ...]
    ttl_ms: int
    unanswered: frozenset[int] = frozenset()


class Unheard(msgspec.Struct, frozen=True):
    """No answer that names an address. `why` is a metric label: silent, nxdomain, servfail, empty, failed."""

    why: str


DnsResult: TypeAlias = Found | Unheard
Resolve = Callable[[str, Callable[[DnsResult], None]], None]


def never_asked(name: str, done: Callable[[DnsResult], None]) -> None:
    """The `Resolve` of a name that is an address already."""
    raise AssertionError(f"{name} was asked for, and no name server is known")


class DiscoveryRules(msgspec.Struct, frozen=True):
    ttl_floor_ms: int = 1_000
    serve_stale_ms: int | None = 3_600_000  # None: the last known addresses never run out


class KnownAddresses:
    """The pure part. `now_ms` is monotonic milliseconds everywhere."""

    def __init__(self, rules: DiscoveryRules, random: Random, last_known: tuple[str, ...] = ()) -> None:
        self._rules = rules
        self._random = random
        self._addresses = last_known
        self._found_ms: int | None = None
        self._expires_ms: int | None = None if rules.serve_stale_ms is None else 0
        self._misses = 0
        self.ask_at_ms = 0

    def found(self, answer: Found, now_ms: int) -> None:
        kept = [a for a in self._addresses if _version(a) in answer.unanswered]
        addresses = tuple(sorted({*answer.addresses, *kept}))[:ADDRESS_COUNT_MAX]
        if not addresses:
            self.missed(now_ms)
            return
        ttl_ms = min(max(answer.ttl_ms, self._rules.ttl_floor_ms), TTL_CEILING_MS)
        self._addresses = addresses
        self._found_ms = now_ms
        self._misses = 0
        stale_ms = self._rules.serve_stale_ms
        self._expires_ms = None if stale_ms is None else now_ms + ttl_ms + stale_ms
        self.ask_at_ms = now_ms + max(self._rules.ttl_floor_ms, ttl_ms * 8 // 10)

    def missed(self, now_ms: int) -> None:
        """Nothing was heard: keep what is known, ask again soon."""
        self._misses += 1
        self.ask_at_ms = now_ms + backoff_ms(self._misses, self._rules.ttl_floor_ms, RETRY_MS_MAX, self._random)

    def addresses(self, now_ms: int) -> tuple[str, ...]:
        return self._addresses if self._expires_ms is None or now_ms < self._expires_ms else ()

    def look_again_at_ms(self, now_ms: int, is_asking: bool) -> int | None:
        """When something changes by itself: the next question is due, or the last known addresses run out."""
        due = [] if is_asking else [self.ask_at_ms]
        if self._expires_ms is not None and self._expires_ms > now_ms:
            due.append(self._expires_ms)
        return min(due, default=None)

    @property
    def is_unheard(self) -> bool:
        """No good answer has come yet."""
        return self._found_ms is None

    def age_ms(self, now_ms: int) -> int:
        """Since the last good answer; 0 before the first."""
        return 0 if self._found_ms is None else now_ms - self._found_ms


class Discovery:
    """The driver: asks `resolve` when it is time and tells `on_change` the addresses, each time they differ.

    `name` may be an IP literal, which is told once and never asked for. `last_known` are addresses of a former life: they serve
    until DNS says otherwise, where the rules let none run out.
    """

    def __init__(
        self,
        name: str,
        resolve: Resolve,
        on_change: Callable[[tuple[str, ...]], None],
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        metrics: Metrics,
        rules: DiscoveryRules | None = None,
        last_known: tuple[str, ...] = (),
    ) -> None:
        self._name = name
        self._resolve = resolve
        self._on_change = on_change
        self._clock = clock
        self._timers = timers
        self._metrics = metrics
        self._known = KnownAddresses(DiscoveryRules() if rules is None else rules, random, last_known)
        self._told: tuple[str, ...] = ()
        self._timer: Cancellable | None = None
        self._is_asking = False
        self._is_running = False

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._told

    @property
    def answer_age_ms(self) -> int | None:
        """Since the last good answer; None before the first, and for an address that needs none."""
        return None if self._known.is_unheard else self._known.age_ms(self._clock.monotonic_ms())

    def start(self) -> None:
        if is_literal(self._name):
            self._told = (self._name.strip("[]"),)
            self._on_change(self._told)
            return
        self._is_running = True
        self._metrics.dns_answer_age_seconds.set_function(lambda: self._known.age_ms(self._clock.monotonic_ms()) / 1_000)
        self._look()

    def stop(self) -> None:
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _heard(self, result: DnsResult) -> None:
        self._is_asking = False
        if not self._is_running:
            return
        now_ms = self._clock.monotonic_ms()
        if isinstance(result, Found):
            self._metrics.dns_answers.labels("found").inc()
            if len(result.addresses) > ADDRESS_COUNT_MAX:
                _log.warning(
                    "more addresses than are used", name=self._name, known=len(result.addresses), used=ADDRESS_COUNT_MAX
                )
            self._known.found(result, now_ms)
        else:
            self._metrics.dns_answers.labels(result.why).inc()
            self._known.missed(now_ms)
        self._look()

    def _look(self) -> None:
        """Tell what changed, ask if it is time, and come back when something will change by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._clock.monotonic_ms()
        addresses = self._known.addresses(now_ms)
        if addresses != self._told:
            _log.info("addresses of the core changed", name=self._name, before=self._told, now=addresses)
            self._told = addresses
            try:
                self._on_change(addresses)
            finally:  # no error of whoever is told makes this question the last
                self._go_on(now_ms)
        else:
            self._go_on(now_ms)

    def _go_on(self, now_ms: int) -> None:
        if not self._is_asking and now_ms >= self._known.ask_at_ms:
            self._is_asking = True
            self._resolve(self._name, self._heard)
        again_ms = self._known.look_again_at_ms(now_ms, self._is_asking)
        if again_ms is not None and self._timer is None:
            self._timer = self._timers.after(max(1, again_ms - now_ms), self._look)


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def is_literal(name: str) -> bool:
    """Is it an address, which needs no DNS?"""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
