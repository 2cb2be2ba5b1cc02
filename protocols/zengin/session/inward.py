"""The receiving half of a line: sequence, duplicates, the journal's word, and only then the logical ACK.

Owns the order of what arrives on each LCN and the parking of what cannot be processed. It must never send money. The traps:
an ACK leaves when the telegram *and* the number are durable, the telegram first, so a crash between the two costs a repeat
that the journal recognises; a number that came before is acknowledged again only if the very same bytes came with it; and a
telegram that nobody can read is still somebody's money, so it is parked durably before it is acknowledged.

Source: sequence check and NAK rule [S2][S3]; manual ACK after safe storage [S3][S6]; parking, gap limit [P].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from hashlib import sha256

import msgspec

from protocols import parked as p
from protocols.dialect import Action, Ask, Note, Send
from protocols.errors import FieldError
from protocols.vocabulary import Refusal, Reply
from protocols.zengin.session.line import Line
from protocols.zengin.session.message import DeliveryMessage, Information
from protocols.zengin.session.state import Inward
from protocols.zengin.telegram.message import Business, Control, EnquiryAnswer, Head, Telegram

DIGEST_BYTES = 8
TAKEN_CODE = "ack"
# Refusals that say nothing about the telegram: it is not taken, the center keeps it (NAK), and the line is given back.
NOT_NOW = frozenset(
    {Refusal.NO_JOURNAL, Refusal.OVERLOADED, Refusal.DRAINING, Refusal.SUSPENDED, Refusal.REGION_SWITCHING}
    | {Refusal.CORE_UNREACHABLE, Refusal.IN_PROGRESS, Refusal.OUT_OF_HOURS}
)
_NOT_NOW_CODES = frozenset(refusal.value for refusal in NOT_NOW)


class InwardTelegram(msgspec.Struct, frozen=True):
    """What goes to the desk and comes back in ReplyDecided. `parked` is the name of the parked telegram that it was."""

    telegram: Business
    lcn: int
    sequence: int
    parked: str = ""


class _Held(msgspec.Struct, frozen=True):
    sequence: int
    body: bytes


class Receiving:
    __slots__ = ("_at_work", "_base", "_gaps", "_inbox", "_line", "_on_answer", "_on_control", "_parked", "_say")

    def __init__(
        self,
        line: Line,
        on_control: Callable[[Control, int, list[Action]], None],
        on_answer: Callable[[Head, int, list[Action]], None],
        say: Callable[[Telegram, int, list[Action]], None],
    ) -> None:
        """`say` sends a telegram of the line's own."""
        self._line = line
        self._say = say
        self._on_control = on_control
        self._on_answer = on_answer
        self._inbox: dict[int, deque[_Held]] = {}
        self._at_work: dict[int, _Held] = {}  # LCN -> what is being journaled
        self._base: dict[int, int] = {}  # LCN -> last number that the center had sent at 開局
        self._gaps: dict[int, int] = {}  # LCN -> gaps in a row
        self._parked: dict[str, p.Parked] = {}

    @property
    def is_idle(self) -> bool:
        return not self._at_work and not any(self._inbox.values())

    def restore(self, stored: Mapping[str, bytes]) -> None:
        """Load every parked telegram of this line that waits. One that cannot be read stays on disk for a person."""
        prefix = self._line.stores.prefix
        for variable, value in stored.items():
            if not variable.startswith(prefix + p.PARKED):
                continue
            try:
                kept = p.unpack(value)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            if not kept.decision:
                self._parked[variable[len(prefix) :]] = kept

    def agreed(self, lcn: int, last_sent: int) -> None:
        """At 開局: the next message follows this number. What lies before it and was not taken stays not taken."""
        self._base[lcn] = last_sent

    def expected(self, lcn: int) -> int:
        """The number that the next message of an LCN has."""
        codec, last = self._line.rules.codec, self._line.inward.lcn(lcn).last
        base = self._base.get(lcn, last)
        return codec.after(base if codec.ahead(base, last) > 0 else last)

    # ---- arrival -------------------------------------------------------------------------------------------------------
    def arrived(self, message: Information, now_ms: int, actions: list[Action]) -> None:
        """An information message on a known path, while the line carries telegrams."""
        lcn = message.path.lcn
        inbox = self._inbox.setdefault(lcn, deque())
        if len(inbox) >= self._line.rules.profile.line.inbox_count_max:
            actions.append(Note("inbox-full", f"LCN {lcn:02}"))
            self.nak(lcn, message.sequence, actions)
            self._line.release("inbox-full", actions)
            return
        inbox.append(_Held(message.sequence, message.body))
        self._pump(lcn, now_ms, actions)

    def _pump(self, lcn: int, now_ms: int, actions: list[Action]) -> None:
        inbox = self._inbox.get(lcn)
        while inbox and lcn not in self._at_work and not self._line.released:
            self._look_at(lcn, inbox.popleft(), now_ms, actions)

    def _look_at(self, lcn: int, held: _Held, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        known = line.inward.lcn(lcn)
        digest = _digest(held.body)
        if (held.sequence, digest) in known.recent:
            actions.append(Note("duplicate", f"LCN {lcn:02} {held.sequence}"))
            self._ack(lcn, held.sequence, actions)
            return
        gap = line.rules.codec.ahead(held.sequence, self.expected(lcn))
        if held.sequence == 0 or gap < 0:
            line.alarm("sequence-reused", f"LCN {lcn:02} {held.sequence}", actions)
            self.nak(lcn, held.sequence, actions)
            line.release("sequence-reused", actions)
            return
        if gap > 0:
            self._gap(lcn, held.sequence, now_ms, actions)
            return
        self._gaps.pop(lcn, None)
        self._at_work[lcn] = held
        try:
            telegram = line.rules.telegrams.decode(held.body)
        except FieldError as error:
            self._park(lcn, held, str(error), now_ms, actions)
            return
        if isinstance(telegram, Control):
            self._control(lcn, held, telegram, actions)
        else:
            actions.append(Ask(InwardTelegram(telegram, lcn, held.sequence)))

    def _gap(self, lcn: int, sequence: int, now_ms: int, actions: list[Action]) -> None:
        """NAK, alarm, 照会. The number stays expected; the center sends what is missing, or agrees anew at 開局."""
        line = self._line
        expected = self.expected(lcn)
        count = self._gaps[lcn] = self._gaps.get(lcn, 0) + 1
        line.alarm("sequence-gap", f"LCN {lcn:02}: {sequence} instead of {expected}", actions)
        self.nak(lcn, sequence, actions)
        if count > line.rules.profile.line.gap_naks_max:
            line.release("sequence-gap", actions)
        elif count == 1:
            self._say(line.rules.enquiry_by_sequence(line.inward.day, lcn, expected, sequence - 1), now_ms, actions)

    # ---- the ends of one message -----------------------------------------------------------------------------------------
    def decided(self, message: InwardTelegram, reply: Reply, now_ms: int, actions: list[Action]) -> None:
        """The desk's word: recorded (an earlier or this time), or why not."""
        if message.parked:
            self._resubmitted(message, reply, actions)
            return
        held = self._at_work.get(message.lcn)
        if held is None or held.sequence != message.sequence:
            return  # of an earlier connection
        if reply.code == TAKEN_CODE:
            self._take(message.lcn, held, message.telegram, now_ms, actions)
        elif reply.code in _NOT_NOW_CODES:
            del self._at_work[message.lcn]
            self._line.alarm("not-taken", f"LCN {message.lcn:02} {held.sequence}: {reply.code}", actions)
            self.nak(message.lcn, held.sequence, actions)
            self._line.release("not-taken", actions)
        else:
            self._park(message.lcn, held, reply.code, now_ms, actions)

    def _take(self, lcn: int, held: _Held, telegram: Business, now_ms: int, actions: list[Action]) -> None:
        head = telegram.head
        inward = self._line.inward.taken(lcn, held.sequence, _digest(held.body))
        inward = inward.counting(head.subject, telegram.details.amount, head.receipt_serial)
        self._keep(lcn, inward, held.sequence, actions)
        if isinstance(telegram, EnquiryAnswer):
            self._on_answer(head, now_ms, actions)

    def _control(self, lcn: int, held: _Held, telegram: Control, actions: list[Action]) -> None:
        inward = self._line.inward.taken(lcn, held.sequence, _digest(held.body))
        self._keep(lcn, inward, held.sequence, actions, telegram)

    def _park(self, lcn: int, held: _Held, reason: str, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        if len(self._parked) >= line.rules.profile.session.parked_count_max:
            del self._at_work[lcn]
            line.alarm("parked-limit", f"{len(self._parked)} telegrams wait for a person", actions)
            self.nak(lcn, held.sequence, actions)
            line.release("parked-limit", actions)
            return
        name = f"{p.PARKED}{line.inward.day}-{lcn:02}-{held.sequence}"
        kept = p.Parked(
            line=line.rules.name,
            place=f"LCN {lcn:02}, sequence {held.sequence} of {line.inward.day}",
            wall_ms=line.rules.wall_ms(),
            reason=reason,
            body=held.body,
        )
        self._parked[name] = kept
        line.stores.put(name, p.pack(kept), actions)
        inward = line.inward.taken(lcn, held.sequence, _digest(held.body))
        inward = self._counted_by_head(inward, held.body)
        line.alarm("telegram-parked", f"{name}: {reason}", actions)
        self._keep(lcn, inward, held.sequence, actions)

    def _counted_by_head(self, inward: Inward, body: bytes) -> Inward:
        """Count it as far as it can be read: what differs afterwards is for the person who signs the day."""
        telegrams = self._line.rules.telegrams
        head = telegrams.head_of(body)
        if head is None:
            return inward
        try:
            telegram = telegrams.decode(body)
        except FieldError:
            return inward.counting(head.subject, 0, head.receipt_serial)
        amount = 0 if isinstance(telegram, Control) else telegram.details.amount
        return inward.counting(head.subject, amount, head.receipt_serial)

    def _keep(self, lcn: int, inward: Inward, sequence: int, actions: list[Action], control: Control | None = None) -> None:
        """Store the number, then ACK, then the next one."""

        def go(now_ms: int, actions: list[Action]) -> None:
            self._at_work.pop(lcn, None)
            self._ack(lcn, sequence, actions)
            if control is not None:
                self._on_control(control, now_ms, actions)
            self._pump(lcn, now_ms, actions)

        self._line.keep_inward(inward, actions, go)

    def parked(self, name: str) -> p.Parked | None:
        return self._parked.get(name)

    # ---- a person decides ----------------------------------------------------------------------------------------------
    def resubmit(self, name: str, actions: list[Action]) -> None:
        """Take a parked telegram to the desk again, as it came: the tables or the core may know it by now."""
        kept = self._parked.get(name)
        if kept is None:
            actions.append(Note("parked-unknown", name[:64]))
            return
        try:
            telegram = self._line.rules.telegrams.decode(kept.body)
        except FieldError as error:
            actions.append(Note("resubmit-refused", f"{name}: {error}"))
            return
        if isinstance(telegram, Control):
            actions.append(Note("resubmit-refused", f"{name}: a control telegram is of its own moment"))
        else:
            actions.append(Ask(InwardTelegram(telegram, 0, 0, name)))

    def _resubmitted(self, message: InwardTelegram, reply: Reply, actions: list[Action]) -> None:
        if reply.code == TAKEN_CODE:
            self.unpark(message.parked, p.SUBMITTED, "", actions)
        else:
            actions.append(Note("resubmit-refused", f"{message.parked}: {reply.code}"))

    def unpark(self, name: str, decision: str, who: str, actions: list[Action]) -> p.Parked | None:
        """Close a parked telegram with a decision, which is kept with it. None where there is no such one."""
        kept = self._parked.pop(name, None)
        if kept is None:
            actions.append(Note("parked-unknown", name[:64]))
            return None
        line = self._line

        def say(now_ms: int, actions: list[Action]) -> None:
            actions.append(Note(f"parked-{decision}", name))

        line.stores.put(name, p.pack(msgspec.structs.replace(kept, decision=decision, who=who)), actions, say)
        return kept

    # ---- delivery messages ---------------------------------------------------------------------------------------------
    def _ack(self, lcn: int, sequence: int, actions: list[Action]) -> None:
        rules = self._line.rules
        actions.append(Send(rules.codec.encode(DeliveryMessage(rules.path(lcn), sequence, True))))

    def nak(self, lcn: int, sequence: int, actions: list[Action]) -> None:
        rules = self._line.rules
        actions.append(Send(rules.codec.encode(DeliveryMessage(rules.path(lcn), sequence, False))))


def _digest(body: bytes) -> bytes:
    return sha256(body).digest()[:DIGEST_BYTES]
