"""One file transfer connection of the fake station: telegrams said and heard, one after the other, with serials and ACKs.

Owns `FileWire`. It must never know what a file is. The trap: a session of the station is a plain sequence of awaits, on
purpose: it is another shape than the relay's own dialogue, so that the two do not share mistakes; only the codec is common.
"""

from __future__ import annotations

import asyncio

from protocols.errors import ProtocolError
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage, FileMessage, Frame, Signal, StationMessage, Telegram

READ_BYTES = 65_536
PATIENCE_S = 20.0


class LineLost(Exception):
    """The connection ended, the other side said NAK, or broke the order of telegrams. The text says which."""


class FileWire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, codec: Codec) -> None:
        self._reader = reader
        self._writer = writer
        self._codec = codec
        self._cutter = codec.cutter()
        self._heard: list[Frame | Signal] = []
        self._out = 0
        self._in = 0

    async def say(self, telegram: Telegram, *, ack_wanted: bool = True) -> None:
        """Say it, and wait for its ACK where it wants one. Raises LineLost."""
        self._out = self._out % 65_535 + 1
        try:
            self._writer.write(self._codec.write(self._out, telegram, ack_wanted=ack_wanted))
            await self._writer.drain()
        except OSError as error:
            raise LineLost(f"cannot write: {error}") from error
        while ack_wanted:
            frame = await self._next()
            if isinstance(frame, Signal) and frame.name == "ack" and frame.serial == self._out:
                return
            if isinstance(frame, Signal) and frame.name == "watch":
                continue
            raise LineLost(f"wanted an ACK of {self._out}, heard {frame!r:.80}")

    async def hear(self) -> Telegram:
        """The next telegram, acknowledged where it wants that. Raises LineLost."""
        while True:
            frame = await self._next()
            if isinstance(frame, Frame):
                self._in = self._in % 65_535 + 1
                if frame.serial != self._in:
                    raise LineLost(f"serial {frame.serial} instead of {self._in}")
                if frame.ack_wanted:
                    self._writer.write(self._codec.signal(Signal("ack", frame.serial)))
                return frame.telegram
            if frame.name == "nak":
                raise LineLost("NAK")

    async def hear_station(self, kind: str) -> StationMessage:
        telegram = await self.hear()
        if isinstance(telegram, StationMessage) and telegram.kind == kind:
            return telegram
        raise LineLost(f"wanted {kind}, heard {telegram!r:.80}")

    async def hear_file(self, *kinds: str) -> FileMessage:
        telegram = await self.hear()
        if isinstance(telegram, FileMessage) and telegram.kind in kinds:
            return telegram
        raise LineLost(f"wanted {kinds}, heard {telegram!r:.80}")

    async def hear_data_or_end(self) -> DataMessage | FileMessage:
        telegram = await self.hear()
        if isinstance(telegram, DataMessage) or (isinstance(telegram, FileMessage) and telegram.kind == "file-end"):
            return telegram
        raise LineLost(f"wanted data, heard {telegram!r:.80}")

    async def _next(self) -> Frame | Signal:
        while not self._heard:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    data = await self._reader.read(READ_BYTES)
            except (OSError, TimeoutError) as error:
                raise LineLost(f"nothing comes: {error!r}") from error
            if not data:
                raise LineLost("closed")
            try:
                self._heard += [self._codec.read(raw) for raw in self._cutter.feed(data)]
            except ProtocolError as error:
                raise LineLost(f"malformed: {error}") from error
        return self._heard.pop(0)

    def cut(self) -> None:
        """Reset the connection at once."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return
