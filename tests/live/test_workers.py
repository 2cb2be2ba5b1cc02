"""Workers of one relay as processes, under load: one is killed, one stands still for longer than its lease, the first is
killed, and what the ATMs paid is what the core's ledger says.

The ATMs' books are those of test_postgresql.py. An ATM that loses its link asks again, and the kernel gives it to any worker.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.configuration.workers import ARE_SERVED, control_path
from relay.control.client import ControlClient
from relay.control.commands import ResolveArgs
from relay.control.regions import RegionBlockArgs
from relay.control.report import StatusReport
from relay.errors import RelayError
from tests.live.test_postgresql import Books, check_books, paid, verified
from tests.support.daemonworld import ROOT, DaemonWorld, next_look
from tests.support.pgserver import PostgresServer

pytestmark = pytest.mark.skipif(not ARE_SERVED, reason="several workers are refused: relay/configuration/workers.py")
ATMS = 8
WORKERS = 3
LEASE_MS = 8_000  # a loaded machine stands still for seconds by itself
PATIENCE_S = 240.0  # four processes start one after the other


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


class WorkersWorld(DaemonWorld):
    def configure_workers(self, dsn: str, workers: int = WORKERS) -> None:
        self.configure(journal_extra=f'engine = "postgresql"\ndsn = "{dsn}"\nschema_name = "live"\ncommit_timeout_ms = 1000\n')
        text = self.config_path.read_text()
        more = f"[relay]\nworkers = {workers}\nworker_lease_ms = {LEASE_MS}\n"
        self.config_path.write_text(
            text.replace("[relay]\n", more, 1).replace(f"metrics_port = {self.metrics_port}", "metrics_port = 0")
        )

    def of(self, worker: int) -> ControlClient:
        return ControlClient(control_path(str(self.directory / "control.sock"), worker))

    async def status(self, worker: int) -> StatusReport:
        return await asyncio.to_thread(self.of(worker).status)

    async def until(self, worker: int, **facts: object) -> StatusReport:
        """Until the worker's status says so; a worker that is being started does not answer yet."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    status = await self.status(worker)
                except RelayError:
                    await next_look()
                    continue
                if all(getattr(status, name) == value for name, value in facts.items()):
                    return status
                await next_look()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkersWorld]:
    monkeypatch.setattr("tests.support.daemonworld.PATIENCE_S", PATIENCE_S)
    world = WorkersWorld(tmp_path)
    for held in world._held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        await world.start_core()
        world.configure_workers(server.dsn)
        await world.start()
        yield world
    finally:
        if world.process is not None and world.process.returncode is None:
            await world.stop()
        await world.close()


def wait_gone(pid: int) -> None:
    """Until there is no such process."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            assert select.select([descriptor], [], [], PATIENCE_S)[0], "it still lives"
        finally:
            os.close(descriptor)


async def quiet(world: WorkersWorld) -> None:
    for worker in range(1, WORKERS + 1):
        await world.until(worker, exchanges={}, owed=0)


@pytest.mark.timeout(900)
async def test_each_of_them_dies_or_stands_still_and_nothing_is_lost_and_nothing_doubled(
    world: WorkersWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    atms = [Books(world, number) for number in range(1, ATMS + 1)]
    for atm in atms:
        atm.start()
    await paid(atms, 10)
    seen = [await world.until(worker, workers_live=WORKERS) for worker in range(1, WORKERS + 1)]
    links = [sum(each.links for each in status.listeners) for status in seen]
    assert sum(map(bool, links)) > 1, f"the kernel spreads them: {links}"
    assert len({status.pid for status in seen}) == WORKERS

    os.kill(seen[1].pid, signal.SIGKILL)
    await world.logged('"worker ended"')
    await paid(atms, 10)
    await world.until(2, state="serving")

    stopped = await world.until(3, state="serving")
    os.kill(stopped.pid, signal.SIGSTOP)
    await world.logged('"a worker was taken over"')
    os.kill(stopped.pid, signal.SIGCONT)
    await world.logged('"fenced: the journal failed"')
    await paid(atms, 10)
    again = await world.until(3, state="serving")
    assert again.incarnation > stopped.incarnation

    first = await world.until(1, state="serving")
    os.kill(first.pid, signal.SIGKILL)
    await paid(atms, 10)
    await world.until(1, state="serving")

    for atm in atms:
        atm.finish()
    for atm in atms:
        await asyncio.to_thread(atm.join, PATIENCE_S)
        assert not atm.is_alive()
        assert not atm.problem
    await quiet(world)
    check_books(world, atms)  # type: ignore[arg-type]  # its ledger is what is looked at
    assert (await world.status(1)).listed == 0
    assert await world.stop() == 0
    assert (await asyncio.to_thread(verified, world))["problems"] == []
    with capsys.disabled():
        count = sum(len(atm.paid) for atm in atms)
        print(f"\n{WORKERS} workers, links at first {links}: {count} paid, none lost, none doubled")


@pytest.mark.timeout(600)
async def test_people_ask_the_first_worker_and_each_worker_for_itself(world: WorkersWorld) -> None:
    await world.until(2, workers_live=WORKERS, worker=2, workers=WORKERS)
    with pytest.raises(RelayError, match="first worker"):
        await asyncio.to_thread(world.of(2).resolve, ResolveArgs(key="no-key", who="me", why="because"))
    with pytest.raises(RelayError, match="all workers at once"):
        await asyncio.to_thread(world.control.region_block, RegionBlockArgs(classes=("atm",), who="me", why="because"))
    page = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "relay", "status", "--config", str(world.config_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert f"{WORKERS} of {WORKERS} live" in page.stdout
    world.signal(signal.SIGHUP)
    await world.logged('"reloaded"', times=WORKERS)


@pytest.mark.timeout(600)
async def test_without_its_supervisor_a_worker_ends(world: WorkersWorld) -> None:
    second = await world.until(2, state="serving")
    await world.kill()
    await asyncio.to_thread(wait_gone, second.pid)
