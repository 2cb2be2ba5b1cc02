"""A reload opens and closes whole listeners while others serve: all of it, or nothing."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest_asyncio

from relay.control.commands import LinksArgs
from relay.control.report import ReloadReport
from relay.loopback.faults import Fault
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm


def listener(name: str, port: int, **more: object) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'[[listener]]\nname = "{name}"\nendpoint = "tcp:{port}:interface=127.0.0.1"\nreply_deadline_ms = 30000\n{lines}'


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        world.configure(listener("atm", world.port))
        await world.start()
        yield world
    finally:
        await world.close()


def signed_on(port: int, terminal: str = "ATM00001") -> ForeignAtm:
    atm = ForeignAtm(port, terminal=terminal)
    assert atm.sign_on()["39"] == "00"
    return atm


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def reload(world: DaemonWorld, *listeners: str) -> ReloadReport:
    world.configure("".join(listeners))
    return await asyncio.to_thread(world.control.reload)


async def test_a_listener_comes_and_goes_and_the_others_do_not_notice(world: DaemonWorld) -> None:
    other = world.hold_port()
    with closing(await asyncio.to_thread(signed_on, world.port)) as atm:
        report = await reload(world, listener("atm", world.port), listener("branch", other))
        assert (report.is_applied, report.changes) == (True, ("listener branch is new: opened",))
        with closing(await asyncio.to_thread(signed_on, other, "BRANCH01")) as branch:
            status = await asyncio.to_thread(world.control.status)
            assert [(each.name, each.is_open, each.links) for each in status.listeners] == [
                ("atm", True, 1),
                ("branch", True, 1),
            ]
            report = await reload(world, listener("atm", world.port))
            assert (report.is_applied, report.changes) == (True, ("listener branch is removed: drained",))
            assert await asyncio.to_thread(branch.is_closed)
        assert not await asyncio.to_thread(is_listening, other)
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    assert await world.stop() == 0


async def test_a_door_that_a_reload_brings_waits_for_what_the_others_wait_for(world: DaemonWorld) -> None:
    """A center with a successor serves nobody before the core has said that it was not taken over."""
    other, pair = world.hold_port(), world.hold_port()
    credentials = world.directory / "credentials"
    for name in ("pair-mac", "peer-journal-key"):
        (credentials / name).write_text(secrets.token_hex(32))
        (credentials / name).chmod(0o600)
    in_a_pair = (
        f'[pair]\npeer = "osaka"\npaths = ["link=127.0.0.1>127.0.0.2"]\nport = {pair}\nmac_credentials = ["pair-mac"]\n'
        '[takeover]\ndsn = "postgresql://relay@127.0.0.1:1/relay"\nschema_name = "live"\nlook_ms = 100\n'
    )
    assert await world.stop() == 0
    await world.core.stop()
    world.configure(in_a_pair + listener("atm", world.port))
    await world.start()
    assert (await reload(world, in_a_pair, listener("atm", world.port), listener("branch", other))).is_applied
    status = await asyncio.to_thread(world.control.status)
    assert {each.name: each.is_open for each in status.listeners} == {"atm": False, "branch": False}
    assert not await asyncio.to_thread(is_listening, other)
    causes: dict[str, bool] = {}
    async with asyncio.timeout(60):
        while not causes.get("journal"):  # each needs as many good looks
            await next_look()
            report = await asyncio.to_thread(world.control.announce_status)
            causes = {each.cause: each.is_good for each in report.causes}
    assert (causes["standing"], report.role) == (False, "withdrawn"), "who serves nobody is not announced"
    await world.start_core()
    async with asyncio.timeout(60):
        while not all(each.is_open for each in (await asyncio.to_thread(world.control.status)).listeners):
            await next_look()
    with closing(await asyncio.to_thread(signed_on, other, "BRANCH01")):
        assert (await reload(world, in_a_pair, listener("atm", world.port))).is_applied
    assert await world.stop() == 0


async def test_a_port_that_cannot_be_had_changes_nothing_at_all(world: DaemonWorld) -> None:
    taken, free = world.hold_port(), world.hold_port()
    with socket.create_server(("127.0.0.1", taken)), closing(await asyncio.to_thread(signed_on, world.port)) as atm:
        changed = listener("atm", world.port, allow_networks='["192.0.2.0/24"]')
        report = await reload(world, changed, listener("free", free), listener("taken", taken))
        assert not report.is_applied
        assert f"Cannot listen on 127.0.0.1 port {taken}" in report.reasons[0]
        assert not await asyncio.to_thread(is_listening, free), "what could be bound is let go again"
        with closing(await asyncio.to_thread(signed_on, world.port, "ATM00002")):
            assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00", "the allow-list is the old one"
    report = await reload(world, listener("atm", world.port), listener("free", free))
    assert report.is_applied, "the refused reload left nothing behind"


async def test_a_renamed_listener_keeps_its_port_and_finishes_what_it_owes(world: DaemonWorld) -> None:
    world.faults.set_rates({Fault.HANG: 1.0})
    with closing(await asyncio.to_thread(signed_on, world.port)) as old:
        old.say(old.withdrawal("000002"))
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(world.control.status)).exchanges.get("asked") != 1:
                await next_look()
        assert (await reload(world, listener("cash", world.port))).is_applied
        world.faults.set_rates({})
        assert (await asyncio.to_thread(old.hear))["39"] == "00", "what is in flight is finished"
        assert await asyncio.to_thread(old.is_closed)
    with closing(await asyncio.to_thread(signed_on, world.port)) as new:
        assert (await asyncio.to_thread(new.ask, new.withdrawal("000003")))["39"] == "00"
        status = await asyncio.to_thread(world.control.status)
        assert [(each.name, each.links) for each in status.listeners] == [("cash", 1)]
    assert await world.stop() == 0


async def test_two_listeners_exchange_their_ports(world: DaemonWorld) -> None:
    other = world.hold_port()
    assert (await reload(world, listener("atm", world.port), listener("branch", other))).is_applied
    assert (await reload(world, listener("atm", other), listener("branch", world.port))).is_applied
    with (
        closing(await asyncio.to_thread(signed_on, other)),
        closing(await asyncio.to_thread(signed_on, world.port, "BRANCH01")),
    ):
        links = await asyncio.to_thread(world.control.links, LinksArgs())
        assert {link.terminal: link.listener for link in links.links} == {"ATM00001": "atm", "BRANCH01": "branch"}
    assert await world.stop() == 0


async def test_a_link_that_is_drained_by_a_reload_does_not_outlive_the_relay(world: DaemonWorld) -> None:
    world.core.latency_ms = 60_000
    with closing(await asyncio.to_thread(signed_on, world.port)) as old:
        old.say(old.withdrawal("000002"))
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(world.control.status)).exchanges.get("asked") != 1:
                await next_look()
        report = await reload(world, listener("branch", world.hold_port()))
        assert report.changes == ("listener atm is removed: drained", "listener branch is new: opened")
        assert await world.stop() == 0


async def test_hot_lanes_are_switched_off_by_a_reload_and_the_report_says_so(world: DaemonWorld) -> None:
    before = await asyncio.to_thread(world.control.pressure)
    assert (before.is_enabled, before.lanes_max, before.queue_max) == (True, 16, 2_000)
    with closing(await asyncio.to_thread(signed_on, world.port)) as atm:
        report = await reload(world, listener("atm", world.port), "[hot_lanes]\nenabled = false\n")
        assert report.changes == ("hot_lanes.enabled: True → False",)
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000001")))["39"] == "00"
    after = await asyncio.to_thread(world.control.pressure)
    assert not after.is_enabled
    assert after.waits[0].count == 1


async def test_hours_of_service_come_and_go_with_a_reload_and_money_that_moved_is_taken_out_of_hours(
    world: DaemonWorld,
) -> None:
    hour = (datetime.now(timezone(timedelta(hours=9))).hour + 12) % 24  # of Japan, half a day away
    closed = f'[hours]\natm = ["{hour:02d}:00-{hour + 1:02d}:00"]\n'
    with closing(await asyncio.to_thread(signed_on, world.port)) as atm:
        paid = atm.withdrawal("000002")
        assert (await asyncio.to_thread(atm.ask, paid))["39"] == "00"
        assert (await reload(world, listener("atm", world.port), closed)).changes == (
            f'hours.atm: [] → ["{hour:02d}:00-{hour + 1:02d}:00"]',
        )
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "91"
        assert (await asyncio.to_thread(atm.ask, paid))["39"] == "00", "as it was answered"
        assert (await asyncio.to_thread(atm.ask, atm.reversal(paid, "000005")))["39"] == "00"
        (told,) = (await asyncio.to_thread(world.control.status)).hours
        assert (told.name, told.is_open, told.changes_at[11:]) == ("atm", False, f"{hour:02d}:00")
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(world.metrics)).get('relay_hours_open{class="atm",listener=""}') != 0:
                await next_look()
        assert (await reload(world, listener("atm", world.port))).is_applied
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000004")))["39"] == "00"
        async with asyncio.timeout(PATIENCE_S):
            while any("relay_hours_open" in name for name in await asyncio.to_thread(world.metrics)):
                await next_look()
    assert await world.stop() == 0
