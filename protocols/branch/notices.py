"""通知: a message that the core starts, said to the terminal once, and its 通知受信確認.

Owns the notice book (one link variable per terminal: the last number, and which message had which of the last numbers) and the
one notice under way. It must never send a number twice, nor a message under a second number. The traps: the number is durable
before the first byte, so that no other notice ever gets it; a lost acknowledgement is unknown and never sent again by itself;
and a late acknowledgement, or a 開局 that names the number, still says that it was shown, on any link and after any restart.

Source: our profile branch-p1 [P]: 50 通知, 51 通知受信確認, the number in センター通番.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from protocols.branch.message import BranchMessage
from protocols.branch.rules import LinkRules
from protocols.dialect import Action, Delivery, HandBack, Note, OutboundOffered, Send, Store, Timer

NOTICE = "notice"
KINDS = (NOTICE,)
RECENT_COUNT = 16  # notices whose late acknowledgement is still understood
NUMBER_MAX = 9_999_999_999  # センター通番 has ten digits


class Posted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a posted notice: `subject` (up to 4 characters of the bank's own list), `text` (up to 200 bytes)."""

    text: str
    subject: str = ""


class NoticeBook(msgspec.Struct, frozen=True):
    """`recent`: (number, id of the message) of the last ones that may have been sent, oldest first."""

    last: int = 0
    recent: tuple[tuple[int, str], ...] = ()


def together(own: NoticeBook, other: NoticeBook) -> NoticeBook:
    """Of two centers: numbers go on above both, and both are known by them; one that both gave names neither's message."""
    mine, theirs = dict(own.recent), dict(other.recent)
    both = {number for number, id in mine.items() if theirs.get(number, id) != id}
    recent = sorted((number, id) for number, id in {**theirs, **mine}.items() if number not in both)
    return NoticeBook(max(own.last, other.last), tuple(recent[-RECENT_COUNT:]))


class UnderWay(msgspec.Struct, frozen=True):
    id: str
    number: int
    data: bytes
    is_sent: bool = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(NoticeBook)


def variable_name(terminal: str) -> str:
    return f"notices-{terminal}"


class Notices:
    __slots__ = ("_book", "_inherited", "_name", "_now", "_rules", "_seen")

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._book = NoticeBook()
        self._name = ""
        self._now: UnderWay | None = None
        self._inherited: Mapping[str, bytes] = {}  # of a center that was taken over, a live view
        self._seen: bytes | None = None

    @property
    def is_waiting(self) -> bool:
        return self._now is not None

    def take_over(
        self, terminal: str, stored: Mapping[str, bytes], inherited: Mapping[str, bytes], actions: list[Action]
    ) -> None:
        """From now on these are the notices of `terminal`. A book that cannot be read begins above every number it may hold."""
        self._name = variable_name(terminal)
        data = stored.get(self._name)
        if data is not None:
            try:
                self._book = _decoder.decode(data)
            except msgspec.MsgspecError:
                self._book = NoticeBook(last=self._rules.wall_ms() // 1_000)
                actions.append(Note("notice-book-unreadable", terminal))
        self._inherited = inherited
        self._catch_up()

    def _catch_up(self) -> None:
        """Numbers of the other center, where its journal is at work here: this one's go on above them."""
        data = self._inherited.get(self._name)
        if data is None or data == self._seen:
            return
        self._seen = data
        try:
            other = _decoder.decode(data)
        except msgspec.MsgspecError:
            other = NoticeBook(last=self._rules.wall_ms() // 1_000)
        self._book = together(self._book, other)

    def offered(self, event: OutboundOffered, heard: BranchMessage | None, actions: list[Action]) -> None:
        """The core's message is at the head of the queue. `heard` is the 開局 of the open day, None before it."""
        if heard is None or self._now is not None:
            actions.append(Delivery(event.id, "deferred", "before 開局" if heard is None else "another notice is under way"))
            return
        self._catch_up()
        if self._book.last >= NUMBER_MAX:
            actions.append(Delivery(event.id, "failed", "no notice number is left"))
            return
        number = self._book.last + 1
        data = self._written(event, heard, number)
        if isinstance(data, str):
            actions.append(Delivery(event.id, "failed", data))
            return
        recent = (*self._book.recent, (number, event.id))[-RECENT_COUNT:]
        self._book = NoticeBook(number, recent)
        self._now = UnderWay(event.id, number, data)
        actions.append(Store(self._name, _encoder.encode(self._book)))

    def _written(self, event: OutboundOffered, heard: BranchMessage, number: int) -> bytes | str:
        """The telegram, or in words why there is none. The words never hold a value of the body."""
        if event.kind not in KINDS:
            return f"no such kind; there are {', '.join(KINDS)}"
        try:
            posted = msgspec.json.decode(event.body, type=Posted)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            return 'the body is not one of notice: {"text": ..., "subject": ...}'
        folded = self._rules.codec.folded
        body = {"subject": folded(posted.subject), "text": folded(posted.text)}
        data = self._rules.own(heard, "50", {**body}, center_serial=f"{number:010}")
        return data or "subject or text is too long, or has characters that the line does not carry"

    def stored(self, name: str, ok: bool, actions: list[Action]) -> None:
        """The number is durable: now the notice may leave."""
        now = self._now
        if name != self._name or now is None or now.is_sent:
            return
        if not ok:
            self._now = None
            actions.append(Delivery(now.id, "deferred", "the notice number is not durable"))
            return
        self._now = UnderWay(now.id, now.number, now.data, is_sent=True)
        if self._name in self._inherited:
            self._seen = _encoder.encode(self._book)
            actions.append(HandBack(self._name, self._seen))
        actions += [Delivery(now.id, "sent"), Send(now.data), Timer(NOTICE, self._rules.session.notice_ms)]

    def received(self, message: BranchMessage, actions: list[Action]) -> None:
        """通知受信確認."""
        self._catch_up()
        number, now = int(message.center_serial), self._now
        id = dict(self._book.recent).get(number)
        if id is None or (now is not None and now.number == number and not now.is_sent):
            actions.append(Note("unmatched-answer", "51 to no notice"))
            return
        if now is not None and now.number == number:
            self._now = None
            actions.append(Timer(NOTICE, None))
        if message.code == "0000":
            actions.append(Delivery(id, "acknowledged"))
        else:
            actions.append(Delivery(id, "failed", f"the terminal refused it: {message.code}"))

    def named(self, opening: BranchMessage, actions: list[Action]) -> None:
        """開局 names in センター通番 the last notice that the terminal showed. It says nothing about any other."""
        self._catch_up()
        id = dict(self._book.recent).get(int(opening.center_serial))
        if id is not None and (self._now is None or self._now.id != id):
            actions.append(Delivery(id, "acknowledged", "named at 開局"))

    def overdue(self, actions: list[Action]) -> None:
        now, self._now = self._now, None
        if now is not None and now.is_sent:
            actions += [
                Note("notice-unanswered", f"{now.number:010}"),
                Delivery(now.id, "unknown", f"no 通知受信確認 within {self._rules.session.notice_ms} ms"),
            ]

    def ended(self, actions: list[Action]) -> None:
        """The link is gone. What had not left goes back into its line; what had, is unknown by itself."""
        now, self._now = self._now, None
        if now is not None and not now.is_sent:
            actions.append(Delivery(now.id, "deferred", "the link was lost before it was sent"))
