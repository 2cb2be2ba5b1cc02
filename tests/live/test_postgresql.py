"""The daemon on PostgreSQL with a synchronous standby, under load: it is killed, its primary is killed, and what the ATMs
paid is what the core's ledger says.

The ATMs' books are kept here, by a stranger's codec: an approval is cash out, everything else is none. An ATM without an answer
asks again, marked as a repeat, until it has one. Nothing sleeps: each step waits for a word of the log or for a count of cash.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.daemonworld import ROOT, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm
from tests.support.pgserver import PostgresPair

ATMS = 4
PATIENCE_S = 120.0
KILLS = 5


class Books(threading.Thread):
    """One ATM that withdraws again and again, and what it paid."""

    def __init__(self, world: DaemonWorld, number: int) -> None:
        super().__init__(daemon=True)
        self.terminal = f"ATM{number:05d}"
        self.paid: set[str] = set()
        self.refused: set[str] = set()
        self.paid_at: list[float] = []
        self.problem = ""
        self._world = world
        self._ending = threading.Event()
        self._told = threading.Condition()

    def finish(self) -> None:
        """End after the withdrawal under way has its answer."""
        self._ending.set()

    def run(self) -> None:
        try:
            atm = self._sign_on()
            for number in range(2, 100_000):
                if self._ending.is_set():
                    break
                atm = self._withdraw(atm, f"{number:06d}")
            atm.close()
        except (AssertionError, OSError, KeyError) as error:
            with self._told:
                self.problem = f"{self.terminal}: {error!r}"
                self._told.notify_all()

    def wait_paid(self, count: int) -> None:
        """Until it has paid `count` times. Raises AssertionError where it does not come to that."""
        with self._told:
            assert self._told.wait_for(lambda: len(self.paid) >= count or self.problem, PATIENCE_S), self.terminal
            assert not self.problem

    def _withdraw(self, atm: ForeignAtm, trace: str) -> ForeignAtm:
        message = atm.withdrawal(trace)
        for _ in range(1_000):
            try:
                code = atm.ask(message)["39"]
            except OSError:
                atm.close()
                atm = self._sign_on()
                message = message | {"t": "0201"}
                continue
            with self._told:
                if code == "00":
                    self.paid.add(trace)
                    self.paid_at.append(time.monotonic())
                else:
                    self.refused.add(trace)
                self._told.notify_all()
            return atm
        raise AssertionError(f"no answer to {trace}")

    def _sign_on(self) -> ForeignAtm:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                atm = ForeignAtm(self._world.port, terminal=self.terminal)
            except OSError:
                self._ending.wait(0.05)  # four that knock without a pause keep the relay from coming up
                continue
            with contextlib.suppress(OSError):
                if atm.sign_on()["39"] == "00":
                    return atm
            atm.close()
        raise AssertionError("the relay did not come back")


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    made = PostgresPair()
    yield made
    made.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, pair: PostgresPair) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.configure(
            journal_extra=f'engine = "postgresql"\ndsn = "{pair.dsn}"\nschema_name = "live"\ncommit_timeout_ms = 1000\n'
        )
        await world.start()
        yield world
    finally:
        await world.close()


async def paid(atms: list[Books], more: int) -> None:
    """Until `more` withdrawals more were paid by every ATM."""
    await asyncio.gather(*(asyncio.to_thread(atm.wait_paid, len(atm.paid) + more) for atm in atms))


async def until_journal(world: DaemonWorld, state: str) -> None:
    """Until the journal is so. No line of the log says it: a slow disk makes it fall out of order for a moment at any time."""
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).journal.state != state:
            await next_look()


async def quiet(world: DaemonWorld) -> None:
    """Until nothing is open and nothing is owed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await asyncio.to_thread(world.control.status)
            if not status.exchanges and not status.owed:
                return
            await next_look()


def check_books(world: DaemonWorld, atms: list[Books]) -> None:
    """What each ATM paid stands in the ledger, once, and nothing else does."""
    standing = {(e.terminal, e.trace) for e in world.ledger.entries() if e.standing_minor}
    booked = {(atm.terminal, trace) for atm in atms for trace in atm.paid}
    assert not world.ledger.posted_twice()
    assert booked == standing, f"paid, not posted: {sorted(booked - standing)}; posted, not paid: {sorted(standing - booked)}"


def verified(world: DaemonWorld) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "relay", "journal", "verify", "--json", "--config", str(world.config_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


async def end_and_check(world: DaemonWorld, atms: list[Books]) -> None:
    """Everybody finishes; then the books of the ATMs are the core's, and the journal is sound."""
    for atm in atms:
        atm.finish()
    for atm in atms:
        await asyncio.to_thread(atm.join, PATIENCE_S)
        assert not atm.is_alive()
        assert not atm.problem
    await quiet(world)
    check_books(world, atms)
    assert (await asyncio.to_thread(world.control.status)).listed == 0
    assert await world.stop() == 0
    assert (await asyncio.to_thread(verified, world))["problems"] == []


@pytest.mark.timeout(400)
async def test_killed_again_and_again_nothing_is_lost_and_nothing_doubled(
    world: DaemonWorld, pair: PostgresPair, capsys: pytest.CaptureFixture[str]
) -> None:
    atms = [Books(world, number) for number in range(1, ATMS + 1)]
    for atm in atms:
        atm.start()
    await paid(atms, 20)
    for _ in range(KILLS):
        await world.kill()
        await world.start()
        await paid(atms, 10)

    killed_at = time.monotonic()
    await asyncio.to_thread(pair.primary.kill)
    await until_journal(world, "full")
    await asyncio.to_thread(pair.standby.promote)
    promoted_at = time.monotonic()
    await until_journal(world, "writable")
    again_at = time.monotonic()
    await paid(atms, 20)
    first = min(at for atm in atms for at in atm.paid_at if at > again_at)

    await world.kill()  # and once more, now on the promoted server alone
    await world.start()
    await paid(atms, 10)
    await end_and_check(world, atms)
    paid_count, refused_count = sum(len(atm.paid) for atm in atms), sum(len(atm.refused) for atm in atms)
    promoted_ms, writes_ms, first_ms = (
        1000 * span for span in (promoted_at - killed_at, again_at - promoted_at, first - killed_at)
    )
    with capsys.disabled():
        print(
            f"\npostgresql fail-over: {paid_count} paid, {refused_count} refused, none lost, none doubled; promoted"
            f" {promoted_ms:.0f} ms after the kill, writes {writes_ms:.0f} ms later, approves {first_ms:.0f} ms after the kill"
        )


@pytest.mark.timeout(300)
async def test_relay_and_primary_die_at_once(world: DaemonWorld, pair: PostgresPair) -> None:
    """What was in doubt at that moment is found out by the next life, on the other server."""
    atms = [Books(world, number) for number in range(1, ATMS + 1)]
    for atm in atms:
        atm.start()
    await paid(atms, 20)
    await asyncio.gather(asyncio.to_thread(pair.primary.kill), world.kill())
    await asyncio.to_thread(pair.standby.promote)
    await world.start()
    await paid(atms, 20)
    await end_and_check(world, atms)
