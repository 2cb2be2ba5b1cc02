"""A disk that fills up in the middle of a file: nothing is told that is not durable; afterwards nothing is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.tools import sick_disk
from tests.support.zenginrelay import LISTENER, PATIENCE_S, WaitedLedger, company, parcel, write_credentials

HOST = "127.0.0.1"
COUNT = 400


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.environment = {"LD_PRELOAD": str(sick_disk(tmp_path)), "SICK_FOLDER": str(tmp_path)}
    world.ledger = WaitedLedger()
    world.core = CoreServer(FakeCore(world.ledger), world.faults, zones=(HOST,))
    write_credentials(tmp_path / "credentials")
    await world.start_core()
    world.configure(LISTENER)
    await world.start()
    yield world
    await world.close()


async def test_a_disk_that_is_full_while_a_file_comes_and_while_it_is_taken(world: DaemonWorld) -> None:
    ledger = world.ledger
    assert isinstance(ledger, WaitedLedger)
    station = company()
    full = world.directory / "full"

    async def fill_at(telegrams: int) -> None:
        if telegrams == 5:
            station.after_telegram = None
            full.touch()

    async def until_sent(cycle: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (await station.send(HOST, world.port, [parcel(count, cycle)]))[0] not in ("ok", "duplicate-cycle"):
                pass

    # While data comes: the session ends, and no record was asked.
    station.after_telegram = fill_at
    assert await station.send(HOST, world.port, [parcel(COUNT, "01")]) == [""]
    assert ledger.records() == []
    assert "not-stored" in world.log()
    full.unlink()
    await until_sent("01", COUNT)

    # While records are taken: the file waits, and is not answered.
    sending = asyncio.ensure_future(station.send(HOST, world.port, [parcel(COUNT + 1, "02")]))
    await ledger.until("SOUFURI", "02", 20)
    full.touch()
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).journal.state == "writable":
            await next_look()
    full.unlink()
    assert (await sending)[0] in ("", "ok")
    await until_sent("02", COUNT + 1)

    for cycle, count in (("01", COUNT), ("02", COUNT + 1)):
        await ledger.until("SOUFURI", cycle, count)
    assert await world.stop() == 0
    assert station.books.differences(ledger.records()) == []
    assert ledger.posted_twice() == []
