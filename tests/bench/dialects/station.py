"""A file transfer station at the least cost: one session, one 総合振込 file after the other, each answered when it is taken.

Owns the loop of files whose records are made before the start; a file differs from the last one in its header and cycle. It
must never keep books: relay/loopback/station.py does. The trap: a cycle number is used once a day, so that the session has 99
files; with them used up the round ends early, which its figures allow for.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from protocols.vocabulary import Secret
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage, FileMessage, StationMessage
from protocols.zengin.file.profile import FileProfile
from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import write_file
from relay.bridge import spawn
from relay.loopback.filewire import FileWire
from tests.bench.dialects.room import Room
from tests.support.zenginfiles import header, payment

RECORD_BYTES = 120
RECORDS = 500  # data records of a file
TEXT_BYTES = 2_048 // RECORD_BYTES * RECORD_BYTES
SENT_TOGETHER = 8  # data telegrams after the first, without an ACK of their own
CYCLES = 99
BANK, COMPANY = "11111111111111", "22222222222222"
LISTENER = f"""
[[listener]]
name = "bench"
dialect = "zengin-file"
channel = "partner"
endpoint = "tcp:{{port}}:interface=127.0.0.1"
[listener.profile]
centre_code = "{BANK}"
send_count = {SENT_TOGETHER}
[[listener.profile.stations]]
name = "COMPANY"
centre_code = "{COMPANY}"
[[listener.profile.files]]
name = "SOUFURI"
format = {{{{ formats = ["21"] }}}}
"""


class Station:
    """Fulfils room.FarEnd."""

    def __init__(self) -> None:
        self._codec = Codec(FileProfile(centre_code=COMPANY, send_count=SENT_TOGETHER))
        self._cycle = 0
        rows = [payment("21", number) for number in range(1, RECORDS + 1)]
        self._content = write_file("21", header("21"), rows, FormatSettings())

    async def ready(self, room: Room, port: int) -> None:
        self._room = room
        self._wire = FileWire(*await asyncio.open_connection("127.0.0.1", port), self._codec)
        now = datetime.fromtimestamp(time.time(), UTC) + timedelta(hours=9)
        opening = StationMessage(
            kind="open",
            peer_code=BANK,
            own_code=COMPANY,
            at=f"{now:%Y%m%d%H%M%S}",
            send_count=SENT_TOGETHER,
            text_bytes_max=2_048,
        )
        await self._wire.say(opening)
        answer = await self._wire.hear_station("open-answer")
        if answer.result != "ok":
            raise RuntimeError(f"the session was not opened: {answer.result}")

    def start(self) -> None:
        if self._cycle < CYCLES:
            self._cycle += 1
            asked = self._room.ask()
            self._room.asked += RECORDS - 1
            spawn("bench file", self._send(asked))

    async def _send(self, asked: float) -> None:
        try:
            result = await self._file(f"{self._cycle:02}")
        except Exception as error:  # noqa: BLE001  told to the room, which ends the round
            self._room.fail(repr(error))
            return
        self._room.answer(asked, result == "ok", RECORDS)
        if self._room.is_running:
            self.start()

    async def _file(self, cycle: str) -> str:
        """One file. The bytes differ from cycle to cycle, else it would be refused as sent twice."""
        content = bytearray(self._content)
        content[4:14] = b"%010d" % (1_000_000_000 + int(cycle))  # 会社コード, behind データ区分, 種別, コード区分
        count = len(content) // RECORD_BYTES
        file = FileMessage(
            kind="file-start",
            file="SOUFURI",
            access_key=Secret(""),
            cycle=cycle,
            record_bytes=RECORD_BYTES,
            record_count=count,
        )
        wire = self._wire
        await wire.say(file)
        answer = await wire.hear_file("file-start-answer")
        if answer.result != "ok":
            return answer.result
        telegrams = range(0, len(content), TEXT_BYTES)
        for number, at in enumerate(telegrams, 1):
            is_asked = number % (SENT_TOGETHER + 1) == 0 or number == len(telegrams)
            text = bytes(content[at : at + TEXT_BYTES])
            await wire.say(DataMessage(at // RECORD_BYTES + 1, text), ack_wanted=is_asked)
        end = FileMessage(kind="file-end", file="SOUFURI", cycle=cycle, record_bytes=RECORD_BYTES, record_count=count)
        await wire.say(end)
        return (await wire.hear_file("file-end-answer")).result
