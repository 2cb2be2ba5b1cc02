"""Two relay centers as processes: the cross-connect cut under load and healed, the peer dead, the links cut, a peer stopped
and woken.

Each ends with the ledger against the books of every ATM. Figures are printed beside their goals and never judged.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.pair import PairReport
from relay.loopback.isotroupe import IsoTroupe
from relay.loopback.report import Conservation
from tests.support.foreignatm import ForeignAtm
from tests.support.pairroom import until
from tests.support.pairworld import LISTEN_PORT, SETTLE_S, Center, PairWorld

GOAL_S = 15.0  # cross-connect lost to service
CUTS = 3


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[PairWorld]:
    world = PairWorld(tmp_path)
    try:
        yield world
    finally:
        await world.close()


class Watch:
    """How long nobody was approved at a center: the longest pause between two approvals since it began."""

    def __init__(self, troupe: IsoTroupe) -> None:
        self._tally = troupe.tally
        self._task = asyncio.ensure_future(self._look())
        self.longest_s = 0.0

    async def _look(self) -> None:
        seen, since = self._tally.approved, time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            if self._tally.approved != seen:
                seen, since = self._tally.approved, now
            self.longest_s = max(self.longest_s, now - since)

    def stop(self) -> float:
        self._task.cancel()
        return self.longest_s


def states(report: PairReport) -> list[str]:
    """Of the paths, the link between the centers first. A busy machine may lose one for a moment."""
    return [path.state for path in report.paths]


async def atm_at(center: Center) -> ForeignAtm:
    """One that has signed on."""
    atm = ForeignAtm.on(await asyncio.to_thread(socket.create_connection, (center.listen_ip, LISTEN_PORT), 30))
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    return atm


def holds(conservation: Conservation) -> bool:
    assert (conservation.lost, conservation.doubled) == (0, 0), conservation
    assert conservation.holds, conservation
    return True


@pytest.mark.timeout(400)
async def test_a_cut_cross_connect_is_served_through_the_peer_and_healed_directly(
    world: PairWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.start()
    tokyo, osaka = world.centers
    troupe = await tokyo.begin()
    await tokyo.approvals(20)
    turns, gaps, backs, pauses = [], [], [], []
    for _ in range(CUTS):
        watch, begun = Watch(troupe), time.monotonic()
        tokyo.cut(world.core_ip)
        await tokyo.until("cross-connect-lost", "through-peer")
        turns.append(time.monotonic() - begun)
        await tokyo.approvals(20)
        gaps.append(watch.stop())
        await osaka.until(also=lambda report: report.finding in ("peer-cross-connect-lost", "normal") and report.forwarded > 0)
        watch, begun = Watch(troupe), time.monotonic()
        tokyo.heal(world.core_ip)
        await tokyo.until("normal", "direct")
        backs.append(time.monotonic() - begun)
        await tokyo.approvals(20)
        pauses.append(watch.stop())
    assert holds(await tokyo.evening())
    tally = troupe.tally
    with capsys.disabled():
        print(
            f"\ncross-connect cut under load, {CUTS} times: no approval for {_in_words(gaps)}, goal {GOAL_S:.0f} s; "
            f"calls turned to the peer after {_in_words(turns)}; back on the direct way {_in_words(backs)} after it healed, "
            f"of which return_after_ms 4 s, with no approval for {_in_words(pauses)}; {tally.requests} requests, "
            f"{tally.approved} approved, {tally.declined} declined, {tally.refused} refused, {tally.doubted} in doubt, "
            f"{tally.timed_out} without a word; nothing lost or doubled"
        )


@pytest.mark.timeout(300)
async def test_a_peer_that_dies_while_it_forwards_leaves_honest_refusals_and_nothing_doubled(world: PairWorld) -> None:
    await world.start()
    tokyo, osaka = world.centers
    troupe = await tokyo.begin()
    await tokyo.approvals(20)
    tokyo.cut(world.core_ip)
    await tokyo.until(way="through-peer")
    await tokyo.approvals(20)
    await osaka.kill()
    await tokyo.until("region-unreachable", "direct", also=lambda report: states(report) == ["lost", "lost"])
    refused = troupe.tally.refused
    await until(lambda: troupe.tally.refused >= refused + 20, 60, 0.02)
    tokyo.heal(world.core_ip)
    await tokyo.until("peer-lost", "direct")
    await tokyo.approvals(20)
    assert holds(await tokyo.evening())


@pytest.mark.timeout(300)
async def test_what_was_reversed_at_one_center_is_not_approved_at_the_other(world: PairWorld) -> None:
    """The reversal is acknowledged at Tokyo, whose core calls are cut; the original comes again at Osaka, whose are not. Osaka
    waits 300 ms for Tokyo's word, and without one goes on: then, on a busy machine, it is asked again."""
    await world.start()
    tokyo, osaka = world.centers
    for center in world.centers:
        await center.until("normal", "direct")
    with closing(await atm_at(tokyo)) as there, closing(await atm_at(osaka)) as here:
        asked = there.withdrawal("000002")
        assert (await asyncio.to_thread(there.ask, asked))["39"] == "00"
        tokyo.cut(world.core_ip)
        assert (await asyncio.to_thread(there.ask, there.reversal(asked, "000003")))["39"] == "00"
        async with asyncio.timeout(SETTLE_S):
            heard = False
            while not heard:
                again = await asyncio.to_thread(here.ask, asked | {"t": "0201"})
                heard = await osaka.questions("reversed") > 0
        assert again["39"] not in ("00", "10"), again
        tokyo.heal(world.core_ip)


@pytest.mark.timeout(300)
async def test_without_the_link_and_without_both_paths_both_serve_on(world: PairWorld) -> None:
    await world.start()
    tokyo, osaka = world.centers
    for center in world.centers:
        await center.begin(10.0)
    await tokyo.until(also=lambda report: report.is_durable_possible)
    tokyo.cut(osaka.paths[0])
    for center in world.centers:
        report = await center.until("path-lost", "direct", also=lambda report: states(report) == ["lost", "up"])
        assert not report.is_durable_possible
        await center.approvals(20)
    tokyo.cut(osaka.paths[1])
    for center in world.centers:
        await center.until("peer-lost", "direct")
        await center.approvals(20)
    tokyo.heal(*osaka.paths)
    for center in world.centers:
        await center.until("normal", "direct")
        assert holds(await center.evening())


@pytest.mark.timeout(300)
async def test_a_peer_that_is_stopped_and_wakes_moves_nothing(world: PairWorld) -> None:
    await world.start()
    tokyo, osaka = world.centers
    await tokyo.begin()
    osaka.signal(signal.SIGSTOP)
    await tokyo.until("peer-lost", "direct")
    await tokyo.approvals(100)
    osaka.signal(signal.SIGCONT)
    for center in world.centers:
        report = await center.until("normal", "direct")
        assert not report.disagreement
        assert not report.has_twin
    assert holds(await tokyo.evening())


@pytest.mark.timeout(300)
async def test_a_region_that_is_lost_for_both_is_no_cut_cross_connect_and_calls_stay(world: PairWorld) -> None:
    # Two centers find one loss up to two seconds apart (a look and a heartbeat), and they are cut off one after the other here.
    await world.start("settle_ms = 8000")
    for center in world.centers:
        center.cut(world.core_ip)
    for center in world.centers:
        report = await center.until("region-lost")
        assert report.way == "direct"
        assert "core calls take another way" not in center.log()
    for center in world.centers:  # not before both have found it: to the other one the region is there again then
        center.heal(world.core_ip)
    for center in world.centers:
        await center.until("normal", "direct")


def _in_words(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} s (median; worst {max(seconds):.1f})"
