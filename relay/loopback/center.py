"""The mind of the fake Zengin center, RC side of one logical line. Pure: bytes in, deeds out.

Owns 開局 and 閉局, one outstanding telegram per LCN (centerlane.py has the numbers), answers to 照会, the day's figures, and
the faults that a test orders. It must never know a socket, a clock or the relay. The traps: it is the *other* party, so it
keeps numbers and books of its own and believes nothing that it did not see; it sends a telegram again only when the relay
has said that it does not hold it, and then with 再送表示 under a new sequence number; and its figures are true of one moment,
so they wait until no LCN waits for an ACK, and nothing new is given after them.

Source: headers [S1]; the session is profile zrc-p1, the telegrams ztel-p1 [P].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum

from protocols.errors import FieldError, FrameError
from protocols.framing import FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import RC
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path, Watch
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.kinds import ENQUIRY_BY_RECEIPT, ENQUIRY_SUBJECT, SUBJECTS_OF_CONTROL
from protocols.zengin.telegram.message import (
    REQUEST,
    RESULT_OK,
    Business,
    Control,
    Enquiry,
    EnquiryAnswer,
    Figures,
    Head,
    Telegram,
    TransferNotice,
)
from relay.loopback import centertelegrams as write
from relay.loopback.centerbooks import CenterBooks, Given, Known
from relay.loopback.centerdeeds import OUTWARD_FAULTS, CenterDeed, CenterFault, CenterSettings, Cut, Later, Write
from relay.loopback.centerlane import Lane

NOT_RECEIVED, CLOSED_ALREADY = "0101", "0910"
ACK = "ack-"  # and the LCN: the timer of an ACK


class CenterState(Enum):
    SHUT = "shut"  # before 開局, and without a connection
    OPEN = "open"
    CLOSED = "closed"


class CenterMind:
    def __init__(self, books: CenterBooks, settings: CenterSettings | None = None) -> None:
        self.books = books
        self.settings = settings or CenterSettings()
        self.state = CenterState.SHUT
        self.day = ""
        self.links = 0
        self.faults: deque[CenterFault] = deque()
        self.struck: list[CenterFault] = []
        self.counts: dict[str, int] = {}  # what was seen, for people and tests
        self.next_subject = ""  # 種目コード of the next telegram only
        self.relay_figures: list[Figures] = []
        self._codec = Codec(RC)
        self._telegrams = TelegramCodec(build_layouts({}), Letters())
        physical, logical = self.settings.physical, self.settings.logical
        self._lanes = {lcn: Lane(Path(physical, logical, lcn), self._codec, self._telegrams) for lcn in self.settings.lcns}
        self._control_lane = self._lanes[self.settings.lcns[0]]
        self._opened: set[int] = set()  # LCNs whose 開局 was answered on this link
        self._cutter = FrameCutter(self._codec.reading)
        self._owes_figures = self._gave_figures = False
        self._answer_serial = 0
        self._answers_taken = 0
        self._is_silent = False
        self._is_up = False

    @property
    def is_settled(self) -> bool:
        """Nothing is outstanding and nothing waits."""
        return not self.books.not_taken() and not any(lane.waits or lane.own for lane in self._lanes.values())

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # ---- the link --------------------------------------------------------------------------------------------------------
    def link_opened(self) -> Sequence[CenterDeed]:
        self.links += 1
        self._cutter = FrameCutter(self._codec.reading)
        self._is_silent, self._is_up = False, True
        self._owes_figures = self._gave_figures = False
        for lane in self._lanes.values():
            lane.new_link()
        self._shut()
        return [Later("watch", self.settings.watch_ms)]

    def link_closed(self) -> None:
        self._is_up = False
        self._shut()

    def _shut(self) -> None:
        """Until 開局 states the numbers again."""
        self._opened.clear()
        if self.state is CenterState.OPEN:
            self.state = CenterState.SHUT

    def bytes_arrived(self, data: bytes) -> Sequence[CenterDeed]:
        try:
            frames = self._cutter.feed(data)
            messages = [self._codec.decode(frame.body) for frame in frames]
        except (FrameError, FieldError):
            self._count("broken-stream")
            return [Cut()]
        deeds: list[CenterDeed] = []
        for message in messages:
            if self._is_up:
                self._message(message, deeds)
        return [] if self._is_silent else deeds

    def woken(self, name: str) -> Sequence[CenterDeed]:
        if not self._is_up or self._is_silent:
            return []
        deeds: list[CenterDeed] = []
        if name == "watch":
            deeds += [Write(self._codec.encode(Watch())), Later("watch", self.settings.watch_ms)]
        elif name.startswith(ACK):
            self._no_ack(self._lanes[int(name[len(ACK) :])], deeds)
        elif name == "next":
            self._pump(deeds)
        return deeds

    def _no_ack(self, lane: Lane, deeds: list[CenterDeed]) -> None:
        """t3: the next one goes; a NAK or the next 開局 tells what became of this one."""
        if lane.waits:
            self._count("no-ack")
            lane.waits, lane.under_way = False, None
            self._pump(deeds)

    def order(self, serial: int, account: str, amount: int) -> Sequence[CenterDeed]:
        """A customer of the other bank sends money. `account` is branch-type-number."""
        lcns = self.settings.lcns
        self.books.order(self.settings.other_bank, serial, account, amount, lcns[self.books.given_count % len(lcns)])
        deeds: list[CenterDeed] = []
        self._pump(deeds)
        return deeds

    # ---- what the relay says -----------------------------------------------------------------------------------------------
    def _message(self, message: Message, deeds: list[CenterDeed]) -> None:
        if isinstance(message, Watch):
            self._count("watch")
            return
        path = message.path
        lane = self._lanes.get(path.lcn)
        if lane is None or (path.physical, path.logical) != (self.settings.physical, self.settings.logical):
            self._count("wrong-path")
            deeds.append(Cut())
        elif isinstance(message, DeliveryMessage):
            self._delivery(lane, message, deeds)
        else:
            self._information(lane, message, deeds)

    def _delivery(self, lane: Lane, message: DeliveryMessage, deeds: list[CenterDeed]) -> None:
        if message.sequence == 0:
            return
        if not lane.waits or message.sequence != lane.sent:
            self._count("ack-repeated" if message.is_ack else "nak-repeated")
            return
        lane.waits = False
        deeds.append(Later(f"{ACK}{lane.lcn}", None))
        own, lane.under_way = lane.under_way, None
        if message.is_ack:
            self._count("acked")
            self._taken_up_to(lane, message.sequence)
            self._answers_taken += isinstance(own, EnquiryAnswer)
        else:
            self._count("naked")
            self._give_again(lane, message.sequence)
            if own is not None:
                lane.own.appendleft(own)
        self._pump_later(deeds)

    def _taken_up_to(self, lane: Lane, sequence: int) -> None:
        """The relay has taken this number, and so every one before it: it takes them in order or not at all."""
        for given in self.books.without_a_word(lane.lcn):
            if lane.sequence_of[given.receipt] <= sequence:
                given.known = Known.TAKEN

    def _give_again(self, lane: Lane, refused: int) -> None:
        """The relay refused this number: neither it nor anything before it without a word is held there."""
        first = refused
        for given in self.books.without_a_word(lane.lcn):
            given.known = Known.WAITING
            first = min(first, lane.sequence_of[given.receipt])
        lane.go_back(first, refused)

    def _information(self, lane: Lane, message: Information, deeds: list[CenterDeed]) -> None:
        try:
            telegram = self._telegrams.decode(message.body)
        except FieldError:
            self._count("unreadable")
            deeds.append(Write(lane.answer(message.sequence, False)))
            return
        if message.sequence == 0:
            deeds.append(Write(lane.answer(0, True)))
            if isinstance(telegram, Control) and telegram.head.process == REQUEST:
                self._opening(lane, telegram, deeds)
            return
        if lane.is_repeat(message):
            self._count("duplicate")
            deeds.append(Write(lane.answer(message.sequence, True)))
        elif not lane.is_next(message):
            self._count("gap")
            deeds.append(Write(lane.answer(message.sequence, False)))
        elif isinstance(telegram, Control):
            lane.took(message)
            deeds.append(Write(lane.answer(message.sequence, True)))
            self._control(telegram)
        else:
            self._business(lane, message, telegram, deeds)
        self._pump_later(deeds)

    def _business(self, lane: Lane, message: Information, telegram: Business, deeds: list[CenterDeed]) -> None:
        fault = self._strike(OUTWARD_FAULTS) if isinstance(telegram, TransferNotice) else None
        if fault is CenterFault.NAK:
            self.books.refused_count += 1
            deeds.append(Write(lane.answer(message.sequence, False)))
            return
        lane.took(message)
        head, details = telegram.head, telegram.details
        account = f"{head.to_bank}-{head.to_branch}-{details.account_type}-{details.account}"
        self.books.take(head.serial, head.subject, account, details.amount)
        if fault is not CenterFault.LOST_ACK:
            deeds.append(Write(lane.answer(message.sequence, True)))
        if isinstance(telegram, Enquiry):
            self._enquired(lane, head)

    def _enquired(self, lane: Lane, head: Head) -> None:
        """Answer from our own books, on the same LCN, or give again what never arrived."""
        self._count("enquiry")
        self._gave_figures = False  # there will be another match
        if head.subject == ENQUIRY_BY_RECEIPT:
            given = self.books.by_receipt(head.receipt_serial)
            if given is not None and given.known is not Known.TAKEN:
                given.known = Known.WAITING
        elif head.subject == ENQUIRY_SUBJECT:
            result = RESULT_OK if self.books.holds(head.original_serial) else NOT_RECEIVED
            self._answer_serial += 1
            lane.own.append(write.answer(self.settings.own_bank, self.day, self._answer_serial, head, result))

    # ---- 開局, 照合, 閉局 ----------------------------------------------------------------------------------------------------
    def _opening(self, lane: Lane, asked: Control, deeds: list[CenterDeed]) -> None:
        figures = asked.figures
        if self.state is CenterState.CLOSED and asked.head.date == self.day:
            self._say_opening(lane, CLOSED_ALREADY, deeds)
            return
        if asked.head.date != self.day:
            self.day = asked.head.date
            self.state = CenterState.SHUT
            self._opened.clear()
            for every in self._lanes.values():
                every.new_day()
        if figures.last_received > lane.sent:
            self._count("relay-ahead")
        self._taken_up_to(lane, figures.last_received)
        for given in self.books.without_a_word(lane.lcn):  # the relay's number says that it does not hold it
            given.known = Known.WAITING
            self._count("agreed-not-taken")
        if isinstance(lane.under_way, EnquiryAnswer) and figures.last_received >= lane.sent:
            self._answers_taken += 1
        self._say_opening(lane, RESULT_OK, deeds)
        lane.agreed(figures.last_sent)
        self._opened.add(lane.lcn)
        if self._opened.issuperset(self._lanes):
            self._owes_figures = self._gave_figures = False
            self.state = CenterState.OPEN
            self._pump_later(deeds)

    def _say_opening(self, lane: Lane, result: str, deeds: list[CenterDeed]) -> None:
        figures = Figures(last_sent=lane.sent, last_received=lane.received)
        answer = write.control(self.settings.own_bank, self.day, "open", figures, result)
        deeds.append(Write(lane.outside_the_count(answer)))

    def _control(self, telegram: Control) -> None:
        subject = telegram.head.subject
        if subject == SUBJECTS_OF_CONTROL["match"]:
            if telegram.figures.line == 1:
                self.relay_figures = []
            self.relay_figures.append(telegram.figures)
            self._owes_figures = telegram.figures.line == telegram.figures.lines
        elif subject == SUBJECTS_OF_CONTROL["close"] and telegram.head.process == REQUEST:
            self._control_lane.own.append(write.control(self.settings.own_bank, self.day, "close", Figures()))
        elif subject == SUBJECTS_OF_CONTROL["forced-close"]:
            self.state = CenterState.CLOSED
        else:
            self._count(f"control-{subject}")

    # ---- sending -----------------------------------------------------------------------------------------------------------
    def _pump_later(self, deeds: list[CenterDeed]) -> None:
        if self.settings.pause_ms and not self._owes_figures and not any(lane.own for lane in self._lanes.values()):
            deeds.append(Later("next", self.settings.pause_ms))
        else:
            self._pump(deeds)

    def _pump(self, deeds: list[CenterDeed]) -> None:
        if self._owes_figures and not any(lane.waits for lane in self._lanes.values()):
            self._owes_figures, self._gave_figures = False, True
            self._control_lane.own += write.figures(self.settings.own_bank, self.day, self.books, self._answers_taken)
        for lane in self._lanes.values():
            if self.state is CenterState.OPEN and not lane.waits and self._is_up and not self._is_silent:
                self._next(lane, deeds)

    def _next(self, lane: Lane, deeds: list[CenterDeed]) -> None:
        if lane.own:
            telegram = lane.own.popleft()
            lane.under_way = telegram
            self._wrote(lane, lane.put(telegram), deeds)
            if isinstance(telegram, Control) and telegram.head.subject == SUBJECTS_OF_CONTROL["close"]:
                self.state = CenterState.CLOSED
            return
        given = None if self._owes_figures or self._gave_figures else self.books.next_waiting(lane.lcn)
        if given is None:
            return
        given.known = Known.SENT
        given.times_sent += 1
        subject, self.next_subject = self.next_subject or write.TRANSFER_SUBJECT, ""
        self._put_with_fault(lane, given, write.notice(self.settings.own_bank, self.day, given, subject), deeds)

    def _put_with_fault(self, lane: Lane, given: Given, notice: Telegram, deeds: list[CenterDeed]) -> None:
        fault = self._strike(frozenset(CenterFault) - OUTWARD_FAULTS)
        false_line = self.settings.logical % 8 + 1 if fault is CenterFault.WRONG_LINE else None
        written = lane.put(notice, 1 if fault is CenterFault.GAP else 0, false_line)
        lane.sequence_of[given.receipt] = lane.sent
        self._wrote(lane, written, deeds)
        if fault is CenterFault.DUPLICATE:
            deeds.append(Write(written))
        elif fault is CenterFault.CUT:
            deeds[-2:] = [Write(written[: len(written) // 2]), Cut()]
            self._is_up = False  # no other LCN says anything behind half a message
        elif fault is CenterFault.SILENCE:
            self._is_silent = True

    def _wrote(self, lane: Lane, written: bytes, deeds: list[CenterDeed]) -> None:
        deeds += [Write(written), Later(f"{ACK}{lane.lcn}", self.settings.ack_wait_ms)]

    def _strike(self, which: frozenset[CenterFault]) -> CenterFault | None:
        """The next ordered fault, if it is one of `which`."""
        if not self.faults or self.faults[0] not in which:
            return None
        fault = self.faults.popleft()
        self.struck.append(fault)
        return fault
