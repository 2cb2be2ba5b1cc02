"""Killed in the middle of a migration, the relay's first start with a new version: the journal is of the old version or of
the new one, whole, and the next start goes on with everything that was in it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.journal import schema
from tests.support.daemonworld import DaemonWorld
from tests.support.foreignatm import ForeignAtm
from tests.support.pgserver import PostgresServer

FIRST_TABLES = ("meta", "taken", "standing", "history")  # what the first version has, and a day leaves rows in


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.module = "tests.support.mortalrelay"
    try:
        await world.start_core()
        world.configure()
        yield world
    finally:
        await world.close()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


def signed_on(world: DaemonWorld) -> ForeignAtm:
    atm = ForeignAtm(world.port)
    assert atm.sign_on()["39"] == "00"
    return atm


def of_the_first_version(path: Path) -> None:
    """Put what is in the journal into one of the first version."""
    old = path.with_name("old.sqlite")
    connection = sqlite3.connect(old, isolation_level=None)
    mark = f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 1;"
    connection.executescript(f"PRAGMA journal_mode = WAL; {schema.migrations()[0]}; {mark}")
    connection.execute("ATTACH ? AS new", (str(path),))
    for table in FIRST_TABLES:
        connection.execute(f"DELETE FROM {table}")
        connection.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('key_check', (SELECT check_value FROM new.journal_key))")
    connection.execute("DELETE FROM meta WHERE name = 'journal_id'")  # a later migration gives it one
    connection.execute("DETACH new")
    connection.close()
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    old.rename(path)


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(found)


async def dies(world: DaemonWorld, point: str, nth: int) -> bool:
    """Start it; False where it is through before the `nth` visit."""
    world.environment = {"RELAY_DIES_AT": point, "RELAY_DIES_NTH": str(nth)}
    try:
        await world.start()
    except AssertionError:
        assert await world.exit_code() == -signal.SIGKILL, world.log()
        return True
    finally:
        world.environment = {}
    await world.kill()
    return False


@pytest.mark.timeout(300)
async def test_a_journal_with_a_day_in_it(world: DaemonWorld) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    asked = [atm.withdrawal(f"{trace:06d}") for trace in range(2, 12)]
    answers = [await asyncio.to_thread(atm.ask, message) for message in asked]
    undone = await asyncio.to_thread(atm.ask, atm.reversal(asked[-1], "000100"))
    assert undone["39"] == "00"
    atm.close()
    assert await world.stop() == 0
    path = world.directory / "journal.sqlite"
    of_the_first_version(path)
    for nth in (1, 8, 20):
        assert await dies(world, "in the middle of a migration", nth), "the point lies behind it"
        assert version(path) in range(1, len(schema.migrations()) + 1)
    await world.start()
    assert version(path) == len(schema.migrations())
    atm = await asyncio.to_thread(signed_on, world)
    for message, answer in zip(asked[:-1], answers, strict=False):
        again = await asyncio.to_thread(atm.ask, message | {"t": "0201"})
        assert (again["39"], again["38"]) == ("00", answer["38"]), "from the journal"
    assert (await asyncio.to_thread(atm.ask, asked[-1] | {"t": "0201"}))["39"] != "00", "it was reversed"
    atm.close()
    assert not world.ledger.posted_twice()
    assert sorted(e.trace for e in world.ledger.entries() if e.standing_minor) == [m["11"] for m in asked[:-1]]
    assert await world.stop() == 0


@pytest.mark.timeout(300)
async def test_a_new_journal_on_a_server(world: DaemonWorld, server: PostgresServer) -> None:
    world.configure(journal_extra=f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "live"\n')
    for nth in (2, 4):
        assert await dies(world, "in the middle of a migration on the server", nth), "the point lies behind it"
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    atm.close()
    assert await world.stop() == 0
