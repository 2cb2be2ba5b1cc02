"""`relay drain` in a running daemon: idle sessions first, a busy one when it is answered, what is left reset at the deadline;
begun twice, aborted, found again after a restart and after kill -9; and SIGTERM as ever.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.client import Refused
from relay.control.drain import DrainAbortArgs, DrainReport, DrainStartArgs
from relay.loopback.faults import Fault
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm

ABORT = DrainAbortArgs(who="Sato", why="done")


def start(*classes: str, deadline_s: int = 0) -> DrainStartArgs:
    return DrainStartArgs(classes=classes, deadline_s=deadline_s, who="Sato", why="new disk")  # type: ignore[arg-type]  # words


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.configure(extra="[drain]\nstep_ms = 200\nsign_off_ms = 500\n")
        await world.start()
        yield world
    finally:
        while OPENED:
            OPENED.pop().close()
        await world.close()


OPENED: list[ForeignAtm] = []  # closed with the world


def signed_on(world: DaemonWorld, terminal: str = "ATM00001") -> ForeignAtm:
    atm = ForeignAtm(world.port, terminal=terminal)
    OPENED.append(atm)
    assert atm.sign_on()["39"] == "00"
    return atm


def is_refused(world: DaemonWorld) -> bool:
    """Nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", world.port), timeout=PATIENCE_S):
            return False
    except ConnectionRefusedError:
        return True


async def until_stage(world: DaemonWorld, *stages: str) -> DrainReport:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            report = await asyncio.to_thread(world.control.drain_status)
            if report.stage in stages:
                return report
            await next_look()


async def until_open(world: DaemonWorld) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(is_refused, world):
            await next_look()


async def until_busy(world: DaemonWorld) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (await asyncio.to_thread(world.control.status)).exchanges:
            await next_look()


async def test_the_idle_go_first_the_busy_when_they_are_answered_and_all_come_back(world: DaemonWorld) -> None:
    idle = await asyncio.to_thread(signed_on, world)
    busy = await asyncio.to_thread(signed_on, world, "ATM00002")
    world.faults.set_rates({Fault.HANG: 1.0})
    busy.say(busy.withdrawal("000002"))
    await until_busy(world)
    await asyncio.to_thread(world.control.drain_start, start("atm"))
    assert await asyncio.to_thread(idle.is_closed), "it owed nothing"
    report = await until_stage(world, "shedding", "finishing")
    assert [(row.name, row.is_drained, row.open, row.busy) for row in report.rows] == [
        ("atm", True, 1, 1),
        ("branch", False, 0, 0),
        ("zengin", False, 0, 0),
    ]
    assert world.metrics()["relay_drain_links_busy"] == 1
    assert is_refused(world)
    again = await asyncio.to_thread(world.control.drain_start, start("atm"))
    assert "under way already" in again.text
    with pytest.raises(Refused, match="on its way there"):
        await asyncio.to_thread(world.control.drain_start, start())
    world.faults.set_rates({})
    answer = await asyncio.to_thread(busy.hear)
    assert (answer["11"], answer["39"]) == ("000002", "00")
    assert await asyncio.to_thread(busy.is_closed)
    await until_stage(world, "drained")
    status = await asyncio.to_thread(world.control.status)
    assert status.drained == ("atm",)
    assert status.state == "serving", "the other classes are"
    assert world.metrics()["relay_drain_stage"] == 7
    # Over a restart, and over a death.
    assert await world.stop() == 0
    await world.start()
    assert (await until_stage(world, "drained")).who == "Sato"
    await world.kill()
    await world.start()
    assert is_refused(world)
    await asyncio.to_thread(world.control.drain_abort, ABORT)
    await until_open(world)
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "00"
    assert (await until_stage(world, "serving")).who == ""


async def test_what_is_left_at_the_deadline_is_reset(world: DaemonWorld) -> None:
    busy = await asyncio.to_thread(signed_on, world)
    world.faults.set_rates({Fault.HANG: 1.0})
    busy.say(busy.withdrawal("000002"))
    await until_busy(world)
    await asyncio.to_thread(world.control.drain_start, start(deadline_s=1))
    with pytest.raises(ConnectionResetError):
        await asyncio.to_thread(busy.hear)
    await until_stage(world, "drained")
    status = await asyncio.to_thread(world.control.status)
    assert status.state == "draining"
    assert "Sato" in status.why
    assert world.metrics()['relay_links_closed_total{listener="atm",reason="drain-deadline"}'] == 1
    world.faults.set_rates({})


async def test_an_abort_half_way_opens_the_door_again_and_the_answer_still_comes(world: DaemonWorld) -> None:
    busy = await asyncio.to_thread(signed_on, world)
    world.faults.set_rates({Fault.HANG: 1.0})
    busy.say(busy.withdrawal("000002"))
    await until_busy(world)
    await asyncio.to_thread(world.control.drain_start, start("atm"))
    await until_stage(world, "shedding", "finishing")
    await asyncio.to_thread(world.control.drain_abort, ABORT)
    await until_open(world)
    world.faults.set_rates({})
    assert (await asyncio.to_thread(busy.hear))["39"] == "00"
    assert (await asyncio.to_thread(busy.ask, busy.withdrawal("000003")))["39"] == "00", "it was never told to go"
    assert (await asyncio.to_thread(world.control.drain_abort, ABORT)).text == "nothing is drained"


async def test_a_signal_begins_it_and_sigterm_ends_the_process(world: DaemonWorld) -> None:
    idle = await asyncio.to_thread(signed_on, world)
    world.signal(signal.SIGUSR2)
    assert await asyncio.to_thread(idle.is_closed)
    report = await until_stage(world, "drained")
    assert report.who == "signal SIGUSR2"
    reload = await asyncio.to_thread(world.control.reload)
    assert reload.reasons == ("the relay is draining: nothing is reloaded",)
    assert await world.stop() == 0
