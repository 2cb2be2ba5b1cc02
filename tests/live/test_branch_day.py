"""A branch's whole day against the daemon as a process, with kill -9 in the middle: nothing lost or doubled, tills right."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.report import StatusReport
from relay.loopback.books import Books
from relay.loopback.branch import BranchPolicy, BranchTerminal, Refused
from relay.loopback.branchslips import Place
from relay.loopback.faults import Fault
from relay.loopback.report import Listed, compare, lines_of
from tests.support.daemonworld import DaemonWorld, next_look

BRANCH = """
[[listener]]
name = "branch"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 4000
"""
A, B, C = "123-1-0000001", "123-1-0000002", "123-1-0000003"
OPENING = 10_000_000
QUICK = BranchPolicy(reply_timeout_s=6.0, again_s=0.05, tries_max=1_000)  # the relay may take a while to start again


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    await world.start_core()
    world.configure(BRANCH)
    await world.start()
    yield world
    await world.close()


def terminal(world: DaemonWorld, books: Books, number: str, kind: str) -> BranchTerminal:
    place = Place(terminal=number, kind=kind, operator="" if kind == "A" else "TEL00001")
    return BranchTerminal("127.0.0.1", world.port, place, books, OPENING, lambda: time.time() * 1_000, QUICK)


async def until(world: DaemonWorld, states: set[str]) -> StatusReport:
    """Wait until the relay has open exchanges of these states only."""
    async with asyncio.timeout(40):
        while True:
            status = await asyncio.to_thread(world.control.status)
            if set(status.exchanges) <= states:
                return status
            await next_look()


async def asked(world: DaemonWorld) -> None:
    """Wait until the core has been asked. A core that hangs is given up soon, and whoever looks late sees the doubt."""
    async with asyncio.timeout(30):
        while not {"asked", "in_doubt"} & set((await asyncio.to_thread(world.control.status)).exchanges):
            await next_look()


async def killed_while(world: DaemonWorld, act: "asyncio.Task[object]") -> None:
    """kill -9 while the core has been asked and has not answered; then the relay comes back and the core is well."""
    await asked(world)
    await world.kill()
    world.faults.set_rates({})
    await world.start()
    async with asyncio.timeout(60):
        await act


async def test_a_whole_day(world: DaemonWorld) -> None:
    books = Books()
    teller, atm = terminal(world, books, "0001", "T"), terminal(world, books, "0042", "A")
    world.ledger.block_account(C, "account-closed")
    cut_off, torn = terminal(world, books, "0043", "A"), terminal(world, books, "0044", "A")
    for one in (teller, atm, cut_off, torn):
        await one.open()

    # Morning: both ways, an approver, a refusal that gives the notes back.
    first = await teller.deposit(A, 300_000)
    await teller.withdraw(B, 50_000, approver="MGR00001")
    await teller.transfer(A, B, 70_000)
    refused = await teller.deposit(C, 10_000)
    assert refused.returned == 10_000
    for amount in (10_000, 20_000, 30_000):
        await atm.withdraw(A, amount)
    await atm.dispense_nothing(A, 40_000)
    await atm.dispense_nothing(A, 50_000, given=20_000)

    # 取消・訂正.
    await teller.cancel(first)
    wrong = await teller.deposit(B, 90_000)
    await teller.correct(wrong, 9_000)

    # The line is down: the branch goes on alone, and sends afterwards.
    teller.go_offline()
    for amount in (1_000, 2_000, 3_000):
        await teller.deposit(A, amount)
    await teller.withdraw(A, 4_000)
    await teller.go_online()

    # kill -9 with a withdrawal asked: it is undone, and never approved afterwards.
    world.faults.set_rates({Fault.HANG: 1.0})
    act = asyncio.ensure_future(atm.withdraw(A, 60_000))
    await killed_while(world, act)
    assert act.result().paid == 0

    # kill -9 with a deposit asked: the notes are in the till, and it is posted once.
    world.faults.set_rates({Fault.HANG: 1.0})
    act = asyncio.ensure_future(teller.deposit(B, 80_000))
    await killed_while(world, act)
    assert act.result().returned == 0

    # The counter jumps: 照会, an approver, and on it goes.
    teller.till.jump(5)
    await teller.deposit(A, 5_000)

    # Power cuts. The first is confirmed by 前回確定通番; the others wait for the evening, also over another kill -9.
    await atm.withdraw(A, 15_000, power="told")
    await atm.withdraw(A, 16_000, power="after")
    await cut_off.withdraw(A, 17_000, power="before")
    unclear = [await torn.withdraw(B, 18_000, power="after"), await torn.withdraw(B, 19_000, power="before")]
    status = await until(world, {"awaiting_completion"})
    assert status.exchanges == {"awaiting_completion": 4}
    await world.kill()
    await world.start()

    # Evening: the count proves all or none; two different stories in one till are a person's.
    for one in (teller, atm, cut_off):
        await one.close()
    with pytest.raises(Refused) as caught:
        await torn.close()
    assert caught.value.code == "1008"
    await torn.close(approver="MGR00001")
    status = await until(world, set())
    assert status.state == "serving"
    listed = [Listed("", torn.place.name, act.trace, "unproven") for act in unclear]
    report = compare(books, lines_of(world.ledger.entries()), listed, world.ledger.posted_twice())
    assert [difference.trace for difference in report.differences] == [unclear[1].trace], "approved, not paid, and not guessed"
    assert report.holds, report
    assert not teller.violations + atm.violations + cut_off.violations + torn.violations
    assert teller.repeats_sent + atm.repeats_sent >= 2
    for one in (teller, atm, cut_off):
        moved = sum(
            line.delta_minor for line in lines_of(world.ledger.entries()) if line.terminal == one.place.name
        )  # what accounts gained is in the till, but for the transfer, which moved no notes
        transfers = 70_000 if one is teller else 0
        assert one.till.cash == OPENING + moved + transfers
    with pytest.raises(Refused) as caught:
        await teller.open()
    assert caught.value.code == "1003", "the day is over, on disk too"
