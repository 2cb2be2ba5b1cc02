"""The two regions, as relays reach them: each with a ledger and a core of its own, which may be away.

Owns the way by address, and the watch over what is said to whom. It must never answer itself. The trap: a region that is over
and lives on answers as well as ever, in its own epoch: what it confirms then is lost like the rest of the tail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import Random

from relay.core.contract import H_REGION_EPOCH, REGION_PATH
from relay.core.door import Address, HttpCall, HttpResult
from relay.loopback.core import FakeCore
from relay.loopback.faults import FaultInjector
from relay.loopback.ledger import Ledger
from tests.simulation.coreside import Region, SimulatedDoor
from tests.support.virtualtime import VirtualTime

ADDRESSES = {"tokyo": "10.1.0.1", "osaka": "10.2.0.1"}
Spoken = Callable[[str, str, int], None]  # center, region, epoch


class Site:
    """`is_down`: nobody reaches it."""

    def __init__(self, name: str, epoch: int) -> None:
        self.name = name
        self.ledger = Ledger(name, epoch)
        self.core = FakeCore(self.ledger)
        self.is_down = False


class Watch(Region):
    """Of one relay and one region: tells each call that may move money."""

    def __init__(self, chance: Random, center: str, region: str, spoken: Spoken) -> None:
        super().__init__(chance)
        self._center = center
        self._region = region
        self._spoken = spoken

    def called(self, target: str, headers: dict[str, str], body: bytes) -> None:
        if not target.startswith(REGION_PATH):
            self._spoken(self._center, self._region, int(headers.get(H_REGION_EPOCH.lower(), "0")))


class RoutedDoor:
    """Fulfils HttpDoor for one life of one relay: each address leads to its region."""

    def __init__(
        self,
        time: VirtualTime,
        chance: Random,
        sites: Collection[Site],
        faults: FaultInjector,
        center: str,
        spoken: Spoken,
    ) -> None:
        self._sites = {ADDRESSES[site.name]: site for site in sites}
        self._doors = {
            ADDRESSES[site.name]: SimulatedDoor(time, chance, site.core, faults, Watch(chance, center, site.name, spoken))
            for site in sites
        }
        self.is_cut = False
        self._is_dead = False

    @property
    def is_dead(self) -> bool:
        return self._is_dead

    @is_dead.setter
    def is_dead(self, is_dead: bool) -> None:
        self._is_dead = is_dead
        for door in self._doors.values():
            door.is_dead = is_dead

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> object:
        door = self._doors[address.ip]
        door.is_cut = self.is_cut or self._sites[address.ip].is_down
        return door.call(address, call, timeout_ms, done)

    def keep_only(self, addresses: Collection[Address]) -> None:
        """No connections are kept."""

    def renew(self) -> None:
        """See keep_only."""
