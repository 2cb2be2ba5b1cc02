"""The outbound desk: the door for what the core posts, and the beginning and the end of a relay's life.

Owns `post`, `cancel`, `find`, `settle` and `recover`. The order of the lines is in turns.py, the reports in reports.py, the
states in states.py. It must never know HTTP, SQL or a dialect. The traps: the journal's index says whether a key is new,
never the memory; whatever cannot be taken now may repeat what was taken before, and is looked up; and a restart sends nothing
whose intent it finds: it says so, or asks the line where the line remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from relay.clock import Clock, Timers
from relay.journal.outbound import OutboundExisting, OutboundState, OutboundTaken, StoredOutbound, outbound_taken
from relay.journal.port import JournalFailed, JournalState, OutboundJournal, OutboundTakeResult, StepResult
from relay.outbound.lines import Message
from relay.outbound.ports import (
    CancelResult,
    Conflict,
    FindResult,
    Known,
    NoSuch,
    NotTaken,
    OutboundLink,
    Posted,
    PostResult,
    Reporter,
    Taken,
    TooLate,
)
from relay.outbound.register import Register
from relay.outbound.reports import ReportLimits, Reports
from relay.outbound.states import Event, State
from relay.outbound.turns import TurnLimits, Turns
from relay.permit import Permit
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("outbound")

NO_JOURNAL = NotTaken("no-journal", "the journal cannot be written")


class OutboundLimits(msgspec.Struct, frozen=True, kw_only=True):
    open_count_max: int = 20_000  # waiting, under way, or ended and not yet reported
    open_bytes_max: int = 67_108_864  # of the bodies of those
    line_queue_count_max: int = 1_000  # waiting on one line
    journal_waiting_count_max: int = 20_000
    turns: TurnLimits = TurnLimits()
    reports: ReportLimits = ReportLimits()


class Outbound:
    """Fulfils relay.wire.ports.OutboundPort.

    `find_line(listener, line)` is the open link of a line, `why_never(listener, line)` why there can never be one, or "",
    `remembers(listener)` whether its dialogues can be asked what they began with.
    """

    def __init__(
        self,
        journal: OutboundJournal,
        reporter: Reporter,
        permit: Callable[[], Permit | None],
        find_line: Callable[[str, str], OutboundLink | None],
        why_never: Callable[[str, str], str],
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        chance: Random,
        center: str,
        limits: OutboundLimits,
        remembers: Callable[[str], bool] = lambda listener: False,
    ) -> None:
        self._journal = journal
        self._why_never = why_never
        self._clock = clock
        self._limits = limits
        self._remembers = remembers
        self.register = Register(journal, clock, metrics)
        self.reports = Reports(self.register, reporter, permit, timers, chance, center, limits.reports)
        self.turns = Turns(self.register, find_line, timers, limits.turns, self.reports.owe)
        self.delivered = self.turns.delivered
        self.link_ready = self.turns.link_ready
        self.link_closed = self.turns.link_closed

    # ---- the door ----------------------------------------------------------------------------------------------------
    def post(self, posted: Posted, done: Callable[[PostResult], None]) -> None:
        """Take a message, once. `done` is called when it is durable, or will not be."""
        why = self._why_not(posted)
        fingerprint = self._journal.fingerprint(posted.canonical)
        if why is not None:  # it may repeat one that was taken all the same
            self._journal.find_outbound(posted.key, partial(_posted_anyway, fingerprint, why, done))
            return
        record = OutboundTaken(
            outbound_id=self._journal.next_exchange_id(),
            key=posted.key,
            listener=posted.listener,
            line=posted.line,
            kind=posted.kind,
            body=posted.body,
            fingerprint=fingerprint,
            recorded_ms=self._clock.wall_ms(),
            expires_ms=posted.expires_ms,
        )
        self._journal.take_outbound(record, partial(self._taken, record, done))

    def _why_not(self, posted: Posted) -> NotTaken | None:
        limits, register = self._limits, self.register
        never = self._why_never(posted.listener, posted.line)
        if never:
            return NotTaken("unknown-line", never)
        if self.turns.is_draining or register.is_fenced:
            return NotTaken("draining", "this relay is stopping")
        if self._journal.state is not JournalState.WRITABLE:
            return NO_JOURNAL
        if self._journal.waiting_count() >= limits.journal_waiting_count_max:
            return NotTaken("overloaded", "too many records wait for the journal")
        if len(register.open) >= limits.open_count_max or register.open_bytes + len(posted.body) > limits.open_bytes_max:
            return NotTaken("overloaded", "too many messages are open")
        if self.turns.waiting_on(posted.listener, posted.line) >= limits.line_queue_count_max:
            return NotTaken("overloaded", "too many messages wait for this line")
        return None

    def _taken(self, record: OutboundTaken, done: Callable[[PostResult], None], result: OutboundTakeResult) -> None:
        message = Message(outbound_taken(record), State.POSTED)
        if isinstance(result, OutboundExisting):
            self.register.move(message, Event.NOT_RECORDED)
            done(_repeated(result.message, record.fingerprint))
        elif isinstance(result, JournalFailed):
            self.register.move(message, Event.NOT_RECORDED)
            done(NO_JOURNAL)
        else:
            self.register.move(message, Event.RECORD_DURABLE)
            self.register.count(message, "taken")
            self.register.keep(message)
            done(Taken(message.stored))
            self.turns.add(message)

    def find(self, key: str, done: Callable[[FindResult], None]) -> None:
        """Where the message stands, as it is on disk."""

        def found(stored: StoredOutbound | JournalFailed | None) -> None:
            if isinstance(stored, StoredOutbound):
                done(Known(stored))
            else:
                done(NoSuch() if stored is None else NO_JOURNAL)

        self._journal.find_outbound(key, found)

    def cancel(self, key: str, why: str, done: Callable[[CancelResult], None]) -> None:
        """Take a waiting message out of its line. `done` is called when that is durable, or cannot be."""
        message = self.register.open.get(key)
        if message is None or message.state is not State.QUEUED:
            self._journal.find_outbound(key, partial(_not_cancelled, done))
        elif self.register.is_fenced or self._journal.state is not JournalState.WRITABLE:
            done(NO_JOURNAL)
        else:
            self.register.move(message, Event.CANCEL_ASKED)
            message.detail = why
            self.register.write(message, partial(self._cancelled, message, done))

    def _cancelled(self, message: Message, done: Callable[[CancelResult], None], result: StepResult) -> None:
        if result is not None:
            self.register.move(message, Event.CANCEL_FAILED)
            message.detail = message.stored.detail
            done(NO_JOURNAL)
            self.turns.pump(message.place)
            return
        self.register.move(message, Event.CANCEL_DURABLE)
        self.register.count(message, "cancelled")
        done(Known(message.stored))
        self.turns.remove(message)
        self.reports.owe(message)

    def settle(self, key: str, state: OutboundState, detail: str, done: Callable[[CancelResult], None]) -> None:
        """A person knows what became of an unknown one. `state` is ACKNOWLEDGED or FAILED."""
        event = Event.ACCEPTED if state is OutboundState.ACKNOWLEDGED else Event.REFUSED

        def found(stored: StoredOutbound | JournalFailed | None) -> None:
            if not isinstance(stored, StoredOutbound):
                done(NoSuch() if stored is None else NO_JOURNAL)
            elif stored.state is not OutboundState.UNKNOWN or not self.turns.resolve(stored, event, detail):
                done(TooLate(stored))
            else:
                self.find(key, done)  # behind the record of it

        self._journal.find_outbound(key, found)

    # ---- the beginning and the end of a life -------------------------------------------------------------------------
    def recover(self) -> dict[str, int]:
        """Take up what the journal holds open, before anything is served. Returns how many there were, by stored state."""
        counts: dict[str, int] = {}
        for stored in self._journal.open_outbound():
            counts[stored.state.value] = counts.get(stored.state.value, 0) + 1
            self._take_up(Message(stored))
        if counts:
            log.info("outbound messages recovered", **counts)
        return counts

    def _take_up(self, message: Message) -> None:
        stored = message.stored
        if stored.state is OutboundState.UNKNOWN:
            self.register.unknown_count += 1
        if stored.state is OutboundState.QUEUED:
            self.register.keep(message)
            self.turns.add(message)
        elif stored.state is OutboundState.SENT:
            self.register.keep(message)
            if self._remembers(stored.taken.listener):
                self.turns.question(message)
                return
            self.turns.end(message, Event.RESTARTED, "the relay ended before an acknowledgement")
        elif stored.owes_report:
            self.register.keep(message)
            self.reports.owe(message)

    def drain(self) -> None:
        """Offer nothing more; what is under way may still end."""
        self.turns.is_draining = True

    def stop(self) -> None:
        """The relay is ending: no further report. What is owed stays on disk."""
        self.turns.is_draining = True
        self.reports.stop()

    def fence(self) -> None:
        """No further word to anybody, and no record: the journal failed."""
        self.register.is_fenced = True
        self.reports.stop()


def _repeated(stored: StoredOutbound, fingerprint: bytes) -> PostResult:
    return Known(stored) if stored.taken.fingerprint == fingerprint else Conflict()


def _posted_anyway(
    fingerprint: bytes,
    why: NotTaken,
    done: Callable[[PostResult], None],
    found: StoredOutbound | JournalFailed | None,
) -> None:
    done(_repeated(found, fingerprint) if isinstance(found, StoredOutbound) else why)


def _not_cancelled(done: Callable[[CancelResult], None], found: StoredOutbound | JournalFailed | None) -> None:
    if not isinstance(found, StoredOutbound):
        done(NoSuch() if found is None else NO_JOURNAL)
    elif found.state is OutboundState.CANCELLED:
        done(Known(found))
    else:
        done(TooLate(found))
