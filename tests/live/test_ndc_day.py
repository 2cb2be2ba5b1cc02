"""A day of NDC machines on the running daemon: opened, loaded, traded with every fault, killed in the middle, and added up.

The daemon is a process, the machines dial real sockets from addresses of their own, all with LUNO 000. What the fake core's
ledger says of each withdrawal is held against the books of notes, which know neither ledger nor relay: equal, or on the
list.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.commands import ListedArgs
from relay.loopback.customers import Customers
from relay.loopback.deeds import NdcPolicy
from relay.loopback.entries import Entry
from relay.loopback.faults import STORM
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndcroom import NdcRoom, RoomSettings
from relay.loopback.ndcstates import DEMO_LOAD
from relay.loopback.ndctally import NdcTally
from relay.loopback.outboundclient import OutboundClient
from tests.support.daemonworld import DaemonWorld, next_look

MACHINES = 6
SERVED = 150  # requests before each of the day's events
PATIENCE_S = 60.0
LISTENER = """
[[listener]]
name = "ndc"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 3000
[listener.profile]
config_id = "0001"
load = "demo-load"
[listener.profile.session]
identify_wait_ms = 200
step_wait_ms = 5000
status_wait_ms = 5000
reply_window_ms = 4000
"""
POLICY = NdcPolicy(reply_timeout_ms=5_000, reconnect_ms=50)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "demo-load.toml").write_text(DEMO_LOAD)
    world = DaemonWorld(tmp_path)
    await world.start_core()
    world.configure(LISTENER)
    # Evidence of a later session confirms what was listed, too: so the day need not wait for it.
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace("[relay]\n", "[relay]\ncompletion_deadline_ms = 2000\n"))
    yield world
    await world.close()


async def settled(world: DaemonWorld) -> None:
    """Nothing open, nothing owed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await asyncio.to_thread(world.control.status)
            if not status.exchanges and not status.owed:
                return
            await next_look()


@pytest.mark.timeout(240)
async def test_a_day_with_faults_and_a_kill_is_conserved_to_the_last_note(
    world: DaemonWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.start()
    customers = Customers(7, 60, {"withdrawal": 80, "balance-inquiry": 20})
    for card in customers.cards:
        if card.refusal:
            world.ledger.block_account(card.pan.reveal(), card.refusal)
    books, tally = NoteBooks(), NdcTally()
    room = NdcRoom(RoomSettings(host="127.0.0.1", port=world.port, machines=MACHINES), POLICY, customers, books, tally)

    async def served(more: int) -> None:
        goal = tally.requests + more
        assert await room.until(lambda: tally.requests >= goal, PATIENCE_S), (
            f"served {tally.requests} of {goal}:\n{world.log()[-3000:]}"
        )

    # ---- the morning: every machine powers up with configuration 0000 and is loaded
    room.start()
    assert await room.until(lambda: room.in_service_count() == MACHINES, PATIENCE_S), world.log()[-3000:]
    assert tally.loads == MACHINES
    room.open_doors()
    await served(SERVED)
    # ---- a storm at the core, and the relay killed in the middle of it
    world.faults.set_rates(STORM)
    await served(SERVED)
    await world.kill()
    world.faults.set_rates({})
    await world.start()
    await served(SERVED)
    await world.kill()
    await world.start()
    await served(SERVED)
    # ---- the evening
    room.close_doors()
    assert await room.until(lambda: room.unsettled_count() == 0, PATIENCE_S)
    await settled(world)
    listed = {row.key for row in (await asyncio.to_thread(world.control.listed, ListedArgs(count_max=5_000))).rows}
    await room.stop()
    assert await world.stop() == 0

    # ---- the day's end: the ledger against the books of notes
    entries = list(world.ledger.entries())
    withdrawals = [entry for entry in entries if entry.kind == "withdrawal"]
    taken = books.taken_by_act()
    standing: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in withdrawals:
        if entry.standing_minor or (entry.terminal, entry.trace) in taken:
            standing[entry.terminal, entry.trace].append(entry)
    wrong = []
    for where in {*standing, *taken}:
        there = [entry for entry in standing[where] if entry.key not in listed]
        on_list = [entry for entry in standing[where] if entry.key in listed]
        debited, paid = sum(entry.standing_minor for entry in there), taken.get(where, 0)
        if on_list:
            most = sum(entry.standing_minor for entry in on_list)
            if not debited <= paid <= debited + most:
                wrong.append(f"{where}: paid {paid}, debited {debited}, listed {most}")
        elif debited != paid:
            wrong.append(f"{where}: paid {paid}, debited {debited}, nothing on the list")
    blocks = {(entry.terminal, entry.trace) for entry in entries if entry.kind == "journal-upload"}
    with capsys.disabled():
        print(f"\nNDC day: {tally.requests} requests, {tally.dispenses} dispenses, {tally.faults} cash faults,")
        print(f"  {tally.power_cuts} power cuts, {tally.unknowns} of unknown end, {len(listed)} of {len(withdrawals)} listed,")
        print(f"  {books.total_taken()} paid, {len(blocks)} journal blocks")
    assert not wrong, wrong[:5]
    assert not books.imbalance()
    assert not world.ledger.posted_twice()
    assert not tally.violations, tally.violations[:3]
    assert set(tally.blocks_acknowledged) <= blocks, "a journal block was acknowledged and is nowhere"
    confirmed = sum(1 for entry in withdrawals if entry.standing_minor and entry.key not in listed)
    assert confirmed > tally.dispenses * 0.7, "listing everything would be no proof"
    assert len(listed) <= tally.unknowns + tally.power_cuts + tally.timed_out + 4 * MACHINES
    assert tally.supervisor_visits
    assert "Traceback" not in world.log()


async def test_the_core_takes_an_atm_out_of_service_and_back(world: DaemonWorld) -> None:
    """Messages of the core to one ATM, delivered with its answer, and kept across a kill: out of service stays out."""
    port = world.hold_port()
    text = world.config_path.read_text()
    world.config_path.write_text(f'{text}\n[outbound]\nendpoint = "tcp:{port}:interface=127.0.0.1"\n')
    await world.start()
    core = OutboundClient("127.0.0.1", port)
    customers = Customers(7, 5, {"withdrawal": 1})
    settings = RoomSettings(host="127.0.0.1", port=world.port, machines=1)
    room = NdcRoom(settings, POLICY, customers, NoteBooks(), NdcTally())
    terminal = room.machines[0].mind.terminal

    async def delivered(key: str, command: str) -> None:
        await core.post(key, "ndc", "atm-command", terminal, {"command": command})
        async with asyncio.timeout(PATIENCE_S):
            said = await core.find(key)
            while said.message is None or said.message.state != "acknowledged":
                await next_look()
                said = await core.find(key)

    room.start()
    assert await room.until(lambda: room.in_service_count() == 1, PATIENCE_S)
    await delivered("k1", "go-out-of-service")
    assert room.in_service_count() == 0
    await world.kill()
    await world.start()
    await delivered("k2", "go-in-service")
    assert room.in_service_count() == 1
    await room.stop()
    assert await world.stop() == 0
