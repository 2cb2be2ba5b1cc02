"""The return of the fleet: the door, its ramp and the telling of sign-ons, put together for one daemon.

Owns the wiring of these, what a take-over means for them (`role_gained`) and what is shown of them. It must never decide who
comes in (relay/wire/door.py) nor how fast the core is told (relay/exchange/telling.py). The trap: what the ramp judges are
differences of histograms that only grow, so each look takes what came since the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relay.clock import Cancellable
from relay.control.report import ReconnectReport
from relay.exchange.telling import Telling, TellingLimits
from relay.reconnectsettings import ReconnectSettings
from relay.wire.door import DoorLimits
from relay.wire.doorkeeper import Doorkeeper
from relay.wire.muster import Muster
from relay.wire.ramp import RampRules
from relay.wire.ranks import Rank, rank_of

if TYPE_CHECKING:
    from relay.daemon import Daemon

LOOK_MS: Final = 1_000
PRESSED_MS: Final = 200  # what messages that wait for the core may take to be asked, before newcomers get the least rate
_JUDGED: Final = ("submit", "tell")  # verbs whose latency the ramp judges


class Reconnect:
    """Made before the listeners, for they need `door` and `tell`."""

    def __init__(self, daemon: Daemon) -> None:
        d, settings = daemon, daemon.settings.reconnect
        self._daemon = daemon
        self.door = Doorkeeper(
            door_limits(settings), ramp_rules(settings), d.clock, d.timers, d.metrics, is_pressed=self._is_pressed
        )
        self._telling = Telling(
            d.client.tell, d.region.permit, self._rank_of, len(Rank), d.clock, d.timers, d.metrics, telling_limits(settings)
        )
        self.tell = self._telling.take
        self._muster = Muster()
        self._unended: set[str] = set()  # terminals with an exchange that a former life had not ended
        self._timer: Cancellable | None = None
        self._spreads = {verb: d.metrics.core_call_seconds.labels(verb) for verb in _JUDGED}
        self._seen = {verb: list(spread.counts) for verb, spread in self._spreads.items()}

    def role_gained(self, why: str) -> None:
        """This relay serves from now on (a start, the service address won, another region epoch): its whole fleet may come."""
        self.door.begin(why)
        self._telling.begin()

    def fleet_comes(self, why: str) -> None:
        """A standby that has listened for long gets the terminals of the other center: as `role_gained`. A ramp that is under
        way goes on instead, for beginning it anew would keep out longest who dials right after a start."""
        if not self.door.ramp.is_ramping:
            self.role_gained(why)

    def start(self) -> None:
        """Before the listeners do."""
        self._unended = {entry.request.terminal for entry in self._daemon.desk.register.by_key.values()}
        self.door.start("start")
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.door.stop()
        self._telling.stop()

    def use(self, settings: ReconnectSettings) -> None:
        """After a reload."""
        self.door.use(door_limits(settings), ramp_rules(settings))
        self._telling.use(telling_limits(settings))

    def report(self) -> ReconnectReport:
        """The part of the status."""
        present, expected = self._counts()
        now_ms = self._daemon.clock.monotonic_ms()
        door, ramp = self.door.door, self.door.ramp
        return ReconnectReport(
            present=present,
            expected=expected,
            per_s=round(self._muster.per_s, 1),
            left_ms=self._muster.left_ms,
            waiting=door.room.count,
            accept_per_s=door.accept_per_s,
            gives_way=door.percent < ramp.percent,
            ramp_percent=ramp.percent,
            ramp_left_ms=ramp.full_after_ms(now_ms),
            ramp_held_steps=ramp.held,
            ramp_p99_ms=ramp.worst_ms,
            events_waiting=self._telling.waiting_count,
        )

    def _is_pressed(self) -> bool:
        """Business waits for longer than a moment: those who are in come before those who are not."""
        desk = self._daemon.desk
        return desk.target.expected_wait_ms(desk.lanes.waiting_count) > PRESSED_MS

    def _counts(self) -> tuple[int, int]:
        """Signed-on sessions of the listeners of which it is known how many there should be, and how many that are."""
        known = [each for each in self._daemon.listeners.values() if each.expected_count]
        return sum(each.signed_on_count for each in known), sum(each.expected_count for each in known)

    def _look(self) -> None:
        d = self._daemon
        self._muster.count(*self._counts(), d.clock.monotonic_ms())
        for listener in d.listeners.values():
            if listener.expected_count:
                d.metrics.sessions_expected.labels(listener.name).set(listener.expected_count)
        for verb, spread in self._spreads.items():
            counts = list(spread.counts)
            for bound_s, count, before in zip((*spread.bounds_s, float("inf")), counts, self._seen[verb], strict=True):
                if count > before:
                    self.door.ramp.observe(verb, bound_s * 1_000, count - before)
            self._seen[verb] = counts
        self._timer = d.timers.after(LOOK_MS, self._look)

    def _rank_of(self, listener: str, terminal: str) -> int:
        """Finer than at the door, for by now it has said who it is."""
        d = self._daemon
        link = d.listeners.get(listener) or d.dialers.get(listener)
        return Rank.PARTNER if link is None else rank_of(link.facts.channel, terminal in self._unended)


def door_limits(settings: ReconnectSettings) -> DoorLimits:
    return DoorLimits(
        accept_per_s=settings.accept_per_s,
        accept_burst_count=settings.accept_burst_count,
        refuse_per_s_max=settings.refuse_per_s_max,
        waiting_count_max=settings.waiting_count_max,
        waiting_ms_max=settings.waiting_ms_max,
        handshakes_count_max=settings.tls_handshakes_count_max,
    )


def ramp_rules(settings: ReconnectSettings) -> RampRules:
    return RampRules(settings.ramp_start_percent, settings.ramp_step_ms, settings.ramp_slow_ms)


def telling_limits(settings: ReconnectSettings) -> TellingLimits:
    return TellingLimits(
        inflight_count_min=settings.sign_on_inflight_count_min,
        inflight_count_max=settings.sign_on_inflight_count_max,
        waiting_count_max=settings.sign_on_waiting_count_max,
    )
