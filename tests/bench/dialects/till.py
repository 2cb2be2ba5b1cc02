"""Branch ATMs at the least cost: 開局, then 取引要求 with the next 端末通番, its answer, 完了確認 and the next request.

Owns the closed loop of a terminal whose telegrams are made before the start, but for the numbers, which are written into their
places. It must never keep a till: relay/loopback/branch.py does.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from protocols.branch.codec import Codec
from protocols.branch.dialect import build_dialect, default_profile
from protocols.branch.message import BranchMessage
from relay.loopback import branchslips as slips
from tests.bench.dialects.room import Room

TERMINALS = 64
AMOUNT = 10_000
LISTENER = """
[[listener]]
name = "bench"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{port}:interface=127.0.0.1"
"""


def codec_and_day() -> tuple[Codec, str]:
    """What a terminal writes with, and today's 営業日."""
    return build_dialect(default_profile(), lambda: 0).codec, slips.stamp(time.time() * 1_000)[:8]


class Blank:
    """A telegram as bytes, with the places of its numbers of six digits."""

    def __init__(self, codec: Codec, message: BranchMessage, names: tuple[str, ...]) -> None:
        self._data = bytearray(codec.write(message))
        self._at = [at for at, field in codec.places(message) if field.name in names]

    def filled(self, number: bytes, confirmed_at: int = 0, confirmed: bytes = b"") -> bytes:
        for at in self._at:
            self._data[at : at + 6] = number
        if confirmed:
            self._data[confirmed_at : confirmed_at + 6] = confirmed
        return bytes(self._data)


class Terminal(asyncio.Protocol):
    def __init__(self, room: Room, codec: Codec, number: int, day: str) -> None:
        self._room = room
        place = slips.Place(terminal=f"{number:04}", business_date=day)
        sent_at = day + "120000"
        body = slips.body_of(slips.WITHDRAWAL, f"123-1-{number:07}", AMOUNT)
        asks = slips.telegram(place, "20", sent_at, body, operation=slips.WITHDRAWAL, serial=1)
        told = {"original_date": day, "original_serial": 1, "serial": 1}
        confirms = slips.telegram(place, "22", sent_at, {"paid": f"{AMOUNT:012}"}, **told)
        self._opening = codec.write(slips.telegram(place, "10", sent_at, {"opening_cash": f"{10**11:012}"}))
        self._asks = Blank(codec, asks, ("serial",))
        self._confirms = Blank(codec, confirms, ("serial", "original_serial"))
        offsets = {field.name: at for at, field in codec.places(asks)}
        self._confirmed_at, self._code_at, self._type_at = (
            offsets[name] for name in ("confirmed_serial", "code", "message_type")
        )
        self._serial = 0
        self._buffer = b""
        self._asked = 0.0
        self._transport: Any = None
        self.is_open = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._opening)

    def ask(self, lead: bytes = b"") -> None:
        self._serial += 1
        self._asked = self._room.ask()
        confirmed = b"%06d" % (self._serial - 1)
        self._transport.write(lead + self._asks.filled(b"%06d" % self._serial, self._confirmed_at, confirmed))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < end:
                return
            frame, self._buffer = self._buffer[:end], self._buffer[end:]
            self._heard(frame[self._type_at : self._type_at + 2], frame[self._code_at : self._code_at + 4])

    def _heard(self, message_type: bytes, code: bytes) -> None:
        if message_type == b"21":
            self._room.answer(self._asked, code == b"0000")
            confirmation = self._confirms.filled(b"%06d" % self._serial)
            if self._room.is_running:
                self.ask(confirmation)
            else:
                self._transport.write(confirmation)
        elif message_type == b"11" and code == b"0000":
            self.is_open.set()
        else:
            self._room.fail(f"a terminal heard {message_type!r} {code!r}")


class Terminals:
    """Fulfils room.FarEnd."""

    def __init__(self) -> None:
        self._terminals: list[Terminal] = []

    async def ready(self, room: Room, port: int) -> None:
        loop = asyncio.get_running_loop()
        codec, day = codec_and_day()
        for number in range(1, TERMINALS + 1):
            _, one = await loop.create_connection(lambda n=number: Terminal(room, codec, n, day), "127.0.0.1", port)  # type: ignore[misc]
            self._terminals.append(one)
        for one in self._terminals:
            await asyncio.wait_for(one.is_open.wait(), 30)

    def start(self) -> None:
        for one in self._terminals:
            one.ask()
