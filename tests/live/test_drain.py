"""The running daemon is asked to end while a terminal waits: repeats get the one answer there is, what is new a "no" for good.

Only the journal knows whether a message was taken before. A link that said "draining" by itself told a terminal "no", which
gives the notes of a deposit back, about an exchange that was approved a moment later.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from relay.loopback.faults import Fault
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    world.drain_deadline_ms = 60_000
    try:
        await world.start_core()
        world.configure()
        await world.start()
        yield world
    finally:
        await world.close()


def signed_on(world: DaemonWorld) -> ForeignAtm:
    atm = ForeignAtm(world.port)
    assert atm.sign_on()["39"] == "00"
    return atm


async def test_a_repeat_while_draining_is_not_told_no_and_a_new_message_is_for_good(world: DaemonWorld) -> None:
    atm = await asyncio.to_thread(signed_on, world)
    deposit = atm.withdrawal("000002") | {"3": "210000"}
    world.faults.set_rates({Fault.HANG: 1.0})
    atm.say(deposit)
    async with asyncio.timeout(PATIENCE_S):
        while not (await asyncio.to_thread(world.control.status)).exchanges:
            await next_look()
    world.signal(signal.SIGTERM)
    await world.logged("draining")
    atm.say(deposit | {"t": "0201"})
    new = atm.withdrawal("000003")
    atm.say(new)
    refused = await asyncio.to_thread(atm.hear)
    assert (refused["11"], refused["39"]) == ("000003", "91"), "nothing new, and it waits for nobody"
    world.faults.set_rates({})
    heard = [await asyncio.to_thread(atm.hear) for _ in range(2)]
    assert {(each["11"], each["39"]) for each in heard} == {("000002", "00")}, "both copies hear the same"
    assert await asyncio.to_thread(atm.is_closed)
    atm.close()
    assert await world.exit_code() == 0
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, new | {"t": "0201"}))["39"] == "91", "the first word stays"
    assert (await asyncio.to_thread(atm.ask, deposit | {"t": "0201"}))["39"] == "00"
    atm.close()
    assert [(e.trace, e.kind) for e in world.ledger.entries() if e.standing_minor] == [("000002", "deposit")]
