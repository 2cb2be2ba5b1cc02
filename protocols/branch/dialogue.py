"""One link's conversation: cut, decode, 開局, エコー, ask, answer, 精査, 閉局. Pure: events in, actions out.

Owns the link's frames and timers and the order of the day; numbers are in intake.py, notes in cash.py, the durable book in
keeper.py, the day in day.py and its table in session.py. It must never know the core, a clock or a socket, and never raises
for anything a peer can send. The traps: nothing is asked and nothing answered before the book that says so is durable; 22, 23
and 90 are never answered; and half a frame is timed from its first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.branch import codes
from protocols.branch.cash import COMPLETION, Cash
from protocols.branch.codec import MacError
from protocols.branch.day import COUNT, OPENING, Day
from protocols.branch.intake import GAP, Intake
from protocols.branch.keeper import Keeper
from protocols.branch.message import BranchMessage
from protocols.branch.notices import NOTICE, Notices
from protocols.branch.rules import LinkRules
from protocols.branch.session import Moment, State
from protocols.dialect import (
    Action,
    BytesArrived,
    CommandRequested,
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
    Tell,
    Timer,
    TimerFired,
)
from protocols.errors import FieldError, FrameError
from protocols.framing import Frame, FrameCutter
from protocols.spread import spread_ms
from protocols.totals import TotalsKept
from protocols.vocabulary import Refusal

PARTIAL, IDLE = "partial", "idle"
STORES_WAITING_MAX = 512  # changes of the till book that one link may have on their way to disk


class BranchDialogue:
    __slots__ = (
        "_cash",
        "_cutter",
        "_day",
        "_heard_ms",
        "_hung_up",
        "_idle_ms",
        "_intake",
        "_keeper",
        "_misses",
        "_notices",
        "_partial_since_ms",
        "_partial_timer",
        "_rules",
    )

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._cutter = FrameCutter(rules.codec.framing)
        self._keeper = Keeper()
        self._intake = Intake(rules, self._keeper)
        self._cash = Cash(rules, self._keeper)
        self._notices = Notices(rules)
        self._day = Day(rules, self._keeper, self._intake, self._cash, self._notices)
        self._heard_ms = 0
        self._idle_ms = 0  # after so long a silence we say エコー; this link's own
        self._misses = 0
        self._partial_since_ms: int | None = None
        self._partial_timer = False
        self._hung_up = False

    @property
    def state(self) -> State:
        return self._day.state

    @property
    def terminal(self) -> str:
        """The terminal that this link speaks for, "" while unknown."""
        return self._keeper.terminal

    @property
    def is_signed_on(self) -> bool:
        return self.state in (State.OPEN, State.COUNTING)

    @property
    def is_idle(self) -> bool:
        waits = self._cutter.has_partial or self._notices.is_waiting or self._keeper.is_waiting or self._day.closing is not None
        return not waits and not self._intake.held_count

    def step(self, event: Event, now_ms: int) -> Sequence[Action]:
        """The actions for one event; `now_ms` is monotonic milliseconds."""
        if self.state is State.CLOSED:
            return ()
        actions: list[Action] = []
        _HANDLERS[type(event)](self, event, now_ms, actions)
        return actions

    # ---- bytes ----------------------------------------------------------------------------------------------------------
    def _bytes(self, event: BytesArrived, now_ms: int, actions: list[Action]) -> None:
        if self._hung_up:
            return
        self._heard_ms = now_ms
        self._misses = 0
        cutter = self._cutter
        try:
            frames = cutter.feed(event.data)
        except FrameError as error:
            for frame in cutter.frames_before_error:
                self._frame(frame, actions)
            actions.append(Note("frame-error", str(error)))
            self._hang_up("frame-error", actions)
            return
        for frame in frames:
            self._frame(frame, actions)
        if self._keeper.waiting_count > STORES_WAITING_MAX:  # a peer that does not wait for its answers
            actions.append(Note("too-many-stores", f"more than {STORES_WAITING_MAX}"))
            self._hang_up("too-many-stores", actions, abort=True)
        if cutter.has_partial:
            if frames or self._partial_since_ms is None:
                self._partial_since_ms = now_ms
            if not self._partial_timer:
                self._partial_timer = True
                actions.append(Timer(PARTIAL, self._rules.session.partial_frame_ms))
        else:
            self._partial_since_ms = None

    def _frame(self, frame: Frame, actions: list[Action]) -> None:
        try:
            message = self._rules.codec.read(frame)
        except FieldError as error:
            self._malformed(error, actions)
            return
        except MacError as error:
            word = codes.KEY_UNKNOWN if error.is_key_unknown else codes.MAC_WRONG
            self._refuse(error.message, word, str(error), actions)
            return
        handler = _ROUTES.get(message.message_type)
        if handler is None:
            self._refuse(message, Refusal.UNSUPPORTED, "not a telegram that terminals send", actions)
        elif self._is_ours(message, actions):
            handler(self, message, actions)

    def _malformed(self, error: FieldError, actions: list[Action]) -> None:
        message = error.partial
        if not isinstance(message, BranchMessage):
            actions.append(Refuse(Refusal.FORMAT_ERROR, b"", str(error)))
        elif message.is_numbered and self._day.may_trade(message) == "":
            self._intake.malformed(message, str(error), actions)
        else:
            self._refuse(message, Refusal.FORMAT_ERROR, str(error), actions)

    def _is_ours(self, message: BranchMessage, actions: list[Action]) -> bool:
        """A link speaks for one terminal, the one whose 開局 it carried; a training telegram is nobody's word about money."""
        if message.is_training and not message.is_numbered:
            self._refuse(message, codes.TRAINING, "training", actions)
            return False
        heard = self._day.heard
        if not self.terminal or (
            message.terminal_name == self.terminal and (heard is None or message.terminal_kind == heard.terminal_kind)
        ):
            return True
        self._refuse(message, Refusal.UNKNOWN_TERMINAL, "the link of another terminal", actions)
        return False

    def _refuse(self, message: BranchMessage, word: str, detail: str, actions: list[Action]) -> None:
        self._keeper.after(actions, [self._rules.refusal(message, word, detail, self._keeper.book.last)])

    # ---- telegrams of the day --------------------------------------------------------------------------------------------
    def _open_day(self, message: BranchMessage, actions: list[Action]) -> None:
        self._day.open(message, actions)

    def _close_day(self, message: BranchMessage, actions: list[Action]) -> None:
        self._day.close(message, actions)

    def _counted(self, message: BranchMessage, actions: list[Action]) -> None:
        self._day.counted(message, actions)

    def _numbered(self, message: BranchMessage, actions: list[Action]) -> None:
        word = self._day.may_trade(message)
        if word:
            self._refuse(message, word, "not in this state", actions)
            return
        if not message.is_training:
            self._cash.confirmed_by_number(message, actions)
        self._intake.arrived(message, actions, self._day.barred)

    def _completion(self, message: BranchMessage, actions: list[Action]) -> None:
        if self.terminal:
            self._cash.completed(message, actions)
        else:
            self._refuse(message, Refusal.NOT_SIGNED_ON, "before 開局", actions)

    def _inquiry(self, message: BranchMessage, actions: list[Action]) -> None:
        """照会: which number was taken last, and how many transactions are not proven."""
        if not self.terminal:
            self._refuse(message, Refusal.NOT_SIGNED_ON, "before 開局", actions)
            return
        book = self._keeper.book
        body = {"finding": "0", "last_serial": str(book.last), "pending_count": str(len(book.pending))}
        data = self._rules.written(message.answered("0000", {**body}, confirmed_serial=book.last))
        self._keeper.after(actions, [Send(data or b"")])

    def _finding(self, message: BranchMessage, actions: list[Action]) -> None:
        self._intake.found(message, actions, self._day.barred)

    def _echo(self, message: BranchMessage, actions: list[Action]) -> None:
        data = self._rules.written(message.answered("0000", confirmed_serial=self._keeper.book.last))
        actions += [Send(data or b""), Note("echo-received")]

    def _echoed(self, message: BranchMessage, actions: list[Action]) -> None:
        actions.append(Note("echo-answered"))

    def _notice_received(self, message: BranchMessage, actions: list[Action]) -> None:
        self._notices.received(message, actions)

    def _fault(self, message: BranchMessage, actions: list[Action]) -> None:
        fault = message.text("fault")
        if not self.terminal:
            self._refuse(message, Refusal.NOT_SIGNED_ON, "before 開局", actions)
            return
        actions += [Note("terminal-fault", fault), Tell("terminal-fault", {"terminal": message.terminal_name, "fault": fault})]

    # ---- answers, stores, commands ---------------------------------------------------------------------------------------
    def _reply(self, event: ReplyDecided, now_ms: int, actions: list[Action]) -> None:
        message = event.message
        if isinstance(message, BranchMessage):
            self._intake.asked.discard(message.serial)
            self._cash.replied(message, event.reply, actions)

    def _kept(self, event: TotalsKept, now_ms: int, actions: list[Action]) -> None:
        """The count is on the report's sheet; what it proves is in the till book."""

    def _stored(self, event: Stored, now_ms: int, actions: list[Action]) -> None:
        for message in self._keeper.stored(event.name, event.ok, actions):
            if isinstance(message, BranchMessage):
                self._intake.asked.discard(message.serial)
        self._notices.stored(event.name, event.ok, actions)

    def _command(self, event: CommandRequested, now_ms: int, actions: list[Action]) -> None:
        message_type = {"echo": "14", "till-check": "16"}.get(event.name)
        heard = self._day.heard
        data = None if message_type is None or heard is None else self._rules.own(heard, message_type)
        actions.append(Note("command-impossible", event.name) if data is None else Send(data))

    def _offered(self, event: OutboundOffered, now_ms: int, actions: list[Action]) -> None:
        is_open = self.is_signed_on and not self._hung_up and not self._keeper.book.is_closed
        self._notices.offered(event, self._day.heard if is_open else None, actions)

    # ---- timers ----------------------------------------------------------------------------------------------------------
    def _timer(self, event: TimerFired, now_ms: int, actions: list[Action]) -> None:
        name = event.name
        if name == PARTIAL:
            self._partial_fired(now_ms, actions)
        elif name == IDLE:
            self._idle_fired(now_ms, actions)
        elif name == GAP:
            self._intake.give_up("照会 unanswered", actions)
        elif name == COMPLETION:
            self._cash.overdue(actions)
        elif name == NOTICE:
            self._notices.overdue(actions)
        elif name == COUNT:
            self._day.count_missed(actions)
        elif name == OPENING and self.state is State.CONNECTED:
            actions.append(Note("sign-on-missed"))
            self._hang_up("sign-on-missed", actions)

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
        heard = self._day.heard
        if quiet_ms < limit or heard is None:
            actions.append(Timer(IDLE, limit - quiet_ms if quiet_ms < limit else limit))
            return
        if self._misses:
            actions.append(Note("echo-missed", f"{self._misses} of {self._rules.session.echo_misses_max}"))
        if self._misses >= self._rules.session.echo_misses_max:
            self._hang_up("echo-missed", actions, abort=True)
            return
        self._misses += 1
        data = self._rules.own(heard, "14")
        actions += [Send(data or b""), Timer(IDLE, limit)]

    # ---- the link's life -------------------------------------------------------------------------------------------------
    def _opened(self, event: LinkOpened, now_ms: int, actions: list[Action]) -> None:
        session = self._rules.session
        self._heard_ms = now_ms
        self._keeper.opened(event.realm, event.stored, event.inherited)
        self._idle_ms = spread_ms(session.idle_echo_ms, event.link_id)
        if self._idle_ms:
            actions.append(Timer(IDLE, self._idle_ms))
        if session.open_wait_ms:
            actions.append(Timer(OPENING, session.open_wait_ms))

    def _drain(self, event: DrainStarted, now_ms: int, actions: list[Action]) -> None:
        self._day.move(Moment.DRAIN_STARTED)
        actions.append(Note("draining"))

    def _closed(self, event: LinkClosed, now_ms: int, actions: list[Action]) -> None:
        self._notices.ended(actions)
        self._day.ended(event.reason, actions)

    def _hang_up(self, reason: str, actions: list[Action], *, abort: bool = False) -> None:
        """`reason` becomes the label of a metric: one of a few words, nothing of the peer's."""
        self._hung_up = True
        actions.append(HangUp(reason, abort))


_ROUTES: dict[str, Callable[[BranchDialogue, BranchMessage, list[Action]], None]] = {
    "10": BranchDialogue._open_day,
    "12": BranchDialogue._close_day,
    "14": BranchDialogue._echo,
    "15": BranchDialogue._echoed,
    "17": BranchDialogue._counted,
    "20": BranchDialogue._numbered,
    "22": BranchDialogue._completion,
    "23": BranchDialogue._completion,
    "24": BranchDialogue._numbered,
    "26": BranchDialogue._numbered,
    "30": BranchDialogue._inquiry,
    "31": BranchDialogue._finding,
    "40": BranchDialogue._numbered,
    "51": BranchDialogue._notice_received,
    "90": BranchDialogue._fault,
}
_HANDLERS: dict[type, Callable[..., None]] = {
    BytesArrived: BranchDialogue._bytes,
    ReplyDecided: BranchDialogue._reply,
    TimerFired: BranchDialogue._timer,
    LinkOpened: BranchDialogue._opened,
    LinkClosed: BranchDialogue._closed,
    CommandRequested: BranchDialogue._command,
    OutboundOffered: BranchDialogue._offered,
    DrainStarted: BranchDialogue._drain,
    Stored: BranchDialogue._stored,
    TotalsKept: BranchDialogue._kept,
}
