"""The lost tail, with a real daemon: a copy that is behind, a promotion without it, a change in DNS, and kill -9 in between.

Nothing is mended by the test. The ATM's own sums and the balance of the one account in the surviving ledger say what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relay.clock import SystemClock
from relay.control import regions as c
from relay.control.client import Refused
from relay.core import contract
from relay.loopback.ledger import Caller
from relay.loopback.replica import Replica
from tests.live.test_region_switch import NEXT, SIGNED, ask, signed_on, started, status, status_until
from tests.support.daemonworld import PATIENCE_S, next_look
from tests.support.foreignatm import PAN
from tests.support.pgserver import PostgresServer
from tests.support.regionworld import FIRST_EPOCH, RegionWorld

HOUR_MS = 3_600_000
AMOUNT = 10_000  # of each withdrawal, yen
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["sqlite", "postgresql"])
def journal_extra(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    server = PostgresServer()
    yield f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "live"\n'
    server.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, journal_extra: str) -> AsyncIterator[RegionWorld]:
    world = RegionWorld(tmp_path)
    world.extra_journal = journal_extra
    world.extra_region = "tail_asking_count_max = 2"
    try:
        await world.start_core()
        world.configure_regions()
        yield world
    finally:
        await world.close()


class Advised:
    """Watches what the new region is told; after so many advices it says that it is blocked, until the test lets it."""

    def __init__(self, world: RegionWorld, after: int) -> None:
        self.world = world
        self.keys: list[str] = []
        self.reached = asyncio.Event()
        self._after = after
        self._post = world.osaka.post
        world.osaka.post = self.post  # type: ignore[method-assign]

    def post(self, key: str, request: contract.TransactionRequest, caller: Caller, wall_ms: int) -> Any:
        answer = self._post(key, request, caller, wall_ms)
        if request.advice:
            assert request.card is not None
            assert (request.card.track2, request.card.pin_block) == (None, None), "law 9"
            self.keys.append(key)
            if len(self.keys) == self._after:
                self.world.osaka.state = "blocked"
                self.reached.set()
        return answer


async def test_what_a_promotion_lost_is_said_again_across_kill_9(
    world: RegionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    replica = Replica(world.ledger, world.osaka, SystemClock().monotonic_ms)
    await started(world)
    paid = 0
    with closing(await signed_on(world)) as atm:
        for trace in range(100, 110):  # copied
            assert await ask(atm, trace) == "00"
            paid += 1
        replica.lag_ms = HOUR_MS  # from here on, nothing reaches the other region
        for trace in range(200, 230):
            assert await ask(atm, trace) == "00"
            paid += 1
        for trace, number in ((100, 300), (200, 301), (201, 302)):  # of one that was copied, and of two that were not
            undo = atm.reversal(atm.withdrawal(f"{trace:06}"), f"{number:06}")
            assert (await asyncio.to_thread(atm.ask, undo))["39"] == "00"
            paid -= 1
        await _until_settled(world)
        expected = world.osaka.opening_minor - paid * AMOUNT
        assert world.ledger.balance(PAN) == expected

        block = c.RegionBlockArgs(classes=("all",), **SIGNED)
        await asyncio.to_thread(world.control.region_block, block)
        await asyncio.to_thread(world.control.region_seal, c.RegionSealArgs(epoch=FIRST_EPOCH, **SIGNED))
        lost = replica.promote(NEXT)
        world.ledger.state = "blocked"
        assert world.osaka.balance(PAN) == world.osaka.opening_minor - 10 * AMOUNT
        told = Advised(world, after=8)
        began = time.monotonic()
        world.says(NEXT, "osaka")

        await asyncio.wait_for(told.reached.wait(), PATIENCE_S)
        with pytest.raises(Refused, match="not asked for, or not settled"):
            await asyncio.to_thread(world.control.region_release, c.RegionReleaseArgs(classes=("all",), **SIGNED))
        assert not (await status(world)).tail.is_finished
        assert await ask(atm, 900) == "91", "still suspended"
    await world.kill()
    world.osaka.state = "serving"
    await world.start()
    report = await status_until(world, lambda report: report.tail.is_finished)
    took_s = time.monotonic() - began
    assert world.osaka.balance(PAN) == expected, world.log()
    assert not world.osaka.posted_twice()
    standing = [entry for entry in world.osaka.entries() if entry.standing_minor]
    assert len(standing) == paid
    assert len(set(told.keys)) == 28, "each of those that stand, and none that its terminal had reversed"
    assert report.tail.listed == 0

    done = await asyncio.to_thread(world.control.region_release, c.RegionReleaseArgs(classes=("all",), **SIGNED))
    assert "nothing" in done.text
    with closing(await signed_on(world)) as atm:
        assert await ask(atm, 901) == "00"
        again = {**atm.withdrawal("000205"), "t": "0201"}
        assert (await asyncio.to_thread(atm.ask, again))["39"] == "00", "a repeat hears what it heard before"
    assert world.osaka.balance(PAN) == expected - AMOUNT
    metrics = await asyncio.to_thread(world.metrics)
    assert metrics["relay_region_tail_unfinished_seconds"] == metrics["relay_region_tail_left_exchanges"] == 0
    assert metrics["relay_unexpected_events_total"] == 0
    with capsys.disabled():
        print(
            f"\nlost by the promotion: {len(lost)} transactions; after kill -9 in the middle: {report.tail.asked} asked,"
            f" {report.tail.missing} missing, {report.tail.mended} mended; DNS change to the last row {took_s:.1f} s"
        )


async def test_unattended_it_begins_by_itself_and_evidence_reaches_further_back(
    world: RegionWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody blocks anything, the assumed lag is far too small, and somebody says so afterwards."""
    world.extra_region = "tail_lag_assumed_ms = 0\ntail_margin_ms = 1000"
    world.configure_regions()
    replica = Replica(world.ledger, world.osaka, SystemClock().monotonic_ms, HOUR_MS)
    await started(world)
    with closing(await signed_on(world)) as atm:
        since_ms = SystemClock().wall_ms()
        for trace in range(100, 110):
            assert await ask(atm, trace) == "00"
        replica.promote(NEXT)
        world.ledger.state = "blocked"
        world.says(NEXT, "osaka")
        report = await status_until(world, lambda report: report.tail.epoch == NEXT and report.tail.is_finished)
        assert report.has_permit
        assert await ask(atm, 200) == "00"
        args = c.RegionTailArgs(from_ms=since_ms, **SIGNED)
        assert "asked for anew" in (await asyncio.to_thread(world.control.region_tail, args)).text
        report = await status_until(world, lambda report: report.tail.since_ms < since_ms and report.tail.is_finished)
        assert "from a given time, by Sato: drill" in report.tail.evidence
        with pytest.raises(Refused, match="tail_replay_window_hours"):
            await asyncio.to_thread(world.control.region_tail, c.RegionTailArgs(from_ms=1, **SIGNED))
    assert world.osaka.balance(PAN) == world.osaka.opening_minor - 11 * AMOUNT
    assert len(list(world.osaka.entries())) == 11
    assert any(deed.what == f"tail from {since_ms}" for deed in report.deeds)
    with capsys.disabled():
        print(f"\nunattended: {report.tail.asked} asked, {report.tail.missing} missing, {report.tail.mended} mended")


async def _until_settled(world: RegionWorld) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).owed:  # a gauge of the metrics page would be a moment old
            await next_look()
