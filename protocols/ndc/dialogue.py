"""One ATM's conversation: cut, decode, know who speaks, and hand on. Pure: events in, actions out.

Owns the frames, the timers and the binding of the link to its ATM; the session is management.py's, the one transaction
transaction.py's, the one command commanding.py's. It must never know the core, a clock or a socket, and never raises for
anything a peer can send. The traps: LUNO alone names nobody, because several ATMs may share 000; half a frame and silence
are timed from the first byte of that frame; and nothing that arrives behind a reason to hang up is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    CommandRequested,
    Delivery,
    DrainStarted,
    Event,
    Forget,
    HangUp,
    Identify,
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
from protocols.errors import FieldError, FrameError
from protocols.framing import FrameCutter
from protocols.ndc.asking import OpenedJournal, OpenedRequest
from protocols.ndc.commanding import STEP_TIMER
from protocols.ndc.ejournal import continues
from protocols.ndc.fields import TRANSACTION_REQUEST
from protocols.ndc.frame import cut
from protocols.ndc.from_terminal import TVN
from protocols.ndc.management import IDENTIFY, IDLE, STOPPED, Management
from protocols.ndc.message import (
    EncryptorData,
    JournalUpload,
    OpaqueTerminal,
    SolicitedStatus,
    TerminalMessage,
    TransactionRequest,
    UnsolicitedStatus,
)
from protocols.ndc.plans import GO_IN_SERVICE, GO_OUT_OF_SERVICE, SEND_CONFIG_ID
from protocols.ndc.profile import TerminalRule
from protocols.ndc.replies import TAKEN_CODE
from protocols.ndc.rules import LinkRules
from protocols.ndc.serials import NO_MONEY, VARIABLE
from protocols.ndc.session import Moment, State
from protocols.ndc.transaction import STATUS_TIMER, Phase, Transaction
from protocols.spread import spread_ms
from protocols.totals import TotalsKept
from protocols.vocabulary import Refusal

PARTIAL, JOURNAL_AGAIN = "partial", "journal-again"
JOURNAL_AGAIN_MS = 5_000  # a block that could not be taken is offered again: an ATM that stays connected may never repeat it
JOURNAL_SILENT_MS = 30_000  # after so long without a word about a block it is offered again: longer than any reply deadline
_NAMES = {"echo": SEND_CONFIG_ID, "sign-on": GO_IN_SERVICE, "sign-off": GO_OUT_OF_SERVICE}
_REFUSALS = {State.DRAINING: Refusal.DRAINING, State.STOPPED: Refusal.SUSPENDED, State.CONFIG_ERROR: Refusal.SUSPENDED}


class NdcDialogue:
    __slots__ = (
        "_cutter",
        "_heard_ms",
        "_hung_up",
        "_journal_held",
        "_journal_last",
        "_link",
        "_luno",
        "_partial_since_ms",
        "_partial_timer",
        "_rule",
        "_rules",
        "_session",
        "_transaction",
    )

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._cutter = FrameCutter(rules.framing)
        self._session = Management(rules)
        self._transaction: Transaction | None = None  # once the ATM is known
        self._link: LinkOpened | None = None
        self._rule: TerminalRule | None = None
        self._luno = ""
        self._journal_last = ""  # the last character acknowledged on this link
        self._journal_held: OpenedJournal | None = None  # a block that is not acknowledged yet
        self._heard_ms = 0
        self._partial_since_ms: int | None = None
        self._partial_timer = False
        self._hung_up = False

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def terminal(self) -> str:
        """The ATM that this link speaks for, "" while unknown."""
        return self._session.terminal

    @property
    def is_signed_on(self) -> bool:
        return self._session.state is State.IN_SERVICE

    @property
    def is_idle(self) -> bool:
        session = self._session
        return not self._cutter.has_partial and session.commands.waiting is None and session.phase is Phase.IDLE

    @property
    def buffered_count(self) -> int:
        """Bytes kept of an unfinished frame."""
        return self._cutter.buffered_count

    def step(self, event: Event, now_ms: int) -> Sequence[Action]:
        """The actions for one event; `now_ms` is monotonic milliseconds."""
        if self._session.state is State.CLOSED:
            return ()
        actions: list[Action] = []
        _HANDLERS[type(event)](self, event, now_ms, actions)
        self._hung_up = self._hung_up or _is_over(actions)
        return actions

    # ---- bytes -------------------------------------------------------------------------------------------------------
    def _bytes(self, event: BytesArrived, now_ms: int, actions: list[Action]) -> None:
        if self._hung_up:
            return
        self._heard_ms = now_ms
        cutter = self._cutter
        problem = ""
        try:
            frames = cutter.feed(event.data)
        except FrameError as error:
            frames, problem = cutter.frames_before_error, str(error)
        for frame in frames:
            if not frame.is_zero and not _is_over(actions):
                self._frame(frame.body, now_ms, actions)
        if problem:
            actions.append(Note("frame-error", problem))
            actions.append(HangUp("frame-error"))
        elif not cutter.has_partial:
            self._partial_since_ms = None
        else:
            if frames or self._partial_since_ms is None:
                self._partial_since_ms = now_ms
            if not self._partial_timer:
                self._partial_timer = True
                actions.append(Timer(PARTIAL, self._rules.session.partial_frame_ms))

    def _frame(self, body: bytes, now_ms: int, actions: list[Action]) -> None:
        try:
            message = self._rules.read(body, self.terminal)
        except FieldError as error:
            self._malformed(body, error, actions)
            return
        if not self._bind(message, actions):
            return
        match message:
            case TransactionRequest():
                self._request(message, body, now_ms, actions)
            case SolicitedStatus():
                self._session.solicited(message, now_ms, actions)
            case UnsolicitedStatus():
                self._session.unsolicited(message.device, actions)
            case EncryptorData():
                self._session.encryptor(message, now_ms, actions)
            case JournalUpload():
                self._journal(message, actions)
            case OpaqueTerminal():
                actions.append(Note("opaque-message", message.message_class))

    def _journal(self, block: JournalUpload, actions: list[Action]) -> None:
        """To the desk. A gap or an overlap is noted, no reason to refuse: text that is here is better than none."""
        if not continues(block, self._journal_last):
            actions.append(Note("journal-gap", f"{block.previous} follows {self._journal_last}"))
        self._journal_held = OpenedJournal(block, self.terminal)
        self._ask_journal(actions)

    def _ask_journal(self, actions: list[Action]) -> None:
        """Again after a long silence: the desk says nothing where what an acknowledgement needs is not met in time, and expects
        the ATM to repeat."""
        if self._journal_held is not None:
            actions += [Ask(self._journal_held), Timer(JOURNAL_AGAIN, JOURNAL_SILENT_MS)]

    def _malformed(self, body: bytes, error: FieldError, actions: list[Action]) -> None:
        """Refused. A request whose head can be read is declined, because its customer waits."""
        if error.field == "mac":
            actions.append(Note("key-alarm", "a request without its right MAC"))
        head = cut(body[:64]).fields
        mcn = head[4][1:2] if len(head) > 4 and len(head[4]) == 2 else ""
        is_waiting = head[0] == TRANSACTION_REQUEST and "1" <= mcn <= "~" and self._session.phase is Phase.IDLE
        if not is_waiting or self._transaction is None:
            actions.append(Refuse(Refusal.FORMAT_ERROR, b"", str(error)))
            return
        tvn = head[3] if TVN.match(head[3]) else ""
        request = TransactionRequest(luno=self._luno, tvn=tvn, mcn=mcn)
        self._turn_away(request, Refusal.FORMAT_ERROR, str(error), actions)

    # ---- who speaks --------------------------------------------------------------------------------------------------
    def _bind(self, message: TerminalMessage, actions: list[Action]) -> bool:
        """Bind the link to its ATM at the first message. False: the message is nobody's, or another's."""
        luno = getattr(message, "luno", "")
        known = self._luno or ("" if self._rule is None else self._rule.luno)
        if luno and known and not (luno.startswith(known) or known.startswith(luno)):
            actions.append(Note("luno-mismatch", self.terminal or ("" if self._rule is None else self._rule.name)))
            actions.append(HangUp("another-terminal", abort=True))
            return False
        self._luno = self._luno or luno
        if self.terminal:
            self._session.plans.bind(self.terminal, self._luno)
            return True
        link, rule = self._link, self._rule
        if link is None or (not luno and rule is None):
            actions.append(Note("unidentified", type(message).__name__))
            return False
        terminal = rule.name if rule is not None else luno if self._rules.profile.bind == "luno" else f"{luno}@{link.peer_host}"
        session = self._session
        session.terminal = terminal
        session.plans.bind(terminal, self._luno)
        session.inherited, held = link.inherited, f"{STOPPED}{terminal}"
        session.is_held_out = link.stored.get(held, link.inherited.get(held)) == b"1"
        book = link.stored.get(f"{VARIABLE}{terminal}")
        self._transaction = session.transaction = Transaction(
            self._rules, session.cassettes, link.realm, link.link_id, terminal, book, link.inherited
        )
        actions.append(Identify(terminal))
        return True

    # ---- transactions ------------------------------------------------------------------------------------------------
    def _request(self, request: TransactionRequest, body: bytes, now_ms: int, actions: list[Action]) -> None:
        transaction = self._transaction
        if transaction is None or not transaction.may_begin(request, body, now_ms, actions):
            return
        if self.state is State.IN_SERVICE and self._session.commands.owes_refusal:
            # An ATM says how a reply ended before it asks again. Its answer to a refusal could pass for a dispense's.
            actions.append(Note("status-missing", "of a refusal"))
            actions.append(HangUp("status-missing", abort=True))
        elif self.state is State.IN_SERVICE:
            transaction.begin(request, body, self._session.config_id, now_ms, actions)
        else:
            reason = _REFUSALS.get(self.state, Refusal.NOT_SIGNED_ON)
            self._turn_away(request, reason, f"a request while {self.state.name.lower()}", actions)

    def _turn_away(self, request: TransactionRequest, reason: Refusal, detail: str, actions: list[Action]) -> None:
        """A reply of ours without the desk, without dispense and without a number; its status is counted, never believed."""
        frame = self._rules.plain_reply(request, self._session.config_id, reason.value, NO_MONEY, self.terminal)
        actions.append(Refuse(reason, frame, detail))
        self._session.commands.refusal_sent(actions)

    def _reply(self, event: ReplyDecided, now_ms: int, actions: list[Action]) -> None:
        message = event.message
        if isinstance(message, OpenedJournal):
            if self._journal_held is None and message.block.last == self._journal_last:
                return  # it was asked twice, and acknowledged
            if event.reply.code == TAKEN_CODE:
                self._journal_last, self._journal_held = message.block.last, None
                actions += [Timer(JOURNAL_AGAIN, None), Send(self._rules.journal_acknowledged(message.block.last))]
            else:
                self._journal_held = message
                actions.append(Note("journal-refused", event.reply.code))
                actions.append(Timer(JOURNAL_AGAIN, JOURNAL_AGAIN_MS))
        elif isinstance(message, OpenedRequest) and self._transaction is not None:
            self._transaction.decided(message, event.reply, self._session.commands.is_quiet, now_ms, actions)

    def _kept(self, event: TotalsKept, now_ms: int, actions: list[Action]) -> None:
        """Counters are on the report's sheet."""

    def _stored(self, event: Stored, now_ms: int, actions: list[Action]) -> None:
        if self._transaction is not None:
            self._transaction.stored(event.name, event.ok, self._session.commands.is_quiet, now_ms, actions)

    # ---- commands of the core and of operators -----------------------------------------------------------------------
    def _command(self, event: CommandRequested, now_ms: int, actions: list[Action]) -> None:
        if event.name == "forget":
            self._forget(event.data, actions)
            return
        if self._transaction is not None:
            self._transaction.look(now_ms, actions)
        name = _NAMES.get(event.name, event.name)
        problem = self._session.give(name, "", actions)
        if problem:
            actions.append(Note("command-impossible", f"{name[:40]}: {problem}"))

    def _forget(self, data: bytes, actions: list[Action]) -> None:
        """A terminal is gone for good: its numbers and what is held of it. Any link of the listener may be told."""
        terminal = data.decode("utf-8", "replace").strip()
        stored = {} if self._link is None else self._link.stored
        names = [name for name in (f"{VARIABLE}{terminal}", f"{STOPPED}{terminal}") if name in stored]
        if not terminal or terminal == self.terminal or not names:
            why = "it is here" if terminal and terminal == self.terminal else "nothing is kept of it"
            actions.append(Note("command-impossible", f"forget: {why}"))
            return
        actions += [Forget(name) for name in names]
        actions.append(Note("terminal-forgotten", terminal[:64]))

    def _outbound(self, event: OutboundOffered, now_ms: int, actions: list[Action]) -> None:
        if self._hung_up:
            actions.append(Delivery(event.id, "deferred", "the link is ending"))
        else:
            if self._transaction is not None:
                self._transaction.look(now_ms, actions)
            self._session.outbound(event.id, event.kind, event.body, actions)

    # ---- timers ------------------------------------------------------------------------------------------------------
    def _timer(self, event: TimerFired, now_ms: int, actions: list[Action]) -> None:
        name = event.name
        session = self._session
        if name == STEP_TIMER:
            session.step_overdue(actions)
        elif name == STATUS_TIMER and self._transaction is not None:
            self._transaction.overdue(actions)
        elif name == IDENTIFY and session.state is State.CONNECTED and session.commands.is_free:
            session.probe(actions, may_resend=True)
        elif name == IDLE:
            self._idle_fired(now_ms, actions)
        elif name == PARTIAL:
            self._partial_fired(now_ms, actions)
        elif name == JOURNAL_AGAIN:
            self._ask_journal(actions)

    def _idle_fired(self, now_ms: int, actions: list[Action]) -> None:
        session = self._session
        limit = session.idle_ms
        if self._transaction is not None:
            self._transaction.recall(actions)
        quiet_ms = now_ms - self._heard_ms
        actions.append(Timer(IDLE, limit if quiet_ms >= limit else limit - quiet_ms))
        is_idle = session.state is State.IN_SERVICE and session.phase is Phase.IDLE and session.commands.is_free
        if quiet_ms >= limit and is_idle and session.is_quiet:
            session.probe(actions, may_resend=False)

    def _partial_fired(self, now_ms: int, actions: list[Action]) -> None:
        self._partial_timer = False
        since, limit = self._partial_since_ms, self._rules.session.partial_frame_ms
        if since is None:
            return
        if now_ms - since < limit:
            self._partial_timer = True
            actions.append(Timer(PARTIAL, limit - (now_ms - since)))
            return
        actions.append(Note("partial-frame", f"{self._cutter.buffered_count} bytes"))
        actions.append(HangUp("partial-frame"))

    # ---- the link's life ---------------------------------------------------------------------------------------------
    def _opened(self, event: LinkOpened, now_ms: int, actions: list[Action]) -> None:
        self._link = event
        self._heard_ms = now_ms
        self._session.idle_ms = spread_ms(self._rules.session.idle_probe_ms, event.link_id)
        self._rule = self._rules.profile.terminals.get(event.peer_host)
        if self._rule is not None:
            self._session.plans.bind("", self._rule.luno)
        if not event.link_id:
            actions.append(Note("no-link-id", "a transaction could not be named"))
            actions.append(HangUp("no-link-id"))
            return
        actions.append(Timer(IDENTIFY, self._rules.session.identify_wait_ms))

    def _drain(self, event: DrainStarted, now_ms: int, actions: list[Action]) -> None:
        self._session.commands.clear(actions)
        self._session.move(Moment.DRAIN_STARTED, actions)
        actions.append(Note("draining"))

    def _closed(self, event: LinkClosed, now_ms: int, actions: list[Action]) -> None:
        self._session.closed(actions)


def _is_over(actions: list[Action]) -> bool:
    return any(type(action) is HangUp for action in actions)


_HANDLERS: dict[type, Callable[..., None]] = {
    BytesArrived: NdcDialogue._bytes,
    ReplyDecided: NdcDialogue._reply,
    TimerFired: NdcDialogue._timer,
    LinkOpened: NdcDialogue._opened,
    LinkClosed: NdcDialogue._closed,
    CommandRequested: NdcDialogue._command,
    OutboundOffered: NdcDialogue._outbound,
    DrainStarted: NdcDialogue._drain,
    Stored: NdcDialogue._stored,
    TotalsKept: NdcDialogue._kept,
}
