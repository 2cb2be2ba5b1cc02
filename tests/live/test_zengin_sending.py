"""Files that the core starts, through the running daemon: called and calling, and kept whole when the line is cut."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.outboundclient import OutboundClient
from relay.loopback.stage import free_port
from tests.support.daemonworld import DaemonWorld
from tests.support.zenginfiles import sound_file
from tests.support.zenginrelay import DIALER, LISTENER, WaitedLedger, company, write_credentials

HOST = "127.0.0.1"
PATIENCE_S = 60.0


def body(count: int, cycle: str) -> dict[str, str]:
    return {"file": "SOUFURI", "cycle": cycle, "format": "21", "content": base64.b64encode(sound_file("21", count)).decode()}


def dialer_to(port: int) -> str:
    """It calls the station at `port`, for files both ways."""
    dialer = DIALER.replace("{station_port}", str(port)).replace('"MEISAI"', '"SOUFURI"').replace('"receive"', '"both"')
    return dialer.replace("fetch = true\n", "").replace('"03"', '"21"')


def outbound_at(port: int) -> str:
    return f'[outbound]\nendpoint = "tcp:{port}:interface=127.0.0.1"\n'


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.ledger = WaitedLedger()
    world.core = CoreServer(FakeCore(world.ledger), world.faults, zones=(HOST,))
    write_credentials(tmp_path / "credentials")
    await world.start_core()
    yield world
    await world.close()


async def ended(client: OutboundClient, key: str) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            said = await client.find(key)
            assert said.message is not None
            if said.message.state not in ("queued", "sent"):
                return f"{said.message.state} {said.message.detail}".strip()
            await asyncio.sleep(0.05)


async def test_the_relay_calls_and_sends(world: DaemonWorld) -> None:
    port, outbound = free_port(), world.hold_port()
    station = company()
    await station.serve(HOST, port)
    more = "[dialer.profile.timers]\nlinger_ms = 20000\n"  # longer than any pause between two files here
    world.configure(dialer_to(port) + more, outbound_at(outbound))
    await world.start()
    client = OutboundClient(HOST, outbound)
    for number in (1, 2, 3):
        said = await client.post(f"k{number}", "bank", "zengin-file", "", body(40, f"0{number}"))
        assert said.http_status == 202, said
    assert [await ended(client, f"k{n}") for n in (1, 2, 3)] == ["acknowledged"] * 3
    assert station.books.received["SOUFURI", "02"] == sound_file("21", 40)
    assert world.log().count('"session-opened"') == 1, "it lingered for the next file"
    station.cut_receiving_after = 2
    await client.post("k4", "bank", "zengin-file", "", body(90, "04"))
    assert (await ended(client, "k4")).startswith("acknowledged")
    assert "cut in the middle, on purpose" in station.problems
    assert "cycle 04: sent from record 35 of 93" in world.log()
    assert station.books.received["SOUFURI", "04"] == sound_file("21", 90)
    await client.post("k5", "bank", "zengin-file", "", body(90, "04"))
    assert await ended(client, "k5") == "failed duplicate-cycle"
    assert await world.stop() == 0
    await station.stop()


async def test_a_relay_that_is_killed_with_a_file_on_its_way_says_unknown_and_sends_nothing_again_by_itself(
    world: DaemonWorld,
) -> None:
    port, outbound = free_port(), world.hold_port()
    station = company()
    await station.serve(HOST, port)
    world.configure(dialer_to(port), outbound_at(outbound))
    await world.start()
    client = OutboundClient(HOST, outbound)
    station.cut_receiving_after = 2
    await client.post("k1", "bank", "zengin-file", "", body(90, "01"))
    await world.logged("session-lost")
    await world.kill()
    await world.start()
    said = await ended(client, "k1")
    assert said.startswith(("unknown", "acknowledged"))
    if said.startswith("unknown"):  # a person asks, and posts it again: a new file under the same cycle
        has_come = ("SOUFURI", "01") in station.books.received  # it had dialled again before it died
        await client.post("k2", "bank", "zengin-file", "", body(90, "01"))
        assert await ended(client, "k2") == ("failed duplicate-cycle" if has_come else "acknowledged")
    assert station.books.received["SOUFURI", "01"] == sound_file("21", 90)
    assert await world.stop() == 0
    await station.stop()


async def test_a_station_asks_for_what_the_core_has_queued(world: DaemonWorld) -> None:
    outbound = world.hold_port()
    world.configure(LISTENER.replace('"receive"', '"both"'), outbound_at(outbound))
    await world.start()
    client = OutboundClient(HOST, outbound)
    said = await client.post("k1", "files", "zengin-file", "COMPANY", body(60, "01"))
    assert said.http_status == 202, said
    station = company()
    assert await station.fetch(HOST, world.port, "SOUFURI", access_key="KEY1") == sound_file("21", 60)
    assert await ended(client, "k1") == "acknowledged"
    assert await world.stop() == 0
