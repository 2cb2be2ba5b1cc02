"""The running daemon on a disk that is full, and on one whose sync fails: what terminals hear, and how the process ends.

The disk is made sick below the real sqlite3 library, by a preloaded shim (tests/support/sickdisk.c) that a file's presence
commands. Nothing sleeps: each step waits for an answer, a word of `relay status`, or the end of the process.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm
from tests.support.tools import sick_disk


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sick_disk(tmp_path_factory.mktemp("shim"))


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, shim: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.environment = {"LD_PRELOAD": str(shim), "SICK_FOLDER": str(tmp_path)}
    try:
        await world.start_core()
        world.configure()
        await world.start()
        yield world
    finally:
        await world.close()


def signed_on(world: DaemonWorld, terminal: str = "ATM00001") -> ForeignAtm:
    atm = ForeignAtm(world.port, terminal=terminal)
    assert atm.sign_on()["39"] == "00"
    return atm


def metrics(world: DaemonWorld) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{world.metrics_port}/metrics", timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


async def test_a_full_disk_refuses_repeats_and_heals(world: DaemonWorld) -> None:
    atm = await asyncio.to_thread(signed_on, world)
    before = atm.withdrawal("000002")
    first = await asyncio.to_thread(atm.ask, before)
    assert first["39"] == "00"
    full = world.directory / "full"
    full.touch()
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "96", "nothing unrecorded is ever asked"
    assert await asyncio.to_thread(atm.ask, before) == first, "a repeat is still answered from the journal"
    said = await asyncio.to_thread(metrics, world)
    assert "relay_journal_writable 0.0" in said
    assert 'relay_journal_failures_total{kind="full"} 0.0' not in said
    assert "journal cannot write" in world.log()
    full.unlink()
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).journal.state != "writable":
            await next_look()
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000004")))["39"] == "00", "on the same link, by itself"
    assert [e.trace for e in world.ledger.entries()].count("000003") == 0
    assert "journal writes again" in world.log()
    atm.close()


async def test_a_failed_sync_ends_the_process_without_a_word_and_the_next_one_resolves(world: DaemonWorld) -> None:
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    ill = world.directory / "ill"
    ill.touch()
    asked = atm.withdrawal("000003")
    atm.say(asked)
    assert await asyncio.to_thread(atm.is_closed), "no answer that is not on disk"
    atm.close()
    assert await world.exit_code() == 3
    assert "fenced: the journal failed" in world.log()
    ill.unlink()
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    again = await asyncio.to_thread(atm.ask, asked | {"t": "0201"})
    stands = [e.standing_minor for e in world.ledger.entries() if e.trace == "000003" and e.standing_minor]
    assert bool(stands) == (again["39"] == "00"), "what the terminal hears is what stands"
    assert not world.ledger.posted_twice()
    atm.close()
