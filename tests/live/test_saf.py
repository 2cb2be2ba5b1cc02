"""What is owed to the core, through the running daemon and its command: over kill -9, with a silent core, a refusing core, and
persons who sign.

The terminal is a stranger's (tests/support/foreignatm.py); the ledger is the fake core's.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio

from relay.control.commands import SafListArgs
from relay.control.report import SafReport
from relay.core import contract as c
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.ledger import Caller, Ledger, Refused
from tests.support.daemonworld import ROOT, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm

PATIENCE_S = 120.0
SIGNED = ("--who", "T. Yamada", "--why", "the core is mended, ticket 4411")


class RefusingLedger(Ledger):
    """Refuses reversals while it is told to."""

    refuses = False

    def reverse(self, key: str, request: c.ReversalRequest, caller: Caller, wall_ms: int) -> c.ReversalAnswer | Refused:
        if self.refuses:
            return Refused(400, c.PROBLEM_INVALID, "a release that does not understand it")
        return super().reverse(key, request, caller, wall_ms)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.ledger = RefusingLedger()
    world.core = CoreServer(FakeCore(world.ledger), world.faults, zones=("127.0.0.1",))
    await world.start_core()
    world.configure()
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace("[core]\n", "[core]\nsaf_head_tries_max = 2\n"))
    await world.start()
    yield world
    await world.close()


async def saf(world: DaemonWorld, *words: str) -> tuple[int, str]:
    """The command as an operator types it: exit code and what it said."""
    words = ("saf", "--socket", f"{world.directory}/control.sock", *words)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def listed(world: DaemonWorld, until: Callable[[SafReport], bool]) -> SafReport:
    async with asyncio.timeout(PATIENCE_S):
        while not until(report := await asyncio.to_thread(world.control.saf_list, SafListArgs())):
            await next_look()
    return report


def withdrawn_and_reversed(world: DaemonWorld) -> None:
    """A withdrawal that was approved, and its reversal, acknowledged by the relay."""
    atm = ForeignAtm(world.port)
    assert atm.sign_on()["39"] == "00"
    withdrawal = atm.withdrawal("000002")
    assert atm.ask(withdrawal)["39"] == "00"
    assert atm.ask(atm.reversal(withdrawal, "000003"))["t"] == "0430"
    atm.close()


def standing(world: DaemonWorld) -> list[int]:
    return [entry.standing_minor for entry in world.ledger.entries() if entry.trace == "000002"]


async def test_refused_listed_retried_and_who_and_why_survive_a_kill(world: DaemonWorld) -> None:
    assert isinstance(world.ledger, RefusingLedger)
    world.ledger.refuses = True
    await asyncio.to_thread(withdrawn_and_reversed, world)
    report = await listed(world, lambda report: report.listed == 1)
    (row,) = report.rows
    assert (row.state, row.why, report.owed) == ("listed", "invalid", 0)
    assert standing(world) == [10_000]
    code, said = await saf(world, "retry", row.key, "--who", "T. Yamada", "--why", "  ")
    assert code != 0
    assert "a name and a reason" in said
    code, _ = await saf(world, "resolve", row.key, "--who", "T. Yamada")
    assert code != 0
    assert standing(world) == [10_000], "nothing was asked without a signature"

    world.ledger.refuses = False
    code, said = await saf(world, "retry", row.key, *SIGNED)
    assert code == 0, said
    await listed(world, lambda report: not report.rows)
    assert standing(world) == [0]
    await world.kill()
    await world.start()
    code, said = await saf(world, "show", row.key, "--json")
    assert code == 0
    steps = [(step["event"], step.get("detail", "")) for step in json.loads(said)["history"]]
    assert ("RETRIED_DELIVERY", "T. Yamada: the core is mended, ticket 4411") in steps
    assert json.loads(said)["row"]["state"] == "settled"
    assert not world.ledger.posted_twice()


async def test_a_silent_core_a_kill_and_a_person_in_a_hurry(world: DaemonWorld) -> None:
    atm = await asyncio.to_thread(ForeignAtm, world.port)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    withdrawal = atm.withdrawal("000002")
    assert (await asyncio.to_thread(atm.ask, withdrawal))["39"] == "00"
    await world.core.stop()
    assert (await asyncio.to_thread(atm.ask, atm.reversal(withdrawal, "000003")))["t"] == "0430"
    atm.close()
    report = await listed(world, lambda report: bool(report.rows and report.rows[0].tries > 2))
    (row,) = report.rows
    assert (report.owed, report.listed, row.state, row.original_key != "") == (1, 0, "delivering", True)
    assert row.why == "unreachable"
    await world.kill()
    await world.start()
    (after,) = (await listed(world, lambda report: bool(report.rows))).rows
    assert (after.key, after.state, after.tries >= 2) == (row.key, "delivering", True)
    code, said = await saf(world, "list", "--owed")
    assert code == 0
    assert "1 owed to the core, 0 on the person's list" in said
    assert "4111" not in said
    await world.core.start()
    await saf(world, "retry", row.key, *SIGNED)  # now, or it is being tried already
    await listed(world, lambda report: not report.rows)
    assert standing(world) == [0]


async def test_settled_by_other_means(world: DaemonWorld) -> None:
    assert isinstance(world.ledger, RefusingLedger)
    world.ledger.refuses = True
    await asyncio.to_thread(withdrawn_and_reversed, world)
    (row,) = (await listed(world, lambda report: report.listed == 1)).rows
    code, said = await saf(world, "resolve", row.key, *SIGNED)
    assert code == 0, said
    await world.kill()
    await world.start()
    assert (await asyncio.to_thread(world.control.saf_list, SafListArgs())).rows == ()
    _, said = await saf(world, "show", row.key)
    assert "RESOLVED" in said
    assert "T. Yamada: the core is mended" in said
    code, said = await saf(world, "retry", row.key, *SIGNED)
    assert code != 0
    assert "not on the list" in said
    assert standing(world) == [10_000], "no money moved by it"


async def test_what_was_settled_by_hand_is_not_paid_by_the_core_over_a_kill(world: DaemonWorld) -> None:
    """The terminal reverses once more, under another number; nobody but a person with the word lets the core know of it."""
    assert isinstance(world.ledger, RefusingLedger)
    world.ledger.refuses = True
    atm = await asyncio.to_thread(ForeignAtm, world.port)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    withdrawal = atm.withdrawal("000002")
    assert (await asyncio.to_thread(atm.ask, withdrawal))["39"] == "00"
    assert (await asyncio.to_thread(atm.ask, atm.reversal(withdrawal, "000003")))["t"] == "0430"
    atm.close()
    (first,) = (await listed(world, lambda report: report.listed == 1)).rows
    code, said = await saf(world, "resolve", first.key, "--who", "A. Sato", "--why", "paid back by voucher 8812")
    assert code == 0, said
    world.ledger.refuses = False
    await world.kill()
    await world.start()
    atm = await asyncio.to_thread(ForeignAtm, world.port)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    assert (await asyncio.to_thread(atm.ask, atm.reversal(withdrawal, "000004")))["t"] == "0430"
    atm.close()
    (second,) = (await listed(world, lambda report: report.listed == 1)).rows
    assert "by A. Sato: paid back by voucher 8812" in second.why
    code, said = await saf(world, "retry", second.key, *SIGNED)
    assert code != 0
    for word in (first.key, "A. Sato: paid back by voucher 8812", "--although-resolved"):
        assert word in said
    assert standing(world) == [10_000]
    code, said = await saf(world, "retry", second.key, "--although-resolved", *SIGNED)
    assert code == 0, said
    await listed(world, lambda report: not report.rows)
    assert standing(world) == [0]
    _, said = await saf(world, "show", second.key)
    assert f"(although {first.key} was resolved)" in said
