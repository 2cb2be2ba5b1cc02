"""One link's conversation: cut, check serial and order, acknowledge, hand to the part whose matter it is. Pure.

Owns the events and the order of telegrams; opening and closing are called.py's and caller.py's, files receiving.py's and
sending.py's, the journal taking.py's. It must never know the core, a clock or a socket, and never raises for anything a peer
can send. The traps: a telegram is acknowledged only when it may come now, else it gets a NAK and the session ends, because
two sides that disagree about the order disagree about the file; accepted files are taken up again on whatever link opens
first; and the end of a file is answered only after `Stored` said that its completion is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.dialect import (
    Action,
    BytesArrived,
    CommandRequested,
    Delivery,
    DrainStarted,
    Event,
    LinkClosed,
    LinkOpened,
    OutboundOffered,
    Refuse,
    ReplyDecided,
    Stored,
    Tell,
    TimerFired,
)
from protocols.errors import FieldError, FrameError, LocalMisuse
from protocols.framing import Frame as RawFrame
from protocols.machine import Unexpected
from protocols.spread import spread_ms
from protocols.totals import TotalsKept
from protocols.vocabulary import Refusal
from protocols.zengin.file import fields
from protocols.zengin.file.called import Called
from protocols.zengin.file.caller import Caller
from protocols.zengin.file.message import (
    BatchMessage,
    DataMessage,
    FileIdentity,
    FileMessage,
    Frame,
    RecordMessage,
    Signal,
    StationMessage,
    Telegram,
)
from protocols.zengin.file.offers import read_fetch, read_offer
from protocols.zengin.file.receiving import Receiving
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.sending import Sending
from protocols.zengin.file.session import TERMINAL, Moment, State
from protocols.zengin.file.taking import Taking
from protocols.zengin.file.talk import ACK, CHECK, CLOSE, FILE, IDLE, LINGER, OFFER, OPEN, RETRY, SKIP, Talk

# In which state a telegram may come, for the side that hears it.
_CALLED_HEARS = {
    "open": State.TCP_UP,
    "close": State.OPEN,
    "mode": State.OPEN,
    "file-start": State.OPEN,
    "file-resend": State.OPEN,
}
_CALLER_HEARS = {
    "open-answer": State.OPENING,
    "close-answer": State.CLOSING,
    "mode-answer": State.MODE_CHANGING,
    "file-start-answer": State.FILE_STARTING,
}
_BOTH_HEAR = {"data": State.TRANSFER, "file-end": State.TRANSFER, "file-end-answer": State.FILE_ENDING}
PARTIAL = "partial"


class FileDialogue:
    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._cutter = rules.codec.cutter()
        self._talk = talk = Talk(rules)
        self._taking = Taking(talk, self._done)
        self._receiving = Receiving(talk, self._taking.take)
        self._sending = Sending(talk)
        self._called = Called(talk)
        self._caller = Caller(talk, self._receiving, self._sending)
        self._hears: dict[str, State] = {}
        self._partial_timer = False

    @property
    def state(self) -> State:
        return self._talk.state

    @property
    def is_signed_on(self) -> bool:
        return self._talk.in_session

    @property
    def is_idle(self) -> bool:
        return not (self._cutter.has_partial or self._talk.in_session or self._taking.is_busy)

    def step(self, event: Event, now_ms: int) -> Sequence[Action]:
        """The actions for one event; `now_ms` is monotonic milliseconds."""
        talk = self._talk
        if talk.state in TERMINAL:
            return ()
        talk.now_ms = now_ms
        _HANDLERS[type(event)](self, event)
        actions, talk.actions = talk.actions, []
        self._taking.count(actions)
        return actions

    # ---- the link's life ------------------------------------------------------------------------------------------------
    def _opened(self, event: LinkOpened) -> None:
        talk = self._talk
        talk.heard_ms = talk.now_ms
        talk.watch_ms = max(1, spread_ms(talk.timers.idle_ms // 3, event.link_id))
        for trouble in self._rules.archive.load(event.stored):
            talk.note("file-work-unreadable", trouble)
        talk.is_caller = event.dialled
        self._hears = {**_BOTH_HEAR, **(_CALLER_HEARS if event.dialled else _CALLED_HEARS)}
        if event.dialled:
            talk.station = self._rules.profile.called()
            for rule in self._rules.profile.files:
                if rule.fetch:
                    self._caller.add(rule)
        else:
            talk.timer(OPEN, talk.timers.open_ms)
        self._taking.resume()
        if not self._taking.is_busy:  # else when that is done
            self._caller.start()

    def _closed(self, event: LinkClosed) -> None:
        talk = self._talk
        was_in_session = talk.in_session
        self._called.lost()
        self._caller.lost()
        self._sending.lost()
        self._receiving.lost()
        self._taking.lost()
        if was_in_session and talk.station is not None:
            talk.note("session-lost", event.reason)
        if talk.station is not None and talk.peer_date:
            talk.actions.append(Tell("session-down", {"terminal": talk.station.name, "reason": event.reason}))
        talk.move(Moment.LINK_LOST)

    def _drain(self, event: DrainStarted) -> None:
        self._called.is_draining = self._caller.is_draining = True
        self._caller.lost()
        self._talk.note("draining")

    def _command(self, event: CommandRequested) -> None:
        """An operator's word: "fetch" (data: file name), or "close" to hang up where nothing is on its way."""
        if event.name == "fetch" and self._talk.is_caller:
            rule = read_fetch(self._rules.profile, event.data)
            if rule is not None and self._caller.add(rule):
                self._caller.start()
                return
        self._talk.note("command-impossible", event.name)

    # ---- outbound -------------------------------------------------------------------------------------------------------
    def _offered(self, event: OutboundOffered) -> None:
        talk = self._talk
        if event.kind == "zengin-fetch" and talk.is_caller:
            rule = read_fetch(self._rules.profile, event.body)
            is_added = rule is not None and self._caller.add(rule)
            talk.actions.append(Delivery(event.id, "acknowledged" if is_added else "failed", "asked for at the next session"))
            self._caller.start()
            return
        try:
            offer = read_offer(self._rules.profile, event)
        except LocalMisuse as error:
            talk.actions.append(Delivery(event.id, "failed", str(error)))
            return
        if talk.is_caller:
            if self._caller.add(offer):
                self._caller.start()
            else:
                talk.actions.append(Delivery(event.id, "deferred", "stopping, or too many files wait"))
        elif self._sending.offer is None and not self._called.is_draining:
            self._sending.hold(offer)
        else:
            talk.actions.append(Delivery(event.id, "deferred", "another file waits to be asked for"))

    # ---- bytes ----------------------------------------------------------------------------------------------------------
    def _bytes(self, event: BytesArrived) -> None:
        talk = self._talk
        if talk.is_over:
            return
        talk.heard_ms = talk.now_ms
        cutter = self._cutter
        failure: FrameError | None = None
        try:
            frames = cutter.feed(event.data)
        except FrameError as error:
            frames, failure = cutter.frames_before_error, error
        for frame in frames:
            if not talk.is_over:
                self._frame(frame)
        if failure is not None and not talk.is_over:
            talk.note("frame-error", str(failure))
            talk.abort("frame-error")
        if cutter.has_partial and not self._partial_timer:
            self._partial_timer = True
            talk.timer(PARTIAL, talk.timers.idle_ms)
        elif not cutter.has_partial and self._partial_timer:
            self._partial_timer = False
            talk.timer(PARTIAL, None)

    def _frame(self, raw: RawFrame) -> None:
        talk = self._talk
        if raw.is_zero:
            talk.abort("frame-error")
            return
        try:
            frame = self._rules.codec.read(raw)
        except FieldError as error:
            talk.actions.append(Refuse(Refusal.FORMAT_ERROR, b"", str(error)))
            talk.signal("nak", error.partial if isinstance(error.partial, int) else 0)
            talk.abort("format-error")
            return
        if isinstance(frame, Signal):
            self._signal(frame)
        elif self._may_come(frame):
            if frame.ack_wanted:
                talk.signal("ack", frame.serial)
            try:
                self._telegram(frame.telegram)
            except Unexpected:
                talk.abort("out-of-order")
        else:
            talk.signal("nak", frame.serial)
            talk.abort("out-of-order")

    def _signal(self, signal: Signal) -> None:
        talk = self._talk
        if signal.name == "ack":
            if not talk.acknowledged(signal.serial):
                talk.note("ack-unmatched", str(signal.serial))
        elif signal.name == "nak":
            talk.note("nak-received", str(signal.serial))
            talk.abort("nak")

    def _may_come(self, frame: Frame) -> bool:
        """Serial, state and direction: may this telegram come now?"""
        talk, telegram = self._talk, frame.telegram
        kind = "data" if isinstance(telegram, DataMessage) else telegram.kind
        if not talk.is_next(frame.serial):
            talk.note("serial-gap", f"{kind}, serial {frame.serial}")
            return False
        if self._hears.get(kind) is not talk.state:
            talk.note("telegram-unexpected", f"{kind} in {talk.state.name}")
            return False
        if isinstance(telegram, DataMessage):
            return self._receiving.accepts(telegram)
        if isinstance(telegram, FileMessage) and not self._is_of_this_file(telegram):
            talk.note("telegram-unexpected", f"{kind} of another file")
            return False
        return True

    def _is_of_this_file(self, telegram: FileMessage) -> bool:
        """Two sides that speak of different files agree about neither."""
        if telegram.kind == "file-end":
            return self._receiving.is_ended_by(telegram)
        if telegram.kind == "file-end-answer":
            return self._sending.is_answered_by(telegram)
        if telegram.kind == "file-start-answer":
            return telegram.file == (self._receiving.wanted_file if self._sending.offer is None else self._sending.offer.file)
        return True

    def _telegram(self, telegram: Telegram) -> None:
        if isinstance(telegram, DataMessage):
            self._receiving.data(telegram)
        elif isinstance(telegram, StationMessage):
            _STATION_PARTS[telegram.kind](self, telegram)
        elif telegram.kind in ("file-start", "file-resend"):
            if self._talk.mode == fields.SEND:
                self._receiving.announced(telegram)
                self._taking.resume()
            else:
                self._sending.wanted(telegram)
        elif telegram.kind == "file-start-answer":
            self._caller.started(telegram)
        elif telegram.kind == "file-end":
            self._receiving.ended(telegram)
            self._caller_goes_on()
        else:
            self._sending.end_answered(telegram)
            self._caller_goes_on()

    def _caller_goes_on(self) -> None:
        if self._talk.is_caller:
            self._caller.next()

    # ---- taking ---------------------------------------------------------------------------------------------------------
    def _reply(self, event: ReplyDecided) -> None:
        message = event.message
        if isinstance(message, (RecordMessage, BatchMessage)):
            self._taking.decided(message, event.reply)

    def _stored(self, event: Stored) -> None:
        if event.ok:
            if self._taking.stored(event.name):
                self._receiving.stored(event.name)
        else:
            self._talk.note("not-stored", event.name)
            self._talk.abort("not-stored")

    def _totals_kept(self, event: TotalsKept) -> None:
        if not self._taking.kept(event):
            self._talk.note("totals-not-kept", event.id)
            self._talk.abort("not-stored")

    def _done(self, identity: FileIdentity, result: str) -> None:
        self._receiving.finished(identity, result)
        self._caller_goes_on()
        self._caller.start()

    # ---- timers ---------------------------------------------------------------------------------------------------------
    def _timer(self, event: TimerFired) -> None:
        talk, name = self._talk, event.name
        if name == IDLE:
            talk.watch()
            self._taking.resume()  # what a link that was replaced left behind
        elif name == ACK:
            talk.abort("ack-missed")
        elif name == OPEN:
            talk.abort("open-missed")
        elif name == CLOSE:
            talk.hang_up("close-timeout")
        elif name == LINGER:
            self._caller.close()
        elif name == OFFER:
            self._sending.decide()
        elif name == FILE:
            quiet_ms = talk.now_ms - talk.heard_ms
            if quiet_ms < talk.timers.idle_ms:  # watch frames say that the far end is at it
                talk.timer(FILE, talk.timers.file_ms)
            else:
                talk.abort("file-timeout")
        elif name == RETRY:
            self._taking.retry()
        elif name == SKIP:
            self._taking.go_on()
        elif name == CHECK:
            self._receiving.check()
            self._caller_goes_on()
        elif name == PARTIAL and self._cutter.has_partial:
            talk.note("partial-frame", f"{self._cutter.buffered_count} bytes")
            talk.abort("partial-frame")


_STATION_PARTS: dict[str, Callable[[FileDialogue, StationMessage], None]] = {
    "open": lambda dialogue, message: dialogue._called.opening(message),
    "mode": lambda dialogue, message: dialogue._called.turning(message),
    "close": lambda dialogue, message: dialogue._called.closing(message),
    "open-answer": lambda dialogue, message: dialogue._caller.opened(message),
    "mode-answer": lambda dialogue, message: dialogue._caller.turned(message),
    "close-answer": lambda dialogue, message: dialogue._caller.closed(message),
}
_HANDLERS: dict[type, Callable[..., None]] = {
    BytesArrived: FileDialogue._bytes,
    ReplyDecided: FileDialogue._reply,
    Stored: FileDialogue._stored,
    TotalsKept: FileDialogue._totals_kept,
    TimerFired: FileDialogue._timer,
    LinkOpened: FileDialogue._opened,
    LinkClosed: FileDialogue._closed,
    CommandRequested: FileDialogue._command,
    OutboundOffered: FileDialogue._offered,
    DrainStarted: FileDialogue._drain,
}
