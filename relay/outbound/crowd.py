"""Who holds the connections of a server, and whose gives way when there are too many. Pure.

Owns the counting. It must never close anything. The traps: whoever opens connections and says nothing could hold all of
them, so each address has a share, and beyond it its own oldest one that waits gives way; people behind one gateway are one
address, so a full server takes from whoever has most and never from the few; and IPv6 gives a household more addresses than
there are connections, so it is the network that counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

T = TypeVar("T")


class Crowd(Generic[T]):
    """`share_max` 0: no shares, and nobody gives way."""

    def __init__(self, count_max: int, share_max: int) -> None:
        self._count_max, self._share_max = count_max, share_max
        self._holders: dict[T, str] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._holders)

    def all(self) -> tuple[T, ...]:
        return tuple(self._holders)

    def enter(self, one: T, address: str, may_go: Callable[[T], bool]) -> tuple[bool, T | None]:
        """`one` is there; whether it may stay, and which other one has to go for it. `may_go`: nobody waits for its answer."""
        holder = network_of(address)
        self._holders[one] = holder
        if not self._share_max:
            return len(self._holders) <= self._count_max, None
        held = Counter(self._holders.values())
        if held[holder] > self._share_max:
            gone = self._oldest(holder, one, may_go)
            return gone is not None, gone
        if len(self._holders) <= self._count_max:
            return True, None
        for greedy, count in held.most_common():
            if count <= held[holder]:
                break
            if (gone := self._oldest(greedy, one, may_go)) is not None:
                return True, gone
        return False, None

    def leave(self, one: T) -> None:
        self._holders.pop(one, None)

    def _oldest(self, holder: str, besides: T, may_go: Callable[[T], bool]) -> T | None:
        return next(
            (one for one, whose in self._holders.items() if whose == holder and one is not besides and may_go(one)), None
        )


def network_of(address: str) -> str:
    """Who somebody is, from afar: an IPv4 address, or the /64 of an IPv6 one, which is one household's."""
    try:
        read = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{read}/64", strict=False)) if isinstance(read, IPv6Address) else address
