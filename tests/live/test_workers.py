"""Workers of one relay as processes, under load: one stands still for longer than its lease, the first is killed, then
whoever started them; and what the ATMs paid is what the core's ledger says.

The ATMs' books are those of test_postgresql.py. An ATM that loses its link asks again, and the kernel gives it to any worker.
Two workers, once; three of them, again and again in a drawn order: `python -m tests.live.workers`.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.configuration.workers import control_path
from relay.control.client import ControlClient
from relay.control.commands import ResolveArgs
from relay.control.drain import DrainAbortArgs, DrainStartArgs
from relay.control.regions import RegionBlockArgs, RegionReleaseArgs
from relay.control.report import StatusReport
from relay.errors import RelayError
from tests.live.test_postgresql import Books, check_books, paid, verified
from tests.support.daemonworld import DaemonWorld
from tests.support.pgserver import PostgresServer

ATMS = 6
LEASE_MS = 8_000  # who is kept from the processor for a moment does not lose it
PATIENCE_S = 240.0  # of a loaded machine: two processes start one after the other


class WorkersWorld(DaemonWorld):
    def __init__(self, directory: Path, workers: int) -> None:
        super().__init__(directory)
        self.numbers = range(1, workers + 1)
        for held in self._held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    def configure_workers(self, dsn: str, lease_ms: int = LEASE_MS) -> None:
        self.configure(journal_extra=f'engine = "postgresql"\ndsn = "{dsn}"\nschema_name = "live"\ncommit_timeout_ms = 2000\n')
        text = self.config_path.read_text()
        more = f"[relay]\nworkers = {len(self.numbers)}\nworker_lease_ms = {lease_ms}\n"
        self.config_path.write_text(
            text.replace("[relay]\n", more, 1).replace(f"metrics_port = {self.metrics_port}", "metrics_port = 0")
        )

    def of(self, worker: int) -> ControlClient:
        return ControlClient(control_path(str(self.directory / "control.sock"), worker))

    async def until(self, number: int, **facts: object) -> StatusReport:
        """Until the worker's status says so; a worker that is being started does not answer yet."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(RelayError):
                    status = await asyncio.to_thread(self.of(number).status)
                    if all(getattr(status, name) == value for name, value in facts.items()):
                        return status
                await asyncio.sleep(0.05)

    async def quiet(self) -> None:
        for worker in self.numbers:
            await self.until(worker, exchanges={}, owed=0)


async def gone(pid: int) -> None:
    """Until there is no such process."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            ready = await asyncio.to_thread(select.select, [descriptor], [], [], PATIENCE_S)
            assert ready[0], "it still lives"
        finally:
            os.close(descriptor)


async def kill_one(world: WorkersWorld, worker: int) -> None:
    """kill -9, and a new life of it."""
    before = await world.until(worker, state="serving")
    os.kill(before.pid, signal.SIGKILL)
    await gone(before.pid)
    assert (await world.until(worker, state="serving")).incarnation > before.incarnation


async def stop_one(world: WorkersWorld, worker: int) -> None:
    """SIGSTOP until another one has what it had, then SIGCONT: it finds out, and begins anew."""
    before, log = await world.until(worker, state="serving"), world.log()
    os.kill(before.pid, signal.SIGSTOP)
    await world.logged('"a worker was taken over"', log.count('"a worker was taken over"') + 1)
    os.kill(before.pid, signal.SIGCONT)
    await gone(before.pid)
    assert (await world.until(worker, state="serving")).incarnation > before.incarnation


async def finish(world: WorkersWorld, atms: list[Books]) -> None:
    """Nothing lost, nothing doubled."""
    for atm in atms:
        atm.finish()
    for atm in atms:
        await asyncio.to_thread(atm.join, PATIENCE_S)
        assert not atm.is_alive()
        assert not atm.problem
    await world.quiet()
    check_books(world, atms)
    assert (await world.until(1)).listed == 0


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkersWorld]:
    monkeypatch.setattr("tests.support.daemonworld.PATIENCE_S", PATIENCE_S)
    world = WorkersWorld(tmp_path, 2)
    try:
        await world.start_core()
        world.configure_workers(server.dsn)
        await world.start()
        yield world
    finally:
        await world.close()


@pytest.mark.timeout(900)
async def test_one_stands_still_and_one_dies_and_nothing_is_lost_and_nothing_doubled(
    world: WorkersWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    atms = [Books(world, number) for number in range(1, ATMS + 1)]
    for atm in atms:
        atm.start()
    await paid(atms, 3)
    seen = [await world.until(worker, worker=worker, workers=2, workers_live=2) for worker in world.numbers]
    assert len({status.pid for status in seen}) == 2
    await people_ask(world)
    for trouble, worker in ((stop_one, 2), (kill_one, 1)):
        await trouble(world, worker)
        await paid(atms, 3)
    await finish(world, atms)

    lives = [await world.until(worker) for worker in world.numbers]
    await world.kill()  # whoever started them
    for life in lives:
        await gone(life.pid)
    assert (await asyncio.to_thread(verified, world))["problems"] == []
    with capsys.disabled():
        print(f"\n2 workers: {sum(len(atm.paid) for atm in atms)} paid, none lost, none doubled")


async def people_ask(world: WorkersWorld) -> None:
    """The first worker, and the others follow; each for itself; all by a signal."""
    first = world.of(1)
    with pytest.raises(RelayError, match="first worker"):
        await asyncio.to_thread(world.of(2).resolve, ResolveArgs(key="no-key", who="me", why="because"))
    await asyncio.to_thread(first.drain_start, DrainStartArgs(classes=("branch",), who="me", why="drill"))
    await world.until(2, drained=("branch",))
    await asyncio.to_thread(first.drain_abort, DrainAbortArgs(who="me", why="drill"))
    await world.until(2, drained=())
    await asyncio.to_thread(first.region_block, RegionBlockArgs(classes=("branch",), who="me", why="drill"))
    async with asyncio.timeout(PATIENCE_S):
        while (await world.until(2)).region.blocked != ("branch",):
            pass
    await asyncio.to_thread(first.region_release, RegionReleaseArgs(classes=("branch",), who="me", why="drill"))
    world.signal(signal.SIGHUP)
    await world.logged('"reloaded"', times=2)
