"""What a person does on an RC line, against the running daemon: poison telegrams answered and resubmitted, a day that does not
match signed for, a close by force, and a center that closes by itself. The far end is a stranger's hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.commands import CommandArgs, ParkedArgs
from relay.control.report import ParkedRow
from tests.support.daemonworld import DaemonWorld
from tests.support.foreignrc import ACK, ForeignRc, Heard, message, notice, telegram
from tests.support.noon import NOON_MINUTES

LINE = """
[[listener]]
name = "zengin"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:{{port}}:interface=127.0.0.1"
[listener.profile.calendar]
service = "always"
utc_offset_minutes = {offset}
[listener.profile.session]
closes = "by-hand"
unmatched_blocks_opening = true
rematch_count_max = 0
[listener.profile.timers]
watch_send_ms = 200
{more}
"""


class Line:
    def __init__(self, directory: Path) -> None:
        self.world = DaemonWorld(directory)
        self._connections: list[ForeignRc] = []

    def configure(self, more: str = "") -> None:
        self.world.configure(LINE.format(offset=NOON_MINUTES, more=more))

    async def start(self) -> None:
        await self.world.start_core()
        self.configure()
        await self.world.start()

    async def stop(self) -> None:
        for connection in self._connections:
            await connection.close()
        await self.world.close()

    async def connect(self) -> ForeignRc:
        self._connections.append(await ForeignRc.connect(self.world.port))
        return self._connections[-1]

    async def connect_and_watch(self) -> ForeignRc:
        """A connection on which the relay has spoken, though not of 開局: what a person says is said on it."""
        made = await self.connect()
        heard = await made.hear_any()
        assert heard is not None
        assert heard.is_watch, heard.data
        return made

    async def open(self) -> ForeignRc:
        made = await self.connect()
        await made.open()
        return made

    async def say(self, name: str, data: str = "") -> None:
        args = CommandArgs(name=name, listener="zengin", data=data)  # type: ignore[arg-type]  # one of the words
        await asyncio.to_thread(self.world.control.command, args)

    async def parked(self) -> list[ParkedRow]:
        return list((await asyncio.to_thread(self.world.control.parked, ParkedArgs())).rows)

    async def until_posted(self, *keys: str) -> None:
        async with asyncio.timeout(20):
            while not {entry.key for entry in self.world.ledger.entries()} >= set(keys):
                await asyncio.to_thread(self.world.control.status)


@pytest_asyncio.fixture(loop_scope="session")
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    yield made
    await made.stop()


async def taken(center: ForeignRc, body: bytes) -> None:
    heard = await center.gives(body)
    assert heard is not None
    assert heard.response == ACK


async def next_said(center: ForeignRc, last: int) -> Heard:
    """The next telegram of the relay, acknowledged; `last` is the number of the one before."""
    heard = await center.hear()
    assert heard is not None
    assert (heard.response, heard.sequence) == (0, last + 1)
    center.write(message(b"", heard.sequence, response=ACK))
    return heard


async def test_every_kind_of_telegram_reaches_the_core(line: Line) -> None:
    await line.start()
    center = await line.open()
    day = center.day
    await taken(center, notice(day, 1))
    for serial, kind, process in ((2, "KS9100", "0"), (3, "KK9200", "1"), (4, "KI9100", "0")):
        await taken(center, notice(day, serial, 0, at0=kind, at6=process, at64=f"{day}000077"))
    await line.until_posted(*(f"bank:zrc:0005:{day}:{serial}" for serial in (1, 2, 3, 4)))
    kinds = {entry.key.rpartition(":")[2]: entry.kind for entry in line.world.ledger.entries()}
    assert kinds == {"1": "interbank-transfer", "2": "interbank-enquiry", "3": "interbank-answer", "4": "interbank-request"}


@pytest.mark.timeout(120)
async def test_poison_is_answered_or_resubmitted_and_posted_once(line: Line) -> None:
    await line.start()
    center = await line.open()
    day = center.day
    await taken(center, notice(day, 1, at2="7777"))
    await taken(center, notice(day, 2, at2="7777"))
    await taken(center, notice(day, 3))
    first, second = await line.parked()
    assert (first.reason, second.reason) == ("unsupported", "unsupported")
    await line.say("answer-parked", f"{first.name} 0202 Sato")
    answer = await next_said(center, 0)
    assert (answer.kind, answer.body[278:282], answer.body[64:78]) == ("KK9200", b"0202", day.encode() + b"000001")
    await line.world.logged("parked-answered")
    await line.say("resubmit", second.name)
    await line.world.logged("resubmit-refused")
    assert [row.name for row in await line.parked()] == [second.name], "it is still not understood, so it waits"

    await line.world.kill()
    line.configure('[listener.profile.telegram]\nsubjects = { "7777" = "interbank-transfer" }')
    await line.world.start()
    center = await line.open()
    await line.say("resubmit", second.name)
    await line.until_posted(f"bank:zrc:0005:{day}:2")
    await line.world.logged("parked-resubmitted")
    await line.say("resubmit", second.name)
    await line.world.logged("parked-unknown")
    assert await line.parked() == []
    await taken(center, notice(day, 2, at2="7777", at7="1"))  # the center gives it again: it is known
    keys = sorted(entry.key for entry in line.world.ledger.entries())
    assert keys == [f"bank:zrc:0005:{day}:2", f"bank:zrc:0005:{day}:3"]
    assert not line.world.ledger.posted_twice()


def figures(day: str, process: str, count: int, total: int) -> bytes:
    head = {0: "CT9005", 6: f"{process}0", 8: "9999001", 15: "0001001", 22: day}
    return telegram({**head, 78: f"{'0' * 20}21000{count:06}{total:015}{1:08}{count:08}001001"})


def close_of(day: str, process: str) -> bytes:
    return telegram({0: "CT9003", 6: f"{process}0", 8: "9999001", 15: "0001001", 22: day, 78: "0" * 68})


@pytest.mark.timeout(120)
async def test_a_day_that_does_not_match_waits_for_a_signature(line: Line) -> None:
    await line.start()
    center = await line.open()
    day = center.day
    await taken(center, notice(day, 1))
    await line.say("close")
    said = [(await next_said(center, number)).kind for number in (0, 1)]
    assert said == ["CT9002", "CT9005"]
    await taken(center, figures(day, "1", 2, 3_000))
    close = await next_said(center, 2)
    assert (close.kind, close.body[6:7]) == ("CT9003", b"0")
    await taken(center, close_of(day, "1"))
    await line.world.logged("closed-unmatched")
    assert "1 over 1000 yen (1-1) here, 2 over 3000 yen (1-2) at the center" in line.world.log()
    await center.close()

    center = await line.connect_and_watch()  # the day is closed; a person says open, and the unsigned day stands in the way
    await line.say("open")
    await line.world.logged("is unmatched and unsigned")
    await line.say("sign", f"{day} Sato")
    await line.world.logged("day-signed")
    await line.say("open")
    await center.open()
    await taken(center, notice(day, 2))


async def test_a_close_by_force_and_one_of_the_centers_own(line: Line) -> None:
    await line.start()
    center = await line.open()
    day = center.day
    await taken(center, notice(day, 1))
    await line.say("force-close", "Sato: the center's word by telephone")
    forced = await next_said(center, 0)
    assert (forced.kind, forced.body[6:7]) == ("CT9004", b"2")
    await line.world.logged("closed-unmatched")
    await line.say("sign", f"{day} Sato")
    await line.world.logged("day-signed")
    await center.close()

    center = await line.connect_and_watch()
    await line.say("open")
    await center.open()
    await taken(center, figures(day, "0", 1, 1_000))
    ours = await next_said(center, 1)
    assert (ours.kind, ours.body[6:7], ours.body[103:109]) == ("CT9005", b"1", b"000001")
    await taken(center, close_of(day, "0"))
    answer = await next_said(center, 2)
    assert (answer.kind, answer.body[6:7]) == ("CT9003", b"1")
    await line.world.logged('"closed"')
    assert line.world.log().count("closed-unmatched") == 1
