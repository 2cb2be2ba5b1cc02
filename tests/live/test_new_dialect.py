"""A dialect that the relay has never seen, in the daemon as a process: configured, checked, served, killed, and still exact."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.daemonworld import ROOT, DaemonWorld

TINY = """
[[listener]]
name = "tiny"
dialect = "tiny"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 4000
[listener.profile]
approved = "77"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.module = "tests.support.tinyrelay"
    await world.start_core()
    world.configure(TINY)
    await world.start()
    yield world
    await world.close()


async def ask(world: DaemonWorld, line: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    try:
        writer.write(line)
        async with asyncio.timeout(30):
            return await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_it_posts_once_whatever_happens(world: DaemonWorld) -> None:
    line = b"PAY T1 20261125 17 acc-1 5000\n"
    assert await ask(world, line) == b"17 77\n"
    assert await ask(world, line) == b"17 77\n"
    await world.kill()
    await world.start()
    assert await ask(world, line) == b"17 77\n"
    assert await ask(world, b"PAY T1 20261125 17 acc-1 6000\n") == b"17 05\n", "the same number with another amount"
    (entry,) = world.ledger.entries()
    assert (entry.terminal, entry.account, entry.posted_minor) == ("T1", "acc-1", 5_000)
    assert not world.ledger.posted_twice()


async def test_relay_check_knows_its_settings(world: DaemonWorld) -> None:
    world.configure(TINY + 'aproved = "00"\n')
    command = [sys.executable, "-m", world.module, "check", str(world.config_path)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "listener[0].profile.aproved" in done.stdout + done.stderr
    assert "approved" in done.stdout + done.stderr
