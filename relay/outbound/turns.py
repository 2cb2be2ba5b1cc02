"""The turns of the lines: who is offered next, what its dialogue says, and the way of an end to disk.

Owns the order of each line (`pump`), the intent before the offer (`_intent_durable`), what dialogues say (`delivered`) and
the end (`end`). It must never know HTTP, SQL or a dialect. The traps: nothing is offered before its intent is durable, and
nothing whose intent is durable is offered again, except where the dialogue itself gave it back, none was told, or the line
has proven (`_never_left`) that it never began with it; and an end
is reported only when it is on disk, so an end that the journal did not take is written again until it does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from protocols.dialect import Delivery, OutboundOffered, OutboundQuestioned
from relay.clock import Timers
from relay.journal.outbound import OutboundState, StoredOutbound
from relay.journal.port import JournalFailed, JournalState, StepResult
from relay.outbound.lines import Line, Message
from relay.outbound.ports import OutboundLink
from relay.outbound.register import Register
from relay.outbound.states import DELIVERED, SAME_END, STORED, Event, State
from relay.telemetry.log import get_log

log = get_log("outbound")

EXPIRY_LOOK_MS_MAX = 60_000  # the wall clock may be set: a waiting message's time is looked at at least so often
WRITE_AGAIN_MS = 1_000  # how soon an end that the journal did not take is written again

EXPIRED = "expired before it could be sent"
OVERDUE = "no word about it in time"


class TurnLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds."""

    deferred_first_ms: int = 1_000  # before what a dialogue gave back is offered again; doubles
    deferred_max_ms: int = 30_000
    delivery_deadline_ms: int = 600_000  # from the offer to its end; the dialect's own limits are shorter


class Turns:
    """`find_line(listener, line)` is the open link of a line. `owe_report(message)` takes each end that is on disk."""

    def __init__(
        self,
        register: Register,
        find_line: Callable[[str, str], OutboundLink | None],
        timers: Timers,
        limits: TurnLimits,
        owe_report: Callable[[Message], None],
    ) -> None:
        self._register = register
        self._find_line = find_line
        self._timers = timers
        self._limits = limits
        self._owe_report = owe_report
        self._lines: dict[tuple[str, str], Line] = {}
        self._offered: dict[OutboundLink, list[Message]] = {}  # what each link's dialogue has
        self.is_draining = False
        metrics = register.metrics
        metrics.outbound_queued.set_function(self.waiting_count)
        metrics.outbound_oldest_seconds.set_function(lambda: self.oldest_waiting_ms() / 1000)

    # ---- figures -----------------------------------------------------------------------------------------------------
    def waiting_count(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def waiting_on(self, listener: str, line: str) -> int:
        found = self._lines.get((listener, line))
        return 0 if found is None else len(found)

    def under_way_count(self) -> int:
        return sum(line.active is not None for line in self._lines.values())

    def oldest_waiting_ms(self) -> int:
        """Age of the oldest message that waits for its line, milliseconds; 0 when none does."""
        now_ms = self._register.clock.wall_ms()
        recorded = (message.stored.taken.recorded_ms for line in self._lines.values() for message in line.waiting())
        return max(0, now_ms - min(recorded, default=now_ms))

    # ---- a line's turn -----------------------------------------------------------------------------------------------
    def add(self, message: Message) -> None:
        """It is durable and waits."""
        self._line(message).add(message)
        self._watch_expiry(message)
        self.pump(message.place)

    def question(self, message: Message) -> None:
        """Found after a restart with a durable intent: its line is asked once it has a link, and before anything else."""
        if self._register.move(message, Event.RESTARTED_MEMORY):
            self._line(message).questions.append(message)
            message.deadline = self._timers.after(self._limits.delivery_deadline_ms, partial(self._overdue, message))
            self.pump(message.place)

    def remove(self, message: Message) -> None:
        """It was cancelled."""
        message.end_expiry()
        self._line(message).remove(message)
        self.pump(message.place)

    def link_ready(self, listener: str, line: str) -> None:
        """A link of this line was opened, named itself or signed on: what was deferred may be offered again."""
        for place in ((listener, line), (listener, "")):
            waiting = self._lines.get(place)
            if waiting is not None:
                waiting.end_pause()
                waiting.deferrals = 0
                self.pump(place)

    def pump(self, place: tuple[str, str]) -> None:
        """Begin with the head, if the line is free and has a link."""
        line = self._lines.get(place)
        if line is None:
            return
        if line.is_idle:
            line.end_pause()
            del self._lines[place]
            return
        link = None if self._is_stopped else self._find_line(*place)
        if link is None:
            return
        for message in [each for each in line.questions if each.asked is not link]:
            message.asked = link
            link.question(OutboundQuestioned(message.key, message.outbound_id))
        if line.pause is None:
            self._begin(line)

    def _begin(self, line: Line) -> None:
        """With the head, and before with the ends of those whose time is over."""
        register = self._register
        while (message := line.take_next()) is not None:
            message.end_expiry()
            if not message.is_expired(register.clock.wall_ms()):
                register.move(message, Event.LINE_READY)
                message.detail = ""  # why it was given back is no word about what becomes of it now
                register.write(message, partial(self._intent_durable, message))
                return
            line.give_back(message)
            self._finish(message, Event.EXPIRED, EXPIRED)

    @property
    def _is_stopped(self) -> bool:
        return self.is_draining or self._register.is_fenced

    def _line(self, message: Message) -> Line:
        line = self._lines.get(message.place)
        if line is None:
            line = self._lines[message.place] = Line()
        return line

    def _intent_durable(self, message: Message, result: StepResult) -> None:
        """Only from here on may anybody on the line hear of it."""
        if result is not None:
            self._register.move(message, Event.INTENT_FAILED)
            line = self._line(message)
            line.give_back(message)
            self._watch_expiry(message)
            self._pause(line, message.place)
            return
        self._register.move(message, Event.INTENT_DURABLE)
        link = None if self._is_stopped else self._find_line(*message.place)
        if link is None or not self._offer(message, link):
            self._give_back(message, Event.LINE_GONE, "the link went before it was sent")

    def _offer(self, message: Message, link: OutboundLink) -> bool:
        message.link = link
        self._offered.setdefault(link, []).append(message)
        message.deadline = self._timers.after(self._limits.delivery_deadline_ms, partial(self._overdue, message))
        taken = message.stored.taken
        return link.offer(OutboundOffered(taken.key, taken.kind, taken.body, taken.outbound_id))

    def _overdue(self, message: Message) -> None:
        was_asked = message.state is State.QUESTIONED
        why = "the relay ended before an acknowledgement, and the line could not be asked" if was_asked else OVERDUE
        self.end(message, Event.DEADLINE_PASSED, why)

    def _give_back(self, message: Message, event: Event, why: str) -> None:
        if not self._register.move(message, event):
            return
        self._end_wait(message)
        message.detail = why
        line = self._line(message)
        line.give_back(message)
        # Should this record fail, a restart calls it unknown: more than true, and never sent twice.
        self._register.write(message, lambda _: None)
        self._watch_expiry(message)
        self._pause(line, message.place)

    def _never_left(self, message: Message, why: str) -> None:
        """Its line has proven that it never began with it: it waits in its old place again."""
        if not self._register.move(message, Event.NEVER_LEFT):
            return
        self._end_wait(message)
        message.detail = why
        self._register.count(message, "never-left")
        self._line(message).give_back(message)
        # Should this record fail, a restart asks again.
        self._register.write(message, lambda _: None)
        self._watch_expiry(message)
        self.pump(message.place)

    # ---- its own time ------------------------------------------------------------------------------------------------
    def _watch_expiry(self, message: Message) -> None:
        expires_ms = message.stored.taken.expires_ms
        if expires_ms is not None:
            message.end_expiry()
            left_ms = max(1, expires_ms - self._register.clock.wall_ms())
            message.expiry = self._timers.after(min(left_ms, EXPIRY_LOOK_MS_MAX), partial(self._look_at_expiry, message))

    def _look_at_expiry(self, message: Message) -> None:
        message.expiry = None
        if self._register.is_fenced:
            return
        if message.state is State.QUEUED and message.is_expired(self._register.clock.wall_ms()):
            self.end(message, Event.EXPIRED, EXPIRED)
        elif message.state in (State.QUEUED, State.CANCELLING):
            self._watch_expiry(message)

    def _end_wait(self, message: Message) -> None:
        """No dialogue has it any more."""
        link = message.link
        if link is not None:
            others = [other for other in self._offered.get(link, ()) if other is not message]
            if others:
                self._offered[link] = others
            else:
                self._offered.pop(link, None)
        message.end_wait()

    def _pause(self, line: Line, place: tuple[str, str]) -> None:
        limits = self._limits
        pause_ms = min(limits.deferred_max_ms, limits.deferred_first_ms << min(line.deferrals, 16))
        line.deferrals += 1
        line.end_pause()
        line.pause = self._timers.after(pause_ms, partial(self._pause_over, line, place))

    def _pause_over(self, line: Line, place: tuple[str, str]) -> None:
        line.pause = None
        self.pump(place)

    # ---- what the line says ------------------------------------------------------------------------------------------
    def delivered(self, link: OutboundLink, delivery: Delivery) -> None:
        """A dialogue says what became of a message: one that it has, or (an end, on evidence) one that another link had."""
        register = self._register
        event = DELIVERED.get(delivery.state)
        message = register.open.get(delivery.id)
        if event is None:
            register.unexpected(delivery.id, f"a delivery {delivery.state!r:.32}")
        elif message is None:
            register.journal.find_outbound(delivery.id, partial(self._late_evidence, event, delivery.detail))
        elif message.state is State.UNKNOWN:
            self.resolve(message.stored, event, delivery.detail)
        elif message.state is SAME_END.get(event):
            pass  # said again at the next opening, while the core has not been told yet
        elif message.link is not link and event in (Event.DEFERRED, Event.FIRST_BYTE):
            register.unexpected(delivery.id, f"{delivery.state} by a link that does not have it")
        elif event is Event.NEVER_LEFT:
            self._never_left(message, delivery.detail)
        elif event is Event.DEFERRED:
            register.count(message, "deferred")
            self._give_back(message, event, delivery.detail)
        elif event is Event.FIRST_BYTE:
            if register.move(message, event):
                register.count(message, "sent")
        else:
            self.end(message, event, delivery.detail)

    def link_closed(self, link: OutboundLink) -> None:
        """Whatever its dialogue had and did not end, may have left."""
        for message in self._offered.get(link, ()):
            self.end(message, Event.LINK_LOST, "the link was lost before an acknowledgement")

    def _late_evidence(self, event: Event, detail: str, found: StoredOutbound | JournalFailed | None) -> None:
        if isinstance(found, StoredOutbound) and found.state is OutboundState.UNKNOWN:
            self.resolve(found, event, detail)

    def resolve(self, stored: StoredOutbound, event: Event, detail: str) -> bool:
        """Evidence, or a person's word, about an unknown one. False where it changes nothing."""
        if event not in (Event.ACCEPTED, Event.REFUSED):
            return False
        message = self._register.open.get(stored.taken.key) or Message(stored)
        if message.state is not State.UNKNOWN:
            return False
        self._register.keep(message)
        return self.end(message, event, detail)

    def end(self, message: Message, event: Event, detail: str) -> bool:
        """It is over. False where the table has no row for that."""
        if not self._finish(message, event, detail):
            return False
        self.pump(message.place)
        return True

    def _finish(self, message: Message, event: Event, detail: str) -> bool:
        register = self._register
        was_unknown = message.state is State.UNKNOWN
        if not register.move(message, event):
            return False
        self._end_wait(message)
        message.detail = detail
        register.unknown_count += (message.state is State.UNKNOWN) - was_unknown
        register.count(message, STORED[message.state].value)
        stored = message.stored
        if message.state is State.UNKNOWN:
            taken = stored.taken
            log.warning("outbound delivery unknown", key=taken.key, listener=taken.listener, line=taken.line, why=detail)
        elif message.state is State.ACKNOWLEDGED and stored.sent_ms is not None and not was_unknown:
            register.metrics.outbound_seconds.observe(max(0, register.clock.wall_ms() - stored.sent_ms) / 1000)
        self._write_end(message)
        self._line(message).remove(message)
        return True

    # ---- an end to disk ----------------------------------------------------------------------------------------------
    def _write_end(self, message: Message) -> None:
        message.is_written = False
        self._register.write(message, partial(self._end_written, message, message.state))

    def _end_written(self, message: Message, state: State, result: StepResult) -> None:
        if message.state is not state:
            return  # it moved on meanwhile, and that record follows
        if result is None:
            message.is_written = True
            self._owe_report(message)
        elif self._register.journal.state is not JournalState.FAILED:
            self._timers.after(WRITE_AGAIN_MS, partial(self._write_end_again, message, state))

    def _write_end_again(self, message: Message, state: State) -> None:
        if message.state is state and not self._register.is_fenced:
            self._write_end(message)
