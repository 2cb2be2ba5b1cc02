"""One link's conversation on an RC line: cut, decode, watch, open, carry, close. Pure: events in, actions out.

Owns the order of things and the routing of messages and timers; the halves are outward.py and inward.py, the day is
opening.py and closing.py. It must never know the core, a clock or a socket, and never raises for anything a peer can send.
The traps: any mistake in a header or a line number means that the two sides disagree on the protocol, and the connection is
released (it is dialled again, and 開局 states the numbers); half a frame is timed from its first byte; and nothing is said
before 開局 but 開局.

Source: checks and error action [S2]; release rules [S5][S8].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.dialect import (
    Action,
    BytesArrived,
    CommandRequested,
    DrainStarted,
    Event,
    HangUp,
    Identify,
    LinkClosed,
    LinkOpened,
    Note,
    OutboundOffered,
    OutboundQuestioned,
    ReplyDecided,
    Send,
    Stored,
    Tell,
    Timer,
    TimerFired,
)
from protocols.errors import FieldError, FrameError
from protocols.totals import TotalsKept
from protocols.zengin.session import outward, watch
from protocols.zengin.session.checking import TABLES
from protocols.zengin.session.closing import CLOSE_WAIT, MATCH, PRE_CLOSE, Closing
from protocols.zengin.session.commands import command
from protocols.zengin.session.frame import Frame, FrameCutter
from protocols.zengin.session.inward import InwardTelegram, Receiving
from protocols.zengin.session.line import Line, Moment, State
from protocols.zengin.session.message import DeliveryMessage, Information
from protocols.zengin.session.message import Watch as WatchMessage
from protocols.zengin.session.opening import CALENDAR, OPENING, Opening
from protocols.zengin.session.outward import Sending
from protocols.zengin.session.rules import Rules
from protocols.zengin.session.watch import Watch
from protocols.zengin.telegram.message import Control

PARTIAL = "partial"


class ZrcDialogue:
    __slots__ = ("_closing", "_cutter", "_line", "_opening", "_partial_since_ms", "_receiving", "_rules", "_sending", "_watch")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._line = Line(rules)
        self._cutter = FrameCutter(rules.codec.reading)
        self._watch = Watch(self._line)
        self._sending = Sending(self._line)
        self._receiving = Receiving(self._line, self._control, self._sending.answered, self._sending.say)
        self._opening = Opening(self._line, self._sending, self._receiving, self._on_open)
        self._closing = Closing(self._line, self._sending, self._receiving)
        self._partial_since_ms: int | None = None

    @property
    def state(self) -> State:
        return self._line.state

    @property
    def is_signed_on(self) -> bool:
        return self._line.carries

    @property
    def is_idle(self) -> bool:
        """Nothing half received, nothing being journaled, no telegram that waits for its logical ACK."""
        return not self._cutter.has_partial and self._receiving.is_idle and self._sending.is_idle and not self._waits

    @property
    def _waits(self) -> bool:
        return self._line.stores.is_waiting

    def step(self, event: Event, now_ms: int) -> Sequence[Action]:
        """The actions for one event; `now_ms` is monotonic milliseconds."""
        actions: list[Action] = []
        if self._line.state is State.DOWN and not isinstance(event, LinkOpened):
            return actions  # the link is gone, or was never there
        _HANDLERS[type(event)](self, event, now_ms, actions)
        return actions

    # ---- the link's life -------------------------------------------------------------------------------------------------
    def _opened(self, event: LinkOpened, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        if event.dialled:
            line.move(Moment.DIALLED, actions)
        line.move(Moment.CONNECTED, actions)
        problem = line.restore(event.stored)
        if problem:
            line.alarm("stored-unreadable", problem, actions)
            line.release("stored-unreadable", actions, fault=True)
            return
        line.right = event.right
        if line.is_superseded:
            line.alarm("token-stale", f"numbers were given here under token {line.outward.token}, a later one", actions)
            line.release("token-stale", actions, fault=True)
            return
        self._receiving.restore(event.stored)
        actions.append(Identify(self._rules.line_name))
        self._watch.opened(event.link_id, now_ms, actions)
        self._sending.tell_again(actions)
        left = tuple(intent for intent in line.outward.open if intent.state == "sent")
        self._sending.doubt(left, "the connection was lost before its logical ACK", now_ms, actions)
        self._opening.look(now_ms, actions)

    def _closed(self, event: LinkClosed, now_ms: int, actions: list[Action]) -> None:
        self._sending.give_back("the connection was lost before it was sent", actions)
        if self._line.carries:
            detail = {"line": self._rules.name, "business_date": self._line.day.day, "reason": event.reason}
            actions.append(Tell("session-down", detail))
        self._line.move(Moment.RELEASED, actions)

    def _drain(self, event: DrainStarted, now_ms: int, actions: list[Action]) -> None:
        """No new telegrams of ours; those of the center are taken to the end. The day stays open: the next start goes on."""
        self._line.draining = True
        actions.append(Note("draining"))
        self._sending.pump(now_ms, actions)

    # ---- bytes -----------------------------------------------------------------------------------------------------------
    def _bytes(self, event: BytesArrived, now_ms: int, actions: list[Action]) -> None:
        line, cutter = self._line, self._cutter
        if line.released:
            return
        try:
            frames = cutter.feed(event.data)
        except FrameError as error:
            for frame in cutter.frames_before_error:
                self._frame(frame, now_ms, actions)
            actions.append(Note("frame-error", str(error)))
            line.release("frame-error", actions)
            return
        for frame in frames:
            self._frame(frame, now_ms, actions)
        if not cutter.has_partial:
            self._partial_since_ms = None
        elif frames or self._partial_since_ms is None:
            if self._partial_since_ms is None:
                actions.append(Timer(PARTIAL, self._rules.profile.timers.partial_frame_ms))
            self._partial_since_ms = now_ms

    def _frame(self, frame: Frame, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        if line.released:
            return
        try:
            message = self._rules.codec.decode(frame.body)
        except FieldError as error:
            actions.append(Note("header-error", str(error)))
            line.release("header-error", actions)
            return
        self._watch.heard(now_ms)
        if isinstance(message, WatchMessage):
            return
        path = message.path
        if path != self._rules.path(path.lcn) or path.lcn not in self._rules.profile.line.lcns:
            line.alarm("wrong-line", f"{path.physical:02}-{path.logical:02} LCN {path.lcn:02}", actions)
            line.release("wrong-line", actions)
        elif isinstance(message, DeliveryMessage):
            self._delivered(message, now_ms, actions)
        elif message.sequence == 0:
            self._session_message(message, now_ms, actions)
        elif line.carries:
            self._receiving.arrived(message, now_ms, actions)
        else:
            actions.append(Note("not-open", f"LCN {path.lcn:02} {message.sequence} while {line.state.name}"))
            self._receiving.nak(path.lcn, message.sequence, actions)
        self._closing.go_on(now_ms, actions)

    def _delivered(self, message: DeliveryMessage, now_ms: int, actions: list[Action]) -> None:
        if message.sequence:
            self._sending.delivered(message, now_ms, actions)
        elif not message.is_ack:
            self._line.alarm("opening-refused", "by the center: logical NAK", actions)
            self._line.release("opening-refused", actions)

    def _session_message(self, message: Information, now_ms: int, actions: list[Action]) -> None:
        """Sequence 0: 開局 or its answer, and nothing else."""
        path = message.path
        try:
            telegram = self._rules.telegrams.decode(message.body)
        except FieldError as error:
            actions.append(Note("header-error", f"sequence 0: {error}"))
            self._line.release("header-error", actions)
            return
        if not isinstance(telegram, Control) or self._rules.control_name.get(telegram.head.subject) != "open":
            actions.append(Note("header-error", "sequence 0 is that of 開局"))
            self._receiving.nak(path.lcn, 0, actions)
            self._line.release("header-error", actions)
            return
        actions.append(Send(self._rules.codec.encode(DeliveryMessage(path, 0, True))))
        self._opening.arrived(path.lcn, telegram, now_ms, actions)

    # ---- between the parts -------------------------------------------------------------------------------------------------
    def _control(self, telegram: Control, now_ms: int, actions: list[Action]) -> None:
        self._closing.arrived(telegram, now_ms, actions)

    def _on_open(self, now_ms: int, actions: list[Action]) -> None:
        """開局 is done: ask about what is unknown, go on where the day stood, and let telegrams go."""
        self._sending.enquire(self._sending.unknown(), now_ms, actions)
        phase = self._line.day.phase
        window = self._opening.window
        if phase == "closing":
            self._closing.close(now_ms, actions)
        elif phase == "pre-close":
            self._closing.pre_close(now_ms, actions)
        if window is not None:
            self._closing.schedule(window.closes_ms, actions)
        self._sending.pump(now_ms, actions)

    # ---- other events --------------------------------------------------------------------------------------------------------
    def _reply(self, event: ReplyDecided, now_ms: int, actions: list[Action]) -> None:
        if isinstance(event.message, InwardTelegram):
            self._receiving.decided(event.message, event.reply, now_ms, actions)

    def _stored(self, event: Stored, now_ms: int, actions: list[Action]) -> None:
        if not self._line.stores.stored(event, now_ms, actions):
            actions.append(HangUp("no-journal", abort=True))
            self._line.released = True
            return
        self._closing.go_on(now_ms, actions)

    def _kept(self, event: TotalsKept, now_ms: int, actions: list[Action]) -> None:
        """The center's figures are on the report's sheet, or not: the day itself is kept apart from it."""

    def _offered(self, event: OutboundOffered, now_ms: int, actions: list[Action]) -> None:
        self._sending.offer(event, now_ms, actions)

    def _questioned(self, event: OutboundQuestioned, now_ms: int, actions: list[Action]) -> None:
        if not self._line.released:  # else what is on disk could perhaps not be read
            self._sending.question(event, actions)

    def _command(self, event: CommandRequested, now_ms: int, actions: list[Action]) -> None:
        command(event, self._line, self._opening, self._closing, self._receiving, self._sending, now_ms, actions)

    def _timer(self, event: TimerFired, now_ms: int, actions: list[Action]) -> None:
        name = event.name
        if self._line.released:
            return
        if name == PARTIAL:
            self._partial_fired(now_ms, actions)
        elif name == watch.SEND:
            self._watch.send(actions)
        elif name == watch.SILENCE:
            self._watch.silence(now_ms, actions)
        elif name == CALENDAR:
            self._opening.look(now_ms, actions)
        elif name == OPENING:
            self._opening.overdue(now_ms, actions)
        elif name == TABLES:
            self._opening.checking.go_on(now_ms, actions)
        elif name == PRE_CLOSE and self._opening.window is not None:
            self._closing.look(self._opening.window.closes_ms, now_ms, actions)
        elif name == CLOSE_WAIT:
            self._closing.waited_enough(now_ms, actions)
        elif name == MATCH:
            self._closing.unanswered(now_ms, actions)
        elif name == outward.HOLD:
            self._sending.give_back("its turn did not come", actions)
        elif name.startswith(outward.ACK):
            self._sending.ack_missed(int(name[len(outward.ACK) :]), now_ms, actions)
        self._closing.go_on(now_ms, actions)

    def _partial_fired(self, now_ms: int, actions: list[Action]) -> None:
        since = self._partial_since_ms
        if since is None:
            return
        limit = self._rules.profile.timers.partial_frame_ms
        if now_ms - since < limit:
            actions.append(Timer(PARTIAL, limit - (now_ms - since)))
            return
        actions.append(Note("partial-frame", f"{self._cutter.buffered_count} bytes"))
        self._line.release("partial-frame", actions)


_HANDLERS: dict[type, Callable[..., None]] = {
    BytesArrived: ZrcDialogue._bytes,
    ReplyDecided: ZrcDialogue._reply,
    TimerFired: ZrcDialogue._timer,
    Stored: ZrcDialogue._stored,
    OutboundOffered: ZrcDialogue._offered,
    OutboundQuestioned: ZrcDialogue._questioned,
    LinkOpened: ZrcDialogue._opened,
    LinkClosed: ZrcDialogue._closed,
    CommandRequested: ZrcDialogue._command,
    DrainStarted: ZrcDialogue._drain,
    TotalsKept: ZrcDialogue._kept,
}
