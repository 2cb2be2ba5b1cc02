"""A whole day of the running daemon, seen by a stranger's codec: traffic, cut-over, stated totals, sweep, report; and kill -9;
on either engine.

Every figure that is stated here is counted by the test itself, from the answers that pyiso8583 read.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relay.control.client import ControlClient, Refused
from relay.control.commands import ReconcileReportArgs
from tests.support.daemonworld import LISTENER, DaemonWorld, next_look
from tests.support.foreignatm import PAN, ForeignAtm
from tests.support.noon import NOON_MINUTES
from tests.support.pgserver import PostgresServer
from tests.support.sweeps import sweep_now

PATIENCE_S = 40.0
_numbers = itertools.count(1)
COMPARED = LISTENER + '[listener.profile.totals]\nanswer = "compared"\n'


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


@pytest_asyncio.fixture(loop_scope="session", params=["sqlite", "postgresql"])
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path, NOON_MINUTES)
    await world.start_core()
    journal = ""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("server")
        journal = f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "totals_{next(_numbers)}"\n'
    world.configure(
        COMPARED,
        extra=f"[reconcile]\nmargin_ms = 1\nlook_ms = 3600000\nutc_offset_minutes = {NOON_MINUTES}\n",
        journal_extra=journal,
    )
    yield world
    await world.close()


class Day:
    """One ATM's own count, from the answers it got."""

    def __init__(self, atm: ForeignAtm, first: int) -> None:
        self.atm = atm
        self.trace = first
        self.debits: list[int] = []
        self.undone: list[int] = []
        self.credits: list[int] = []

    def next(self) -> str:
        self.trace += 1
        return f"{self.trace:06d}"

    def withdraw(self, minor: int, is_undone: bool = False) -> None:
        asked = self.atm.withdrawal(self.next(), minor)
        assert self.atm.ask(asked)["39"] == "00"
        self.debits.append(minor)
        if is_undone:
            assert self.atm.ask(self.atm.reversal(asked, self.next()))["39"] == "00"
            self.undone.append(minor)

    def deposit(self, minor: int) -> None:
        assert self.atm.ask(self.atm.withdrawal(self.next(), minor) | {"3": "210000"})["39"] == "00"
        self.credits.append(minor)

    def totals(self, mti: str = "0500", debits_more: int = 0) -> dict[str, str]:
        net = sum(self.debits) - sum(self.undone) - sum(self.credits)
        return {
            "t": mti,
            **self.atm.stamps(),
            "11": self.next(),
            "32": "440011",
            "41": self.atm.terminal,
            "50": "392",
            "74": f"{len(self.credits):010d}",
            "76": f"{len(self.debits):010d}",
            "77": f"{len(self.undone):010d}",
            "86": f"{sum(self.credits):016d}",
            "88": f"{sum(self.debits) + debits_more:016d}",
            "89": f"{sum(self.undone):016d}",
            "97": f"{'D' if net >= 0 else 'C'}{abs(net):016d}",
        }

    def work(self) -> None:
        self.withdraw(10_000)
        self.withdraw(20_000, is_undone=True)
        self.withdraw(30_000)
        self.deposit(5_000)


async def report(control: ControlClient, business_date: str, above: int = 0) -> dict[str, Any]:
    """The newest report of a date, once there is one with a number above `above`. Nothing is owed when it begins: a reversal
    that the core has not heard of yet would be missing in its figures."""
    async with asyncio.timeout(PATIENCE_S):
        while (status := await asyncio.to_thread(control.status)).owed or status.exchanges:
            await next_look()
    await sweep_now(control, business_date)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                said = await asyncio.to_thread(control.reconcile_report, ReconcileReportArgs(form="json"))
                found: dict[str, Any] = json.loads(said.text)
                if found["number"] > above and found["business_date"] == business_date:
                    return found
            except Refused:
                pass
            await asyncio.sleep(0.05)


def date_of(world: DaemonWorld) -> str:
    return next(iter(world.ledger.entries())).business_date


async def test_a_day_in_balance_and_one_that_is_not(world: DaemonWorld) -> None:
    await world.start()
    good, bad = ForeignAtm(world.port), ForeignAtm(world.port, terminal="ATM00002")
    days = Day(good, 100), Day(bad, 500)
    for day in days:
        await asyncio.to_thread(day.atm.sign_on)
        await asyncio.to_thread(day.work)
    said = days[0].totals()
    answer = await asyncio.to_thread(good.ask, said)
    # The answer tells our own totals in the columns that were stated: in balance, so they are the same.
    assert (answer["t"], answer["39"], answer["66"]) == ("0510", "00", "1")
    assert {n: answer[n] for n in ("74", "76", "77", "86", "88", "89", "97")} == {
        n: said[n] for n in ("74", "76", "77", "86", "88", "89", "97")
    }
    again = await asyncio.to_thread(good.ask, said | {"t": "0501", "7": "0101000000"})
    assert {**again, "7": ""} == {**answer, "7": ""}, "a repeat is answered as the first was"
    other = await asyncio.to_thread(good.ask, said | {"t": "0501", "88": "0" * 16})
    assert other["39"] == "94", "other figures under the same trace contradict the first"

    await world.kill()  # what was acknowledged is on disk
    await world.start()
    good.close()
    bad.close()
    bad = ForeignAtm(world.port, terminal="ATM00002")
    await asyncio.to_thread(bad.sign_on)
    days[1].atm = bad
    wrong = days[1].totals("0520", debits_more=10_000)
    answer = await asyncio.to_thread(bad.ask, wrong)
    assert (answer["t"], answer["39"], answer["66"]) == ("0530", "95", "2")
    assert int(answer["88"]) == int(wrong["88"]) - 10_000

    business_date = date_of(world)
    found = await report(world.control, business_date)
    totals = found["totals"]
    assert found["differences"] == []
    assert totals["differs"] == 1
    listed = [line for line in totals["stated"] if line.get("why")]
    assert [(line["party"], line["name"], line["minor"], line["own_minor"]) for line in listed] == [
        ("ATM00002", "debits", 50_000, 40_000)
    ]
    assert "the terminal stands alone" in listed[0]["why"]
    assert totals["statements"] == 2
    withdrawals = next(line for line in totals["kinds"] if line["kind"] == "withdrawal")
    assert (withdrawals["count"], withdrawals["minor"], withdrawals["core_minor"]) == (4, 80_000, 80_000)
    text = (await asyncio.to_thread(world.control.reconcile_report, ReconcileReportArgs())).text
    assert "journal and core agree, the terminal stands alone" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    page = (await asyncio.to_thread(world.control.reconcile_report, ReconcileReportArgs(form="html"))).text
    assert all(PAN not in shown for shown in (text, page, json.dumps(found)))
    bad.close()
    assert world.metrics()['relay_reconcile_statements_total{result="kept"}'] >= 1
    assert await world.stop() == 0


async def test_after_the_cutover_comes_the_next_day_and_what_is_dated_back_is_late(world: DaemonWorld) -> None:
    await world.start()
    atm = ForeignAtm(world.port)
    day = Day(atm, 100)
    await asyncio.to_thread(atm.sign_on)
    await asyncio.to_thread(day.work)
    business_date = date_of(world)
    cutover = {"t": "0800", "7": atm.stamps()["7"], "11": "000900", "41": atm.terminal, "70": "201"}
    mmdd = business_date[5:].replace("-", "")
    answer = await asyncio.to_thread(atm.ask, cutover | {"15": _next(business_date)})
    assert answer["39"] == "00"
    late = atm.withdrawal(day.next(), 7_000) | {"15": mmdd}
    assert (await asyncio.to_thread(atm.ask, late))["39"] == "00"
    after = atm.withdrawal(day.next(), 9_000)  # without a business date: the next one's
    assert (await asyncio.to_thread(atm.ask, after))["39"] == "00"
    day.debits.append(7_000)
    await asyncio.to_thread(atm.ask, day.totals() | {"15": mmdd})
    totals = (await report(world.control, business_date))["totals"]
    atm.close()
    assert [line["business_date"] for line in totals["closed"]] == [business_date]
    assert [(line["kind"], line["count"], line["minor"]) for line in totals["late"]] == [("withdrawal", 1, 7_000)]
    assert totals["differs"] == 0, [line for line in totals["stated"] if line.get("why")]
    assert await world.stop() == 0


def _next(business_date: str) -> str:
    return (date.fromisoformat(business_date) + timedelta(days=1)).strftime("%m%d")
