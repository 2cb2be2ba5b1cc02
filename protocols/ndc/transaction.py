"""The one transaction of an ATM: asked, replied once, proven or not, and if need be recovered.

Owns the phase, the TSN book and the evidence. It must never know commands, except whether the line is quiet. The traps: a
reply leaves at most once, only for the request that is open, inside its window, and only when no other answer is owed on
the line; a request that comes while a reply still waits for its status makes every later status ambiguous, so that the link
is reset unless the request itself proves what became of that reply; and whatever is not proven stays in the book for later
evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

import msgspec

from protocols.dialect import Action, Ask, Evidence, HandBack, HangUp, Note, Send, Store, Timer
from protocols.errors import ProtocolError
from protocols.ndc import defaults
from protocols.ndc import fields as f
from protocols.ndc.asking import CashNotice, OpenedRequest, key_of, open_request
from protocols.ndc.cassettes import Cassettes
from protocols.ndc.evidence import (
    CONFIRMED,
    UNDONE,
    UNPROVEN,
    Finding,
    Sent,
    judge,
    judge_counters,
    judge_last,
    judge_unordered,
)
from protocols.ndc.inherited import InheritedSerials
from protocols.ndc.message import LastStatus, SolicitedStatus, TransactionRequest
from protocols.ndc.replies import parts_of
from protocols.ndc.rules import LinkRules
from protocols.ndc.serials import NO_MONEY, VARIABLE, Serials
from protocols.ndc.status import SupplyCounters
from protocols.vocabulary import Reply, Verdict

STATUS_TIMER = "status"
NOTHING: Mapping[str, bytes] = {}
AMBIGUOUS = Finding(UNPROVEN, "the serial may be either center's: their ranges overlap (tsn_range)")


class Phase(Enum):
    IDLE = auto()
    ASKED = auto()  # at the desk
    REPLIED = auto()  # a reply left, its status has not come
    RECOVERING = auto()  # the recovery reply left, its status has not come


class Transaction:
    __slots__ = (
        "_body",
        "_cassettes",
        "_denominations",
        "_function",
        "_heard",
        "_held",
        "_inherited",
        "_is_lost",
        "_is_nameless",
        "_is_stored",
        "_last_key",
        "_mints",
        "_noted",
        "_opened",
        "_realm",
        "_rules",
        "_sent",
        "_serials",
        "_stored_name",
        "link_id",
        "phase",
        "terminal",
    )

    def __init__(
        self,
        rules: LinkRules,
        cassettes: Cassettes,
        realm: str,
        link_id: str,
        terminal: str,
        stored: bytes | None,
        inherited: Mapping[str, bytes] = NOTHING,
    ) -> None:
        self._rules = rules
        self._cassettes = cassettes
        self._realm = realm
        self.link_id = link_id
        self.terminal = terminal
        self._serials = Serials(stored, *rules.profile.tsn_range)
        self._stored_name = f"{VARIABLE}{terminal}"
        self._inherited = InheritedSerials(inherited, self._stored_name, self._serials)
        self._heard: LastStatus | None = None  # of a serial that no book here explains: perhaps one that is still to come
        self._denominations = rules.cash.denominations
        self.phase = Phase.IDLE
        self._mints = 0
        self._opened: OpenedRequest | None = None
        self._body = b""
        self._is_stored = False
        self._is_lost = False  # the journal did not take the number: only a reply without money may leave, and without it
        self._is_nameless = False  # the reply that left carries no number of its own
        self._function = ""  # of the reply that left
        self._held: Reply | None = None
        self._sent: Sent | None = None
        self._last_key = ""  # of the last reply that ordered or took notes
        self._noted: set[str] = set()  # keys about which a note was given in this session

    def mint(self) -> str:
        self._mints += 1
        return f"{self.link_id}.{self._mints}"

    # ---- the request -------------------------------------------------------------------------------------------------
    def may_begin(self, request: TransactionRequest, body: bytes, now_ms: int, actions: list[Action]) -> bool:
        """Whether a request opens a transaction now; a repeat is swallowed, an impossible one resets the link."""
        self.look(now_ms, actions)
        self.recall(actions)
        if self.phase is Phase.IDLE:
            return True
        if body == self._body:  # also after our reply, which it crossed: the next customer's has another MCN
            actions.append(Note("repeat-joined", f"TSN {self._tsn():04}"))
            return False
        if self.phase is Phase.ASKED:
            # Two requests, one answer to come: it could be taken for the other's.
            self._distrust("request-overtaken", actions)
            return False
        finding = self._inferred(request.last)
        if finding.verdict == CONFIRMED:
            actions.append(Note("status-inferred", f"TSN {self._tsn():04}"))
            self._conclude(finding, actions)
            self._end(actions)
            return True
        self._distrust("status-missing", actions)
        return False

    def _inferred(self, last: LastStatus | None) -> Finding:
        """What the next request says of a reply whose status is missing."""
        if last is None or self.phase is not Phase.REPLIED or self._is_nameless:
            return Finding("", "")
        return judge_last(self._sent or Sent("", self._tsn(), "", 0), last)

    def begin(self, request: TransactionRequest, body: bytes, config_id: str, now_ms: int, actions: list[Action]) -> None:
        """Open it: number, book, question, in this order of durability."""
        last = request.last
        if last is not None and not self._earlier(last.tsn, lambda sent: judge_last(sent, last), actions):
            self._keep_in_mind(last)
        tables = self._rules.tables(config_id)
        opened = open_request(
            request,
            terminal=self.terminal,
            mint=self.mint(),
            tsn=self._fresh_serial(last),
            config_id=config_id,
            tables=tables,
            cash=self._rules.cash,
            available=self._cassettes.available(),
            received_ms=now_ms,
        )
        self._opened, self._body = opened, body
        self._is_stored, self._is_lost, self._held, self._sent = False, False, None, None
        self.phase = Phase.ASKED
        row = opened.row
        if row is not None and row.completion and not opened.fault:
            function = tables.approvals[row.approved].function
            self._serials.opened(Sent(self._key(opened), opened.tsn, function, opened.amount_minor or 0, opened.notes))
        actions.append(Store(self._stored_name, self._serials.packed()))
        actions.append(Ask(opened))

    def _fresh_serial(self, last: LastStatus | None) -> int:
        """Never the one that the ATM reports as its last: were the reply lost, that report would pass for its proof."""
        elsewhere = self._inherited.numbers()
        tsn = self._serials.take(elsewhere)
        return self._serials.take(elsewhere) if last is not None and last.tsn == f"{tsn:04}" else tsn

    def _key(self, opened: OpenedRequest) -> str:
        return key_of(self._realm, self.terminal, opened.mint)

    def _tsn(self) -> int:
        return 0 if self._opened is None else self._opened.tsn

    # ---- the reply ---------------------------------------------------------------------------------------------------
    def stored(self, name: str, ok: bool, is_quiet: bool, now_ms: int, actions: list[Action]) -> None:
        if name != self._stored_name or self.phase is not Phase.ASKED or self._is_stored:
            return
        if not ok:
            actions.append(Note("serial-not-stored", f"TSN {self._tsn():04}"))
        self._is_stored, self._is_lost = True, not ok
        self.release(is_quiet, now_ms, actions)

    def decided(self, message: OpenedRequest, reply: Reply, is_quiet: bool, now_ms: int, actions: list[Action]) -> None:
        """The reply intent is durable."""
        if self.phase is not Phase.ASKED or self._opened is None or message.mint != self._opened.mint or self._held is not None:
            actions.append(Note("reply-unmatched", f"TSN {message.tsn:04}"))
            if self._opened is None or message.mint != self._opened.mint:
                self._not_sent(message, reply, "another transaction is open", actions)
            return
        self._held = reply
        self.release(is_quiet, now_ms, actions)

    def release(self, is_quiet: bool, now_ms: int, actions: list[Action]) -> None:
        """Send the decided reply, if its number is durable and no other answer is owed on the line."""
        opened, reply = self._opened, self._held
        if opened is None or reply is None or not self._is_stored or not is_quiet:
            return
        self._held = None
        if self._is_out_of_time(now_ms):
            actions.append(Note("reply-late", f"TSN {opened.tsn:04}"))
            self._not_sent(opened, reply, "the ATM's response timer has run out", actions)
            self._end(actions)
            return
        if self._is_lost and reply.verdict is Verdict.APPROVE:
            self._not_sent(opened, reply, "its number is not durable", actions)
            self._distrust("serial-not-stored", actions)
            return
        try:
            parts = parts_of(reply)
            # A reply that orders nothing though it was approved has no number: its "good" would pass for a dispense's.
            self._is_nameless = self._is_lost or parts.nothing_ordered
            frame = self._rules.reply(opened, parts, NO_MONEY if self._is_nameless else opened.tsn)
        except (ProtocolError, msgspec.MsgspecError, UnicodeEncodeError):
            actions.append(Note("reply-unwritable", f"TSN {opened.tsn:04}"))
            self._not_sent(opened, reply, "the reply cannot be written", actions)
            self._distrust("reply-unwritable", actions)
            return
        actions.append(Send(frame))
        actions.append(Timer(STATUS_TIMER, self._rules.session.status_wait_ms))
        self.phase = Phase.REPLIED
        self._function = parts.function
        if reply.verdict is Verdict.APPROVE and opened.row is not None and opened.row.completion:
            sent = Sent(self._key(opened), opened.tsn, parts.function, parts.amount_minor, parts.notes)
            if parts.nothing_ordered and parts.function == f.REFUND:
                self._serials.closed(opened.tsn)
                self._sent = sent  # in escrow: undone when the machine says that they were given back
            elif parts.nothing_ordered:
                self._tell(sent, Finding(UNDONE, "approved, but no dispense could be ordered"), actions)
            else:
                self._sent, self._last_key = sent, sent.key
                self._cassettes.ordered(parts.notes)
        else:
            self._serials.closed(opened.tsn)

    def look(self, now_ms: int, actions: list[Action]) -> None:
        """End a transaction that nobody can answer any more: the desk said nothing (law 1: its journal did not take the
        answer), and whatever it says now is too late. Looked at before anything new begins on the link."""
        if self.phase is Phase.ASKED and self._is_out_of_time(now_ms):
            actions.append(Note("reply-missing", f"TSN {self._tsn():04}"))
            self._end(actions)

    def _is_out_of_time(self, now_ms: int) -> bool:
        opened = self._opened
        return opened is not None and now_ms - opened.received_ms >= self._rules.session.reply_window_ms

    def _not_sent(self, opened: OpenedRequest, reply: Reply, why: str, actions: list[Action]) -> None:
        """An approval that will not leave: nothing automatic undoes it (law 1), a person hears of it."""
        if reply.verdict is Verdict.APPROVE and opened.row is not None and opened.row.completion:
            actions.append(Evidence(self._key(opened), UNPROVEN, None, f"the reply was not sent: {why}"))

    # ---- the evidence ------------------------------------------------------------------------------------------------
    def status(self, status: SolicitedStatus, actions: list[Action]) -> bool:
        """A status that no command waits for. False: nothing here waits for it either."""
        if status.descriptor == f.TERMINAL_STATE or self.phase in (Phase.IDLE, Phase.ASKED):
            return False
        if self.phase is Phase.RECOVERING:
            self._end(actions)
            return True
        if self._sent is not None:
            finding = judge(self._sent, status, self._denominations)
            self._conclude(finding, actions)
        else:
            finding = judge_unordered(self._function, status)
            if finding.alarm and self._opened is not None:
                self._notice(finding.alarm, finding.why, self._key(self._opened), actions)
        if finding.needs_recovery:
            self._recover(actions)
        else:
            self._end(actions)
        return True

    def _conclude(self, finding: Finding, actions: list[Action]) -> None:
        if self._sent is not None:
            self._tell(self._sent, finding, actions)
            self._sent = None

    def _tell(self, sent: Sent, finding: Finding, actions: list[Action]) -> None:
        if finding.verdict:
            actions.append(Evidence(sent.key, finding.verdict, finding.standing_minor, finding.why))
        if finding.verdict in (CONFIRMED, UNDONE, "part"):
            self._serials.proven(sent)
        if finding.alarm == "key":
            actions.append(Note("key-alarm", finding.why))
        elif finding.alarm:
            self._notice(finding.alarm, finding.why, sent.key, actions)

    def _notice(self, what: str, detail: str, key: str, actions: list[Action]) -> None:
        actions.append(Note(what, detail))
        actions.append(Ask(CashNotice(self.terminal, self.mint(), what, detail, key)))

    def _recover(self, actions: list[Action]) -> None:
        """One more reply, without dispense, so that the ATM leaves the transaction."""
        opened = self._opened
        if opened is None:
            self._end(actions)
            return
        frame = self._rules.plain_reply(opened.request, opened.config_id, defaults.RECOVERY, NO_MONEY, self.terminal)
        self.phase = Phase.RECOVERING
        actions.append(Note("recovery-sent", f"TSN {opened.tsn:04}"))
        actions.append(Send(frame))
        actions.append(Timer(STATUS_TIMER, self._rules.session.status_wait_ms))

    def retracted(self, detail: str, actions: list[Action]) -> None:
        """An unsolicited report of retracted notes: a dispute for a person, no verdict."""
        self._notice("retracted", detail, self._last_key, actions)

    def counted(self, counters: SupplyCounters, actions: list[Action]) -> None:
        """Supply counters, asked for at the start of a session."""
        self._earlier(counters.tsn, lambda sent: judge_counters(sent, counters), actions)

    def _earlier(self, tsn: str, judged: Callable[[Sent], Finding], actions: list[Action]) -> bool:
        """Late evidence about a reply of another session, or another center: it confirms, or adds one note. False: no book has
        the serial."""
        sent, theirs = self._serials.find(tsn), self._inherited.find(tsn)
        if theirs is not None:
            is_certain = sent is None and self._inherited.is_certain(theirs)
            self._tell_late(theirs, judged(theirs) if is_certain else AMBIGUOUS, actions)
        if sent is not None:
            self._tell_late(sent, judged(sent) if theirs is None else AMBIGUOUS, actions)
        return sent is not None or theirs is not None

    def _tell_late(self, sent: Sent, finding: Finding, actions: list[Action]) -> None:
        if finding.verdict == UNPROVEN:
            if sent.key in self._noted:
                return
            self._noted.add(sent.key)
        self._tell(sent, finding, actions)
        left = self._inherited.closed(sent.tsn) if finding.verdict == CONFIRMED else None
        if left is not None:
            actions.append(HandBack(self._stored_name, left))

    def _keep_in_mind(self, last: LastStatus) -> None:
        """Perhaps a center that is lost gave this serial, and its book is not here yet."""
        tsn = int(last.tsn) if last.tsn.isascii() and last.tsn.isdigit() else NO_MONEY
        if tsn != NO_MONEY and (self._serials.is_unused or not self._serials.covers(tsn)):
            self._heard = last

    def recall(self, actions: list[Action]) -> None:
        """What the ATM said on this link before the lost center's book was here."""
        last = self._heard
        if last is None:
            return
        theirs = self._inherited.find(last.tsn)
        if theirs is not None:
            self._heard = None
            self._tell_late(theirs, judge_last(theirs, last), actions)

    # ---- the end -----------------------------------------------------------------------------------------------------
    def overdue(self, actions: list[Action]) -> None:
        """No status came for a reply that left: unknown, and what comes now belongs to nothing."""
        if self.phase in (Phase.REPLIED, Phase.RECOVERING):
            self._distrust("status-missing", actions)

    def _distrust(self, why: str, actions: list[Action]) -> None:
        actions.append(Note(why, f"TSN {self._tsn():04}"))
        actions.append(HangUp(why, abort=True))

    def _end(self, actions: list[Action]) -> None:
        if self.phase in (Phase.REPLIED, Phase.RECOVERING):
            actions.append(Timer(STATUS_TIMER, None))
        self.phase = Phase.IDLE
        self._opened, self._sent, self._held = None, None, None
        self._body = b""
