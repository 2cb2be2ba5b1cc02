"""The daemon on PostgreSQL whose disk falls ill under load: the server's log cannot be synced, or there is no room for it.

The server then ends itself (a failed sync is a PANIC, as it must be), and comes back when a person has healed the disk. What
the relay had given to it at that moment is unknown, is read back, and is neither lost nor doubled. The disk is made sick
below the real server by tests/support/sickdisk.c.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.test_postgresql import PATIENCE_S, Books, end_and_check, paid, until_journal
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.pgserver import PostgresServer
from tests.support.tools import sick_disk

ATMS = 3


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    try:
        shim = sick_disk(made.folder)
        made.kill()
        made.environment = {"LD_PRELOAD": str(shim), "SICK_FOLDER": str(made.folder), "SICK_FILES": "/pg_wal/"}
        made.start()
        yield made
    finally:
        made.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, server: PostgresServer) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.configure(journal_extra=f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "sick"\n')
        await world.start()
        yield world
    finally:
        await world.close()


async def panicked(server: PostgresServer) -> None:
    """Until the server has said so."""
    async with asyncio.timeout(PATIENCE_S):
        while "PANIC" not in (server.folder / "log").read_text(errors="replace"):
            await next_look()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("illness", ["ill", "full"])
async def test_a_server_with_a_sick_disk_costs_service_and_no_money(
    world: DaemonWorld, server: PostgresServer, illness: str
) -> None:
    atms = [Books(world, number) for number in range(1, ATMS + 1)]
    for atm in atms:
        atm.start()
    await paid(atms, 10)
    (server.folder / illness).touch()
    await panicked(server)
    await until_journal(world, "full")
    assert (await asyncio.to_thread(world.control.status)).state == "serving", "sessions stay up"
    (server.folder / illness).unlink()
    await asyncio.to_thread(server.quit)  # whatever is left of it
    await asyncio.to_thread(server.start)
    await until_journal(world, "writable")
    await paid(atms, 10)
    await end_and_check(world, atms)
