"""One RC line under test: the relay's dialogue on one side, the center's bytes on the other, and a disk that a test can crash.

Owns `LineRig`: it answers each Store by itself (unless told to hold them), keeps what is durable, and reads what was sent.
It must never decide what is right; tests do. Time is given: `wall_ms` moves only when a test moves it.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import msgspec

from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    CommandRequested,
    Delivery,
    Event,
    HangUp,
    LinkClosed,
    LinkOpened,
    Note,
    OutboundOffered,
    ReplyDecided,
    Send,
    Store,
    Stored,
    Timer,
    TimerFired,
)
from protocols.errors import LocalMisuse
from protocols.framing import FrameCutter
from protocols.vocabulary import TAKEN, Answer
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.dialect import ZrcDialect
from protocols.zengin.session.dialogue import ZrcDialogue
from protocols.zengin.session.fields import RC
from protocols.zengin.session.gate import ReadBack
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path
from protocols.zengin.session.profile import ZrcProfile
from protocols.zengin.telegram.message import (
    RESPONSE,
    Control,
    Details,
    EnquiryAnswer,
    Figures,
    Head,
    Telegram,
    TransferNotice,
)
from protocols.zengin.telegram.shared import Shared

JST = timezone(timedelta(hours=9))
DAY = "20261126"  # a Thursday
NO_TABLES: dict[str, str] = {}


def wall_of(text: str) -> int:
    """Japanese time "2026-11-26 10:00" as UTC epoch milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=JST).timestamp() * 1000)


def transfer(number: int, *, amount: int = 1_000, receipt: int | None = None, **head: object) -> TransferNotice:
    """為替通知 to us: 発信通番 and 受信通番 `number` unless told otherwise."""
    values: dict[str, object] = {
        "subject": "1000",
        "from_bank": "0005",
        "from_branch": "002",
        "to_bank": "0001",
        "to_branch": "001",
        "date": DAY,
        "serial": number,
        "receipt_serial": number if receipt is None else receipt,
    }
    details = Details(amount=amount, account_type="1", account="1234567", beneficiary="ﾔﾏﾀﾞ ﾀﾛｳ", remitter="ｽｽﾞｷ")
    return TransferNotice(Head(**{**values, **head}), details)  # type: ignore[arg-type]  # a head is made of what a test gives


BODY = msgspec.json.encode(
    {
        "to_bank": "0005",
        "to_branch": "002",
        "amount": "5000",
        "account_type": "1",
        "account": "7654321",
        "beneficiary": "ヤマダ",
    }
)


class LineRig:
    """`disk` survives a crash; everything else begins anew with `link()`."""

    def __init__(
        self,
        now: str = "2026-11-26 10:00",
        tables: dict[str, str] | None = None,
        profile: dict[str, object] | None = None,
        shared: Shared[ReadBack] | None = None,
        **parts: object,
    ) -> None:
        """`tables`: file name -> text; lines with one `shared` read them back together. `profile` is a whole profile, `parts`
        parts of one by name."""
        self.wall_ms = wall_of(now)
        self.now_ms = 1_000_000
        self.tables = NO_TABLES if tables is None else tables
        self.dialect = ZrcDialect(
            ZrcProfile.model_validate({**(profile or {}), **parts}), self._read_text, lambda: self.wall_ms, shared
        )
        self.disk: dict[str, bytes] = {}
        self.center = Codec(RC, self.dialect.profile.line.sequence_bytes, self.dialect.profile.line.frame_bytes_max)
        self.holds_stores = False
        self.journal_ok = True
        self.answer: Answer | None = TAKEN  # what the desk says to an Ask, at once; None: a test says it
        self.asked: list[object] = []
        self.dialogue: ZrcDialogue
        self.link()

    def _read_text(self, name: str) -> str:
        if name not in self.tables:
            raise LocalMisuse(f"there is no file {name}", "tables")
        return self.tables[name]

    # ---- the link ------------------------------------------------------------------------------------------------------
    def link(self) -> None:
        """A new connection, before its first event."""
        dialogue = self.dialect.new_dialogue()
        assert isinstance(dialogue, ZrcDialogue)
        self.dialogue = dialogue
        self.cutter = FrameCutter(self.center.reading)
        self.timers: dict[str, int] = {}
        self.held: list[Store] = []
        self.actions: list[Action] = []

    def crash(self) -> None:
        """The relay dies: what was not durable is gone."""
        self.link()

    def step(self, event: Event) -> list[Action]:
        """One event, and everything that follows from stores and the desk. Returns the actions, stores left out."""
        done: list[Action] = []
        events: list[Event] = [event]
        while events:
            for action in self.dialogue.step(events.pop(0), self.now_ms):
                if isinstance(action, Store):
                    if self.holds_stores:
                        self.held.append(action)
                    else:
                        events.append(self._store(action))
                    continue
                done.append(action)
                if isinstance(action, Timer):
                    self.timers.pop(action.name, None)
                    if action.after_ms is not None:
                        self.timers[action.name] = self.now_ms + action.after_ms
                elif isinstance(action, Ask):
                    self.asked.append(action.message)
                    if self.answer is not None:
                        reply = self.dialect.to_reply(action.message, self.answer, self.wall_ms)
                        events.append(ReplyDecided(action.message, reply))
        self.actions += done
        return done

    def _store(self, action: Store) -> Stored:
        if self.journal_ok:
            self.disk[action.name] = action.value
        return Stored(action.name, self.journal_ok)

    def let_stores_go(self) -> list[Action]:
        """Everything held becomes durable."""
        self.holds_stores = False
        held, self.held = self.held, []
        return list(itertools.chain.from_iterable(self.step(self._store(action)) for action in held))

    def pass_ms(self, ms: int) -> list[Action]:
        """Time passes, and the timers that are due fire in order."""
        end = self.now_ms + ms
        done: list[Action] = []
        while due := sorted((at, name) for name, at in self.timers.items() if at <= end):
            at, name = due[0]
            self.wall_ms += at - self.now_ms
            self.now_ms = at
            del self.timers[name]
            done += self.step(TimerFired(name))
        self.wall_ms += end - self.now_ms
        self.now_ms = end
        return done

    # ---- what the center says --------------------------------------------------------------------------------------------
    def connect(self) -> list[Action]:
        return self.step(LinkOpened("192.0.2.7", 5_000, dialled=True, stored=dict(self.disk)))

    def disconnect(self) -> list[Action]:
        return self.step(LinkClosed("peer-closed"))

    def says(self, *messages: Message) -> list[Action]:
        return self.step(BytesArrived(b"".join(self.center.encode(message) for message in messages)))

    def info(self, sequence: int, telegram: Telegram | bytes, lcn: int = 0) -> list[Action]:
        body = telegram if isinstance(telegram, bytes) else self.dialect.rules.telegrams.encode(telegram)
        return self.says(Information(self.path(lcn), sequence, body))

    def acks(self, sequence: int, lcn: int = 0, is_ack: bool = True) -> list[Action]:
        return self.says(DeliveryMessage(self.path(lcn), sequence, is_ack))

    def path(self, lcn: int = 0) -> Path:
        return self.dialect.rules.path(lcn)

    def control(self, name: str, process: str, date: str = DAY, result: str = "0000", **figures: object) -> Control:
        head = self.dialect.rules.control(name, process, date, Figures(), result).head
        return Control(head, Figures(**figures))  # type: ignore[arg-type]  # figures are what a test gives

    def opens(self, last_sent: int = 0, last_received: int = 0) -> list[Action]:
        """The whole 開局: connect, their ACK and their answer."""
        self.connect()
        self.acks(0)
        answer = self.control("open", RESPONSE, last_sent=last_sent, last_received=last_received)
        return self.info(0, answer)

    def answer_enquiry(self, sequence: int, serial: int, result: str, date: str = DAY) -> list[Action]:
        head = Head(
            subject="9200",
            process=RESPONSE,
            from_bank="9999",
            from_branch="000",
            to_bank="0001",
            to_branch="001",
            date=date,
            serial=sequence,
            original_date=date,
            original_serial=serial,
            result=result,
        )
        return self.info(sequence, EnquiryAnswer(head, Details()))

    def offer(self, id: str, body: bytes = BODY, kind: str = "interbank-transfer") -> list[Action]:
        return self.step(OutboundOffered(id, kind, body))

    def command(self, name: str, data: str = "") -> list[Action]:
        return self.step(CommandRequested(name, data.encode()))

    # ---- what the relay said ---------------------------------------------------------------------------------------------
    def sent(self, actions: list[Action] | None = None) -> list[Message]:
        """The messages among `actions` (by default: all since the last call)."""
        taken = self.actions if actions is None else actions
        if actions is None:
            self.actions = []
        messages: list[Message] = []
        for action in taken:
            if isinstance(action, Send):
                messages += [self.center.decode(frame.body) for frame in FrameCutter(self.center.reading).feed(action.data)]
        return messages

    def telegrams(self, actions: list[Action]) -> list[tuple[int, Telegram]]:
        """(sequence, telegram) of the information messages among `actions`."""
        decode = self.dialect.rules.telegrams.decode
        return [(m.sequence, decode(m.body)) for m in self.sent(actions) if isinstance(m, Information)]


def notes(actions: list[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Note)]


def deliveries(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.id, action.state) for action in actions if isinstance(action, Delivery)]


def hang_ups(actions: list[Action]) -> list[str]:
    return [action.reason for action in actions if isinstance(action, HangUp)]


def acked(rig: LineRig, actions: list[Action]) -> list[int]:
    """Sequence numbers of our logical ACKs."""
    return [m.sequence for m in rig.sent(actions) if isinstance(m, DeliveryMessage) and m.is_ack]


def naked(rig: LineRig, actions: list[Action]) -> list[int]:
    """Sequence numbers of our logical NAKs."""
    return [m.sequence for m in rig.sent(actions) if isinstance(m, DeliveryMessage) and not m.is_ack]
