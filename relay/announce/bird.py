"""Announced by BIRD 2: the service address on a device of ours, and one of two `direct` protocols that export it.

Owns the device and what BIRD is told. Whether there is a route is the device's alone: it is there while the device is, and BIRD
needs to be asked nothing for that, so a BIRD that hangs or refuses can keep no route alive. How much the route is preferred is
told by which of the two protocols is enabled, for BIRD's export filter gives each another MED; on the way from one to the other
both are, so there is no moment without a route. In BIRD's file the standby protocol is the enabled one: a BIRD that was started
again announces us least preferred until we have told it otherwise. It must never decide a level. The traps: a `configure` of
BIRD resets neither, a restart resets both, so what is wanted is compared and asserted again at each look; and a name that BIRD
does not know is a syntax error to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from relay.announce.birddoor import BirdTrouble
from relay.announce.birdtalk import NOT_FOUND, BirdAnswer, ProtocolRow, announced_by, protocols_of, sessions_up
from relay.announce.port import FailureKind, Level, SpeakerState
from relay.announce.tun import DeviceHolder
from relay.bridge import spawn
from relay.clock import Cancellable, Timers
from relay.telemetry.log import get_log

log = get_log("announce")
SOON_MS = 100  # to the next look while BIRD does not show what is wanted
SILENT_COUNT_MAX = 3  # looks in a row without an answer, after which what was seen before counts no more
UNSEEN_COUNT_MAX = 3  # such looks before it is a problem: BIRD hears of a new device from the kernel, not from us


class Door(Protocol):
    """Who talks to BIRD; relay.announce.birddoor.BirdDoor fulfils it."""

    @property
    def path(self) -> str: ...

    async def ask(self, commands: Sequence[str]) -> list[BirdAnswer]: ...


class BirdAnnouncer:
    """Fulfils relay.announce.port.Announcer.

    Args:
        addresses: the service addresses.
        protocols: BIRD's names of the two `direct` protocols: holding, standby.
        device: holds the addresses.
        look_ms: between two looks at BIRD, milliseconds.
        failed: told the kind of each failure, for a metric.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        protocols: tuple[str, str],
        device: DeviceHolder,
        door: Door,
        timers: Timers,
        look_ms: int,
        failed: Callable[[FailureKind], None],
    ) -> None:
        self._prefixes = tuple(f"{address}/{ipaddress.ip_address(address).max_prefixlen}" for address in addresses)
        self._holding, self._standby = protocols
        self._device, self._door, self._timers, self._look_ms, self._failed = device, door, timers, look_ms, failed
        self._wanted = Level.NONE
        self._state = SpeakerState()
        self._problem = ""  # the last one logged
        self._unseen_count = self._silent_count = 0
        self._timer: Cancellable | None = None
        self._is_asking = self._is_stopped = False
        self._asks_again = False

    async def start(self) -> None:
        """BIRD is told "standby" before there is anything to announce."""
        await self._look()

    def announce(self, level: Level) -> str:
        problem = self._device.hold()
        self._wanted = Level.NONE if problem else level
        self._look_soon()
        return problem

    def keep(self) -> str:
        return self._device.keep()

    def withdraw(self) -> None:
        self._wanted = Level.NONE
        self._device.let_go()
        self._look_soon()

    def state(self) -> SpeakerState:
        return self._state

    async def stop(self) -> None:
        self.withdraw()
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    # ---- BIRD --------------------------------------------------------------------------------------------------------
    def _look_soon(self) -> None:
        if self._is_asking:
            self._asks_again = True
        elif not self._is_stopped:
            self._is_asking = True  # from now, and not from the task's first turn: two at once would undo each other's orders
            spawn("ask bird", self._look())

    async def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._is_asking, self._asks_again = True, False
        try:
            self._state = await self._assert()
            self._silent_count = 0
        except BirdTrouble as error:
            self._failed(error.kind)
            self._state = self._troubled(error)
        finally:
            self._is_asking = False
            self._look_later()
        self._tell()

    def _look_later(self) -> None:
        if self._is_stopped:
            return
        if self._asks_again:
            self._look_soon()
        else:
            is_early = 0 < self._unseen_count < UNSEEN_COUNT_MAX
            self._timer = self._timers.after(SOON_MS if is_early else self._look_ms, self._look_soon)

    def _tell(self) -> None:
        problem = self._state.problem
        if problem == self._problem:
            return
        self._problem = problem
        if problem:
            log.error("the service address may not be announced as wanted", why=problem, wanted=self._wanted.value)
        else:
            log.info("announced as wanted", level=self._wanted.value, sessions=self._state.sessions_up)

    def _troubled(self, error: BirdTrouble) -> SpeakerState:
        """A BIRD that is slow once still announces what it announced; one that has gone, or says nothing for long, does not."""
        self._silent_count += 1
        is_lost = error.kind == "gone" or self._silent_count >= SILENT_COUNT_MAX
        before = SpeakerState() if is_lost else self._state
        next_step = "systemctl status bird; may the relay's user use that socket?"
        return SpeakerState(seen=before.seen, sessions_up=before.sessions_up, problem=str(error), next_step=next_step)

    async def _assert(self) -> SpeakerState:
        """What is, what has to change, and whether it came so."""
        wanted = self._wanted
        (answer,) = await self._door.ask(["show protocols"])
        rows = protocols_of(answer)
        missing = [name for name in (self._holding, self._standby) if name not in rows]
        if missing:
            return self._refused(f"BIRD has no protocol {' and no '.join(missing)}")
        for order in self._orders(rows, wanted):  # one by one: what disables comes only when the enabling was not refused
            (said,) = await self._door.ask([order])
            if said.is_refused:
                return self._refused(f"BIRD refused `{order}`: {said.text}")
        routes = await self._door.ask([f"show route {prefix}" for prefix in self._prefixes])
        if any(route.is_refused and route.code != NOT_FOUND for route in routes):
            return self._refused(f"BIRD refused to show routes: {routes[0].text}")
        up = sessions_up(rows.values())
        seen = self._seen(routes)
        return SpeakerState(seen=seen, sessions_up=up, **self._judge(wanted, seen, up))

    def _orders(self, rows: Mapping[str, ProtocolRow], wanted: Level) -> list[str]:
        """The enabling before the disabling: never a moment with neither."""
        on, off = (self._holding, self._standby) if wanted is Level.HOLDING else (self._standby, self._holding)
        orders = [] if rows[on].state == "up" else [f"enable {on}"]
        return orders if rows[off].state == "down" else [*orders, f"disable {off}"]

    def _refused(self, problem: str) -> SpeakerState:
        self._failed("refused")
        return SpeakerState(
            problem=problem, next_step="Compare BIRD's configuration with docs/announce.md: birdc show protocols"
        )

    def _seen(self, routes: Sequence[BirdAnswer]) -> Level:
        """The least of all addresses."""
        by = [announced_by(route) for route in routes]
        if all(self._holding in names for names in by):
            return Level.HOLDING
        return Level.STANDBY if all(names & {self._holding, self._standby} for names in by) else Level.NONE

    def _judge(self, wanted: Level, seen: Level, up: int) -> dict[str, str]:
        self._unseen_count = self._unseen_count + 1 if seen is not wanted else 0
        if seen is not wanted and self._unseen_count >= UNSEEN_COUNT_MAX:
            return (
                {
                    "problem": f"BIRD still has a route to {', '.join(self._prefixes)}",
                    "next_step": "is the address on another device, too? birdc show route",
                }
                if wanted is Level.NONE
                else {
                    "problem": f"BIRD does not show {', '.join(self._prefixes)} as {wanted.value}",
                    "next_step": "do its direct protocols name our device? birdc show route",
                }
            )
        if wanted is not Level.NONE and not up:
            return {
                "problem": "no BGP session of BIRD is up: nobody hears the announcement",
                "next_step": "birdc show protocols",
            }
        return {}
