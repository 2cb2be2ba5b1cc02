"""The relay as a process, its journal on PostgreSQL with a standby: what is acknowledged is at the standby or in the core.

One history: the standby follows; it stands still (ATM requests go on, reversals by the core); the core goes, too (refused with
the dialect's code); the standby is back; and then the primary is lost, and what the terminal was told is taken is looked for.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.report import StatusReport
from tests.support.daemonworld import DaemonWorld
from tests.support.foreignatm import ForeignAtm
from tests.support.pgserver import USER, PostgresServer

PATIENCE_S = 120.0
NO_JOURNAL = "96"  # ISO 8583:1987, system malfunction
# A standby that a slow disk keeps for a second is not away, and a core that is asked each second not silent.
PAIR = """
[pair]
journal_standby = "standby"
ack_timeout_ms = 3000
ack_return_after_ms = 300
"""


@pytest.fixture
def servers() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    made = [PostgresServer()]
    try:
        made[0].sql(f"GRANT pg_read_all_stats TO {USER}", database="postgres")
        made.append(made[0].standby(synchronous=False))
        yield made[0], made[1]
    finally:
        for server in made:
            server.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, servers: tuple[PostgresServer, PostgresServer]) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        journal = f'engine = "postgresql"\ndsn = "{servers[0].dsn}"\nschema_name = "live"\n'
        world.configure(journal_extra=journal, extra=PAIR)
        await world.start()
        yield world
    finally:
        await world.close()


async def until(world: DaemonWorld, holds: Callable[[StatusReport], bool]) -> StatusReport:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await asyncio.to_thread(world.control.status)
            if holds(status):
                return status


def is_peer(word: str) -> Callable[[StatusReport], bool]:
    return lambda status: status.pair.acks.peer == word


def needs(status: StatusReport) -> dict[str, str]:
    return {row.name: row.holds for row in status.pair.acks.classes}


@pytest.mark.timeout(400)  # two servers are made first; on a loaded machine that is most of it
async def test_what_is_acknowledged_outlives_the_center(
    world: DaemonWorld, servers: tuple[PostgresServer, PostgresServer]
) -> None:
    primary, standby = servers

    async def reverse(trace: str, mti: str = "0420") -> str:
        """Of a withdrawal that nobody knows: the core keeps a tombstone."""
        original = atm.withdrawal(f"9{trace[1:]}")
        return (await asyncio.to_thread(atm.ask, atm.reversal(original, trace) | {"t": mti}))["39"]

    async def withdraw(trace: str) -> str:
        return (await asyncio.to_thread(atm.ask, atm.withdrawal(trace)))["39"]

    status = await until(world, is_peer("follows"))
    assert needs(status)["advice"] == "local+peer"
    atm = await asyncio.to_thread(ForeignAtm, world.port)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    assert await withdraw("000002") == "00"
    assert await reverse("000003") == "00"

    receiver = int(await asyncio.to_thread(standby.sql, "SELECT pid FROM pg_stat_wal_receiver", database="postgres"))
    os.kill(receiver, signal.SIGSTOP)
    try:
        assert await withdraw("000004") == "00", "ATM requests go on"
        assert await reverse("000005") == "00", "by the core"
        assert await withdraw("000006") == "00"
        status = await until(world, is_peer("away"))
        holds = needs(status)
        assert (holds["advice"], holds["request"], holds["outward"]) == ("core", "local", ""), holds
        assert await reverse("000007") == "00"

        await world.core.stop()
        await until(world, lambda status: needs(status)["advice"] == "")
        assert await reverse("000008") == NO_JOURNAL, "neither is there"
    finally:
        os.kill(receiver, signal.SIGCONT)
    await until(world, is_peer("follows"))
    assert await reverse("000008", "0421") == "00", "the core is away still: the standby has it"

    atm.close()
    await world.kill()
    primary.kill()
    standby.promote()
    kept = standby.sql("SELECT key FROM live.taken WHERE message_class = 'reversal'").split("\n")
    for trace in ("000003", "000008"):
        assert any(f":{trace}:" in key for key in kept), (trace, kept)
    undone = [entry.key for entry in world.ledger.entries() if not entry.standing_minor]
    for trace in ("000005", "000007"):
        assert any(f":9{trace[1:]}:" in key for key in undone), (trace, undone)
