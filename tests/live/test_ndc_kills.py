"""One withdrawal, one machine, and the relay killed at the worst moments there are: what stands is what left, or is listed.

The machine is a stranger's, on a plain socket; the relay is a process that dies by kill -9 at a named point of
tests/support/dyingrelay.py, and is started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.commands import ListedArgs
from relay.loopback.entries import Entry
from tests.support.daemonworld import DaemonWorld, next_look
from tests.support.foreignndc import ForeignNdc

PATIENCE_S = 120.0
LISTENER = """
[[listener]]
name = "ndc"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 8000
[listener.profile]
config_id = "0001"
load = "branch"
[listener.profile.session]
identify_wait_ms = 100
step_wait_ms = 5000
status_wait_ms = 8000
reply_window_ms = 20000
[listener.profile.configs."*".operations."FFFFFFFF"]
kind = "deposit"
"""
LOAD = """
config_id = "0001"
fit = ["000064000000255255000132000015000016000000000"]
states = ["000A001001004000000000002000"]
screens = ["C00SORRY"]
"""


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "branch.toml").write_text(LOAD)
    world = DaemonWorld(tmp_path)
    world.module = "tests.support.dyingrelay"
    await world.start_core()
    world.configure(LISTENER)
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace("[relay]\n", "[relay]\ncompletion_deadline_ms = 8000\n"))
    yield world
    await world.close()


@pytest_asyncio.fixture(loop_scope="session")
async def atm(world: DaemonWorld) -> AsyncIterator[ForeignNdc]:
    atm = ForeignNdc(world.port)
    yield atm
    await atm.close()


async def start(world: DaemonWorld, dies_at: str = "") -> None:
    world.environment = {"RELAY_DIES_AT": dies_at}
    await world.start()


async def settled(world: DaemonWorld) -> set[str]:
    """Nothing open, nothing owed: the keys on the person's list."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await asyncio.to_thread(world.control.status)
            if not status.exchanges and not status.owed:
                rows = (await asyncio.to_thread(world.control.listed, ListedArgs())).rows
                return {row.key for row in rows}
            await next_look()


def withdrawals(world: DaemonWorld) -> list[Entry]:
    return [entry for entry in world.ledger.entries() if entry.kind == "withdrawal"]


def check(world: DaemonWorld, atm: ForeignNdc, listed: set[str]) -> None:
    """Law 10, of this one machine."""
    assert not world.ledger.posted_twice()
    for entry in withdrawals(world):
        if entry.key not in listed:
            assert entry.standing_minor == atm.paid.get(entry.trace, 0), (entry.key, entry.trace, atm.paid)
    assert set(atm.paid) <= {entry.trace for entry in withdrawals(world) if entry.standing_minor}, "cash without a posting"


# (where it dies, what the machine says of the reply, what stands, on the list)
DEATHS = [
    ("approved, no intent", None, 0, False),
    ("intent, no reply", None, 15_000, True),
    ("status, not durable", ("9",), 15_000, True),  # counters prove nothing; the next request's last status does, see below
    ("status durable", ("9",), 15_000, False),
    ("status, not durable", ("8", "E100010000"), 15_000, True),  # what was said is lost: only a person may undo
    ("status durable", ("8", "E100010000"), 5_000, False),
    ("owed answered, not durable", ("8", "E100010000"), 5_000, False),
    ("status, not durable", ("8", "E200000000"), 15_000, True),
    ("status durable", ("8", "E200000000"), 0, False),
    ("owed answered, not durable", ("8", "E200000000"), 0, False),
    ("owed answered, not durable", ("C", "B09"), 0, False),
    ("status durable", ("8", "E300010100"), 15_000, True),  # and the counters say something else than what was ordered
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("dies_at", "status", "standing", "is_listed"), DEATHS)
async def test_killed_in_the_middle_of_a_withdrawal(
    world: DaemonWorld, atm: ForeignNdc, dies_at: str, status: tuple[str, ...] | None, standing: int, is_listed: bool
) -> None:
    await start(world, dies_at)
    await atm.start()
    atm.ask(15_000)
    if status is not None:
        reply = await atm.reply()
        if status[0] == "9":
            atm.pay(reply)
        elif status[1][:2] in ("E1", "E3"):
            atm.pay(reply, (0, 0, 1, 0))
        atm.status(*status)
    assert await atm.gone()
    await world.exit_code()
    await start(world)
    await atm.start()
    listed = await settled(world)
    (entry,) = withdrawals(world)
    assert (entry.standing_minor, entry.key in listed) == (standing, is_listed)
    check(world, atm, listed)
    # The next customer is served, and his request says how the last one ended.
    atm.ask(10_000, mcn="2")
    atm.pay(await atm.reply())
    atm.status("9")
    listed = await settled(world)
    check(world, atm, listed)
    if status == ("9",):
        assert entry.key not in listed, "good, says the next request of it"
    assert len(withdrawals(world)) == 2


@pytest.mark.parametrize("dies_at", ["block asked", "block durable, no acknowledgement"])
async def test_killed_in_the_middle_of_a_journal_upload(world: DaemonWorld, atm: ForeignNdc, dies_at: str) -> None:
    await start(world, dies_at)
    await atm.start()
    atm.block("CARD 4000001234567899 IN\r\n")
    assert await atm.gone()
    await world.exit_code()
    await start(world)
    await atm.start()
    atm.block("CARD 4000001234567899 IN\r\n")
    acknowledged = await atm.hear()
    assert (acknowledged[0], acknowledged[3]) == ("6", "1000026")
    await settled(world)
    assert len([entry for entry in world.ledger.entries() if entry.kind == "journal-upload"]) == 1
    assert b"4000001234567899" not in (world.directory / "journal.sqlite").read_bytes()


@pytest.mark.parametrize("killed_after", range(1, 6))
async def test_killed_in_the_middle_of_a_download(world: DaemonWorld, atm: ForeignNdc, killed_after: int) -> None:
    """The machine's configuration id is the old one until the last message: so it is loaded again from the beginning."""
    await start(world)
    atm.config_id = "0000"
    await atm.connect()
    atm.event("B0000")
    for _ in range(killed_after):
        atm.obey(await atm.hear())
    await world.kill()
    await start(world)
    atm.commands.clear()
    await atm.start()
    loads = [code for code in atm.commands if code[0] == "3" and code != "31C"]
    assert loads == ([] if killed_after > 4 else ["315", "312", "311", "316"])
    assert atm.config_id == "0001"


async def test_a_new_journal_never_gives_a_key_of_the_old_one_again(world: DaemonWorld, atm: ForeignNdc) -> None:
    """The runbook's last resort. Were a key given twice, the core would answer with the old approval, and book nothing."""
    for _ in range(2):
        await start(world)
        await atm.start()
        atm.ask(15_000)
        reply = await atm.reply()
        assert reply[4] == "00010100"
        atm.status("9")
        assert not await settled(world)
        assert await world.stop() == 0
        for file in world.directory.glob("journal.sqlite*"):
            file.unlink()
    assert [entry.standing_minor for entry in withdrawals(world)] == [15_000, 15_000]
