"""A core that dies is seen at once where people look: status and its exit code, the log, the metrics. And so is its return."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest_asyncio

from relay.control.problems import problems
from relay.control.report import SILENT_MS_MAX, StatusReport
from relay.loopback.faults import Fault
from tests.support.daemonworld import PATIENCE_S, ROOT, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.configure()
        await world.start()
        yield world
    finally:
        await world.close()


async def status_command(world: DaemonWorld) -> tuple[int, str]:
    """`relay status` as the operator runs it: exit code and page."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "status", "--config", str(world.config_path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    page, _ = await process.communicate()
    return process.returncode or 0, page.decode()


async def status_until(world: DaemonWorld, holds: Callable[[StatusReport], bool]) -> StatusReport:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(report := await asyncio.to_thread(world.control.status)):
            await next_look()
    return report


def is_long_dead(report: StatusReport) -> bool:
    return report.region.silent_ms >= SILENT_MS_MAX and report.core.addresses[0].failures >= 3


async def test_a_dead_core_is_seen_and_so_is_its_return(world: DaemonWorld) -> None:
    assert (await status_command(world))[0] == 0
    with closing(await asyncio.to_thread(ForeignAtm, world.port)) as atm:
        assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
        world.core.kill_zone("127.0.0.1")
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "91"
        report = await status_until(world, is_long_dead)
        assert [problem.next_step for problem in problems(report)] == ["runbook: RelayCoreUnreachable"]
        assert report.core.addresses[0].health == "failing"
        assert report.region.has_permit, "silence is no reason to think that another region is the active one"
        code, page = await status_command(world)
        assert code == 2
        assert "the core has not answered for" in page.splitlines()[1]
        await world.logged('"the core does not answer"')
        shown = await asyncio.to_thread(world.metrics)
        assert shown['relay_core_addresses{health="healthy"}'] == 0
        assert shown['relay_core_addresses{health="failing"}'] == 1
        assert shown["relay_region_silent_seconds"] >= 5
        assert shown['relay_core_calls_total{outcome="not-processed",verb="submit"}'] == 1
        await world.core.heal_zone("127.0.0.1")
        await status_until(world, lambda report: not any(problems(report)))
        await world.logged('"the core answers again"')
        assert (await asyncio.to_thread(world.metrics))["relay_region_silent_seconds"] == 0
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "00"
    assert (await status_command(world))[0] == 0


async def test_a_wrong_region_answer_asks_at_once_which_region_it_is(world: DaemonWorld) -> None:
    """The next probe would come in an hour; one refused message is all that the new epoch costs."""
    assert await world.stop() == 0
    world.region_probe_ms = 3_600_000
    world.configure()
    await world.start()
    with closing(await asyncio.to_thread(ForeignAtm, world.port)) as atm:
        assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
        world.ledger.activate(2)
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "91"
        await status_until(world, lambda report: report.region.epoch == 2 and report.region.has_permit)
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "00"


async def test_a_database_without_a_writer_costs_refusals_and_what_is_owed_waits_for_it(world: DaemonWorld) -> None:
    """The core answers, and writes nothing: 503 with our problem, and some of these answers are lost on the way."""
    assert await world.stop() == 0
    world.reply_deadline_ms = 6_000  # one of them passes
    world.configure()
    await world.start()
    with closing(await asyncio.to_thread(ForeignAtm, world.port)) as atm:
        assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
        first = atm.withdrawal("000002")
        assert (await asyncio.to_thread(atm.ask, first))["39"] == "00"
        world.core.core.has_writer = False
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "91"
        undo = await asyncio.to_thread(atm.ask, atm.reversal(first, "000004"))
        assert undo["39"] == "00", "taken, and owed to the core"
        world.faults.set_rates({Fault.DROP_AFTER_COMMIT: 1.0})
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000005")))["39"] != "00", "in doubt until its deadline"
        world.faults.set_rates({})
        report = await status_until(world, lambda report: report.owed >= 2)
        assert report.region.has_permit, "it answers"
        assert (await asyncio.to_thread(world.metrics))['relay_refusals_total{listener="atm",reason="overloaded"}'] == 1
        assert [entry.trace for entry in world.ledger.entries() if entry.standing_minor] == ["000002"]
        world.core.core.has_writer = True
        await status_until(world, lambda report: not report.owed and not report.exchanges)
        assert [entry.trace for entry in world.ledger.entries() if entry.standing_minor] == []
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000006")))["39"] == "00"
    assert world.ledger.posted_twice() == []
    assert [entry.trace for entry in world.ledger.entries() if entry.standing_minor] == ["000006"]
