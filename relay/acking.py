"""Acknowledgements in the running daemon: the standby's looks, what each class needs, and whom that is told.

Owns the wiring of relay/journal/acks.py with the desk, the links' variables and the outbound messages, and the part of the
reports. It must never decide what is needed. The trap: what holds changes while nothing comes in, so it is looked at by time,
too, or the metrics would stand still with the traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from relay.bridge import spawn
from relay.clock import Cancellable
from relay.configuration.acks import needs_of
from relay.control.acks import AckRow, AcksReport
from relay.journal.acks import Acks
from relay.journal.needed import NeededOutbound, NeededVariables
from relay.journal.standby import Look, Standby, StandbyRules
from relay.needs import Need, Peer
from relay.pair.beat import Sight

if TYPE_CHECKING:
    from relay.daemon import Daemon
    from relay.journal.postgres.standby import StandbyLook

REFRESH_MS = 500
CORE_SILENT_PROBES = 5  # that long without an answer, the core does not count as reachable
_SIGHTS = {Peer.FOLLOWS: Sight.OK, Peer.AWAY: Sight.FAILING}


class Acking:
    """Made after the desk, before anything that serves."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._timer: Cancellable | None = None
        pair = daemon.settings.pair
        self._looker = self._make_looker()
        self._standby: Standby | None = None
        if self._looker is not None:
            self._standby = Standby(
                partial(_ask, self._looker),
                daemon.clock,
                daemon.timers,
                StandbyRules(ack_timeout_ms=pair.ack_timeout_ms, return_after_ms=pair.ack_return_after_ms),
            )
        self.acks = Acks(needs_of(pair), self._standby, self._may_ask_core, daemon.clock, daemon.metrics)
        daemon.desk.acks.use(self.acks)
        self.variables = NeededVariables(daemon.journal, self.acks)
        self.outbound = NeededOutbound(daemon.journal, self.acks)

    def _make_looker(self) -> StandbyLook | None:
        pair, journal = self._daemon.settings.pair, self._daemon.journal
        if pair.journal_standby is None or self._daemon.settings.journal.engine == "sqlite":
            return None
        from relay.journal.postgres.engine import PostgresJournal

        if not isinstance(journal, PostgresJournal):
            raise TypeError("the engine is not what the configuration says")
        return journal.standby_look(pair.journal_standby, pair.ack_timeout_ms)

    def _may_ask_core(self) -> bool:
        """A permit outlives the silence of its region; a confirmation does not come out of one."""
        region = self._daemon.region
        silent_ms_max = CORE_SILENT_PROBES * self._daemon.settings.core.region_probe_ms
        return region.permit() is not None and region.silent_ms < silent_ms_max

    def start(self) -> None:
        if self._standby is not None:
            self._standby.start()
        self._tick()

    def _tick(self) -> None:
        self._timer = self._daemon.timers.after(REFRESH_MS, self._tick)  # first: no error of this one makes it the last
        self.acks.refresh()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._standby is not None:
            self._standby.stop()
        if self._looker is not None:
            await self._looker.close()

    # ---- what is shown -------------------------------------------------------------------------------------------------
    def sight(self) -> Sight:
        """How our journal's standby is, for the other center's eyes."""
        return _SIGHTS.get(self.acks.peer, Sight.UNKNOWN)

    def report(self) -> AcksReport:
        self.acks.refresh()
        now_ms, standby = self._daemon.clock.monotonic_ms(), self._standby
        return AcksReport(
            standby=self._daemon.settings.pair.journal_standby or "",
            peer=self.acks.peer.value,
            since_ms=0 if standby is None else now_ms - standby.since_ms,
            why="" if standby is None else standby.why,
            warning="" if self._looker is None else self._looker.warning,
            lag_bytes=0 if standby is None else standby.lag_bytes,
            waiting=0 if standby is None else standby.waiting_count,
            held=self._daemon.desk.acks.held_count,
            classes=tuple(
                AckRow(
                    name=ack_class.value,
                    needs=tuple(need.value for need in standing.needs),
                    holds=_word(standing.holds),
                    since_ms=now_ms - standing.since_ms,
                )
                for ack_class, standing in self.acks.standings.items()
            ),
        )


def _word(need: Need | None) -> str:
    return "" if need is None else need.value


def _ask(looker: StandbyLook, done: Callable[[Look], None]) -> None:
    async def look() -> None:
        found = Look("", why="it could not be looked at")
        try:
            found = await looker.look()
        finally:
            done(found)  # also when we are wrong ourselves: a look without an answer would be the last one

    spawn("look at the standby", look())
