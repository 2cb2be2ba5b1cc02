"""One link's conversation: cut, decode, sign on, echo, ask, answer, hang up. Pure: events in, actions out.

Owns the link's frames, timers and questions; the session itself is in management.py, its table in session.py, what links share
in rules.py. It must never know the core, a clock or
a socket, and never raises for anything a peer can send. The traps: an answer is never answered, whatever is wrong with it; a
malformed message is answered only when it names its sender; half a frame and silence are timed from the first byte of that
frame, so that one byte per second buys nothing; and timers are not restarted for each message, they look at the time when
they fire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    CommandRequested,
    Delivery,
    DrainStarted,
    Event,
    HangUp,
    LinkClosed,
    LinkOpened,
    Note,
    OutboundOffered,
    Refuse,
    ReplyDecided,
    Send,
    Stored,
    Timer,
    TimerFired,
)
from protocols.errors import FieldError, FrameError, ProtocolError
from protocols.framing import Frame, FrameCutter
from protocols.iso8583 import codes
from protocols.iso8583.asking import Asking
from protocols.iso8583.management import SIGN_ON, Session
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.mti import Route, class_of
from protocols.iso8583.outbound import read_offer
from protocols.iso8583.rules import LinkRules
from protocols.iso8583.session import Moment, State
from protocols.iso8583.speaker import MacError
from protocols.iso8583.stating import Stating
from protocols.spread import spread_ms
from protocols.totals import TotalsKept
from protocols.vocabulary import Refusal

PARTIAL, IDLE, ECHO_REPLY = "partial", "idle", "echo-reply"
COMMAND = "command-"  # and the trace


class Iso8583Dialogue:
    __slots__ = (
        "_asking",
        "_cutter",
        "_dialled",
        "_header",
        "_heard_ms",
        "_hung_up",
        "_idle_ms",
        "_partial_since_ms",
        "_partial_timer",
        "_rules",
        "_session",
        "_stating",
    )

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._cutter = FrameCutter(rules.speaker.framing)
        self._session = Session(rules)
        self._dialled = False
        self._header = b""  # of the last frame that came, for requests of our own
        self._heard_ms = 0
        self._idle_ms = 0  # after so long a silence we say an echo; this link's own
        self._partial_since_ms: int | None = None
        self._partial_timer = False
        self._asking: Asking | None = None  # most links never ask anything
        self._stating: Stating | None = None  # nor states any totals
        self._hung_up = False

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def terminal(self) -> str:
        """The terminal that this link speaks for, "" while unknown or where a link has many."""
        return self._session.terminal

    @property
    def is_signed_on(self) -> bool:
        return self._session.is_signed_on

    @property
    def is_idle(self) -> bool:
        if self._stating is not None and self._stating.is_waiting:
            return False
        return not self._cutter.has_partial and (self._asking is None or not self._asking.is_waiting)

    def step(self, event: Event, now_ms: int) -> Sequence[Action]:
        """The actions for one event; `now_ms` is monotonic milliseconds."""
        if self._session.state is State.CLOSED:
            return ()
        actions: list[Action] = []
        _HANDLERS[type(event)](self, event, now_ms, actions)
        return actions

    # ---- bytes ----------------------------------------------------------------------------------------------------------
    def _bytes(self, event: BytesArrived, now_ms: int, actions: list[Action]) -> None:
        if self._hung_up:
            return
        self._heard_ms = now_ms
        cutter = self._cutter
        try:
            frames = cutter.feed(event.data)
        except FrameError as error:
            for frame in cutter.frames_before_error:
                self._frame(frame, now_ms, actions)
            actions.append(Note("frame-error", str(error)))
            self._hang_up("frame-error", actions)
            return
        for frame in frames:
            self._frame(frame, now_ms, actions)
        if cutter.has_partial:
            if frames or self._partial_since_ms is None:
                self._partial_since_ms = now_ms
            if not self._partial_timer:
                self._partial_timer = True
                actions.append(Timer(PARTIAL, self._rules.session.partial_frame_ms))
        else:
            self._partial_since_ms = None

    def _frame(self, frame: Frame, now_ms: int, actions: list[Action]) -> None:
        if frame.is_zero:
            actions.append(Send(frame.raw))
            return
        rules = self._rules
        try:
            message = rules.speaker.read(frame)
        except FieldError as error:
            self._malformed(error, actions)
            return
        except MacError as error:
            word = codes.KEY_OUT_OF_STEP if error.is_out_of_step else codes.MAC_WRONG
            self._session.refuse(error.message, Refusal.FORMAT_ERROR, str(error), actions, word)
            return
        self._header = frame.header
        session = self._session
        route = rules.routes.get(message.mti) or rules.route(message.mti)
        if route is Route.DESK:
            if session.may_ask(message, actions):
                if message.mti[1] == "5":
                    self._totals().offer(message, session, actions)
                else:
                    actions.append(Ask(message))
        elif route is Route.NETWORK:
            session.manage(message, actions)
        elif route is Route.ANSWER:
            self._answer(message, actions)
        elif route is Route.SILENT:
            actions.append(Note("unmatched-answer", f"{message.mti}: a notification is neither asked nor answered here"))
        else:
            detail = f"{message.mti} is not a message of this link"
            session.refuse(message, Refusal.UNSUPPORTED, detail, actions, codes.FUNCTION_NOT_SUPPORTED)

    def _malformed(self, error: FieldError, actions: list[Action]) -> None:
        partial = error.partial
        if isinstance(partial, IsoMessage):
            self._session.refuse(partial, Refusal.FORMAT_ERROR, str(error), actions)
        else:
            actions.append(Refuse(Refusal.FORMAT_ERROR, b"", str(error)))

    # ---- totals ---------------------------------------------------------------------------------------------------------
    def _totals(self) -> Stating:
        if self._stating is None:
            self._stating = Stating(self._rules.statements)
        return self._stating

    def _totals_kept(self, event: TotalsKept, now_ms: int, actions: list[Action]) -> None:
        self._totals().kept(event, self._session, actions)
        self._session.cutover_kept(event, actions)

    # ---- what we ask ----------------------------------------------------------------------------------------------------
    def _ask(self) -> Asking:
        if self._asking is None:
            self._asking = Asking(self._rules)
        return self._asking

    def _command(self, event: CommandRequested, now_ms: int, actions: list[Action]) -> None:
        made = self._ask().request(event.name, event.data, now_ms, self._header)
        if made is None:
            actions.append(Note("command-impossible", event.name))
            return
        self._say(event.name, made, actions)

    def _say(self, name: str, made: tuple[str, bytes], actions: list[Action]) -> None:
        trace, data = made
        if name == "sign-on":
            self._session.move(Moment.SIGN_ON_SENT)
        actions.append(Send(data))
        actions.append(Timer(COMMAND + trace, self._rules.session.command_reply_ms))

    def _offered(self, event: OutboundOffered, now_ms: int, actions: list[Action]) -> None:
        """A message of the core: said now, given back, or refused. Its answer is its acknowledgement."""
        wanted = read_offer(event.kind, event.body)
        if isinstance(wanted, str):
            actions.append(Delivery(event.id, "failed", wanted))
            return
        why = self._why_not_now(wanted.name)
        if why:
            actions.append(Delivery(event.id, "deferred", why))
            return
        made = self._ask().request(wanted.name, wanted.data, now_ms, self._header, outbound=event.id)
        if made is None:
            actions.append(Delivery(event.id, "failed", "the profile of this line cannot say it"))
            return
        actions.append(Delivery(event.id, "sent"))
        self._say(wanted.name, made, actions)

    def _why_not_now(self, name: str) -> str:
        if self._hung_up or self._session.state is State.DRAINING:
            return "the link is ending"
        if self._session.barred is not None and name != "sign-on":
            return "not signed on"
        return "too many requests wait for their answers" if self._ask().is_full else ""

    def _answer(self, message: IsoMessage, actions: list[Action]) -> None:
        """An answer: to a request of ours, or to nothing we know; then why it stayed unmatched is said."""
        found = self._ask().match(message)
        if isinstance(found, str):
            actions.append(Note("unmatched-answer", f"{message.mti}: {found}"))
        elif found.is_idle_echo:
            actions.append(Timer(ECHO_REPLY, None))
            actions.append(Timer(IDLE, self._idle_ms))
            actions.append(Note("echo-answered"))
        else:
            code = message.fields.get(39)
            ok = code in self._rules.accepted
            actions.append(Timer(COMMAND + found.trace, None))
            if found.outbound:
                why = "" if ok else f"refused with code {code!r:.8}"
                actions.append(Delivery(found.outbound, "acknowledged" if ok else "failed", why))
            self._command_ended(found.name, ok, f"code {code!r:.8}", actions)

    def _command_ended(self, name: str, ok: bool, why: str, actions: list[Action]) -> None:
        if name == "sign-on" and ok:
            self._session.signed_on(actions)
        elif name == "sign-on":
            self._session.move(Moment.SIGN_ON_REFUSED)
            actions.append(Note("sign-on-refused", why))
            if self._dialled:
                self._hang_up("sign-on-refused", actions)
        elif name == "sign-off" and ok:
            self._session.signed_off(actions)
        elif not ok:
            actions.append(Note(f"{name}-refused", why))
        else:
            actions.append(Note("echo-answered" if name == "echo" else f"{name}-accepted"))

    # ---- timers ---------------------------------------------------------------------------------------------------------
    def _timer(self, event: TimerFired, now_ms: int, actions: list[Action]) -> None:
        name = event.name
        if name == PARTIAL:
            self._partial_fired(now_ms, actions)
        elif name == IDLE:
            self._idle_fired(now_ms, actions)
        elif name == ECHO_REPLY:
            self._echo_missed(now_ms, actions)
        elif name == SIGN_ON:
            if self._session.barred is not None and self._session.state is State.CONNECTED:
                actions.append(Note("sign-on-missed"))
                self._hang_up("sign-on-missed", actions)
        elif name.startswith(COMMAND):
            waiting = None if self._asking is None else self._asking.give_up(name[len(COMMAND) :])
            if waiting is not None:
                if waiting.outbound:
                    limit_ms = self._rules.session.command_reply_ms
                    actions.append(Delivery(waiting.outbound, "unknown", f"no answer within {limit_ms} ms"))
                actions.append(Note("command-unanswered", waiting.name))
                self._command_ended(waiting.name, False, "no answer", actions)

    def _partial_fired(self, now_ms: int, actions: list[Action]) -> None:
        self._partial_timer = False
        since = self._partial_since_ms
        if since is None:
            return
        limit = self._rules.session.partial_frame_ms
        if now_ms - since < limit:
            self._partial_timer = True
            actions.append(Timer(PARTIAL, limit - (now_ms - since)))
            return
        actions.append(Note("partial-frame", f"{self._cutter.buffered_count} bytes"))
        self._hang_up("partial-frame", actions)

    def _idle_fired(self, now_ms: int, actions: list[Action]) -> None:
        limit = self._idle_ms
        quiet_ms = now_ms - self._heard_ms
        if quiet_ms < limit:
            actions.append(Timer(IDLE, limit - quiet_ms))
            return
        made = (
            None
            if self._session.barred is not None
            else self._ask().request("echo", b"", now_ms, self._header, is_idle_echo=True)
        )
        if made is None:  # not signed on, or too many requests of ours wait already
            actions.append(Timer(IDLE, limit))
            return
        actions.append(Send(made[1]))
        actions.append(Timer(ECHO_REPLY, self._rules.session.echo_reply_ms))

    def _echo_missed(self, now_ms: int, actions: list[Action]) -> None:
        session = self._rules.session
        misses = self._ask().missed_echo(self._heard_ms)
        if misses is None:
            return
        if misses == 0:  # the line lives, whatever became of the echo
            actions.append(Timer(IDLE, self._idle_ms))
            return
        actions.append(Note("echo-missed", f"{misses} of {session.echo_misses_max}"))
        if misses >= session.echo_misses_max:
            self._hang_up("echo-missed", actions, abort=True)
        else:
            self._idle_fired(now_ms, actions)

    # ---- the link's life ------------------------------------------------------------------------------------------------
    def _opened(self, event: LinkOpened, now_ms: int, actions: list[Action]) -> None:
        session = self._rules.session
        self._heard_ms = now_ms
        self._dialled = event.dialled
        self._idle_ms = spread_ms(session.idle_echo_ms, event.link_id)
        if self._idle_ms:
            actions.append(Timer(IDLE, self._idle_ms))
        if session.sign_on == "never":
            self._session.move(Moment.SIGNED_ON)
        elif event.dialled and session.we_sign_on:
            self._command(CommandRequested("sign-on"), now_ms, actions)
        elif self._session.barred is not None and session.sign_on_wait_ms:
            actions.append(Timer(SIGN_ON, session.sign_on_wait_ms))

    def _reply(self, event: ReplyDecided, now_ms: int, actions: list[Action]) -> None:
        message = event.message
        if not isinstance(message, IsoMessage):
            return
        rules = self._rules
        reply = event.reply
        data: bytes | None
        try:
            data = rules.speaker.write(rules.responder.response(message, reply))
        except (ProtocolError, msgspec.DecodeError):
            # What the reply adds cannot be written: the code alone still tells the terminal the truth.
            data = rules.written(message, reply.code, {}, class_of(message.mti))
        actions.append(Note("reply-unwritable", message.mti) if data is None else Send(data))

    def _drain(self, event: DrainStarted, now_ms: int, actions: list[Action]) -> None:
        had_session = self._session.state is State.SIGNED_ON
        self._session.move(Moment.DRAIN_STARTED)
        actions.append(Note("draining"))
        if had_session and self._dialled and self._rules.session.we_sign_on:
            self._command(CommandRequested("sign-off"), now_ms, actions)

    def _closed(self, event: LinkClosed, now_ms: int, actions: list[Action]) -> None:
        for outbound in () if self._asking is None else self._asking.outbound():
            actions.append(Delivery(outbound, "unknown", "the link closed before an answer"))
        self._session.closed(event.reason, actions)

    def _stored(self, event: Stored, now_ms: int, actions: list[Action]) -> None:
        """This dialect stores nothing for a link."""

    def _hang_up(self, reason: str, actions: list[Action], *, abort: bool = False) -> None:
        """`reason` becomes the label of a metric: one of a few words, nothing of the peer's."""
        self._hung_up = True
        actions.append(HangUp(reason, abort))


_HANDLERS: dict[type, Callable[..., None]] = {
    BytesArrived: Iso8583Dialogue._bytes,
    ReplyDecided: Iso8583Dialogue._reply,
    TimerFired: Iso8583Dialogue._timer,
    LinkOpened: Iso8583Dialogue._opened,
    LinkClosed: Iso8583Dialogue._closed,
    CommandRequested: Iso8583Dialogue._command,
    OutboundOffered: Iso8583Dialogue._offered,
    DrainStarted: Iso8583Dialogue._drain,
    Stored: Iso8583Dialogue._stored,
    TotalsKept: Iso8583Dialogue._totals_kept,
}
