"""NDC machines at the least cost: power-up, three commands answered, then request, reply, status and the next request.

Owns the closed loop of an ATM whose bytes are all made before the start, but for the serial of the last reply, which a request
repeats. It must never walk states or move notes: relay/loopback/ndcatm.py does.
"""

from __future__ import annotations

import asyncio
from typing import Any

from protocols.framing import Framing, wrap
from protocols.ndc.codec import encode
from protocols.ndc.message import (
    DeviceStatus,
    LastStatus,
    SolicitedStatus,
    TerminalMessage,
    TransactionRequest,
    UnsolicitedStatus,
)
from protocols.vocabulary import Secret
from tests.bench.dialects.room import Room

MACHINES = 64
FRAMING = Framing.named("binary2")
FS = b"\x1c"
NO_TSN = "7373"  # where the serial goes
LISTENER = """
[[listener]]
name = "bench"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
[listener.profile]
bind = "luno"
config_id = "0000"
[listener.profile.session]
read_counters = false
set_clock = false
"""


def _frame(message: TerminalMessage) -> bytes:
    return wrap(FRAMING, encode(message))


class Atm(asyncio.Protocol):
    def __init__(self, room: Room, number: int) -> None:
        self._room = room
        luno = f"{number:03}"
        self._hello = _frame(UnsolicitedStatus(luno=luno, device=DeviceStatus("B", "0000")))
        self._ready = _frame(SolicitedStatus(luno=luno, descriptor="9"))
        self._state = _frame(SolicitedStatus(luno=luno, descriptor="F", data=("60000",)))
        self._requests = [self._request(luno, mcn) for mcn in range(15)]
        self._number = 0
        self._tsn = b"0000"
        self._buffer = b""
        self._asked = 0.0
        self._transport: Any = None
        self.in_service = asyncio.Event()

    def _request(self, luno: str, mcn: int) -> tuple[bytes, bytes]:
        message = TransactionRequest(
            luno=luno,
            mcn=chr(0x31 + mcn),
            track2=Secret(";4000001234567899=30122010000012300?"),
            operation=" DA   AD",
            amount="00010000",
            pin_block=Secret("0412:4;=<>?99999"),
            last=LastStatus(NO_TSN, "1", (0, 0, 1, 0)),
        )
        before, _, after = _frame(message).partition(NO_TSN.encode())
        return before, after

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._hello)

    def ask(self, lead: bytes = b"") -> None:
        before, after = self._requests[self._number]
        self._number = (self._number + 1) % 15
        self._asked = self._room.ask()
        self._transport.write(lead + before + self._tsn + after)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[2:end], self._buffer[end:]
            self._heard(body)

    def _heard(self, body: bytes) -> None:
        if body[:1] == b"4":
            fields = body.split(FS, 6)
            self._tsn = fields[5][:4]
            self._room.answer(self._asked, fields[5][4:5] == b"A")
            if self._room.is_running:
                self.ask(self._ready)
            else:
                self._transport.write(self._ready)
        elif body[:1] == b"1":
            code = body.split(FS, 3)[3][:1]
            self._transport.write(self._state if code == b"3" else self._ready)
            if code == b"1":
                self.in_service.set()
        else:
            self._room.fail(f"an ATM heard class {body[:1]!r}")


class Atms:
    """Fulfils room.FarEnd."""

    def __init__(self) -> None:
        self._atms: list[Atm] = []

    async def ready(self, room: Room, port: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(1, MACHINES + 1):
            _, atm = await loop.create_connection(lambda number=number: Atm(room, number), "127.0.0.1", port)  # type: ignore[misc]
            self._atms.append(atm)
        for atm in self._atms:
            await asyncio.wait_for(atm.in_service.wait(), 30)

    def start(self) -> None:
        for atm in self._atms:
            atm.ask()
