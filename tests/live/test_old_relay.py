"""An old relay, as a real process: taken over while it has nothing to do, or stopped (SIGSTOP) while region and role move away.
It hears of its fence by itself, its sessions and its announcement end, and nothing is posted with what it knew before. Times
are printed beside their goals and never judged: a busy machine has its own.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from relay.core.contract import FenceRequest
from relay.journal.generation import relay_epoch
from relay.loopback.faults import Fault
from relay.loopback.ledger import Ledger
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm
from tests.support.regionworld import FIRST_EPOCH, RegionWorld

NEXT = FIRST_EPOCH + 1
OWN_LOOK_MS = 500
CALL_TIMEOUT_MS = 1_500  # DaemonWorld's
LOOK_MS = 200  # of the announcement
WATCHDOG_S = 5.0  # systemd/relay-announce.conf


def configuration(world: DaemonWorld) -> str:
    """Tokyo, in a pair whose other center is not there; announced by nobody's routing, with its role on the text port."""
    mac = world.directory / "credentials" / "pair-mac"
    mac.write_text(secrets.token_hex(32))
    mac.chmod(0o600)
    return (
        f'[pair]\npeer = "osaka"\npaths = ["link=127.0.0.1>127.0.0.2"]\nport = {world.hold_port()}\n'
        f'mac_credentials = ["pair-mac"]\n[takeover]\nown_look_ms = {OWN_LOOK_MS}\n'
        f"[announce]\nlook_ms = {LOOK_MS}\ntext_port = 0\n"
    )


def name_it_tokyo(world: DaemonWorld) -> None:
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace("[relay]\n", '[relay]\ncenter = "tokyo"\n', 1))


def fence_tokyo(ledger: Ledger) -> None:
    """What osaka's take-over says to the core."""
    request = FenceRequest(relay_epoch=relay_epoch(1, 0), run="osaka-1")
    assert ledger.relay_epochs.raise_fence("tokyo", request, "osaka")


def booked(ledger: Ledger) -> list[tuple[str, str, int]]:
    return sorted((entry.trace, entry.state.value, entry.standing_minor) for entry in ledger.entries())


async def ask(atm: ForeignAtm, trace: int) -> str:
    answer = await asyncio.to_thread(atm.ask, atm.withdrawal(f"{trace:06}"))
    return answer["39"]


async def answer(atm: ForeignAtm, trace: int) -> str:
    """As `ask`, on a link on which answers to what was said before are still to come."""
    await asyncio.to_thread(atm.say, atm.withdrawal(f"{trace:06}"))
    while True:
        heard = await asyncio.to_thread(atm.hear)
        if heard["11"] == f"{trace:06}":
            return heard["39"]


async def signed_on(world: DaemonWorld) -> ForeignAtm:
    atm = await asyncio.to_thread(ForeignAtm, world.port)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    return atm


async def session_ends(atm: ForeignAtm, since: float) -> float:
    """Seconds from `since` until the relay has ended the session, whatever it said before."""

    def read_to_the_end() -> None:
        try:
            while atm.socket.recv(4_096):
                pass
        except ConnectionResetError:
            pass

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(read_to_the_end)
    return time.monotonic() - since


async def knows_by_whom(world: DaemonWorld) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (report := await asyncio.to_thread(world.control.takeover_status)).own_superseded_by:
            await next_look()
    assert (report.own, report.own_superseded_by) == ("superseded", "osaka")


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "T"


async def stopped(world: DaemonWorld) -> None:
    """SIGSTOP has taken effect."""
    world.signal(signal.SIGSTOP)
    assert world.process is not None
    async with asyncio.timeout(PATIENCE_S):
        while not is_stopped(world.process.pid):
            await next_look()


@pytest_asyncio.fixture(loop_scope="session")
async def lone(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.reply_deadline_ms = 6_000  # it passes for what was asked before the change
        world.configure(extra=configuration(world))
        name_it_tokyo(world)
        await world.start()
        yield world
    finally:
        await world.close()


@pytest_asyncio.fixture(loop_scope="session")
async def regions(tmp_path: Path) -> AsyncIterator[RegionWorld]:
    world = RegionWorld(tmp_path)
    try:
        await world.start_core()
        world.extra_region = configuration(world)
        world.configure_regions()
        name_it_tokyo(world)
        await world.start()
        yield world
    finally:
        await world.close()


async def test_a_center_that_is_taken_over_while_it_is_idle_stops_by_itself(
    lone: DaemonWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(await signed_on(lone)) as atm:
        assert await ask(atm, 1) == "00"
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(lone.control.announce_status)).role not in ("standby", "holding"):
                await next_look()
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(lone.control.takeover_status)).own != "clear":
                await next_look()
        before, calls = booked(lone.ledger), dict(lone.core.core.calls)
        fence_tokyo(lone.ledger)
        gone_s = await session_ends(atm, time.monotonic())
        said_since = {verb for verb, count in lone.core.core.calls.items() if count != calls.get(verb)}
    assert "center" in said_since, "it asked by itself how it stands"
    assert not said_since & {"post", "reverse", "inquire"}, "and nothing that could have been refused"
    goal_ms = OWN_LOOK_MS + CALL_TIMEOUT_MS
    with capsys.disabled():
        said = f"its session ended {gone_s * 1_000:.0f} ms after the fence (goal {goal_ms}), without a message"
        print(f"\nidle and taken over: {said}")
    await knows_by_whom(lone)
    async with asyncio.timeout(PATIENCE_S):
        while (shown := await asyncio.to_thread(lone.control.announce_status)).role != "withdrawn":
            await next_look()
        while shown.why != "the other center has taken this one over":  # on a busy machine the loop may be late, too
            await next_look()
            shown = await asyncio.to_thread(lone.control.announce_status)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(ForeignAtm, lone.port)
    assert lone.metrics()["relay_center_superseded"] == 1
    assert booked(lone.ledger) == before


@pytest.mark.parametrize("is_taken_over", [True, False])
async def test_an_old_relay_that_wakes_posts_nothing_with_what_it_knew(
    regions: RegionWorld, is_taken_over: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands still with one call under way and a message in its socket. Meanwhile the region moves (and the other center
    takes it over). Not taken over, it goes on in the new epoch, as any relay would."""
    with closing(await signed_on(regions)) as atm:
        assert await ask(atm, 1) == "00"
        regions.faults.set_rates({Fault.DROP_AFTER_COMMIT: 1.0})
        await asyncio.to_thread(atm.say, atm.withdrawal("000002"))
        async with asyncio.timeout(PATIENCE_S):
            while len(booked(regions.ledger)) < 2:
                await next_look()
        await stopped(regions)
        await asyncio.to_thread(atm.say, atm.withdrawal("000003"))

        regions.osaka.become_copy_of(regions.ledger)
        regions.osaka.activate(NEXT)
        regions.ledger.state = "blocked"
        if is_taken_over:
            fence_tokyo(regions.osaka)
        regions.says(NEXT, "osaka")
        regions.faults.set_rates({})
        old, new = booked(regions.ledger), booked(regions.osaka)

        woken = time.monotonic()
        regions.signal(signal.SIGCONT)
        if is_taken_over:
            gone_s = await session_ends(atm, woken)
            with capsys.disabled():
                print(f"\nan old relay that wakes: its session ended after {gone_s * 1_000:.0f} ms (goal {WATCHDOG_S:.0f} s)")
            await knows_by_whom(regions)
            assert booked(regions.osaka) == new, "neither posted nor undone: its heir does that"
        else:
            async with asyncio.timeout(PATIENCE_S):
                while (await asyncio.to_thread(regions.control.region_status)).epoch != NEXT:
                    await next_look()
            trace = 4
            async with asyncio.timeout(PATIENCE_S):
                while await answer(atm, trace) != "00":
                    trace += 1
            assert (f"{trace:06}", "posted") in [entry[:2] for entry in booked(regions.osaka)]
    assert booked(regions.ledger) == old, "the old region never hears another word that counts"
