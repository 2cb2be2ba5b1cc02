"""Which address of the core gets the next call, and which one is left alone for a while. Pure.

Owns the health of each address: consecutive failures, ejection, the single trial after it, calls in flight. It must never
know DNS, sockets or the contract. The essay: an address is an *outlier* only by comparison. `eject_failures` failures in a
row eject it when another address has answered since that row began; where nobody answers, the core itself is ill (its
database changes its writer, say), and ejecting one address after the other would only pile the load on the last one. So the
last is never ejected either: it stays in use, and is called *failing*. An ejection ends by itself; then one call, and only one,
tries the address: an answer heals it, a failure ejects it for twice as long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum

import msgspec

from relay.core.door import Address


class Health(Enum):
    HEALTHY = "healthy"
    FAILING = "failing"  # as many failures in a row as would eject, but nobody else answers either: it stays in use
    EJECTED = "ejected"
    TRYING = "trying"  # the ejection is over, and one call tries it


class BalanceRules(msgspec.Struct, frozen=True):
    """`eject_failures` in a row eject for `eject_ms`, doubling at each relapse up to `eject_ms_max`."""

    eject_failures: int = 3
    eject_ms: int = 5_000
    eject_ms_max: int = 60_000


class _Endpoint:
    __slots__ = ("address", "answered_at", "failures", "failures_since", "health", "inflight", "relapses", "until_ms")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.health = Health.HEALTHY
        self.inflight = 0
        self.failures = 0  # in a row
        self.failures_since = 0  # event number of the first of them
        self.answered_at = 0  # event number of the last answer
        self.relapses = 0
        self.until_ms = 0


class Balance:
    """Args of the methods: `now_ms` is monotonic milliseconds."""

    def __init__(self, rules: BalanceRules | None = None) -> None:
        self._rules = BalanceRules() if rules is None else rules
        self._endpoints: list[_Endpoint] = []
        self._by_address: dict[Address, _Endpoint] = {}
        self._next = 0
        self._events = 0
        self._healthy_count = 0
        self.ejections = 0

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(endpoint.address for endpoint in self._endpoints)

    def update(self, addresses: Iterable[Address]) -> None:
        """DNS names these addresses now. Those known before keep their health and their calls in flight; one that is named no
        more is remembered while a call of it is under way, for it may be named again before that ends."""
        named = dict.fromkeys(addresses)
        self._endpoints = [self._by_address.get(a) or _Endpoint(a) for a in named]
        leaving = {a: endpoint for a, endpoint in self._by_address.items() if a not in named and endpoint.inflight > 0}
        self._by_address = leaving | {endpoint.address: endpoint for endpoint in self._endpoints}
        self._count_healthy()

    def choose(self, now_ms: int, avoid: Collection[Address] = ()) -> Address | None:
        """The address for the next call, counted as in flight until `answered`, `failed` or `returned`.

        In order: one that is due for its trial; the healthy one with the fewest calls in flight, in turn where they are
        equal; a sick one, rather than none. Addresses in `avoid` never. None when nothing is left.
        """
        endpoints = self._endpoints
        count = len(endpoints)
        best: _Endpoint | None = None
        if self._healthy_count < count:
            best = self._due_for_trial(now_ms, avoid)
        if best is None:
            start = self._next
            for step in range(count):
                endpoint = endpoints[(start + step) % count]
                if (
                    endpoint.health is Health.HEALTHY
                    and (best is None or endpoint.inflight < best.inflight)
                    and endpoint.address not in avoid
                ):
                    best = endpoint
        if best is None:
            sick = [e for e in endpoints if e.health is not Health.HEALTHY and e.address not in avoid]
            best = min(sick, key=lambda e: (e.until_ms, e.inflight), default=None)
        if best is None:
            return None
        self._next = (self._next + 1) % count
        best.inflight += 1
        return best.address

    def answered(self, address: Address) -> None:
        """The call was answered, by whatever status the client takes for a sign of life."""
        endpoint = self._by_address.get(address)
        if endpoint is None:
            return
        endpoint.inflight -= 1
        self._events += 1
        endpoint.answered_at = self._events
        if endpoint.failures or endpoint.health is not Health.HEALTHY:
            endpoint.failures = 0
            # Healed also by a late answer while ejected: an answer is better evidence than a clock.
            if endpoint.health is not Health.HEALTHY:
                endpoint.health = Health.HEALTHY
                self._count_healthy()
            endpoint.relapses = 0

    def failed(self, address: Address, now_ms: int) -> None:
        """Not connected, lost, or answered by a proxy instead of the core."""
        endpoint = self._by_address.get(address)
        if endpoint is None:
            return
        endpoint.inflight -= 1
        self._events += 1
        if endpoint.failures == 0:
            endpoint.failures_since = self._events
        endpoint.failures += 1
        if endpoint.health is Health.TRYING or (
            endpoint.health is Health.HEALTHY
            and endpoint.failures >= self._rules.eject_failures
            and any(
                other.health is Health.HEALTHY and other.answered_at > endpoint.failures_since
                for other in self._endpoints
                if other is not endpoint
            )
        ):
            self._eject(endpoint, now_ms)

    def returned(self, address: Address) -> None:
        """The call ended without saying anything about the address (cancelled, or our own pool was full)."""
        endpoint = self._by_address.get(address)
        if endpoint is None:
            return
        endpoint.inflight -= 1
        if endpoint.health is Health.TRYING:
            endpoint.health = Health.EJECTED  # the trial proved nothing: the next call tries again

    def health_of(self, address: Address) -> Health | None:
        endpoint = self._by_address.get(address)
        return None if endpoint is None else self._shown(endpoint)

    def failures_of(self, address: Address) -> int:
        """Failures in a row."""
        endpoint = self._by_address.get(address)
        return 0 if endpoint is None else endpoint.failures

    def inflight_of(self, address: Address) -> int:
        endpoint = self._by_address.get(address)
        return 0 if endpoint is None else endpoint.inflight

    def count(self, health: Health) -> int:
        return sum(self._shown(endpoint) is health for endpoint in self._endpoints)

    def _shown(self, endpoint: _Endpoint) -> Health:
        """What is said of it. FAILING is seen here only: to those who choose it is HEALTHY, for there is no better one."""
        if endpoint.health is Health.HEALTHY and endpoint.failures >= self._rules.eject_failures:
            return Health.FAILING
        return endpoint.health

    def _due_for_trial(self, now_ms: int, avoid: Collection[Address]) -> _Endpoint | None:
        for endpoint in self._endpoints:
            if endpoint.health is Health.EJECTED and now_ms >= endpoint.until_ms and endpoint.address not in avoid:
                endpoint.health = Health.TRYING
                return endpoint
        return None

    def _eject(self, endpoint: _Endpoint, now_ms: int) -> None:
        rules = self._rules
        endpoint.health = Health.EJECTED
        endpoint.until_ms = now_ms + min(rules.eject_ms << min(endpoint.relapses, 20), rules.eject_ms_max)
        endpoint.relapses += 1
        self.ejections += 1
        self._count_healthy()

    def _count_healthy(self) -> None:
        self._healthy_count = sum(endpoint.health is Health.HEALTHY for endpoint in self._endpoints)
