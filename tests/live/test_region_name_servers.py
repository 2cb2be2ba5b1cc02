"""With real name servers: a zone on BIND, its secondary on Knot, one update, and the time until the new region is asked."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.test_region_switch import GOAL_S, ask, signed_on, standing, started, status_until
from tests.support.daemonworld import PATIENCE_S
from tests.support.realdns import RealDns, free_udp_port
from tests.support.regionworld import ADDRESSES, FIRST_EPOCH, TARGETS, RegionWorld

SWITCHES = 6


class Rig:
    def __init__(self, folder: Path) -> None:
        self.world = RegionWorld(folder)
        self.notify_port = free_udp_port()
        records = [
            *(f"{TARGETS[name]}. A {address}" for name, address in ADDRESSES.items()),
            f"active CNAME {TARGETS['tokyo']}.",
            f'_active TXT "{self.world.text(FIRST_EPOCH, "tokyo")}"',
        ]
        self.dns = RealDns(folder, records, (self.notify_port,))

    async def switch(self, epoch: int, region: str) -> None:
        """The databases first, then the one update: what a failover does."""
        new, old = (self.world.osaka, self.world.ledger) if region == "osaka" else (self.world.ledger, self.world.osaka)
        old.state = "standby"
        new.become_copy_of(old)
        new.activate(epoch)
        await self.dns.update(active=("CNAME", f"{TARGETS[region]}."), _active=("TXT", f'"{self.world.text(epoch, region)}"'))


@pytest_asyncio.fixture(loop_scope="session")
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    try:
        await rig.world.start_core()
        await rig.dns.start()
        yield rig
    finally:
        await rig.dns.stop()
        await rig.world.close()


async def measure(rig: Rig, switches: int) -> list[float]:
    """Seconds from the update's answer to the first call that the new region accepted, with an ATM that asks all the time."""
    times, trace, world = [], 0, rig.world
    with closing(await signed_on(world)) as atm:
        first = await ask(atm, trace := trace + 1)
        assert first == "00"
        for number in range(switches):
            region = ("osaka", "tokyo")[number % 2]
            stands = await standing(world)
            begun = time.monotonic()
            await rig.switch(FIRST_EPOCH + 1 + number, region)
            while await ask(atm, trace := trace + 1) != "00":
                assert time.monotonic() - begun < PATIENCE_S, world.log()
            times.append(time.monotonic() - begun)
            copied = stands[number % 2] + [trace]
            assert await standing(world) == ((stands[0], copied) if region == "osaka" else (copied, stands[1]))
    return times


async def test_switches_by_update_with_notify(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.world.extra_region = f'notify_endpoint = "127.0.0.1:{rig.notify_port}"'
    rig.world.configure_regions(rig.dns.servers)
    await started(rig.world)
    times = await measure(rig, SWITCHES)
    shown = await asyncio.to_thread(rig.world.metrics)
    assert shown['relay_region_notifies_total{result="heard"}'] >= 1
    with capsys.disabled():
        print(f"\nBIND and Knot, with NOTIFY, {_in_words(times)}")


async def test_switches_by_update_without_notify_and_without_the_secondary(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.world.configure_regions(rig.dns.servers)
    await started(rig.world)
    await status_until(rig.world, lambda report: all(row.result == "ok" for row in report.servers))
    await rig.dns.stop_secondary()  # the region's own word has to stand in for it
    times = await measure(rig, SWITCHES)
    with capsys.disabled():
        print(f"\nBIND alone, polled, {_in_words(times)}")


def _in_words(times: list[float]) -> str:
    median, worst = (round(seconds * 1_000) for seconds in (statistics.median(times), max(times)))
    return f"DNS update to the first accepted call: median {median} ms, worst {worst} ms of {len(times)} (goal {GOAL_S:.1f} s)"
