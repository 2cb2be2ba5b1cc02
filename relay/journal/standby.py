"""The standby at the other center, watched: who asks whether what is durable here is durable there, too, gets an answer.

Owns the questions that wait, and when the standby counts as away and as back. It must never know a server: `ask` looks once
and answers. One look serves everybody: it says how far this journal is written and how far the standby has it on its disk, so
whoever asked before the look began waits for the first figure, and is answered when the second has reached it. The traps: what
is asked is whether *everything that is durable here now* is there, so ask only after the record was answered; two servers count
their logs alike, so after a change of server every figure is taken anew; and away is soon, back is slow, or a standby that
comes and goes would hold up every acknowledgement.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.needs import Peer
from relay.telemetry.log import get_log

log = get_log("standby")

WAITING_COUNT_MAX = 20_000  # more are told "no" at once


class Look(msgspec.Struct, frozen=True):
    """What one look found. `source` is the server that was asked, `written` the byte of its log up to which it is durable;
    `at_peer` the byte that the standby has on its disk, None: no such standby follows, and `why`."""

    source: str
    written: int = 0
    at_peer: int | None = None
    why: str = ""


class StandbyRules(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds."""

    ack_timeout_ms: int = 1_000  # an acknowledgement that waits for so long, or a standby that lags so long: away
    return_after_ms: int = 5_000  # it has kept up for so long: it is back
    look_ms: int = 500  # between looks while nobody waits
    poll_ms: int = 4  # between looks while somebody does


class _Waiting(msgspec.Struct, eq=False):
    since_ms: int
    done: Callable[[bool], None]
    target: int | None = None  # byte of the log


class Standby:
    """`ask(done)` looks once, and calls `done` with what it found; a look that hangs is told away by time. `on_change` is
    called after each change of `peer`."""

    def __init__(
        self,
        ask: Callable[[Callable[[Look], None]], None],
        clock: Clock,
        timers: Timers,
        rules: StandbyRules,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._timers = timers
        self._rules = rules
        self.on_change = on_change
        self._waiting: deque[_Waiting] = deque()
        self._timer: Cancellable | None = None
        self._overdue: Cancellable | None = None
        self._is_asking = False
        self._is_running = False
        self._asked_ms = 0
        self._source = ""
        self._mark = 0  # the standby has to reach it next
        self._marked_ms = 0
        self._kept_up_since_ms: int | None = None
        self.peer = Peer.STARTING
        self.since_ms = clock.monotonic_ms()
        self.why = "not looked at yet"
        self.lag_bytes = 0

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def start(self) -> None:
        self._is_running = True
        self._look()

    def stop(self) -> None:
        """Nobody is answered any more."""
        self._is_running = False
        self._waiting.clear()
        for timer in (self._timer, self._overdue):
            if timer is not None:
                timer.cancel()

    def reached(self, done: Callable[[bool], None]) -> None:
        """Whether everything that is durable here now is on the standby's disk: True as soon as it is, False when the standby
        is away or turns out to be. `done` may be called before this returns."""
        if self.peer is not Peer.FOLLOWS or len(self._waiting) >= WAITING_COUNT_MAX:
            done(False)
            return
        now_ms = self._clock.monotonic_ms()
        self._waiting.append(_Waiting(now_ms, done))
        if self._overdue is None:
            self._overdue = self._timers.after(self._rules.ack_timeout_ms, self._look_overdue)
        if len(self._waiting) == 1 and not self._is_asking:
            self._look_in(max(0, self._rules.poll_ms - (now_ms - self._asked_ms)))

    # ---- looking -----------------------------------------------------------------------------------------------------
    def _look_in(self, delay_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.after(delay_ms, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._is_running or self._is_asking:
            return
        self._is_asking = True
        self._asked_ms = self._clock.monotonic_ms()
        self._ask(partial(self._looked, len(self._waiting)))

    def _looked(self, asked_before: int, look: Look) -> None:
        """`asked_before`: how many waited when the look began. Nobody leaves the queue but here, and when all do."""
        if not self._is_running:
            return
        self._is_asking = False
        now_ms = self._clock.monotonic_ms()
        if look.source != self._source:
            self._source, self._mark, self._marked_ms = look.source, look.written, now_ms
            for waiting in self._waiting:
                waiting.target = None
        for number, waiting in enumerate(self._waiting):
            if number >= asked_before:
                break
            if waiting.target is None:
                waiting.target = look.written
        try:
            self._judge(look, now_ms)
            if look.at_peer is not None:
                self._answer_up_to(look.at_peer)
        finally:  # no error of whoever is told makes this look the last
            if self._is_running:
                self._look_in(self._rules.poll_ms if self._waiting else self._rules.look_ms)

    def _answer_up_to(self, at_peer: int) -> None:
        while self._waiting and (target := self._waiting[0].target) is not None and target <= at_peer:
            self._waiting.popleft().done(True)

    # ---- away and back -----------------------------------------------------------------------------------------------
    def _judge(self, look: Look, now_ms: int) -> None:
        if look.at_peer is None:
            self._turn_away(look.why or "no standby of that name follows", now_ms)
            return
        self.lag_bytes = max(0, look.written - look.at_peer)
        if look.at_peer < self._mark:
            if now_ms - self._marked_ms >= self._rules.ack_timeout_ms:
                self._turn_away(f"it is {self.lag_bytes} bytes behind, and catches up too slowly", now_ms)
            return
        self._mark, self._marked_ms = look.written, now_ms
        if self._kept_up_since_ms is None:
            self._kept_up_since_ms = now_ms
        kept_up_ms = now_ms - self._kept_up_since_ms
        if self.peer is Peer.STARTING or (self.peer is Peer.AWAY and kept_up_ms >= self._rules.return_after_ms):
            self.peer, self.since_ms, self.why = Peer.FOLLOWS, now_ms, ""
            log.info("the standby at the other center follows", server=look.source)
            self.on_change()

    def _look_overdue(self) -> None:
        """Time alone says that somebody has waited for too long: the look itself may hang."""
        self._overdue = None
        if not self._waiting:
            return
        now_ms = self._clock.monotonic_ms()
        left_ms = self._waiting[0].since_ms + self._rules.ack_timeout_ms - now_ms
        if left_ms > 0:
            self._overdue = self._timers.after(left_ms, self._look_overdue)
        else:
            self._turn_away(f"an acknowledgement has waited for it for {self._rules.ack_timeout_ms} ms", now_ms)

    def _turn_away(self, why: str, now_ms: int) -> None:
        self._kept_up_since_ms = None
        self.why = why
        if self.peer is not Peer.AWAY:
            self.peer, self.since_ms = Peer.AWAY, now_ms
            log.warning("the standby at the other center is away", why=why, waiting=len(self._waiting))
            self.on_change()
        waiting, self._waiting = self._waiting, deque()
        for each in waiting:
            each.done(False)
