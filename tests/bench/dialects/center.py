"""A Zengin center at the least cost: 開局 answered on every LCN, then one transfer after the other, each after the last ACK.

Owns the closed loop of all logical paths, whose telegrams are made before the start, but for sequence number, 発信通番 and
受信通番, which are written into their places. It must never keep books: relay/loopback/center.py does. The trap: one bank code
for each line, because a key is bank, day and 発信通番, and lines count for themselves.
"""

from __future__ import annotations

import asyncio
from typing import Any

from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import RC
from protocols.zengin.session.message import DeliveryMessage, Information, Path
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.message import RESPONSE, Control, Details, Figures, Head, TransferNotice
from tests.bench.dialects.room import Room

PHYSICAL, LOGICAL, LCNS = 4, 4, 4  # 64 paths, each with one telegram under way
HEADERS = 64
LENGTH, TYPE, RESPONSE_AT, LCN, SEQUENCE = slice(4, 6), 6, 23, slice(28, 30), slice(30, 34)
LINE = """
[[dialer]]
name = "line-{number}"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:host=127.0.0.1:port={{port}}"
backoff_first_ms = 50
backoff_max_ms = 100
[dialer.profile.line]
physical = {physical}
logical = {logical}
lcns = {lcns}
[dialer.profile.calendar]
service = "always"
[dialer.profile.session]
closes = "by-hand"
[dialer.profile.telegram]
serial_first = {first}
serial_last = {last}
"""
LISTENER = "".join(
    LINE.format(
        number=number,
        physical=number // LOGICAL + 1,
        logical=number % LOGICAL + 1,
        lcns=list(range(LCNS)),
        first=number * 1_000 + 1,
        last=number * 1_000 + 1_000,
    )
    for number in range(PHYSICAL * LOGICAL)
)
CODEC = Codec(RC)
TELEGRAMS = TelegramCodec(build_layouts({}), Letters())


class LogicalPath:
    """One LCN: the bytes of its next transfer."""

    def __init__(self, path: Path, bank: str, day: str) -> None:
        head = Head(
            subject="1000", from_bank=bank, from_branch="002", to_bank="0001", to_branch="001", date=day, receipt_serial=1
        )
        details = Details(amount=30_000, account_type="1", account="1234567", beneficiary="ﾔﾏﾀﾞ ﾀﾛｳ", remitter="ｽｽﾞｷ ｲﾁﾛｳ")
        self._data = bytearray(CODEC.encode(Information(path, 1, TELEGRAMS.encode(TransferNotice(head, details)))))
        fields = [TELEGRAMS.layouts.business.field(name) for name in ("serial", "receipt_serial")]
        self._numbers = [(HEADERS + field.offset, field.length) for field in fields]
        self._sequence = 0
        self.asked = 0.0

    def next(self, number: int) -> bytes:
        self._sequence += 1
        self._data[SEQUENCE] = self._sequence.to_bytes(4, "big")
        for at, width in self._numbers:
            self._data[at : at + width] = b"%0*d" % (width, number)
        return bytes(self._data)


class Line(asyncio.Protocol):
    """One connection of the relay, which is one logical line."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._paths: dict[bytes, LogicalPath] = {}
        self._agreed = 0  # paths whose 開局 is done
        self._number = 0  # last 発信通番 and 受信通番 of this line
        self._buffer = b""
        self._transport: Any = None
        self.is_open = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 6:
            end = int.from_bytes(self._buffer[LENGTH], "big")
            if len(self._buffer) < end:
                return
            frame, self._buffer = self._buffer[:end], self._buffer[end:]
            if frame[TYPE] == 0x13:
                self._delivered(frame)
            elif frame[TYPE] == 0x00:
                self._opening(frame)

    def _delivered(self, frame: bytes) -> None:
        if frame[SEQUENCE] == b"\0\0\0\0":  # of our answer to 開局: with the last of them the line carries telegrams
            self._agreed += 1
            if self._agreed == LCNS:
                self.is_open.set()
            return
        lcn = frame[LCN]
        self._room.answer(self._paths[lcn].asked, frame[RESPONSE_AT] == 0x01)
        if self._room.is_running:
            self._send(lcn)

    def _opening(self, frame: bytes) -> None:
        """The only telegram of the relay that may come: 開局."""
        physical, logical, lcn = (int(frame[at : at + 2]) for at in (24, 26, 28))
        path = Path(physical, logical, lcn)
        asked = TELEGRAMS.decode(frame[HEADERS:])
        if not isinstance(asked, Control) or frame[SEQUENCE] != b"\0\0\0\0":
            self._room.fail("the relay sent something else than 開局")
            return
        head = Head(
            subject=asked.head.subject,
            process=RESPONSE,
            from_bank="9999",
            from_branch="001",
            to_bank="0001",
            to_branch="001",
            date=asked.head.date,
        )
        answer = CODEC.encode(Information(path, 0, TELEGRAMS.encode(Control(head, Figures()))))
        self._transport.write(CODEC.encode(DeliveryMessage(path, 0, True)) + answer)
        bank = f"{1_000 + physical * 10 + logical}"
        self._paths[frame[LCN]] = LogicalPath(path, bank, asked.head.date)

    def start(self) -> None:
        for lcn in self._paths:
            self._send(lcn)

    def _send(self, lcn: bytes) -> None:
        path = self._paths[lcn]
        self._number += 1
        path.asked = self._room.ask()
        self._transport.write(path.next(self._number))


class Center:
    """Fulfils room.FarEnd. It listens: the relay dials."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._all = asyncio.Event()

    async def ready(self, room: Room, port: int) -> None:
        def accepted() -> Line:
            self._lines.append(Line(room))
            if len(self._lines) == PHYSICAL * LOGICAL:
                self._all.set()
            return self._lines[-1]

        await asyncio.get_running_loop().create_server(accepted, "127.0.0.1", port)
        await asyncio.wait_for(self._all.wait(), 30)
        for line in self._lines:
            await asyncio.wait_for(line.is_open.wait(), 30)

    def start(self) -> None:
        for line in self._lines:
            line.start()
