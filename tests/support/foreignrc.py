"""The far end of an RC line in a stranger's hand: headers and telegrams are put together byte by byte, by offset.

Owns `ForeignRc`, one connection to a relay that listens. It shares nothing with the relay's codecs, so that a mistake in both
directions of a codec shows. Offsets: sublayer and business header as published [S1]; telegram body ztel-p1 [P].
"""

from __future__ import annotations

import asyncio

LENGTH = 320
ACK, NAK = 1, 2


class Heard:
    """One message of the relay, as offsets say."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.is_watch = data[6] >> 4 == 2
        self.response = 0 if self.is_watch else data[23]
        self.sequence = 0 if self.is_watch else int.from_bytes(data[30:34], "big")
        self.body = data[64:]

    @property
    def kind(self) -> str:
        return self.body[:6].decode("ascii")


def message(
    body: bytes, sequence: int, *, physical: str = "01", logical: str = "01", lcn: str = "00", response: int = 0
) -> bytes:
    """An information message, or (with `response`) a delivery message without a body."""
    business = b"ZENZ\x00\x30\x01" + bytes([response]) + f"{physical}{logical}{lcn}".encode("ascii")
    business += sequence.to_bytes(4, "big") + bytes(30)
    rest = business + body
    kind = 0x13 if response else 0x00
    return b"SUBZ" + (16 + len(rest)).to_bytes(2, "big") + bytes([kind, 1]) + bytes(8) + rest


def telegram(fields: dict[int, str]) -> bytes:
    """A body: offset -> characters, over zeros up to 備考 and spaces where texts are."""
    body = bytearray(b"0" * 104 + b" " * 174 + b"0" * 4 + b" " * 38)
    for offset, text in fields.items():
        data = text.encode("cp932")
        body[offset : offset + len(data)] = data
    assert len(body) == LENGTH
    return bytes(body)


def notice(date: str, serial: int, amount: int = 1_000, **places: str) -> bytes:
    """為替通知 of bank 0005 for account 001-1-1234567 of bank 0001. `places`: at72="..." puts characters at an offset."""
    fields = {0: "KT1000", 6: "20", 8: "0005002", 15: "0001001", 22: date, 44: f"{serial:06}", 58: f"{serial:06}"}
    fields |= {78: f"{amount:012}", 96: "11234567", 104: "ﾔﾏﾀﾞ"}
    fields |= {int(name[2:]): text for name, text in places.items()}
    return telegram(fields)


class ForeignRc:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.day = ""
        self.sent = 0  # the last sequence number of ours

    @classmethod
    async def connect(cls, port: int) -> ForeignRc:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def hear(self) -> Heard | None:
        """The next message that is no connection watch; None where the relay has hung up."""
        while True:
            heard = await self.hear_any()
            if heard is None or not heard.is_watch:
                return heard

    async def hear_any(self) -> Heard | None:
        async with asyncio.timeout(20):
            try:
                head = await self._reader.readexactly(16)
                return Heard(head + await self._reader.readexactly(int.from_bytes(head[4:6], "big") - 16))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def open(self, last_sent: int | None = None, logical: str = "01") -> None:
        """The center's half of 開局. It believes whatever numbers the relay states, or (`last_sent`) says its own."""
        asked = await self.hear()
        assert asked is not None
        assert (asked.sequence, asked.kind) == (0, "CT9001")
        self.day = asked.body[22:30].decode("ascii")
        relay_sent, relay_received = asked.body[78:88].decode(), asked.body[88:98].decode()
        self.sent = int(relay_received) if last_sent is None else last_sent
        numbers = f"{self.sent:010}{relay_sent}".ljust(68, "0")
        answer = telegram({0: "CT9001", 6: "10", 8: "9999001", 15: "0001001", 22: self.day, 78: numbers})
        self.write(message(b"", 0, logical=logical, response=ACK) + message(answer, 0, logical=logical))
        heard = await self.hear()
        assert heard is None or (heard.response, heard.sequence) == (ACK, 0)

    async def gives(self, body: bytes, logical: str = "01") -> Heard | None:
        """A telegram under the next number, and the relay's delivery message: what it says of its own is passed over."""
        self.sent += 1
        self.write(message(body, self.sent, logical=logical))
        while True:
            heard = await self.hear()
            if heard is None or heard.response:
                return heard

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
