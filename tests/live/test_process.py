"""The life of the process: ready, drained, killed, reloaded, refused to start, and what it says each time."""

import asyncio
import signal
import sqlite3
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.commands import DrainArgs
from relay.loopback.faults import Fault
from tests.support.daemonworld import LISTENER, PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import PAN, ForeignAtm


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.drain_deadline_ms = 60_000
    try:
        await world.start_core()
        world.configure()
        yield world
    finally:
        await world.close()


def signed_on(world: DaemonWorld, terminal: str = "ATM00001") -> ForeignAtm:
    atm = ForeignAtm(world.port, terminal=terminal)
    assert atm.sign_on()["39"] == "00"
    return atm


def is_refused(port: int) -> bool:
    """The relay resets the connection, at times before the client has seen it made."""
    try:
        atm = ForeignAtm(port)
    except ConnectionResetError:
        return True
    try:
        return atm.is_closed()
    finally:
        atm.close()


async def test_sigterm_drains_and_exits_0(world: DaemonWorld) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    assert await world.stop() == 0
    assert await asyncio.to_thread(atm.is_closed)
    assert "drained" in world.log()
    atm.close()


async def test_an_exchange_in_flight_is_finished_by_the_drain(world: DaemonWorld) -> None:
    world.core.latency_ms = 700
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    atm.say(atm.withdrawal("000002"))
    async with asyncio.timeout(PATIENCE_S):
        while not world.core.core.calls.get("submit") and not any(e.trace == "000002" for e in world.ledger.entries()):
            if (await asyncio.to_thread(world.control.status)).exchanges.get("asked"):
                break
    world.signal(signal.SIGTERM)
    assert (await asyncio.to_thread(atm.hear))["39"] == "00"
    assert await world.exit_code() == 0
    atm.close()


async def test_kill_9_between_asked_and_answered_leaves_no_money_moved(world: DaemonWorld) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    world.faults.set_rates({Fault.HANG: 1.0})
    asked = atm.withdrawal("000002")
    atm.say(asked)
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).exchanges.get("asked") != 1:
            await next_look()
    await world.kill()
    atm.close()
    world.faults.set_rates({})
    await world.start()
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).exchanges:
            await next_look()
    atm = await asyncio.to_thread(signed_on, world)
    again = await asyncio.to_thread(atm.ask, asked | {"t": "0201"})
    assert again["39"] != "00", "what was undone is never approved"
    assert [entry.standing_minor for entry in world.ledger.entries() if entry.trace == "000002"] in ([], [0])
    assert not world.ledger.posted_twice()
    atm.close()


async def test_an_answer_survives_kill_9_and_is_the_same_byte_for_byte(world: DaemonWorld) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    asked = atm.withdrawal("000002")
    first = await asyncio.to_thread(atm.ask, asked)
    await world.kill()
    atm.close()
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    assert await asyncio.to_thread(atm.ask, asked) == first
    atm.close()


async def test_sighup_changes_all_or_nothing(world: DaemonWorld) -> None:
    await world.start()
    world.configure(LISTENER + 'allow_networks = ["192.0.2.0/24"]\n')
    assert (await asyncio.to_thread(world.control.reload)).is_applied
    assert await asyncio.to_thread(is_refused, world.port), "the new allow-list holds"
    world.configure(LISTENER + "no_such_setting = 1\n")
    report = await asyncio.to_thread(world.control.reload)
    assert not report.is_applied
    assert "no_such_setting" in report.reasons[0]
    world.configure(LISTENER, journal=f"{world.directory}/other.sqlite")
    report = await asyncio.to_thread(world.control.reload)
    assert not report.is_applied, "another journal needs a restart"
    assert await world.stop() == 0


async def test_a_late_answer_finds_the_terminals_new_link_although_a_reload_came_between(world: DaemonWorld) -> None:
    world.configure(LISTENER + "[listener.profile]\nanswers_on_new_link = true\n")
    await world.start()
    old = await asyncio.to_thread(signed_on, world)
    world.faults.set_rates({Fault.HANG: 1.0})
    old.say(old.withdrawal("000002"))
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).exchanges.get("asked") != 1:
            await next_look()
    world.configure(LISTENER + "keepalive_count = 4\n[listener.profile]\nanswers_on_new_link = true\n")
    report = await asyncio.to_thread(world.control.reload)
    assert report.is_applied
    assert "keepalive_count" in report.changes[0]
    old.close()
    new = await asyncio.to_thread(signed_on, world)
    world.faults.set_rates({})
    answer = await asyncio.to_thread(new.hear)
    assert (answer["t"], answer["11"], answer["39"]) == ("0210", "000002", "00")
    new.close()


async def test_a_drain_asked_on_the_control_socket_ends_with_0(world: DaemonWorld) -> None:
    await world.start()
    await asyncio.to_thread(world.control.drain, DrainArgs(who="night shift", why="kernel update"))
    assert await world.exit_code() == 0
    assert "night shift" in world.log()


async def test_a_second_relay_on_the_same_journal_is_refused(world: DaemonWorld, tmp_path: Path) -> None:
    await world.start()
    other = tmp_path / "other"
    other.mkdir()
    second = DaemonWorld(other)
    try:
        await second.start_core()
        second.configure(journal=str(tmp_path / "journal.sqlite"))
        await second.spawn()
        assert await second.exit_code() == 3
        assert "in use" in second.log()
    finally:
        await second.close()


@pytest.mark.parametrize("damage", ["garbage", "newer"])
async def test_a_journal_that_cannot_be_used_stops_the_start_with_a_next_step(world: DaemonWorld, damage: str) -> None:
    await world.start()
    assert await world.stop() == 0
    path = world.directory / "journal.sqlite"
    if damage == "garbage":
        path.write_bytes(b"this was a journal once" * 400)
    else:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 9999")
        connection.close()
    await world.spawn()
    assert await world.exit_code() == 3
    last = world.log().rstrip().splitlines()[-2:]
    assert any("relay:" in line for line in last), last


async def test_a_wrong_journal_key_is_refused(world: DaemonWorld) -> None:
    await world.start()
    assert await world.stop() == 0
    key = world.directory / "credentials" / "journal-key"
    key.write_text("".join(reversed(key.read_text())))
    await world.spawn()
    assert await world.exit_code() == 3


async def test_status_metrics_and_health_say_that_it_serves(world: DaemonWorld) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    await asyncio.to_thread(atm.ask, atm.withdrawal("000002"))
    status = await asyncio.to_thread(world.control.status)
    assert (status.state, status.listeners[0].signed_on, status.region.has_permit) == ("serving", 1, True)
    assert status.counters["approve"] == 1

    def read(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.metrics_port}{path}", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    assert 'relay_exchanges_total{ending="approve",listener="atm"} 1.0' in await asyncio.to_thread(read, "/metrics")
    assert await asyncio.to_thread(read, "/readyz")
    atm.close()


async def test_no_card_number_leaves_by_log_metrics_status_or_journal_file(world: DaemonWorld) -> None:
    """The canary: track 2 and PAN go in, and are looked for in everything that comes out."""
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    asked = atm.withdrawal("000002") | {"35": f"{PAN}=30122010000012300", "52": "0123456789ABCDEF"}
    assert (await asyncio.to_thread(atm.ask, asked))["39"] == "00"
    await asyncio.to_thread(atm.ask, asked | {"4": "000000990000"})
    atm.send(b"0200" + b"F" * 16 + PAN.encode())  # malformed, with a card number in it
    await asyncio.to_thread(atm.ask, atm.withdrawal("000003") | {"3": "990000"})

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.metrics_port}/metrics", timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    emitted = [await asyncio.to_thread(metrics), str(await asyncio.to_thread(world.control.status))]
    atm.close()
    assert await world.stop() == 0
    emitted.append(world.log())
    raw = b"".join(path.read_bytes() for path in world.directory.glob("journal.sqlite*"))
    for canary in (PAN, "30122010000012300", "0123456789ABCDEF"):
        assert not [text for text in emitted if canary in text], canary
        assert canary.encode() not in raw, f"{canary} in the journal's file"
        assert bytes.fromhex(canary if len(canary) % 2 == 0 else canary + "0") not in raw
