"""Who may open a link: source networks, connection limits per listener and host, accept rate. Pure.

Owns `Admission`, which counts the links it admitted, and `TokenBucket`. It must never see a socket: it is asked with an
address as text and the time. The trap: with a dual-stack socket an IPv4 host arrives as ::ffff:10.1.2.3, so every address
is folded to its own family before it is compared or counted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from relay.errors import ConfigurationError

PARSED_COUNT_MAX: Final = 4_096  # addresses whose reading is remembered: each is asked about three times per connection


class Refused(StrEnum):
    """Why a link was refused at accept: the `reason` label of relay_links_refused_total."""

    NOT_ALLOWED = "source-not-allowed"
    LISTENER_FULL = "listener-full"
    HOST_FULL = "host-full"
    RATE = "accept-rate"  # where a link can neither be paused nor kept waiting
    ROOM_FULL = "room-full"  # more at the door than can be let in soon
    OUTRANKED = "outranked"  # it waited, and had to go for a higher rank or for a site with fewer at the door
    WAITED = "waited-too-long"
    TLS = "tls-handshake"
    NO_DESCRIPTORS = "no-descriptors"
    STOPPED = "stopped"


class TokenBucket:
    """`per_second` tokens a second, at most `burst_count` saved up. `take` never blocks; it says how long to wait."""

    __slots__ = ("_burst_units", "_per_second", "_seen_ms", "_units")

    def __init__(self, per_second: int, burst_count: int, now_ms: int) -> None:
        # Counted in thousandths of a token, so that milliseconds times rate stays a whole number.
        self._per_second = per_second
        self._burst_units = max(1, burst_count) * 1000
        self._units = self._burst_units
        self._seen_ms = now_ms

    def set_rate(self, per_second: int, burst_count: int, now_ms: int) -> None:
        """Another rate from now on; what was saved up stays, as far as the new burst allows."""
        self.wait_ms(now_ms)
        self._per_second = per_second
        self._burst_units = max(1, burst_count) * 1000
        self._units = min(self._units, self._burst_units)

    def wait_ms(self, now_ms: int) -> int:
        """0 when a token is there, else the milliseconds until one is."""
        if now_ms > self._seen_ms:
            self._units = min(self._burst_units, self._units + (now_ms - self._seen_ms) * self._per_second)
            self._seen_ms = now_ms
        if self._units >= 1000:
            return 0
        return -(-(1000 - self._units) // self._per_second)

    def take(self, now_ms: int) -> bool:
        if self.wait_ms(now_ms):
            return False
        self._units -= 1000
        return True


class Networks:
    """A compiled allow-list: one set look-up per distinct prefix length, however many networks are listed."""

    __slots__ = ("_by_prefix",)

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks` in CIDR form. Raises ConfigurationError naming the first that is not one."""
        self._by_prefix: dict[tuple[int, int], set[int]] = {}
        for text in networks:
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                raise ConfigurationError(
                    f"allow_networks: {text!r} is not a network: {error}.", "Write it as 10.1.0.0/16 or 2001:db8::/32."
                ) from error
            shift = network.max_prefixlen - network.prefixlen
            self._by_prefix.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)

    def allows(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
        """An empty list allows all; an address that is none (a unix socket) is allowed by an empty list only."""
        if not self._by_prefix:
            return True
        if address is None:
            return False
        version, number = address.version, int(address)
        return any(v == version and number >> shift in members for (v, shift), members in self._by_prefix.items())


@lru_cache(maxsize=PARSED_COUNT_MAX)
def parse_host(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A peer's address in its own family, scope dropped; None where it is not an address (a unix socket)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class AdmissionLimits(msgspec.Struct, frozen=True, kw_only=True):
    allow_networks: tuple[str, ...] = ()
    connection_count_max: int = 20_000
    connection_count_per_host_max: int = 20_000
    accept_per_second_max: int = 0  # 0: none of its own; door.py has that of the whole relay


class Admission:
    """The limits of one listener and what counts against them. `admit` and `release` come in pairs."""

    def __init__(self, limits: AdmissionLimits, now_ms: int) -> None:
        self._by_host: dict[object, int] = {}
        self.open_count = 0
        self.replace_limits(limits, now_ms)

    def replace_limits(self, limits: AdmissionLimits, now_ms: int) -> None:
        """New limits from now on; links already open stay. Raises ConfigurationError with nothing changed."""
        networks = Networks(limits.allow_networks)
        self._networks = networks
        self._limits = limits
        per_second = limits.accept_per_second_max
        # A tenth of a second may come at once: enough to accept in batches, too little to be a storm.
        self._bucket = TokenBucket(per_second, per_second // 10, now_ms) if per_second else None

    def wait_ms(self, now_ms: int) -> int:
        """0 when the rate allows one more accept, else the milliseconds to leave the backlog alone."""
        return 0 if self._bucket is None else self._bucket.wait_ms(now_ms)

    def admit(self, host: str, now_ms: int) -> Refused | None:
        """Count one link in, or say why not. Every try costs a token, so that refusing is bounded as well."""
        if self._bucket is not None and not self._bucket.take(now_ms):
            return Refused.RATE
        address = parse_host(host)
        if not self._networks.allows(address):
            return Refused.NOT_ALLOWED
        if self.open_count >= self._limits.connection_count_max:
            return Refused.LISTENER_FULL
        count = self._by_host.get(address, 0)
        if count >= self._limits.connection_count_per_host_max:
            return Refused.HOST_FULL
        self._by_host[address] = count + 1
        self.open_count += 1
        return None

    def release(self, host: str) -> None:
        """Count an admitted link out."""
        address = parse_host(host)
        count = self._by_host.get(address, 0)
        if count == 0:
            raise ValueError(f"release without admit: {host}")
        if count == 1:
            del self._by_host[address]
        else:
            self._by_host[address] = count - 1
        self.open_count -= 1

    def host_count(self) -> int:
        return len(self._by_host)
