"""Whom a bank misses most when everybody comes back at once, and what counts as one site. Pure.

Owns `Rank`, the network of an address, and `BusyHosts`: where somebody may stand in front of a terminal that waits for an
answer of ours. It must never know a rate. The trap: before the first message only the listener and the address are known, so
a host is busy when its *last* link broke while we owed an answer on it; after a restart of the relay nobody is known to be.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from typing import Final

from relay.wire.admission import parse_host

IPV4_PREFIX, IPV6_PREFIX = 24, 56
BUSY_HOSTS_COUNT_MAX: Final = 20_000
BUSY_MS: Final = 60_000  # so long after its link broke


class Rank(IntEnum):
    """Lower is let in first."""

    PARTNER = 0  # Zengin, and switches of other networks: one link is a whole bank
    BRANCH = 1
    ATM_BUSY = 2  # its last link from there broke with a message unanswered: somebody may stand in front of it
    ATM = 3

    @property
    def label(self) -> str:
        """Of metrics and reports: "atm-busy"."""
        return self.name.lower().replace("_", "-")


_BY_CHANNEL: Final = {"partner": Rank.PARTNER, "branch": Rank.BRANCH}


def rank_of(channel: str, is_busy: bool = False) -> Rank:
    """Of a listener's channel. `is_busy`: the last link from this host broke while we owed an answer on it."""
    return _BY_CHANNEL.get(channel, Rank.ATM_BUSY if is_busy else Rank.ATM)


def network_of(host: str) -> str:
    """The /24 (IPv6: /56) of a peer's address; "" for one that has none (a unix socket)."""
    address = parse_host(host)
    if address is None:
        return ""
    bits, prefix = (32, IPV4_PREFIX) if address.version == 4 else (128, IPV6_PREFIX)
    shift = bits - prefix
    number = int(address) >> shift << shift
    return str(ipaddress.IPv4Address(number) if address.version == 4 else ipaddress.IPv6Address(number))


class BusyHosts:
    """Hosts whose last link broke with a message unanswered, for `BUSY_MS`; at most `count_max`, the oldest go first."""

    def __init__(self, count_max: int = BUSY_HOSTS_COUNT_MAX) -> None:
        self._count_max = count_max
        self._since_ms: dict[str, int] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._since_ms)

    def add(self, host: str, now_ms: int) -> None:
        self._since_ms.pop(host, None)
        self._since_ms[host] = now_ms
        if len(self._since_ms) > self._count_max:
            del self._since_ms[next(iter(self._since_ms))]

    def take(self, host: str, now_ms: int) -> bool:
        """Is it one of them? It counts once: a second link of the same host is no busier than any other."""
        since_ms = self._since_ms.pop(host, None)
        return since_ms is not None and now_ms - since_ms <= BUSY_MS
