"""The herald: looks at the signs, asks the pure standing what follows, and does it with the announcer.

Owns the look and the order of what a change does. Up: the address first, then whoever serves on it accepts. Down: the route
first, nobody is accepted any more, and when the route has had `settle_ms` to move, the sessions that were open are reset:
earlier, a terminal that reconnects at once would find nobody or us, and not the other center. It must never decide. The trap:
an address that cannot be put on this host is an illness like any other, tried again only after a pause.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from protocols.machine import Unexpected
from relay.announce.health import Cause, Signs
from relay.announce.port import Announcer, Level, SpeakerState
from relay.announce.role import Event, Role
from relay.announce.standing import Change, Standing
from relay.clock import Cancellable, Clock, Timers
from relay.errors import RelayError
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("announce")
LATE_MS_MAX = 2_000  # the loop was this late, or later: it does not serve terminals as it should
DEVICE_AGAIN_MS = 10_000  # between two tries to put the address on this host


class Serving(msgspec.Struct, frozen=True):
    """What a change of role does to whoever serves on the address."""

    accept: Callable[[], str]  # begin to accept; why it cannot, "" where it can
    refuse: Callable[[], None]  # accept no more
    grasp: Callable[[], Callable[[], None]]  # take hold of the sessions that are open now: what is returned resets them
    gained: Callable[[str], None]  # the terminals of another center begin to come here, and why


class Herald:
    """Args:
    signs: the look at this host; `loop`, `device` and `heard` of it are the herald's own and are put in.
    traffic: a number that grows with what terminals send on the service address.
    look_ms: between two looks, milliseconds.
    settle_ms: from the loss of the role to the reset of the sessions, milliseconds.
    is_told: whether metrics tell the role; where no center has a service address it would only be noise.
    """

    def __init__(
        self,
        standing: Standing,
        announcer: Announcer,
        signs: Callable[[], Signs],
        traffic: Callable[[], float],
        serving: Serving,
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        look_ms: int,
        settle_ms: int,
        is_told: bool = True,
    ) -> None:
        self._standing, self._announcer, self._signs, self._traffic, self._serving = (
            standing,
            announcer,
            signs,
            traffic,
            serving,
        )
        self._clock, self._timers, self._metrics = clock, timers, metrics
        self._look_ms, self._settle_ms, self._is_told = look_ms, settle_ms, is_told
        self._timer: Cancellable | None = None
        self._due_ms = 0
        self._traffic_seen = 0.0
        self._device_problem = ""
        self._device_again_ms = 0
        for role in Role:
            metrics.announce_role.labels(role.value)
        for cause in Cause:
            metrics.announce_healthy.labels(cause.value)
        for level in Level:
            metrics.announce_route_changes.labels(level.value)
        self._show()

    # ---- what is -----------------------------------------------------------------------------------------------------
    @property
    def role(self) -> Role:
        return self._standing.role

    @property
    def why(self) -> str:
        """Why the role is what it is, in a sentence."""
        return self._device_problem or self._standing.why

    @property
    def waits_ms(self) -> int:
        """How long damping still holds back the next step up."""
        return self._standing.waits_ms

    def is_good(self, cause: Cause) -> bool:
        return self._standing.health.is_good(cause)

    def speaker(self) -> SpeakerState:
        return self._announcer.state()

    # ---- life --------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        await self._announcer.start()
        self._traffic_seen = self._traffic()
        self._arm()

    def leave(self) -> None:
        """The relay drains: from now on least preferred, and never better again."""
        self._try(Event.DRAINING, "the relay stops")

    async def stop(self) -> None:
        """Not announced any more when this returns."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.role is not Role.GONE:
            self._try(Event.ENDED, "the relay stops")
        await self._announcer.stop()

    # ---- what people decide ------------------------------------------------------------------------------------------
    def decide(self, event: Event, why: str) -> Change:
        """Raises RelayError where the role has no such way."""
        try:
            change = self._standing.people(self._clock.monotonic_ms(), event, why)
        except Unexpected as error:
            raise RelayError(
                f"this center is {self.role.value}: {event.value} means nothing now.", "relay announce status"
            ) from error
        self._do(change)
        return change

    # ---- the look ----------------------------------------------------------------------------------------------------
    def _arm(self) -> None:
        self._due_ms = self._clock.monotonic_ms() + self._look_ms
        self._timer = self._timers.after(self._look_ms, self._look)

    def _look(self) -> None:
        try:
            self._see()
        finally:  # whatever went wrong: a center that is never looked at again is never withdrawn
            if self.role is not Role.GONE:
                self._arm()

    def _see(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if self._standing.level is not Level.NONE and (problem := self._announcer.keep()):
            self._cannot(problem)
        speaker = self._announcer.state()
        signs = msgspec.structs.replace(
            self._signs(),
            loop=now_ms - self._due_ms < LATE_MS_MAX,
            device=not self._device_problem or now_ms >= self._device_again_ms,
            heard=speaker.seen is not None and speaker.sessions_up != 0,
        )
        sent = self._traffic()
        came, self._traffic_seen = sent > self._traffic_seen, sent
        change = self._standing.look(now_ms, signs, came)
        if change is not None:
            self._do(change)
        self._show()

    def _try(self, event: Event, why: str) -> None:
        try:
            self._do(self._standing.people(self._clock.monotonic_ms(), event, why))
        except Unexpected:
            log.info("the role stays as it is", role=self.role.value, asked=event.value)

    # ---- what follows ------------------------------------------------------------------------------------------------
    def _do(self, change: Change) -> None:
        log.warning(
            "role of this center", role=change.after.value, before=change.before.value, by=change.event.value, why=change.why
        )
        if change.moves_route:
            self._metrics.announce_route_changes.labels(change.level.value).inc()
        if change.level is Level.NONE:
            reset = self._serving.grasp()
            self._announcer.withdraw()
            if change.moves_route:
                self._serving.refuse()
                self._later(change, reset)
        else:
            problem = self._announcer.announce(change.level)
            if change.before is Role.WITHDRAWN and not problem:
                problem = self._serving.accept()
            if problem:
                self._cannot(problem)
                return
            self._device_problem = ""
            if change.event is Event.TRAFFIC:
                self._serving.gained(change.why)
            if change.event in (Event.UNHEARD, Event.HANDED_BACK):
                self._later(change, self._serving.grasp())
        self._show()

    def _later(self, change: Change, reset: Callable[[], None]) -> None:
        """At once where there is no route to wait for, or no later."""
        if change.event is Event.UNHEARD or change.after is Role.GONE:
            reset()
        else:
            self._timers.after(self._settle_ms, reset)

    def _cannot(self, problem: str) -> None:
        """The address cannot be served here: the next step is down again, as for any illness that was seen often enough."""
        self._device_problem = problem
        self._device_again_ms = self._clock.monotonic_ms() + DEVICE_AGAIN_MS
        log.error("the service address is refused here", why=problem)
        self._standing.health.fail(Cause.DEVICE)
        self._try(Event.UNFIT, problem)

    def _show(self) -> None:
        if not self._is_told:
            return
        metrics, speaker = self._metrics, self._announcer.state()
        for role in Role:
            metrics.announce_role.labels(role.value).set(int(role is self.role))
        for cause in Cause:
            metrics.announce_healthy.labels(cause.value).set(int(self.is_good(cause)))
        metrics.announce_unheard.set(int(self._standing.level is not Level.NONE and bool(speaker.problem)))
        metrics.announce_sessions.set(speaker.sessions_up or 0)
