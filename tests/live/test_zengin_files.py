"""A day of file transfer against the daemon process: lines cut, kill -9 in the middle, and not one record lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from protocols.zengin.format.settings import FormatSettings
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.filebooks import FileFate
from relay.loopback.stage import free_port
from relay.loopback.station import Fault, FileStation, Parcel
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.zenginfiles import sound_file
from tests.support.zenginrelay import DIALER, LISTENER, PATIENCE_S, WaitedLedger, company, parcel, spoiled, write_credentials

HOST = "127.0.0.1"
LARGE = 600


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.ledger = WaitedLedger()
    world.core = CoreServer(FakeCore(world.ledger), world.faults, zones=(HOST,))
    write_credentials(tmp_path / "credentials")
    await world.start_core()
    world.configure(LISTENER)
    yield world
    await world.close()


def ledger_of(world: DaemonWorld) -> WaitedLedger:
    assert isinstance(world.ledger, WaitedLedger)
    return world.ledger


async def delivered(station: FileStation, world: DaemonWorld, one: Parcel) -> str:
    """Send until the relay says that it has the file; "other" means that it is still taking it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (result,) = await station.send(HOST, world.port, [one])
            if result in ("ok", "duplicate-cycle"):
                return result
            assert result in ("", "other"), station.problems


def fate(station: FileStation, cycle: str) -> FileFate:
    return next(line.fate for line in station.books.sent() if line.cycle == cycle)


async def test_a_day_of_files(world: DaemonWorld) -> None:
    ledger = ledger_of(world)
    station = company()
    await world.start()

    # Two files in one session; the same cycle again; a wrong password; a file whose total is wrong.
    assert await station.send(HOST, world.port, [parcel(50, "01"), parcel(60, "02")]) == ["ok", "ok"]
    assert await station.send(HOST, world.port, [parcel(50, "01")]) == ["duplicate-cycle"]
    assert await station.send(HOST, world.port, [parcel(9, "03")], Fault(wrong_password=True)) == [""]
    assert station.problems[-1] == "open: wrong-password"
    assert await station.send(HOST, world.port, [spoiled(parcel(40, "04"))]) == ["count-differs"]

    # The line is cut in the middle; the next session goes on behind the last acknowledged record.
    assert await station.send(HOST, world.port, [parcel(200, "05")], Fault(cut_after=8)) == [""]
    assert fate(station, "05") is FileFate.OPEN
    assert await delivered(station, world, parcel(200, "05")) == "ok"
    assert "from record 137 of 203" in world.log()

    # The answer is lost: the file is there all the same, and is a duplicate when it comes again.
    assert await station.send(HOST, world.port, [parcel(30, "06")], Fault(cut_before_answer=True)) == [""]
    assert await delivered(station, world, parcel(30, "06")) == "duplicate-cycle"

    # The same bytes once more under another cycle: somebody pressed twice.
    assert await station.send(HOST, world.port, [parcel(30, "09")]) == ["duplicate-cycle"]
    assert "file-sent-twice" in world.log()

    # kill -9 in the middle of the data.
    async def kill_at(telegrams: int) -> None:
        if telegrams == 20:
            station.after_telegram = None
            await world.kill()

    station.after_telegram = kill_at
    assert await station.send(HOST, world.port, [parcel(LARGE, "07")]) == [""]
    assert fate(station, "07") is FileFate.OPEN
    await world.start()
    assert await delivered(station, world, parcel(LARGE, "07")) == "ok"

    # kill -9 while the records are taken and booked: the relay goes on by itself.
    sending = asyncio.ensure_future(station.send(HOST, world.port, [parcel(LARGE + 1, "08")]))
    await ledger.until("SOUFURI", "08", 20)
    await world.kill()
    await sending
    await world.start()
    await delivered(station, world, parcel(LARGE + 1, "08"))

    for cycle, count in (("01", 50), ("02", 60), ("05", 200), ("06", 30), ("07", LARGE), ("08", LARGE + 1)):
        await ledger.until("SOUFURI", cycle, count)
        assert fate(station, cycle) is FileFate.DELIVERED
    assert await world.stop() == 0
    assert station.books.differences(ledger.records()) == []
    assert len(ledger.records()) == 50 + 60 + 200 + 30 + LARGE + LARGE + 1
    assert ledger.posted_twice() == []
    assert fate(station, "04") is FileFate.REFUSED
    log = world.log()
    assert "OPEN01" not in log
    assert "CLOSE1" not in log


MORE_FILES = """
[[listener.profile.files]]
name = "FURIKAE"
calls = "batch"
format = { formats = ["91"], record_end = "nl", characters = { charset = "ebcdic-kana" } }
[[listener.profile.files]]
name = "SHORT"
format = { formats = ["21"], record_end = "crlf", short_records = "fill", eof = "1a" }
"""


async def test_files_of_other_shapes(world: DaemonWorld) -> None:
    """EBCDIC with NL in one call for the batch; short records with CR LF and an end-of-file byte."""
    ledger = ledger_of(world)
    world.configure(LISTENER + MORE_FILES)
    await world.start()
    host = FormatSettings.model_validate(
        {"formats": ["91"], "record_end": "nl", "characters": {"charset": "ebcdic-kana"}},
    )
    debits = Parcel(name="FURIKAE", cycle="01", content=sound_file("91", 10, host), record_bytes=121, settings=host)
    short = FormatSettings.model_validate(
        {"formats": ["21"], "record_end": "crlf", "short_records": "fill", "eof": "1a", "last_end": "with"}
    )
    whole = sound_file("21", 10, short)
    content = b"\r\n".join(record.rstrip(b" ") for record in whole[:-1].split(b"\r\n")) + b"\x1a"
    shortened = Parcel(name="SHORT", cycle="01", content=content, record_bytes=100, settings=short)
    station = company()
    assert await station.send(HOST, world.port, [debits, shortened]) == ["ok", "ok"]
    await ledger.until("SHORT", "01", 10)
    assert await world.stop() == 0
    (batch,) = (entry for entry in ledger.entries() if "FURIKAE" in entry.key)
    assert (batch.kind, batch.account) == ("direct-debit-file", "0001-001-1-7654321")
    assert batch.amount is not None
    assert int(batch.amount.minor) == sum(debits.amounts())


async def test_the_relay_calls_and_fetches(world: DaemonWorld) -> None:
    ledger = ledger_of(world)
    station = company()
    port = free_port()
    await station.serve(HOST, port)
    station.give(parcel(80, "01", "03"))
    world.configure(LISTENER + DIALER.replace("{station_port}", str(port)))
    await world.start()
    await ledger.until("MEISAI", "01", 80)
    async with asyncio.timeout(PATIENCE_S):
        while fate(station, "01") is not FileFate.DELIVERED:  # the answer follows the last record
            await next_look()
    assert await world.stop() == 0
    await station.stop()
    assert station.books.differences(ledger.records()) == []
    assert [line.fate for line in station.books.sent()] == [FileFate.DELIVERED]
