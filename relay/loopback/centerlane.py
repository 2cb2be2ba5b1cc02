"""One LCN of the fake Zengin center: its numbers in both directions, and the one telegram under way.

Owns what runs by itself on each LCN: sequence numbers, the last message taken, what waits to be said, what waits for its
logical ACK. Pure. It must never know the books, the other LCNs, a socket or a clock. The trap: the numbers go on over a lost
connection and start anew with the day only, and what was skipped by the relay at 開局 was not taken, now or ever.
"""

from __future__ import annotations

from collections import deque

from protocols.zengin.session.codec import Codec
from protocols.zengin.session.message import DeliveryMessage, Information, Path
from protocols.zengin.telegram.codec import TelegramCodec
from protocols.zengin.telegram.message import Telegram


class Lane:
    __slots__ = (
        "_base",
        "_codec",
        "_last_body",
        "_path",
        "_telegrams",
        "lcn",
        "own",
        "received",
        "sent",
        "sequence_of",
        "skipped",
        "under_way",
        "waits",
    )

    def __init__(self, path: Path, codec: Codec, telegrams: TelegramCodec) -> None:
        self.lcn = path.lcn
        self._path = path
        self._codec = codec
        self._telegrams = telegrams
        self.sent = self.received = 0  # last sequence numbers, both directions
        self._base = 0  # the relay's last number at 開局: what lies before it and was not taken stays not taken
        self._last_body = b""  # of the last message taken
        self.own: deque[Telegram] = deque()  # answers and figures, before the next telegram
        self.under_way: Telegram | None = None  # of our own, without its ACK
        self.waits = False  # for an ACK
        self.sequence_of: dict[int, int] = {}  # 受信通番 -> sequence number of its last sending
        self.skipped = 0  # numbers left out before the message under way

    def new_link(self) -> None:
        self.waits = False
        self.own.clear()

    def new_day(self) -> None:
        self.sent = self.received = self._base = 0
        self.sequence_of.clear()

    def agreed(self, relay_sent: int) -> None:
        """開局 is done: the next message of the relay follows this number."""
        self._base = relay_sent
        self.under_way, self.waits = None, False

    # ---- what the relay sends ----------------------------------------------------------------------------------------------
    def is_repeat(self, message: Information) -> bool:
        return message.sequence == self.received and message.body == self._last_body

    def is_next(self, message: Information) -> bool:
        return message.sequence == max(self.received, self._base) + 1

    def took(self, message: Information) -> None:
        self.received = message.sequence
        self._last_body = message.body

    def answer(self, sequence: int, is_ack: bool) -> bytes:
        """Our logical ACK or NAK."""
        return self._codec.encode(DeliveryMessage(self._path, sequence, is_ack))

    # ---- what we send --------------------------------------------------------------------------------------------------------
    def put(self, telegram: Telegram, skipped: int = 0, line: int | None = None) -> bytes:
        """The bytes of a telegram under the next number, which waits for its ACK from now on. `skipped` numbers are left out
        before it, `line` is a false logical line."""
        self.skipped = skipped
        self.sent += 1 + skipped
        self.waits = True
        path = self._path if line is None else Path(self._path.physical, line, self._path.lcn)
        return self._codec.encode(Information(path, self.sent, self._telegrams.encode(telegram)))

    def outside_the_count(self, telegram: Telegram) -> bytes:
        """With sequence number 0: 開局回答."""
        return self._codec.encode(Information(self._path, 0, self._telegrams.encode(telegram)))

    def go_back(self, first: int, refused: int) -> None:
        """The relay refused number `refused`; the next one sent has number `first`, or the one that was left out."""
        self.sent = min(first, refused - self.skipped) - 1
