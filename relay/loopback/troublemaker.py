"""What goes wrong in a load, done: storms at the core, a lost zone, kill -9 of the daemon, each with its window in every tally.

Owns the doing of the plan's steps on a stage. It must never know a dialect. The traps: a trouble that is not ended by the plan
is ended by `end`, so that the quiet after the load is quiet; and a daemon broken off while starting would be nobody's
child, so whoever stops waits for `is_whole` first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from relay.clock import SystemClock
from relay.errors import RelayError
from relay.loopback.faults import STORM
from relay.loopback.scenario import Step, Trouble
from relay.loopback.stage import Stage
from relay.loopback.troupe import Troupe, until

BACK_DEADLINE_S = 30.0  # after a kill: how long until all peers are signed on again counts as trouble at most


class Troublemaker:
    """Make it inside the running loop."""

    def __init__(self, stage: Stage, troupes: Sequence[Troupe], say: Callable[[str], None]) -> None:
        self.is_whole = asyncio.Event()  # the daemon is not being killed and started
        self.is_whole.set()
        self._stage = stage
        self._troupes = troupes
        self._say = say
        self._monotonic_us = SystemClock().monotonic_us

    async def follow(self, steps: Sequence[Step], began_s: float) -> None:
        """Do each step at its time; `began_s` is of the running loop's clock."""
        loop = asyncio.get_running_loop()
        for step in steps:
            await asyncio.sleep(max(0.0, began_s + step.at_s - loop.time()))
            try:
                await self._do(step.what)
            except RelayError as error:
                self._troupes[0].tally.violation(error.problem)
                self._say(error.problem)
                return

    def end(self) -> None:
        """Whatever is wrong now is over."""
        self._end_storm()
        self._close("kill")

    async def _do(self, what: Trouble) -> None:
        core = self._stage.core
        match what:
            case Trouble.STORM_ON:
                self._say(what.value)
                self._open("storm")
                self._stage.faults.set_rates(STORM)
            case Trouble.STORM_OFF:
                self._end_storm()
                self._say(what.value)
            case Trouble.ZONE_DOWN:
                up = core.zones_up()
                if len(up) > 1:
                    self._say(f"{what.value} ({up[-1]})")
                    # Only what was in flight on that address may fail: the window is this instant and its tail.
                    self._open("zone")
                    core.kill_zone(up[-1])
                    self._close("zone")
            case Trouble.ZONE_UP:
                for zone in set(core.zones) - set(core.zones_up()):
                    self._say(f"{what.value} ({zone})")
                    await core.heal_zone(zone)
            case Trouble.DAEMON_KILL:
                self._say(what.value)
                await self._kill()

    async def _kill(self) -> None:
        loop = asyncio.get_running_loop()
        self._open("kill")
        self.is_whole.clear()
        killed_s = loop.time()
        try:
            await self._stage.kill_daemon()
            await self._stage.start_daemon()
        finally:
            self.is_whole.set()
        await until(self._all_present, BACK_DEADLINE_S)
        self._close("kill")
        back = ", ".join(f"{troupe.present_count()} {troupe.name}" for troupe in self._troupes)
        self._say(f"the relay serves again after {loop.time() - killed_s:.1f} s; back are {back}")

    def _all_present(self) -> bool:
        return all(troupe.present_count() >= troupe.peer_count() for troupe in self._troupes)

    def _end_storm(self) -> None:
        if self._stage.faults.is_on:
            self._stage.faults.set_rates({})
            self._close("storm")

    def _open(self, what: str) -> None:
        for troupe in self._troupes:
            troupe.tally.open_window(self._monotonic_us() / 1_000, what)

    def _close(self, what: str) -> None:
        for troupe in self._troupes:
            troupe.tally.close_window(self._monotonic_us() / 1_000, what)
