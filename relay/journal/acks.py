"""Which need holds now for each class, since when, and what was acknowledged by which.

Owns the state between the pure table (relay/needs.py) and whoever is about to acknowledge something. It must never acknowledge
anything itself. The trap: what holds changes without a message (the standby comes back, the core's permit ends), so it is asked
for at each message, and `refresh` is called now and then for people and metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from prometheus_client import Counter

from relay.clock import Clock
from relay.journal.standby import Standby
from relay.needs import ALONE, AckClass, Need, Peer, need_now
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("acks")

REFUSED = "refused"  # at the door: no need of its class could be met
SILENT = "silent"  # taken, and no need was met before the reply deadline


class Standing(msgspec.Struct, eq=False):
    """Of one class."""

    needs: tuple[Need, ...]
    holds: Need | None
    since_ms: int  # monotonic
    counted_ms: int  # up to when its fall-back was counted


class Acks:
    """`may_ask_core` says whether the core may be asked now. Without a standby (`None`) `local+peer` is never reached."""

    def __init__(
        self,
        needs: Mapping[AckClass, tuple[Need, ...]],
        standby: Standby | None,
        may_ask_core: Callable[[], bool],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._standby = standby
        self._may_ask_core = may_ask_core
        self._clock = clock
        self._metrics = metrics
        self._on_return: list[Callable[[], None]] = []
        self._counts: dict[tuple[AckClass, str], Counter] = {}
        now_ms = clock.monotonic_ms()
        self.standings = {
            each: Standing(needs[each], need_now(needs[each], self.peer, may_ask_core()), now_ms, now_ms) for each in AckClass
        }
        if standby is not None:
            standby.on_change = self._changed
            metrics.journal_standby_follows.set_function(lambda: int(standby.peer is Peer.FOLLOWS))
            metrics.journal_standby_lag_bytes.set_function(lambda: standby.lag_bytes)

    @property
    def peer(self) -> Peer:
        return Peer.NONE if self._standby is None else self._standby.peer

    def needs(self, ack_class: AckClass) -> tuple[Need, ...]:
        return self.standings[ack_class].needs

    def is_local(self, ack_class: AckClass) -> bool:
        """Whether this disk is enough by itself, whatever else is there: nothing to wait for."""
        return self.standings[ack_class].needs[0] is Need.LOCAL

    def now(self, ack_class: AckClass) -> Need | None:
        """What is needed now; None: nothing of this class may be acknowledged."""
        return need_now(self.standings[ack_class].needs, self.peer, self._may_ask_core())

    def reached(self, done: Callable[[bool], None]) -> None:
        """As Standby.reached."""
        if self._standby is None:
            done(False)
        else:
            self._standby.reached(done)

    def told(self, ack_class: AckClass, how: Need | str) -> None:
        """Count an acknowledgement by its need, or one that was not given (REFUSED, SILENT)."""
        child = self._counts.get((ack_class, how))
        if child is None:  # labels() costs more than the increment
            child = self._counts[ack_class, how] = self._metrics.acknowledgements.labels(ack_class.value, str(how))
        child.inc()

    def when_back(self, call: Callable[[], None]) -> None:
        """`call` each time that the standby follows again."""
        self._on_return.append(call)

    def _changed(self) -> None:
        self.refresh()
        if self.peer is Peer.FOLLOWS:
            for call in self._on_return:
                call()

    def refresh(self) -> None:
        """What holds now, since when; and the seconds of fall-back that have passed."""
        now_ms = self._clock.monotonic_ms()
        for ack_class, standing in self.standings.items():
            if standing.holds is not standing.needs[0]:
                passed_ms = now_ms - standing.counted_ms
                self._metrics.ack_fallback_seconds.labels(ack_class.value).inc(passed_ms / 1_000)
            standing.counted_ms = now_ms
            holds = self.now(ack_class)
            if holds is not standing.holds:
                before, standing.holds, standing.since_ms = standing.holds, holds, now_ms
                tell = log.info if holds is standing.needs[0] else log.warning
                tell("what an acknowledgement needs", ack_class=ack_class.value, now=_word(holds), before=_word(before))


def _word(need: Need | None) -> str:
    return "nothing can be acknowledged" if need is None else need.value


def alone(clock: Clock, metrics: Metrics) -> Acks:
    """Of a single host: this disk is enough for everything."""
    return Acks(ALONE, None, lambda: True, clock, metrics)
