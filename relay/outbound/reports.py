"""Reports to the core: what became of each message, repeated until the core itself has confirmed it.

Owns the owed reports, their back-off and their limit. It must never know HTTP or a line. The traps: a report is owed only
once its state is on disk; and a message may move on (an unknown one is settled) while its report is under way, so what is
confirmed is the state that was told, and the newer one is owed still. The key of a report is the same for every repeat of
it, in every life.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from relay.clock import Timers
from relay.journal.outbound import OutboundState, OutboundStep, outbound_stepped
from relay.journal.port import StepResult
from relay.outbound.contract import EXPIRED
from relay.outbound.lines import Message
from relay.outbound.ports import Reporter
from relay.outbound.register import Register
from relay.permit import Permit
from relay.telemetry.log import get_log

log = get_log("outbound")

EVENT = "outbound-delivery"  # the `event` of the network event that a report is
TRIES_LOGGED = 20  # one warning in so many tries
DETAIL_CHARS_MAX = 512


class ReportLimits(msgspec.Struct, frozen=True, kw_only=True):
    inflight_count_max: int = 16
    call_timeout_ms: int = 4_000
    retry_first_ms: int = 500
    retry_max_ms: int = 30_000


class Reports:
    def __init__(
        self,
        register: Register,
        reporter: Reporter,
        permit: Callable[[], Permit | None],
        timers: Timers,
        chance: Random,
        center: str,
        limits: ReportLimits,
    ) -> None:
        self._register = register
        self._reporter = reporter
        self._permit = permit
        self._timers = timers
        self._chance = chance
        self._center = center
        self._limits = limits
        self._owed: dict[int, Message] = {}  # by outbound_id; each is due, under way, or waits for its next try
        self._due: deque[Message] = deque()
        self._inflight = 0
        self._stopped = False
        self._is_looking = False  # a timer waits for a permit
        metrics = register.metrics
        metrics.outbound_reports_owed.set_function(lambda: len(self._owed))
        metrics.outbound_report_oldest_seconds.set_function(lambda: self.oldest_ms() / 1000)

    @property
    def owed_count(self) -> int:
        return len(self._owed)

    def oldest_ms(self) -> int:
        """For how long the core has not heard of the oldest unreported end, milliseconds; 0 when nothing is owed."""
        now_ms = self._register.clock.wall_ms()
        return max(0, now_ms - min((message.stored.updated_ms for message in self._owed.values()), default=now_ms))

    def owe(self, message: Message) -> None:
        """Its end is durable: tell the core until it confirms."""
        if message.outbound_id not in self._owed:
            self._owed[message.outbound_id] = message
            message.tries = 0
            self._make_due(message)

    def stop(self) -> None:
        """No further call. What is owed stays on disk."""
        self._stopped = True

    # ---- one try -----------------------------------------------------------------------------------------------------
    def _make_due(self, message: Message) -> None:
        self._due.append(message)
        self._pump()

    def _pump(self) -> None:
        while self._due and self._inflight < self._limits.inflight_count_max and not self._stopped:
            permit = self._permit()
            if permit is None:
                self._look_again_later()
                return
            self._try(self._due.popleft(), permit)

    def _look_again_later(self) -> None:
        """No region may be asked: one timer for all that is due."""
        if not self._is_looking:
            self._is_looking = True
            self._timers.after(self._limits.retry_first_ms, self._look_again)

    def _look_again(self) -> None:
        self._is_looking = False
        self._pump()

    def _try(self, message: Message, permit: Permit) -> None:
        self._inflight += 1
        stored = message.stored
        taken, state = stored.taken, stored.state
        detail = {
            "key": taken.key,
            "kind": taken.kind,
            "state": state.value,
            "recorded_ms": str(taken.recorded_ms),
            **({} if stored.sent_ms is None else {"sent_ms": str(stored.sent_ms)}),
            **({"reason": EXPIRED} if stored.is_expired else {}),
            **({"detail": stored.detail[:DETAIL_CHARS_MAX]} if stored.detail else {}),
        }
        self._reporter.report(
            f"{self._center}/outbound/{taken.outbound_id}/{state.value}",
            EVENT,
            taken.line,
            taken.listener,
            stored.updated_ms,
            detail,
            permit,
            self._limits.call_timeout_ms,
            partial(self._answered, message, state),
        )

    def _answered(self, message: Message, state: OutboundState, confirmed: bool) -> None:
        self._inflight -= 1
        if self._register.is_fenced:
            return
        if confirmed:
            step = OutboundStep(outbound_id=message.outbound_id, at_ms=self._register.clock.wall_ms(), reported=state)
            self._register.journal.step_outbound(step, partial(self._noted, message, step))
        else:
            message.tries += 1
            if message.tries % TRIES_LOGGED == 0:
                log.warning("the core does not confirm a delivery report", key=message.key, tries=message.tries)
            self._later(message)
        self._pump()

    def _noted(self, message: Message, step: OutboundStep, result: StepResult) -> None:
        """A confirmation that was not written is asked for again: the core knows the report by its key."""
        if result is not None:
            self._later(message)
            return
        message.stored = outbound_stepped(message.stored, step)
        del self._owed[message.outbound_id]
        if message.stored.owes_report:
            self.owe(message)
        else:
            self._register.forget_if_over(message)

    def _later(self, message: Message) -> None:
        limits = self._limits
        ceiling_ms = min(limits.retry_max_ms, limits.retry_first_ms << min(message.tries, 16))
        delay_ms = max(1, int(ceiling_ms * (0.5 + 0.5 * self._chance.random())))
        self._timers.after(delay_ms, partial(self._make_due, message))
