"""Two centers with real BIRD: the role moves by hand, by death, by silence, by hanging, and a terminal is answered each time.

The gaps are measured at the terminal and printed; none of them is a matter of pass or fail. What is: that it is answered again,
by the other center, that its old link was reset and not left to its timeout, and that nothing is taken back.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import socket
import statistics
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from relay.announce.role import Role
from relay.control.announce import AnnounceArgs
from relay.control.drain import DrainAbortArgs, DrainStartArgs
from tests.support.announceworld import BFD_MS, AnnounceWorld, Center, until

TRIALS = int(os.environ.get("RELAY_FAILOVER_TRIALS", "2"))
SIGNED = AnnounceArgs(who="Sato", why="drill")
HUNG_MS = 1_000  # what WatchdogSec= would be


async def holder_and_other(world: AnnounceWorld) -> tuple[Center, Center]:
    reports = [await asyncio.to_thread(center.report) for center in world.centers]
    holder, other = world.centers if reports[0].role == Role.HOLDING.value else world.centers[::-1]
    await holder.role("holding")
    await other.role("standby")
    await world.terminal.is_answered()  # by the holder, before anything is done to it
    return holder, other


async def moves(world: AnnounceWorld, strike: Callable[[Center], Awaitable[object]]) -> tuple[float, Center, Center]:
    """The holder is struck: seconds until the terminal is answered by the other; then who was struck, and who holds now."""
    holder, other = await holder_and_other(world)
    last, ends = len(world.terminal.answers) - 1, len(world.terminal.ends)
    await strike(holder)
    gap = await world.terminal.moved(last)
    assert "timeout" not in world.terminal.ends[ends:], "the terminal was left to its own patience"
    await other.role("holding")
    assert world.route() == f"to-{other.name}"
    return gap, holder, other


async def keeps(other: Center, returned: Center) -> None:
    """Who came back is standby and stays so; who took over keeps the role."""
    await returned.role("standby")
    assert (await asyncio.to_thread(other.report)).role == "holding"


def show(capsys: pytest.CaptureFixture[str], what: str, gaps: list[float]) -> None:
    each = ", ".join(f"{gap * 1000:.0f}" for gap in gaps)
    with capsys.disabled():
        print(
            f"\n{what}: median {statistics.median(gaps) * 1000:.0f} ms of {each} ({platform.machine()}, {os.cpu_count()} cores)"
        )


async def the_first_holder_is_the_preferred_one_and_says_so_on_its_port(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    holder, other = await holder_and_other(world)
    assert holder is world.tokyo
    said = {}
    for center in (holder, other):
        with center.namespace.entered(), socket.create_connection(("127.0.0.1", 9_584), timeout=10) as asking:
            said[center.name] = asking.makefile("r").readline()
    assert said["tokyo"].startswith("up #role=holding region=tokyo epoch=")
    assert said["osaka"].startswith("drain #role=standby region=tokyo epoch=")

    def shows(med: int) -> bool:
        return f"BGP.med: {med}\n" in world.router_bird.show("route all for 198.18.0.10")

    await until(lambda: shows(10) and shows(1020), lambda: world.router_bird.show("route all for 198.18.0.10"))


async def withdrawn_by_people_the_terminal_goes_at_once_and_nothing_is_taken_back(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = []
    for _ in range(TRIALS):
        gap, gone, other = await moves(world, lambda center: asyncio.to_thread(center.control.announce_withdraw, SIGNED))
        gaps.append(gap)
        report = await asyncio.to_thread(gone.control.announce_status)
        assert (report.role, report.why, report.deeds[-1].what) == ("paused", "Sato: drill", "withdraw")
        assert not (await asyncio.to_thread(gone.control.status)).listeners[0].is_open
        await asyncio.to_thread(gone.control.announce_resume, SIGNED)
        await keeps(other, gone)
    show(capsys, "withdrawn by people", gaps)


async def the_less_preferred_center_hands_back_by_hand_and_its_sessions_end(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = []
    for _ in range(TRIALS):
        if (await holder_and_other(world))[0] is world.tokyo:
            _, gone, other = await moves(world, lambda center: asyncio.to_thread(center.control.announce_withdraw, SIGNED))
            await asyncio.to_thread(gone.control.announce_resume, SIGNED)
            await keeps(other, gone)
        gap, gone, other = await moves(world, lambda center: asyncio.to_thread(center.control.announce_hand_back, SIGNED))
        gaps.append(gap)
        assert other is world.tokyo
        await keeps(other, gone)
        await until(gone.has_no_links, gone.log)
    show(capsys, "handed back", gaps)


async def a_relay_that_is_killed_loses_its_route_to_the_kernel(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = []
    for _ in range(TRIALS):
        gap, dead, other = await moves(world, lambda center: center.kill())
        gaps.append(gap)
        assert "svc0" not in dead.namespace.run("ip", "-o", "link", "show")
        await dead.start()
        await keeps(other, dead)
    show(capsys, "relay killed", gaps)


async def cut_off_in_silence_bfd_sees_it_and_the_old_link_is_answered_by_a_reset(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = []
    for _ in range(TRIALS):
        ends = len(world.terminal.ends)
        gap, alone, other = await moves(world, lambda center: asyncio.to_thread(world.cut, center))
        gaps.append(gap)
        assert world.terminal.ends[ends] == "reset", "by the firewall of the other center: nobody else could"
        await until(partial(alone.is_role, "standby"), alone.log)
        await until(alone.has_no_links, alone.log)
        world.mend()
        await keeps(other, alone)
    show(capsys, f"cut off in silence, BFD {BFD_MS} ms x 3", gaps)


async def a_relay_that_hangs_keeps_its_route_until_the_watchdog_ends_it(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = []
    for _ in range(TRIALS):

        async def hang(center: Center) -> None:
            center.signal(signal.SIGSTOP)
            await center.watchdog_ends_it(HUNG_MS)

        gap, dead, other = await moves(world, hang)
        gaps.append(gap)
        await dead.start()
        await keeps(other, dead)
    show(capsys, f"relay stopped, watchdog {HUNG_MS} ms", gaps)


async def a_bird_that_is_killed_and_comes_back_is_told_again(world: AnnounceWorld, capsys: pytest.CaptureFixture[str]) -> None:
    gaps = []
    for _ in range(TRIALS):
        gap, alone, other = await moves(world, lambda center: center.bird.kill())
        gaps.append(gap)
        await until(partial(alone.has_problem, "cannot be reached"), alone.report)
        await alone.bird.start()
        await keeps(other, alone)
    show(capsys, "BIRD killed", gaps)


async def a_drain_sends_the_terminal_away_first(world: AnnounceWorld, capsys: pytest.CaptureFixture[str]) -> None:
    gap, gone, other = await moves(world, _drain)
    assert await gone.exit_code() == 0, gone.log()
    await gone.start()
    await keeps(other, gone)
    show(capsys, "drained", [gap])


async def _drain(center: Center) -> None:
    center.signal(signal.SIGTERM)


async def drained_by_people_the_route_goes_after_the_last_session(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    order = DrainStartArgs(who="Sato", why="drill")
    gap, gone, other = await moves(world, lambda center: asyncio.to_thread(center.control.drain_start, order))
    report = await asyncio.to_thread(gone.control.announce_status)
    assert (report.role, report.why) == ("withdrawn", "whoever serves the address is drained")
    await asyncio.to_thread(gone.control.drain_abort, DrainAbortArgs(who="Sato", why="done"))
    await keeps(other, gone)
    show(capsys, "drained by people", [gap])


async def after_all_that_nothing_was_posted_twice_and_every_approval_is_in_the_ledger(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = world.tokyo.ledger
    approved = sum(answer.code == "00" for answer in world.terminal.answers)
    assert approved > 100
    assert ledger.posted_twice() == []
    assert sum(entry.state.value == "posted" for entry in ledger.entries()) >= approved


async def a_device_that_cannot_be_made_is_served_by_nobody_and_told(
    world: AnnounceWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """Last: it takes the standby center out."""
    _, other = await holder_and_other(world)
    await other.stop()
    other.namespace.run("ip", "link", "add", "svc0", "type", "veth", "peer", "name", "svc1")
    try:
        await other.start()
        await until(lambda: "cannot be made" in other.report().why, lambda: other.report())
        status = await asyncio.to_thread(other.control.status)
        assert not status.listeners[0].is_open
        assert other.report().role == "withdrawn"
    finally:
        other.namespace.run("ip", "link", "del", "svc0")


STAGES = (
    the_first_holder_is_the_preferred_one_and_says_so_on_its_port,
    withdrawn_by_people_the_terminal_goes_at_once_and_nothing_is_taken_back,
    the_less_preferred_center_hands_back_by_hand_and_its_sessions_end,
    a_relay_that_is_killed_loses_its_route_to_the_kernel,
    cut_off_in_silence_bfd_sees_it_and_the_old_link_is_answered_by_a_reset,
    a_relay_that_hangs_keeps_its_route_until_the_watchdog_ends_it,
    a_bird_that_is_killed_and_comes_back_is_told_again,
    a_drain_sends_the_terminal_away_first,
    drained_by_people_the_route_goes_after_the_last_session,
    after_all_that_nothing_was_posted_twice_and_every_approval_is_in_the_ledger,
    a_device_that_cannot_be_made_is_served_by_nobody_and_told,
)


@pytest.mark.timeout(400)  # a minute on a machine that has nothing else to do; each start of a daemon takes its time elsewhere
async def test_the_role_moves_and_the_terminal_is_answered(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """One world for all stages: each begins with a holder and a standby, whichever they are, and leaves both."""
    world = AnnounceWorld(tmp_path_factory.mktemp("a"))
    try:
        await world.start()
        for stage in STAGES:
            await stage(world, capsys)
    finally:
        await world.close()
