"""What sign-ons cost the core: network events, a few at a time, so that a fleet that comes back does not push business aside.

Owns the events that wait to be told, and how many are under way: a concurrency target of its own, which follows the latency
of these calls and of no others. Its ceiling is a small part of the core's, so a sign-on never takes the place of a withdrawal;
its floor is not zero, so withdrawals never keep a sign-on from being told. It must never know what an event means, but for
one thing: of a terminal's `session-up` and `session-down` only the last one is still true, so one that waits is replaced
(law 8: a flapping line costs one place, not thousands). The traps: an event says when it *happened*, however late it is told;
what was told while nobody might be asked waits, and is dropped when it has grown old; and events are information, never a
promise: what must not be lost is a report (relay/outbound/reports.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.exchange.concurrency import ConcurrencyTarget
from relay.permit import Permit
from relay.telemetry.metrics import Metrics

SESSION_EVENTS: Final = frozenset({"session-up", "session-down"})
LOOK_MS: Final = 250  # while nobody may be asked
START_COUNT: Final = 4  # of the target: the core's own caches are cold, too
REFUSED_PAUSE_MS: Final = 500  # after the core did not take one, none is told for so long

Tell = Callable[[str, str, str, int, Mapping[str, str], Permit, Callable[[bool], None]], None]


class TellingLimits(msgspec.Struct, frozen=True):
    """Counts, and milliseconds."""

    inflight_count_min: int = 2
    inflight_count_max: int = 16
    waiting_count_max: int = 25_000
    age_ms_max: int = 120_000


class Ranker(Protocol):
    def __call__(self, listener: str, terminal: str) -> int:
        """Of a terminal's events: lower is told first."""
        ...


class Event(msgspec.Struct):
    event: str
    terminal: str
    listener: str
    at_ms: int  # wall clock, UTC epoch milliseconds
    since_ms: int  # monotonic
    detail: Mapping[str, str]


class Telling:
    """`tell` is the core client's; `rank` of a terminal's events is 0 to `ranks_count` - 1."""

    def __init__(
        self,
        tell: Tell,
        permit: Callable[[], Permit | None],
        rank: Ranker,
        ranks_count: int,
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        limits: TellingLimits,
    ) -> None:
        self._tell = tell
        self._permit = permit
        self._rank = rank
        self._clock = clock
        self._timers = timers
        self._limits = limits
        self._urgent: deque[Event] = deque()  # what is no session event: cutovers, till checks, faults
        self._sessions: list[dict[tuple[str, str], Event]] = [{} for _ in range(ranks_count)]  # by rank, oldest first
        self._timer: Cancellable | None = None
        self._is_pumping = self._is_stopped = False
        self._not_before_ms = 0
        self.target = self._new_target()
        self.inflight = 0
        self._dropped = metrics.core_calls.labels("tell", "dropped")
        self._replaced = metrics.core_calls.labels("tell", "replaced")
        self._expired = metrics.core_calls.labels("tell", "expired")
        metrics.sign_on_waiting.set_function(lambda: self.waiting_count)
        metrics.sign_on_inflight.set_function(lambda: self.inflight)
        metrics.sign_on_target.set_function(lambda: self.target.target)

    @property
    def waiting_count(self) -> int:
        return len(self._urgent) + sum(map(len, self._sessions))

    def begin(self) -> None:
        """Another core, or the same one after a pause: what was learned of its latency is forgotten."""
        self.target = self._new_target()

    def use(self, limits: TellingLimits) -> None:
        """Other limits from now on."""
        self._limits = limits
        self.begin()

    def stop(self) -> None:
        """Nothing is told any more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take(self, event: str, terminal: str, listener: str, detail: Mapping[str, str]) -> None:
        """Something happened on a link of `listener`: it is told now, or soon, or dropped and counted."""
        if self._is_stopped:
            return
        made = Event(event, terminal, listener, self._clock.wall_ms(), self._clock.monotonic_ms(), detail)
        if event in SESSION_EVENTS:
            who = listener, terminal or detail.get("terminal") or detail.get("line", "")
            waiting = self._where(who)
            if who in waiting:
                waiting[who] = made  # keeps its place
                self._replaced.inc()
            elif self._has_room():
                waiting[who] = made
        elif self._has_room():
            self._urgent.append(made)
        self._pump()

    def _where(self, who: tuple[str, str]) -> dict[tuple[str, str], Event]:
        """Where it waits already, whatever its rank is by now; else where its rank says."""
        return next((waiting for waiting in self._sessions if who in waiting), self._sessions[self._rank(*who)])

    def _has_room(self) -> bool:
        if self.waiting_count < self._limits.waiting_count_max:
            return True
        self._dropped.inc()
        return False

    def _new_target(self) -> ConcurrencyTarget:
        limits = self._limits
        return ConcurrencyTarget(limits.inflight_count_min, limits.inflight_count_max, START_COUNT)

    def _pump(self) -> None:
        """Tell as many as may be under way. Not within itself: `tell` may end at once."""
        if self._is_pumping or self._is_stopped:
            return
        self._is_pumping = True
        try:
            while self.inflight < self.target.target and (event := self._oldest()) is not None:
                pause_ms = self._not_before_ms - self._clock.monotonic_ms()
                if pause_ms > 0:
                    self._look_later(pause_ms)
                    return
                permit = self._permit()
                if permit is None:
                    self._look_later(LOOK_MS)
                    return
                self._drop_oldest()
                self._start(event, permit)
        finally:
            self._is_pumping = False

    def _oldest(self) -> Event | None:
        """Whose turn it is; what has grown too old on the way to it is dropped."""
        before_ms = self._clock.monotonic_ms() - self._limits.age_ms_max
        while True:
            event = self._urgent[0] if self._urgent else next((next(iter(w.values())) for w in self._sessions if w), None)
            if event is None or event.since_ms >= before_ms:
                return event
            self._drop_oldest()
            self._expired.inc()

    def _drop_oldest(self) -> None:
        if self._urgent:
            self._urgent.popleft()
            return
        waiting = next(w for w in self._sessions if w)
        del waiting[next(iter(waiting))]

    def _start(self, event: Event, permit: Permit) -> None:
        self.inflight += 1
        done = partial(self._done, self._clock.monotonic_ms())
        self._tell(event.event, event.terminal, event.listener, event.at_ms, event.detail, permit, done)

    def _done(self, started_ms: int, is_told: bool) -> None:
        now_ms = self._clock.monotonic_ms()
        self.target.observe(now_ms - started_ms, not is_told, self.inflight, now_ms)
        self.inflight -= 1
        if not is_told:
            self._not_before_ms = now_ms + REFUSED_PAUSE_MS
        self._pump()

    def _look_later(self, pause_ms: int) -> None:
        if self._timer is None:
            self._timer = self._timers.after(pause_ms, self._look)

    def _look(self) -> None:
        self._timer = None
        self._pump()
