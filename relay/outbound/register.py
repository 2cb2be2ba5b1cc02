"""The open messages in memory, and the two ways in which one of them changes: by the table, and on disk.

Owns `move` (one row of the table, or a counted error), `write` (its state as a record) and what is kept in memory, in number
and in bytes. It must never know a line or a report. The trap: `stored` follows the disk and not the wish, because reports and
answers are made of it.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.machine import Unexpected, next_state
from relay.clock import Clock
from relay.journal.outbound import OutboundStep, outbound_stepped
from relay.journal.port import OutboundJournal, StepResult
from relay.outbound.lines import Message
from relay.outbound.states import ENDS, STORED, TRANSITIONS, Event
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("outbound")


class Register:
    def __init__(self, journal: OutboundJournal, clock: Clock, metrics: Metrics) -> None:
        self.journal = journal
        self.clock = clock
        self.metrics = metrics
        self.open: dict[str, Message] = {}  # by key
        self.open_bytes = 0  # of their bodies
        self.is_fenced = False
        self.unknown_count = 0  # deliveries unknown and not settled, on disk
        metrics.outbound_open.set_function(lambda: len(self.open))
        metrics.outbound_unknown.set_function(lambda: self.unknown_count)

    def keep(self, message: Message) -> None:
        if message.key not in self.open:
            self.open[message.key] = message
            self.open_bytes += len(message.stored.taken.body)

    def forget_if_over(self, message: Message) -> None:
        is_over = message.state in ENDS and message.is_written and not message.stored.owes_report
        if is_over and self.open.pop(message.key, None) is not None:
            self.open_bytes -= len(message.stored.taken.body)

    def move(self, message: Message, event: Event) -> bool:
        """False, and nothing moved, where the table has no row."""
        try:
            message.state = next_state(TRANSITIONS, message.state, event)
        except Unexpected as unexpected:
            self.unexpected(message.key, str(unexpected))
            return False
        return True

    def unexpected(self, key: str, why: str) -> None:
        log.error("outbound event without a row", key=key, why=why)
        self.metrics.outbound_unexpected.inc()

    def write(self, message: Message, done: Callable[[StepResult], None]) -> None:
        """Its state and detail, as they are now."""
        step = OutboundStep(
            outbound_id=message.outbound_id,
            at_ms=self.clock.wall_ms(),
            state=STORED[message.state],
            detail=message.detail,
        )

        def written(result: StepResult) -> None:
            if result is None:
                message.stored = outbound_stepped(message.stored, step)
            done(result)

        self.journal.step_outbound(step, written)

    def count(self, message: Message, event: str) -> None:
        self.metrics.outbound_messages.labels(message.stored.taken.listener, event).inc()
