"""The running daemon mends what its core lost and undoes what its core kept, on both engines, across a kill -9 in the middle.

Nothing is mended by the test: an advice under the same key, reversals, and the balance of the one account say what happened.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relay.control.client import Refused
from relay.control.commands import ReconcileReportArgs, ReconcileSignArgs
from relay.core import contract as c
from relay.loopback.ledger import Caller
from relay.loopback.ledger import Refused as CoreRefused
from tests.support.daemonworld import DaemonWorld
from tests.support.foreignatm import PAN, ForeignAtm
from tests.support.lossycore import keep, lose
from tests.support.noon import NOON_MINUTES
from tests.support.pgserver import PostgresServer
from tests.support.sweeps import sweep_now

PATIENCE_S = 90.0
pytestmark = pytest.mark.timeout(300)
RECONCILE = f"""
[reconcile]
utc_offset_minutes = {NOON_MINUTES}
margin_ms = 300
look_ms = 100
correction_interval_s = 1
enabled = true
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def journal_extra(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    server = PostgresServer()
    yield f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "live"\n'
    server.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, journal_extra: str) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path, NOON_MINUTES)
    await world.start_core()
    world.configure(extra=RECONCILE, journal_extra=journal_extra)
    yield world
    await world.close()


def withdraw(atm: ForeignAtm, trace: int) -> str:
    return atm.ask(atm.withdrawal(f"{trace:06d}"))["39"]


def key_of(world: DaemonWorld, trace: int) -> str:
    (key,) = [entry.key for entry in world.ledger.entries() if entry.trace == f"{trace:06d}" and entry.kind == "withdrawal"]
    return key


async def until(what: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():  # noqa: ASYNC110  # what happens, happens in another process
            await asyncio.sleep(0.02)


async def reports(world: DaemonWorld) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        args = ReconcileReportArgs(number=len(found) + 1, form="json")
        try:
            found.append(json.loads((await asyncio.to_thread(world.control.reconcile_report, args)).text))
        except Refused:
            return found


class Sick:
    """The core loses the posting of trace 104, keeps that of 200 which it declined, and that of 300 when it is reversed: each
    once, right after its good answer. `advised` are the keys that were delivered as advices; the first such answer is lost."""

    def __init__(self, world: DaemonWorld) -> None:
        self.ledger = world.ledger
        self.advised: list[str] = []
        self.reached = asyncio.Event()
        self._post, self._reverse = self.ledger.post, self.ledger.reverse
        self._done: set[str] = set()
        self.ledger.post = self.post  # type: ignore[method-assign]
        self.ledger.reverse = self.reverse  # type: ignore[method-assign]

    def post(self, key: str, request: c.TransactionRequest, caller: Caller, wall_ms: int) -> Any:
        answer = self._post(key, request, caller, wall_ms)
        if request.advice:
            assert request.card is None or (request.card.track2, request.card.pin_block) == (None, None), "law 9"
            self.advised.append(key)
            self.reached.set()
            if len(self.advised) == 1:
                return CoreRefused(500, "about:blank", "the answer is lost")
        elif request.trace == "000104" and self._once(key):
            lose(self.ledger, key)
        elif request.trace == "000200" and self._once(key):
            keep(self.ledger, key)
        return answer

    def reverse(self, key: str, request: c.ReversalRequest, caller: Caller, wall_ms: int) -> Any:
        answer = self._reverse(key, request, caller, wall_ms)
        if ":000300:" in key and self._once(key):
            keep(self.ledger, key)
        return answer

    def _once(self, key: str) -> bool:
        is_first = key not in self._done
        self._done.add(key)
        return is_first


async def test_a_core_that_loses_and_keeps_is_mended_across_kill_9(world: DaemonWorld) -> None:
    ledger = world.ledger
    sick = Sick(world)
    await world.start()
    atm = ForeignAtm(world.port)
    await asyncio.to_thread(atm.sign_on)
    for trace in range(100, 110):
        assert await asyncio.to_thread(withdraw, atm, trace) == "00"
    ledger.block_account(PAN, "insufficient-funds")
    assert await asyncio.to_thread(withdraw, atm, 200) == "51"
    ledger._blocked.clear()
    original = atm.withdrawal("000300")
    assert (await asyncio.to_thread(atm.ask, original))["39"] == "00"
    assert (await asyncio.to_thread(atm.ask, atm.reversal(original, "000301")))["39"] == "00"
    balance = ledger.opening_minor - 10 * 10_000  # ten times cash, and the rest is not the customer's trouble
    declined, reversed_key = key_of(world, 200), key_of(world, 300)

    # The advice that mends is taken by the core, and the relay dies before it hears so.
    await asyncio.wait_for(sick.reached.wait(), PATIENCE_S)
    await world.kill()
    atm.close()
    await world.start()
    again = ForeignAtm(world.port)
    await asyncio.to_thread(again.sign_on)
    await until(lambda: ledger.balance(PAN) == balance)
    for trace in range(400, 420):  # beside traffic
        assert await asyncio.to_thread(withdraw, again, trace) == "00"
    lost = key_of(world, 104)
    assert set(sick.advised) == {lost}, "under the same key, and nothing else was delivered"
    assert [ledger._entries[key].standing_minor for key in (lost, declined, reversed_key)] == [10_000, 0, 0]
    await until(lambda: world.metrics()["relay_saf_owed_messages"] == 0)

    # The terminal's own repeats hear what they heard before.
    assert (await asyncio.to_thread(again.ask, {**again.withdrawal("000104"), "t": "0201"}))["39"] == "00"
    assert (await asyncio.to_thread(again.ask, {**again.withdrawal("000200"), "t": "0201"}))["39"] == "51"
    again.close()

    # The day's sweep finds nothing to do, and a person signs it.
    date = ledger._entries[lost].business_date
    await sweep_now(world.control, date)
    daily: list[dict[str, Any]] = []

    async def swept() -> bool:
        daily[:] = [each for each in await reports(world) if each["layer"] == "daily" and each["business_date"] == date]
        return bool(daily)

    async with asyncio.timeout(PATIENCE_S):
        while not await swept():  # noqa: ASYNC110  # the report is in another process
            await asyncio.sleep(0.05)
    assert daily[-1]["is_whole"]
    assert [d for d in daily[-1].get("differences", []) if d["ending"] == "listed"] == []
    endings = {
        (d["what"], d["ending"])
        for each in await reports(world)
        for d in each.get("differences", [])
        if "both agree" not in d["why"]
    }
    assert endings == {("missing", "mended"), ("unexpected", "reversed")}
    sign = ReconcileSignArgs(number=daily[-1]["number"], who="Sato", why="nothing open")
    await asyncio.to_thread(world.control.reconcile_sign, sign)
    assert ledger.balance(PAN) == balance - 20 * 10_000
    await until(lambda: world.metrics()["relay_unknown_oldest_seconds"] == 0)  # gauges are read once a second
    metrics = world.metrics()
    assert metrics["relay_reconcile_behind_seconds"] < PATIENCE_S
    assert metrics["relay_unexpected_events_total"] == 0
    assert metrics["relay_reconcile_unsigned_differences"] == 0
    assert await world.stop() == 0
