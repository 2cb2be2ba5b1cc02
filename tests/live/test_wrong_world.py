"""A world that is not as it should be, and the running daemon in it: a clock that is set by a day, dates of the past and the
future, two machines with one name, one key for two messages, the journal of another relay.

Each ends as docs/bad-input.md says, and the ledger holds every customer's money once.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm
from tests.support.jumpingrelay import AHEAD, BACK

ANOTHER_PAN = "4000009999999991"
DAY_S = 86_400


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
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


def standing(world: DaemonWorld) -> list[tuple[str, int]]:
    """(trace, what stands) of everything in the ledger that stands."""
    assert not world.ledger.posted_twice()
    return sorted((entry.trace, entry.standing_minor) for entry in world.ledger.entries() if entry.standing_minor)


async def test_a_clock_that_is_set_by_a_day_forgets_no_key_and_no_reversal(world: DaemonWorld) -> None:
    world.module = "tests.support.jumpingrelay"
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    kept, undone = atm.withdrawal("000002"), atm.withdrawal("000003")
    first = await asyncio.to_thread(atm.ask, kept)
    assert first["39"] == (await asyncio.to_thread(atm.ask, undone))["39"] == "00"
    for number in (AHEAD, BACK, BACK):  # a day ahead, back again, a day behind
        world.signal(number)
        again = await asyncio.to_thread(atm.ask, kept | {"t": "0201"})
        assert (again["39"], again["38"]) == ("00", first["38"]), "from the journal"
    taken_back = await asyncio.to_thread(atm.ask, atm.reversal(undone, "000004"))
    assert taken_back["39"] == "00"
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000005")))["39"] == "00", "no deadline passed, nobody waits"
    atm.close()
    await world.kill()
    await world.start()  # on the right day
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, kept | {"t": "0201"}))["38"] == first["38"]
    assert (await asyncio.to_thread(atm.ask, undone | {"t": "0201"}))["39"] != "00", "it was reversed"
    atm.close()
    while (await asyncio.to_thread(world.control.status)).owed:
        await next_look()
    assert standing(world) == [("000002", 10_000), ("000005", 10_000)]
    assert await world.stop() == 0


async def test_a_local_date_of_the_past_or_the_future_is_a_key_of_its_own_and_nonsense_is_refused(world: DaemonWorld) -> None:
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    now_s = time.time()  # once: midnight may pass
    for days in (0, -1, 1, -100, 100):
        date = time.strftime("%m%d", time.gmtime(now_s + days * DAY_S))
        message = atm.withdrawal("000002") | {"13": date}
        assert (await asyncio.to_thread(atm.ask, message))["39"] == "00", days
        assert (await asyncio.to_thread(atm.ask, message | {"t": "0201"}))["39"] == "00", days
    for date in ("0230", "1301", "0000"):
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003") | {"13": date}))["39"] == "30", date
    atm.close()
    assert standing(world) == [("000002", 10_000)] * 5


async def test_two_machines_with_one_name_replace_each_other_and_share_no_answer(world: DaemonWorld) -> None:
    await world.start()
    one = await asyncio.to_thread(signed_on, world)
    mine = one.withdrawal("000002")
    assert (await asyncio.to_thread(one.ask, mine))["39"] == "00"
    other = await asyncio.to_thread(signed_on, world)
    assert await asyncio.to_thread(one.is_closed), "the newer one wins"
    one.close()
    theirs = other.withdrawal("000002", 20_000) | {"2": ANOTHER_PAN}
    assert (await asyncio.to_thread(other.ask, theirs))["39"] == "94", "the same number of the same name, and another customer"
    assert (await asyncio.to_thread(other.ask, other.withdrawal("000003", 20_000)))["39"] == "00"
    one = await asyncio.to_thread(signed_on, world)
    assert await asyncio.to_thread(other.is_closed)
    other.close()
    assert (await asyncio.to_thread(one.ask, mine | {"t": "0201"}))["39"] == "00"
    one.close()
    assert world.log().count("link replaced") == 2
    assert world.metrics()['relay_links_closed_total{listener="atm",reason="replaced"}'] == 2
    assert standing(world) == [("000002", 10_000), ("000003", 20_000)]


async def test_a_key_that_the_core_holds_with_another_body_is_refused_and_never_reversed(world: DaemonWorld) -> None:
    """A journal that was put aside, the runbook's last resort, and a terminal that uses a number again: the core says 422."""
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    atm.close()
    assert await world.stop() == 0
    for file in world.directory.glob("journal.sqlite*"):
        file.unlink()
    await world.start()
    atm = await asyncio.to_thread(signed_on, world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002", 20_000)))["39"] == "94"
    atm.close()
    assert "the core holds this key with another body" in world.log()
    status = await asyncio.to_thread(world.control.status)
    assert (status.owed, status.exchanges) == (0, {})
    assert standing(world) == [("000002", 10_000)]


async def test_the_journal_of_another_relay_is_left_as_it_is(world: DaemonWorld) -> None:
    await world.start()
    assert await world.stop() == 0
    theirs = world.directory / "journal.sqlite"
    copied = world.directory / "copied.sqlite"
    shutil.copy(theirs, copied)
    before = copied.read_bytes()
    world.configure(journal=str(copied))
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace("[relay]\n", '[relay]\ncenter = "osaka"\n'))
    await world.spawn()
    assert await world.exit_code() == 3
    assert "belongs to another relay" in world.log()
    assert copied.read_bytes() == before
