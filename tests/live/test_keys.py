"""Keys and reveals as an operator meets them: a running daemon, terminals that go on paying, commands beside it, kill -9.

What is looked for at the end is the same each time: every card number decrypts with the new key alone, what the ATMs paid
stands in the ledger once, and a card number was seen nowhere but on the one screen that was signed for.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from protocols.vocabulary import Secret
from relay.clock import SystemClock
from relay.configfile import check
from relay.journal.engines import open_journal
from relay.journal.records import StoredState
from relay.telemetry.metrics import Metrics
from tests.live.test_postgresql import Books, check_books, paid, quiet
from tests.support.daemonworld import PATIENCE_S, ROOT, DaemonWorld, next_look
from tests.support.foreignatm import PAN, ForeignAtm
from tests.support.heldwalk import HELD_COUNT
from tests.support.journal_suite import taken
from tests.support.pgserver import PostgresServer
from tests.support.sqliterig import TurnedLoop

pytestmark = pytest.mark.timeout(300)  # each command is a process of its own

SEEDED = 6_000  # rows of before: more than a walk looks at in one transaction


class KeptWorld(DaemonWorld):
    """A daemon on either engine, its keys in files."""

    def __init__(self, directory: Path, server: PostgresServer | None) -> None:
        super().__init__(directory)
        self.server = server
        self.held = directory / "held"  # while it is there, no walk comes far
        self.module = "tests.support.heldwalk"
        self.environment = {"WALK_HELD": str(self.held)}

    def name_keys(self, current: str, *older: str) -> None:
        listed = ", ".join(f'"{name}"' for name in older)
        keys = f'key_credential = "{current}"\nolder_key_credentials = [{listed}]\n'
        engine = "" if self.server is None else f'engine = "postgresql"\ndsn = "{self.server.dsn}"\nschema_name = "live"\n'
        self.configure(journal_extra=engine + keys)

    def key_file(self, name: str) -> Path:
        return self.directory / "credentials" / name

    def make_key(self, name: str) -> None:
        self.key_file(name).write_text(secrets.token_hex(32))
        self.key_file(name).chmod(0o600)

    def seed(self, count: int) -> None:
        """Exchanges of an earlier life, closed: only their card numbers matter."""
        loop = TurnedLoop()
        settings = check(str(self.config_path)).settings
        assert settings is not None
        journal = open_journal(
            settings.journal,
            bytes.fromhex(self.key_file("journal-key").read_text()),
            Secret,
            call_soon_threadsafe=loop.call_soon_threadsafe,
            clock=SystemClock(),
            metrics=Metrics(),
        )
        now_ms = SystemClock().wall_ms()
        for number in range(count):
            record = taken(journal, f"seed{number}", StoredState.SETTLED, request=b"", recorded_ms=now_ms)
            journal.take(record, lambda _: None)
            while journal.waiting_count() >= 5_000:
                loop.turn()
        while journal.waiting_count():
            loop.turn()
        journal.close()

    def stored(self) -> bytes:
        """Everything that the journal holds."""
        if self.server is None:
            return b"".join(path.read_bytes() for path in self.directory.glob("journal.sqlite*"))
        tables = ("taken", "standing", "history", "reveal", "outbound", "link_variable")
        rows = "".join(self.server.sql(f"SELECT t::text FROM live.{table} AS t") for table in tables)
        return rows.encode() + b"".join(bytes.fromhex(each) for each in re.findall(r"\\x((?:[0-9a-f]{2})+)", rows))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer | None]:
    if request.param == "sqlite":
        yield None
        return
    made = PostgresServer()
    yield made
    made.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path, server: PostgresServer | None) -> AsyncIterator[KeptWorld]:
    world = KeptWorld(tmp_path, server)
    try:
        await world.start_core()
        world.name_keys("journal-key")
        yield world
    finally:
        await world.close()
        if server is not None:
            server.sql("DROP SCHEMA IF EXISTS live CASCADE")


async def relay(world: KeptWorld, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "relay", "journal", *words, "--config", str(world.config_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        input=stdin,
        timeout=PATIENCE_S,
        env={name: value for name, value in os.environ.items() if name != "RELAY_SOCKET"},
    )


async def signed_on(world: KeptWorld, terminal: str = "ATM00001") -> ForeignAtm:
    atm = await asyncio.to_thread(ForeignAtm, world.port, terminal=terminal)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    return atm


async def verified(world: KeptWorld) -> dict[str, Any]:
    done = await relay(world, "verify", "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    assert not found["problems"], found["problems"]
    return found


async def walked(world: KeptWorld) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            keys = (await asyncio.to_thread(world.control.status)).keys
            assert not keys.why
            if not keys.is_walking and sum(row.is_needed for row in keys.keys) == 1:
                return
            await next_look()


REVEAL = ("--reveal", "--who", "Sato", "--reason", "dispute 4711")


async def test_a_card_number_is_shown_only_once_the_act_is_in_the_journal(world: KeptWorld) -> None:
    await world.start()
    atm = await signed_on(world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    masked = await relay(world, "search", "--json")
    assert PAN not in masked.stdout
    key = str(world.key_file("journal-key"))
    unsigned = ("--reveal", "--key", key, "--who", "Sato", "--reason", " ")
    for refused_words in (REVEAL, unsigned):
        refused = await relay(world, "search", *refused_words)
        assert refused.returncode == 1
        assert PAN not in refused.stdout + refused.stderr
    shown = await relay(world, "search", "--json", *REVEAL, "--key", key)
    assert [each["pan"] for each in json.loads(shown.stdout)] == [PAN], shown.stderr
    found = await relay(
        world, "search", "--json", "--pan", "--reveal", "--who", PAN, "--reason", f"is it {PAN}?", "--key", key, stdin=PAN
    )
    assert json.loads(found.stdout)[0]["pan"] == PAN
    listed = await relay(world, "reveals", "--json")
    acts = json.loads(listed.stdout)
    assert [(act["reveal_id"], act["reason"]) for act in acts[1:]] == [(1, "dispute 4711")]
    assert acts[0]["uid"] == os.getuid()
    assert "one card" in acts[0]["asked"]
    assert (await asyncio.to_thread(world.metrics))["relay_journal_reveals_total"] == 2
    assert world.log().count("card numbers were shown") == 2
    emitted = [world.log(), listed.stdout, str(await asyncio.to_thread(world.control.status)), masked.stdout, shown.stderr]
    for words in (["verify"], ["reveals"]):
        done = await relay(world, *words)
        emitted.append(done.stdout + done.stderr)
    atm.close()
    assert await world.stop() == 0
    assert not [text for text in emitted if PAN in text]
    assert PAN.encode() not in world.stored()


async def test_without_a_running_relay_the_command_records_and_the_next_start_tells(world: KeptWorld) -> None:
    await world.start()
    atm = await signed_on(world)
    await asyncio.to_thread(atm.ask, atm.withdrawal("000002"))
    atm.close()
    assert await world.stop() == 0
    shown = await relay(world, "search", "--json", *REVEAL, "--key", "journal-key")
    assert json.loads(shown.stdout)[0]["pan"] == PAN, shown.stderr
    await world.start()
    assert world.log().count("card numbers were shown") == 1
    assert (await asyncio.to_thread(world.metrics))["relay_journal_reveals_total"] == 1
    assert await world.stop() == 0
    await world.start()
    assert (await asyncio.to_thread(world.metrics))["relay_journal_reveals_total"] == 1, "the journal's, not the process's"
    assert world.log().count("card numbers were shown") == 1, "told once"
    if world.server is not None:
        return  # there a record beside a relay is safe
    world.signal(signal.SIGSTOP)  # it keeps the lock, and says nothing
    refused = await relay(world, "search", *REVEAL, "--key", "journal-key")
    world.signal(signal.SIGCONT)
    assert refused.returncode != 0
    assert PAN not in refused.stdout + refused.stderr
    assert "nothing is shown" in refused.stderr


async def test_a_key_is_changed_under_traffic_without_a_restart(world: KeptWorld) -> None:
    world.seed(SEEDED)
    world.held.touch()
    await world.start()
    atm = await signed_on(world)
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000002")))["39"] == "00"
    world.make_key("journal-key-2027")
    world.name_keys("journal-key-2027")
    refused = await relay(world, "rekey")
    assert refused.returncode != 0
    assert "older_key_credentials" in refused.stderr
    assert (await asyncio.to_thread(atm.ask, atm.withdrawal("000003")))["39"] == "00", "and nothing has changed"
    world.name_keys("journal-key-2027", "journal-key")
    changed = await relay(world, "rekey", "--json")
    report = json.loads(changed.stdout)
    assert {row["credential"]: row["is_current"] for row in report["keys"]} == {"journal-key": False, "journal-key-2027": True}
    for number in range(4, 200):
        assert (await asyncio.to_thread(atm.ask, atm.withdrawal(f"{number:06d}")))["39"] == "00"
        if number == 100:
            assert (await asyncio.to_thread(world.control.status)).keys.is_walking
            world.held.unlink()
    await walked(world)
    done = await relay(world, "keys")
    assert "its credential may be taken out  credential journal-key\n" in done.stdout + "\n", done.stdout
    world.name_keys("journal-key-2027")
    assert (await asyncio.to_thread(world.control.reload)).is_applied
    world.key_file("journal-key").unlink()
    found = await verified(world)
    assert found["pan_count"] == SEEDED + 198
    metrics = await asyncio.to_thread(world.metrics)
    assert metrics["relay_journal_rekey_rows_total"] >= SEEDED + 2
    assert (metrics["relay_journal_needed_keys"], metrics["relay_journal_rekey_left_rows"]) == (1, 0)
    again = await asyncio.to_thread(atm.ask, atm.withdrawal("000002"))
    assert again["39"] == "00", "a repeat of before the change is known as one"
    assert not world.ledger.posted_twice()
    atm.close()
    assert await world.stop() == 0
    await world.start()
    assert await world.stop() == 0


@pytest.mark.parametrize("kills", [3])
async def test_a_walk_that_is_killed_goes_on_at_the_next_start(world: KeptWorld, kills: int) -> None:
    world.seed(SEEDED)
    world.held.touch()
    world.make_key("journal-key-2027")
    await world.start()
    world.name_keys("journal-key-2027", "journal-key")
    world.signal(signal.SIGHUP)
    for _ in range(kills):
        async with asyncio.timeout(PATIENCE_S):
            while (await asyncio.to_thread(world.control.status)).keys.rekeyed < HELD_COUNT:
                await next_look()
        await world.kill()
        await world.start()
        keys = (await asyncio.to_thread(world.control.status)).keys.keys
        assert sum(row.is_needed for row in keys) == 2
    world.held.unlink()
    await walked(world)
    walks = [line for line in world.log().splitlines() if "journal keys looked through" in line]
    rows = json.loads(walks[-1].partition(">")[2])["rows"]
    assert rows == SEEDED - kills * HELD_COUNT, "what was done is not done again"
    world.name_keys("journal-key-2027")
    world.key_file("journal-key").unlink()
    assert (await asyncio.to_thread(world.control.reload)).is_applied
    assert (await verified(world))["pan_count"] == SEEDED
    assert await world.stop() == 0


async def test_killed_in_the_middle_of_a_walk_while_terminals_pay_nothing_is_lost_or_doubled(world: KeptWorld) -> None:
    world.seed(SEEDED)
    world.held.touch()
    world.make_key("journal-key-2027")
    await world.start()
    atms = [Books(world, number) for number in (1, 2)]
    for atm in atms:
        atm.start()
    await paid(atms, 3)
    world.name_keys("journal-key-2027", "journal-key")
    world.signal(signal.SIGHUP)
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.control.status)).keys.rekeyed < HELD_COUNT:
            await next_look()
    await world.kill()
    await world.start()
    await paid(atms, 3)
    world.held.unlink()
    for atm in atms:
        atm.finish()
    await asyncio.gather(*(asyncio.to_thread(atm.join) for atm in atms))
    await walked(world)
    await quiet(world)
    check_books(world, atms)
    await verified(world)
    assert await world.stop() == 0
