"""The mind of the fake Zengin center, RC side of one logical line. Pure: bytes in, deeds out.

Owns 開局 and 閉局, numbers per LCN, one outstanding telegram at a time, answers to 照会, the day's figures, and the faults
that a test orders. It must never know a socket, a clock or the relay. The traps: it is the *other* party, so it keeps
numbers and books of its own and believes nothing that it did not see; it sends a telegram again only when the relay has
said that it does not hold it, and then with 再送表示 under a new sequence number.

Source: headers [S1]; the session is profile zrc-p1, the telegrams ztel-p1 [P].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum

import msgspec

from protocols.errors import FieldError, FrameError
from protocols.framing import FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import RC
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path, Watch
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.kinds import ANSWER_SUBJECT, ENQUIRY_BY_RECEIPT, ENQUIRY_SUBJECT, SUBJECTS_OF_CONTROL
from protocols.zengin.telegram.message import (
    NOTICE,
    REQUEST,
    RESPONSE,
    RESULT_OK,
    Control,
    Details,
    Enquiry,
    EnquiryAnswer,
    Figures,
    Head,
    Telegram,
    TransferNotice,
)
from relay.loopback.centerbooks import CenterBooks, Given, Known
from relay.loopback.centerdeeds import OUTWARD_FAULTS, CenterDeed, CenterFault, CenterSettings, Cut, Later, Write

CENTER_BANK = "9999"
NOT_RECEIVED, CLOSED_ALREADY = "0101", "0910"
TRANSFER_SUBJECT = "1000"


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
        self._path = Path(self.settings.physical, self.settings.logical, 0)
        self._sent = self._received = 0  # last sequence numbers, both directions
        self._base = 0  # the relay's last number at 開局: what lies before it and was not taken stays not taken
        self._last_body = b""  # of the last message taken
        self._cutter = FrameCutter(self._codec.reading)
        self._own: deque[Telegram] = deque()  # answers and figures, before the next telegram
        self._under_way: Telegram | None = None  # of our own, without its ACK
        self._waits = False  # for an ACK
        self._sequence_of: dict[int, int] = {}  # 受信通番 -> sequence number of its last sending
        self._answer_serial = 0
        self._answers_taken = 0
        self._is_silent = False
        self._is_up = False

    @property
    def is_settled(self) -> bool:
        """Nothing is outstanding and nothing waits."""
        return not self._waits and not self._own and not self.books.not_taken()

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # ---- the link --------------------------------------------------------------------------------------------------------
    def link_opened(self) -> Sequence[CenterDeed]:
        self.links += 1
        self._cutter = FrameCutter(self._codec.reading)
        self._is_silent, self._is_up, self._waits = False, True, False
        self._own.clear()
        if self.state is CenterState.OPEN:
            self.state = CenterState.SHUT  # until 開局 states the numbers again
        return [Later("watch", self.settings.watch_ms)]

    def link_closed(self) -> None:
        self._is_up = False
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
            self._message(message, deeds)
        return [] if self._is_silent else deeds

    def woken(self, name: str) -> Sequence[CenterDeed]:
        if not self._is_up or self._is_silent:
            return []
        deeds: list[CenterDeed] = []
        if name == "watch":
            deeds += [Write(self._codec.encode(Watch())), Later("watch", self.settings.watch_ms)]
        elif name == "ack" and self._waits:
            self._count("no-ack")
            self._waits = False  # t3: the next one goes; a NAK or the next 開局 tells what became of this one
            self._under_way = None
            self._pump(deeds)
        elif name == "next":
            self._pump(deeds)
        return deeds

    def order(self, serial: int, account: str, amount: int) -> Sequence[CenterDeed]:
        """A customer of the other bank sends money. `account` is branch-type-number."""
        self.books.order(self.settings.other_bank, serial, account, amount)
        deeds: list[CenterDeed] = []
        self._pump(deeds)
        return deeds

    # ---- what the relay says -----------------------------------------------------------------------------------------------
    def _message(self, message: Message, deeds: list[CenterDeed]) -> None:
        if isinstance(message, Watch):
            self._count("watch")
        elif message.path != self._path:
            self._count("wrong-path")
            deeds.append(Cut())
        elif isinstance(message, DeliveryMessage):
            self._delivery(message, deeds)
        else:
            self._information(message, deeds)

    def _delivery(self, message: DeliveryMessage, deeds: list[CenterDeed]) -> None:
        if message.sequence == 0:
            return
        if not self._waits or message.sequence != self._sent:
            self._count("ack-repeated" if message.is_ack else "nak-repeated")
            return
        self._waits = False
        deeds.append(Later("ack", None))
        own, self._under_way = self._under_way, None
        if message.is_ack:
            self._count("acked")
            self._taken_up_to(message.sequence)
            self._answers_taken += isinstance(own, EnquiryAnswer)
        else:
            self._count("naked")
            self._give_again(message.sequence)
            if own is not None:
                self._own.appendleft(own)
        self._pump_later(deeds)

    def _taken_up_to(self, sequence: int) -> None:
        """The relay has taken this number, and so every one before it: it takes them in order or not at all."""
        for given in self.books.not_taken():
            if given.known is Known.SENT and self._sequence_of[given.receipt] <= sequence:
                given.known = Known.TAKEN

    def _give_again(self, refused: int) -> None:
        """The relay refused this number: neither it nor anything before it without a word is held there."""
        first = refused
        for given in self.books.not_taken():
            if given.known is Known.SENT:
                given.known = Known.WAITING
                first = min(first, self._sequence_of[given.receipt])
        self._sent = min(first, refused - self._skipped) - 1

    def _information(self, message: Information, deeds: list[CenterDeed]) -> None:
        try:
            telegram = self._telegrams.decode(message.body)
        except FieldError:
            self._count("unreadable")
            self._answer(message.sequence, False, deeds)
            return
        if message.sequence == 0:
            self._answer(0, True, deeds)
            if isinstance(telegram, Control) and telegram.head.process == REQUEST:
                self._opening(telegram, deeds)
            return
        if message.sequence == self._received and message.body == self._last_body:
            self._count("duplicate")
            self._answer(message.sequence, True, deeds)
        elif message.sequence != max(self._received, self._base) + 1:
            self._count("gap")
            self._answer(message.sequence, False, deeds)
        elif isinstance(telegram, Control):
            self._took(message)
            self._answer(message.sequence, True, deeds)
            self._control(telegram, deeds)
        else:
            self._business(message, telegram, deeds)
        self._pump_later(deeds)

    def _took(self, message: Information) -> None:
        self._received = message.sequence
        self._last_body = message.body

    def _business(self, message: Information, telegram: Telegram, deeds: list[CenterDeed]) -> None:
        fault = self._strike(OUTWARD_FAULTS) if isinstance(telegram, TransferNotice) else None
        if fault is CenterFault.NAK:
            self.books.refused_count += 1
            self._answer(message.sequence, False, deeds)
            return
        self._took(message)
        if isinstance(telegram, Control):
            return
        head, details = telegram.head, telegram.details
        account = f"{head.to_bank}-{head.to_branch}-{details.account_type}-{details.account}"
        self.books.take(head.serial, head.subject, account, details.amount)
        if fault is not CenterFault.LOST_ACK:
            self._answer(message.sequence, True, deeds)
        if isinstance(telegram, Enquiry):
            self._enquired(head)

    def _enquired(self, head: Head) -> None:
        """Answer from our own books, or give again what never arrived."""
        self._count("enquiry")
        if head.subject == ENQUIRY_BY_RECEIPT:
            given = self.books.by_receipt(head.receipt_serial)
            if given is not None and given.known is not Known.TAKEN:
                given.known = Known.WAITING
        elif head.subject == ENQUIRY_SUBJECT:
            result = RESULT_OK if self.books.holds(head.original_serial) else NOT_RECEIVED
            self._answer_serial += 1
            answer = self._head(ANSWER_SUBJECT, RESPONSE, CENTER_BANK, self._answer_serial)
            about = {"original_date": head.original_date, "original_serial": head.original_serial, "result": result}
            self._own.append(EnquiryAnswer(msgspec.structs.replace(answer, **about), Details()))

    # ---- 開局, 照合, 閉局 ----------------------------------------------------------------------------------------------------
    def _opening(self, asked: Control, deeds: list[CenterDeed]) -> None:
        figures = asked.figures
        if self.state is CenterState.CLOSED and asked.head.date == self.day:
            self._say_opening(CLOSED_ALREADY, deeds)
            return
        if asked.head.date != self.day:
            self.day = asked.head.date
            self._sent = self._received = self._base = 0
            self._sequence_of.clear()
        if figures.last_received > self._sent:
            self._count("relay-ahead")
        self._taken_up_to(figures.last_received)
        for given in self.books.not_taken():
            if given.known is Known.SENT:  # no word, and the relay's number says that it does not hold it
                given.known = Known.WAITING
                self._count("agreed-not-taken")
        if isinstance(self._under_way, EnquiryAnswer) and figures.last_received >= self._sent:
            self._answers_taken += 1
        self._under_way, self._waits = None, False
        self._say_opening(RESULT_OK, deeds)
        self._base = figures.last_sent
        self.state = CenterState.OPEN
        self._pump_later(deeds)

    def _say_opening(self, result: str, deeds: list[CenterDeed]) -> None:
        head = msgspec.structs.replace(self._head(SUBJECTS_OF_CONTROL["open"], RESPONSE, CENTER_BANK, 0), result=result)
        body = self._telegrams.encode(Control(head, Figures(last_sent=self._sent, last_received=self._received)))
        deeds.append(Write(self._codec.encode(Information(self._path, 0, body))))

    def _control(self, telegram: Control, deeds: list[CenterDeed]) -> None:
        subject = telegram.head.subject
        if subject == SUBJECTS_OF_CONTROL["match"]:
            if telegram.figures.line == 1:
                self.relay_figures = []
            self.relay_figures.append(telegram.figures)
            if telegram.figures.line == telegram.figures.lines:
                self._own += self._figures()
        elif subject == SUBJECTS_OF_CONTROL["close"] and telegram.head.process == REQUEST:
            self._own.append(Control(self._head(subject, RESPONSE, CENTER_BANK, 0), Figures()))
        elif subject == SUBJECTS_OF_CONTROL["forced-close"]:
            self.state = CenterState.CLOSED
        else:
            self._count(f"control-{subject}")

    def _figures(self) -> list[Control]:
        rows: list[tuple[str, str, tuple[int, int, int, int]]] = []
        rows += [("1", subject, row) for subject, row in sorted(self.books.figures_from_bank().items())]
        to_bank = self.books.figures_to_bank()
        if to_bank[0]:
            rows.append(("2", TRANSFER_SUBJECT, to_bank))
        if self._answers_taken:
            rows.append(("2", ANSWER_SUBJECT, (self._answers_taken, 0, 0, 0)))
        head = self._head(SUBJECTS_OF_CONTROL["match"], RESPONSE, CENTER_BANK, 0)
        if not rows:
            return [Control(head, Figures(line=1, lines=1))]
        return [
            Control(
                head,
                Figures(
                    direction=direction,
                    matched_subject=subject,
                    count=row[0],
                    total=row[1],
                    first=row[2],
                    last=row[3],
                    line=number,
                    lines=len(rows),
                ),
            )
            for number, (direction, subject, row) in enumerate(rows, 1)
        ]

    # ---- sending -----------------------------------------------------------------------------------------------------------
    def _pump_later(self, deeds: list[CenterDeed]) -> None:
        if self.settings.pause_ms and not self._own:
            deeds.append(Later("next", self.settings.pause_ms))
        else:
            self._pump(deeds)

    def _pump(self, deeds: list[CenterDeed]) -> None:
        if self.state is not CenterState.OPEN or self._waits or not self._is_up or self._is_silent:
            return
        if self._own:
            telegram = self._own.popleft()
            self._under_way, self._skipped = telegram, 0
            self._put(telegram, self._sent + 1, deeds)
            if isinstance(telegram, Control) and telegram.head.subject == SUBJECTS_OF_CONTROL["close"]:
                self.state = CenterState.CLOSED
            return
        given = self.books.next_waiting()
        if given is None:
            return
        given.known = Known.SENT
        given.times_sent += 1
        branch, account_type, account = given.account.split("-")
        subject, self.next_subject = self.next_subject or TRANSFER_SUBJECT, ""
        head = self._head(subject, NOTICE, given.bank, given.serial)
        head = msgspec.structs.replace(
            head, to_branch=branch, receipt_serial=given.receipt, resent="1" if given.times_sent > 1 else "0"
        )
        notice = TransferNotice(head, Details(amount=given.amount, account_type=account_type, account=account))
        self._put_with_fault(given, notice, deeds)

    def _put_with_fault(self, given: Given, notice: Telegram, deeds: list[CenterDeed]) -> None:
        fault = self._strike(frozenset(CenterFault) - OUTWARD_FAULTS)
        self._skipped = 1 if fault is CenterFault.GAP else 0
        sequence = self._sent + 1 + self._skipped
        self._sequence_of[given.receipt] = sequence
        path = self._path
        if fault is CenterFault.WRONG_LINE:
            path = Path(self.settings.physical, self.settings.logical % 8 + 1, 0)
        written = self._put(notice, sequence, deeds, path)
        if fault is CenterFault.DUPLICATE:
            deeds.append(Write(written))
        elif fault is CenterFault.CUT:
            deeds[-2:] = [Write(written[: len(written) // 2]), Cut()]
        elif fault is CenterFault.SILENCE:
            self._is_silent = True

    def _put(self, telegram: Telegram, sequence: int, deeds: list[CenterDeed], path: Path | None = None) -> bytes:
        self._sent = sequence
        self._waits = True
        written = self._codec.encode(Information(path or self._path, sequence, self._telegrams.encode(telegram)))
        deeds += [Write(written), Later("ack", self.settings.ack_wait_ms)]
        return written

    def _answer(self, sequence: int, is_ack: bool, deeds: list[CenterDeed]) -> None:
        deeds.append(Write(self._codec.encode(DeliveryMessage(self._path, sequence, is_ack))))

    def _strike(self, which: frozenset[CenterFault]) -> CenterFault | None:
        """The next ordered fault, if it is one of `which`."""
        if not self.faults or self.faults[0] not in which:
            return None
        fault = self.faults.popleft()
        self.struck.append(fault)
        return fault

    _skipped = 0  # numbers left out before the message under way

    def _head(self, subject: str, process: str, bank: str, serial: int) -> Head:
        return Head(
            subject=subject,
            process=process,
            from_bank=bank,
            from_branch="001",
            to_bank=self.settings.own_bank,
            to_branch="001",
            date=self.day,
            serial=serial,
        )
