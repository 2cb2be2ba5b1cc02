"""Bad input on an RC line against the running daemon, and one innocent line that never notices.

The far end is a stranger's: it shares no code with the relay's codecs. One daemon serves all rows; the innocent line stays on
one connection from the first row to the last and takes a telegram after each. What is written of each row for people stands
in docs/bad-input.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.support.daemonworld import DaemonWorld
from tests.support.foreignrc import ACK, NAK, ForeignRc, message, notice, telegram
from tests.support.noon import NOON_MINUTES

LINE = """
[[listener]]
name = "{name}"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:{port}:interface=127.0.0.1"
[listener.profile.line]
logical = {logical}
[listener.profile.telegram]
serial_first = {logical}00000
serial_last = {logical}99999
[listener.profile.calendar]
service = "always"
utc_offset_minutes = {offset}
[listener.profile.session]
closes = "by-hand"
[listener.profile.timers]
partial_frame_ms = {partial}
watch_silence_ms = 0
"""


class Row(NamedTuple):
    """`answer` is what the relay says to `data`, "closed" where it hangs up; `then_closed`: first the one, then the other."""

    name: str
    data: bytes
    answer: int | str
    note: str
    then_closed: bool = False


def bent(data: bytes, at: int, *values: int) -> bytes:
    return data[:at] + bytes(values) + data[at + len(values) :]


def rows(day: str, next_number: int, serial: int) -> list[Row]:
    good = message(notice(day, serial), next_number)
    body = notice(day, serial)
    return [
        Row("a wrong sublayer identifier", bent(good, 3, ord("X")), "closed", "frame-error"),
        Row("a request in another protocol", b"GET / HTTP/1.1\r\n\r\n", "closed", "frame-error"),
        Row("a length below the headers", bent(good, 4, 0, 15), "closed", "header-error"),
        Row("a length of nothing", bent(good, 4, 0, 0), "closed", "frame-error"),
        Row("a length over the limit", bent(good, 4, 0xFF, 0xFF), "closed", "frame-error"),
        Row("half a frame, then silence", good[:100], "closed", "partial-frame"),
        Row("an unknown message type", bent(good, 6, 0x90), "closed", "header-error"),
        Row("a delivery message that wants one", bent(good, 6, 0x10), "closed", "header-error"),
        Row("a wrong protocol number", bent(good, 7, 2), "closed", "header-error"),
        Row("a reserved byte", bent(good, 15, 1), "closed", "header-error"),
        Row("a wrong business identifier", bent(good, 19, ord("J")), "closed", "header-error"),
        Row("a wrong header length", bent(good, 21, 0x31), "closed", "header-error"),
        Row("information with a response", bent(good, 23, 1), "closed", "header-error"),
        Row("letters for a line number", message(body, next_number, physical="1A"), "closed", "header-error"),
        Row("another physical line", message(body, next_number, physical="02"), "closed", "wrong-line"),
        Row("another logical line", message(body, next_number, logical="03"), "closed", "wrong-line"),
        Row("an LCN that is not ours", message(body, next_number, lcn="01"), "closed", "wrong-line"),
        Row("an LCN that nobody has", message(body, next_number, lcn="16"), "closed", "wrong-line"),
        Row("number 0 without 開局", message(body, 0), NAK, "header-error", then_closed=True),
        Row("an ACK for nothing", message(b"", 77, response=ACK), "closed", "ack-unmatched"),
        Row("a NAK for nothing", message(b"", 77, response=NAK), "closed", "ack-unmatched"),
        Row("an old number, another body", message(notice(day, serial + 1), next_number - 1), NAK, "sequence-reused", True),
        Row("a gap", message(body, next_number + 3), NAK, "sequence-gap"),
        Row("an unknown telegram", message(telegram({0: "XX"}), next_number), ACK, "telegram-parked"),
        Row("an unknown 種目", message(notice(day, serial, at2="7777"), next_number), ACK, "telegram-parked"),
        Row("kana where digits belong", message(notice(day, serial, at78="ｱ"), next_number), ACK, "telegram-parked"),
        Row("a byte that is no character", message(bent(body, 110, 0xFF), next_number), ACK, "telegram-parked"),
        Row("a short telegram", message(body[:-1], next_number), ACK, "telegram-parked"),
        Row("no telegram at all", message(b"", next_number), ACK, "telegram-parked"),
        Row("no such day", message(notice("20261399", serial), next_number), ACK, "telegram-parked"),
        Row("another bank's money", message(notice(day, serial, at15="0009"), next_number), ACK, "telegram-parked"),
        Row("a transfer of nothing", message(notice(day, serial, 0), next_number), ACK, "telegram-parked"),
        Row("a 通番 with another amount", message(notice(day, 1, 9), next_number), ACK, "telegram-parked"),
        Row("figures that do not match", message(figures(day), next_number), ACK, "unmatched"),
        Row("figures without an order", message(figures(day, "900001"), next_number), ACK, "match-malformed"),
    ]


def figures(day: str, lines: str = "001001") -> bytes:
    """照合 by the center: 99 telegrams over 5 yen."""
    head = {0: "CT9005", 6: "00", 8: "9999001", 15: "0001001", 22: day}
    return telegram({**head, 78: "0" * 20 + "21000" + "000099" + "5".zfill(15) + "1".zfill(8) + "99".zfill(8) + lines})


class Lines:
    def __init__(self, directory: Path) -> None:
        self.world = DaemonWorld(directory)
        self.innocent_port = self.world.hold_port()
        self.innocent: ForeignRc
        self._connections: list[ForeignRc] = []
        self.serials = count(1)

    async def start(self, partial_ms: int = 300) -> None:
        await self.world.start_core()
        text = LINE.format(name="guilty", port="{port}", logical=1, offset=NOON_MINUTES, partial=partial_ms)
        text += LINE.format(name="innocent", port=self.innocent_port, logical=2, offset=NOON_MINUTES, partial=partial_ms)
        self.world.configure(text)
        await self.world.start()
        self.innocent = await self.connect(self.innocent_port)
        await self.innocent.open(logical="02")

    async def stop(self) -> None:
        for connection in self._connections:
            await connection.close()
        await self.world.close()

    async def connect(self, port: int) -> ForeignRc:
        self._connections.append(await ForeignRc.connect(port))
        return self._connections[-1]

    async def guilty(self) -> ForeignRc:
        made = await self.connect(self.world.port)
        await made.open()
        return made

    async def innocent_trades(self) -> None:
        serial = 500_000 + next(self.serials)
        heard = await self.innocent.gives(notice(self.innocent.day, serial), logical="02")
        assert heard is not None, "the innocent line was hung up"
        assert heard.response == ACK

    def noted(self, note: str) -> float:
        """How often the guilty line was noted, or closed, for this."""
        page = self.world.metrics()
        notes = page.get(f'relay_link_notes_total{{listener="guilty",note="{note}"}}', 0.0)
        return notes + page.get(f'relay_links_closed_total{{listener="guilty",reason="{note}"}}', 0.0)


@pytest_asyncio.fixture(loop_scope="session")
async def lines(tmp_path: Path) -> AsyncIterator[Lines]:
    made = Lines(tmp_path)
    yield made
    await made.stop()


@pytest.mark.timeout(180)
async def test_each_row_has_its_answer_its_counter_and_its_log_line(lines: Lines) -> None:
    await lines.start()
    first = await lines.guilty()
    heard = await first.gives(notice(first.day, 1))
    assert heard is not None
    assert (heard.response, heard.sequence) == (ACK, 1)
    await first.close()
    wrong: list[str] = []
    for n in range(len(rows(first.day, 9, 9))):
        guilty = await lines.guilty()
        row = rows(guilty.day, guilty.sent + 1, 100 + n)[n]
        before, logged = lines.noted(row.note), lines.world.log().count(f'"{row.note}"')
        guilty.write(row.data)
        heard = await guilty.hear()
        answer: int | str = "closed" if heard is None else heard.response
        if answer != row.answer:
            wrong.append(f"{row.name}: {answer} instead of {row.answer}")
        if row.then_closed and await guilty.hear() is not None:
            wrong.append(f"{row.name}: not hung up")
        if answer == ACK:  # the session lives: the next telegram is taken
            guilty.sent += 1
            heard = await guilty.gives(notice(guilty.day, 200 + n))
            if heard is None or heard.response != ACK:
                wrong.append(f"{row.name}: the session did not live on")
        await lines.innocent_trades()
        await guilty.close()
        if lines.noted(row.note) <= before:
            wrong.append(f"{row.name}: {row.note} was not counted")
        if lines.world.log().count(f'"{row.note}"') <= logged:
            wrong.append(f"{row.name}: {row.note} was not logged")
    assert wrong == []
    assert await lines.world.stop() == 0


async def test_frames_split_at_each_byte_and_merged_are_taken(lines: Lines) -> None:
    await lines.start(partial_ms=20_000)
    center = await lines.guilty()
    for at in range(1, 384, 9):
        data = message(notice(center.day, center.sent + 1), center.sent + 1)
        center.write(data[:at])
        await asyncio.sleep(0)
        center.write(data[at:])
        heard = await center.hear()
        assert heard is not None
        center.sent += 1
        assert (heard.response, heard.sequence) == (ACK, center.sent)
    numbers = range(center.sent + 1, center.sent + 7)
    center.write(b"".join(message(notice(center.day, number), number) for number in numbers))
    for number in numbers:
        heard = await center.hear()
        assert heard is not None
        assert (heard.response, heard.sequence) == (ACK, number)


async def test_numbers_that_contradict_ours_at_the_opening_are_a_fault(lines: Lines) -> None:
    await lines.start()
    center = await lines.guilty()
    assert await center.gives(notice(center.day, 1)) is not None
    await center.close()
    forgetful = await lines.connect(lines.world.port)
    await forgetful.open(last_sent=0)
    assert await forgetful.hear() is None
    assert lines.noted("opening-fault") >= 1
    await lines.innocent_trades()
