"""The door at work: time, timers, metrics and the owners of the connections round door.py and ramp.py.

Owns the order of a look: who may come in, who has waited too long, when to look again. It must never see a socket: a listener
hands it what to do on either end (`enter`, `refuse`). While business waits (`is_pressed`) newcomers get the least rate, for
everybody who is let in brings more of it. The traps: `refuse` may be called before `knock` returns, also for another listener's
connection; and busy hosts are asked once per connection, not once per look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from relay.clock import Cancellable, Clock, Timers
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics
from relay.wire.admission import Refused
from relay.wire.door import Door, DoorLimits
from relay.wire.ramp import Ramp, RampRules
from relay.wire.ranks import BusyHosts, Rank, network_of, rank_of
from relay.wire.waitingroom import Ticket

_log = get_log("door")
ENTER_COUNT_MAX: Final = 64  # in a row before the links already open get their turn
LOOK_MS: Final = 200  # between two looks at the ramp
LOOP: Final = "loop"
END_OF_TIME_MS: Final = 1 << 62


class DoorPort(Protocol):
    """What listeners and links need of it."""

    def wait_ms(self) -> int:
        """0 where one more connection may be looked at, else the milliseconds to leave the backlog alone."""
        ...

    def knock(
        self,
        channel: str,
        host: str,
        needs_handshake: bool,
        enter: Callable[[Ticket], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        """A connection was accepted: one of `enter` and `refuse` follows, now or soon. Where it needed a handshake and has
        entered, `handshake_ended` follows."""
        ...

    def may_enter_now(self, channel: str) -> bool:
        """For a connection that cannot be kept waiting."""
        ...

    def handshake_ended(self, ticket: Ticket) -> None: ...

    def lost_busy(self, host: str) -> None:
        """A link from there broke while we owed an answer on it."""
        ...


class OpenDoor:
    """Lets everybody in at once."""

    def wait_ms(self) -> int:
        return 0

    def knock(
        self,
        channel: str,
        host: str,
        needs_handshake: bool,
        enter: Callable[[Ticket], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        enter(Ticket(rank_of(channel), "", 0, enter, refuse, needs_handshake))

    def may_enter_now(self, channel: str) -> bool:
        return True

    def handshake_ended(self, ticket: Ticket) -> None:
        """Nobody counts them."""

    def lost_busy(self, host: str) -> None:
        """Nobody waits."""


OPEN_DOOR = OpenDoor()


class Doorkeeper:
    """Fulfils `DoorPort` for all listeners of a relay."""

    def __init__(
        self,
        limits: DoorLimits,
        rules: RampRules,
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        is_pressed: Callable[[], bool] = bool,
    ) -> None:
        self._now_ms = clock.monotonic_ms
        self._is_pressed = is_pressed
        self._timers = timers
        self.door = Door(limits, clock.monotonic_ms())
        self.ramp = Ramp(rules)
        self._busy = BusyHosts()
        self._pump_timer: Cancellable | None = None
        self._look_timer: Cancellable | None = None
        self._look_due_ms = 0
        self._is_pumping = False
        self._admitted = {rank: metrics.links_admitted.labels(rank.label) for rank in Rank}
        for rank in Rank:
            metrics.links_waiting.labels(rank.label).set_function(partial(self.door.room.count_of, rank))
        metrics.accept_ramp.set_function(lambda: self.ramp.percent)
        metrics.accept_rate.set_function(lambda: self.door.accept_per_s)
        metrics.tls_handshakes.set_function(lambda: self.door.handshake_count)

    # ---- the ramp ------------------------------------------------------------------------------------------------------
    def start(self, why: str) -> None:
        """The relay begins to listen."""
        self.begin(why)
        self._look_later()

    def stop(self) -> None:
        """Nobody comes in any more, and who waits goes."""
        for timer in (self._pump_timer, self._look_timer):
            if timer is not None:
                timer.cancel()
        self._pump_timer = self._look_timer = None
        for ticket in self.door.room.expired(END_OF_TIME_MS):
            ticket.refuse(Refused.STOPPED)

    def begin(self, why: str) -> None:
        """The whole fleet may come now."""
        now_ms = self._now_ms()
        self.ramp.begin(why, now_ms)
        self._give(now_ms)
        _log.info("accept ramp begins", why=why, accept_per_s=self.door.accept_per_s)

    def use(self, limits: DoorLimits, rules: RampRules) -> None:
        """Other limits from now on."""
        self.door.use(limits, self._now_ms())
        self.ramp.use(rules)
        self._rate_changed()

    def look(self) -> None:
        """Judge the ramp. Called every `LOOK_MS`; how late it is called is one of the things that are judged."""
        now_ms = self._now_ms()
        ramp = self.ramp
        ramp.observe(LOOP, max(0, now_ms - self._look_due_ms))
        held = ramp.held
        if ramp.look(now_ms):
            _log.info("accept ramp", percent=ramp.percent, p99_ms=ramp.worst_ms)
        self._give(now_ms)
        if ramp.held > held:
            _log.warning("accept ramp held", percent=ramp.percent, p99_ms=ramp.worst_ms, steps=ramp.held)
        self._look_later()

    def _give(self, now_ms: int) -> None:
        """What the ramp allows; while business waits, no more than at the ramp's beginning."""
        percent = self.ramp.percent
        if percent > self.ramp.start_percent and self._is_pressed():
            percent = self.ramp.start_percent
        if percent != self.door.percent:
            self.door.set_percent(percent, now_ms)
            self._rate_changed()

    def _look_later(self) -> None:
        self._look_due_ms = self._now_ms() + LOOK_MS
        self._look_timer = self._timers.after(LOOK_MS, self.look)

    # ---- the door ------------------------------------------------------------------------------------------------------
    def wait_ms(self) -> int:
        return self.door.wait_to_accept_ms(self._now_ms())

    def knock(
        self,
        channel: str,
        host: str,
        needs_handshake: bool,
        enter: Callable[[Ticket], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        now_ms = self._now_ms()
        rank = rank_of(channel, self._busy.take(host, now_ms))
        ticket = Ticket(rank, network_of(host), now_ms, enter, refuse, needs_handshake)
        refused = self.door.knock(ticket, now_ms)
        if refused is not None:
            refused.refuse(Refused.ROOM_FULL if refused is ticket else Refused.OUTRANKED)
        if refused is not ticket:
            self._pump()

    def may_enter_now(self, channel: str) -> bool:
        if not self.door.take_at_once(self._now_ms()):
            return False
        self._admitted[rank_of(channel)].inc()
        return True

    def handshake_ended(self, ticket: Ticket) -> None:
        self.door.handshake_ended(ticket.rank)
        if self.door.room.count:
            self._pump()

    def lost_busy(self, host: str) -> None:
        self._busy.add(host, self._now_ms())

    def _pump(self) -> None:
        """Let in who may come in. Not within itself: `enter` may end a handshake at once."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            now_ms = self._now_ms()
            door = self.door
            for _ in range(ENTER_COUNT_MAX):
                ticket = door.take_next(now_ms)
                if ticket is None:
                    break
                self._admitted[ticket.rank].inc()
                ticket.enter(ticket)
            for ticket in door.expired(now_ms):
                ticket.refuse(Refused.WAITED)
        finally:
            self._is_pumping = False
        if self._pump_timer is None and (wait_ms := self.door.wait_ms(now_ms)) is not None:
            self._pump_timer = self._timers.after(wait_ms, self._pump_again)

    def _rate_changed(self) -> None:
        """When to look again was reckoned by the old rate."""
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None
        self._pump()

    def _pump_again(self) -> None:
        self._pump_timer = None
        self._pump()
