"""The running daemon archives what is old while terminals are served, through kill -9 at each step that leaves something.

The past is written by the product's own engine with a clock of then; afterwards only processes, files and the command line.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from relay.clock import SystemClock
from relay.journal.archive.shelf import exchanges_in, messages_in
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.outbound import OutboundState
from relay.journal.postgres.engine import PostgresJournal
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.support.daemonworld import PATIENCE_S, ROOT, DaemonWorld
from tests.support.foreignatm import ForeignAtm
from tests.support.journal_suite import DAY_MS, answered, step_to, taken
from tests.support.outbound_suite import moved, outbound
from tests.support.pgserver import PostgresServer
from tests.support.sqliterig import TurnedLoop

DAYS = (10, 9)  # so many days ago
PER_DAY = 700  # more than is handed over at once
SENT_PER_DAY = 20
POINTS = (
    "archive synced, not read back",
    "archive renamed, not durable",
    "archive durable, not known",
    "archive known, nothing released",
    "archive half released",
)


def key_of(world: DaemonWorld) -> bytes:
    return bytes.fromhex((world.directory / "credentials" / "journal-key").read_text())


def seed(journal: Any, loop: TurnedLoop, per_day: int) -> None:
    """Days of closed exchanges, one in ten with a history, and of ended messages of the core. Closes the journal."""
    for days in DAYS:
        then_ms = SystemClock().wall_ms() - days * DAY_MS
        for number in range(per_day):
            record = taken(journal, f"past|{days}|{number}", recorded_ms=then_ms)
            journal.take(record, lambda _: None)
            journal.step(answered(record.exchange_id), lambda _: None)
            if number % 10 == 0:
                done = step_to(record.exchange_id, answered(1).state, "OUTCOME", outcome=b"\x93\x01\x02\x03", at_ms=then_ms)
                journal.step(done, lambda _: None)
        for number in range(SENT_PER_DAY):
            message = outbound(journal, f"sent|{days}|{number}", recorded_ms=then_ms)
            journal.take_outbound(message, lambda _: None)
            ended = OutboundState.ACKNOWLEDGED
            journal.step_outbound(moved(message.outbound_id, ended, at_ms=then_ms, reported=ended), lambda _: None)
        while journal.waiting_count():
            loop.turn()
    journal.close()


def seed_sqlite(world: DaemonWorld) -> None:
    loop = TurnedLoop()
    journal = SqliteJournal.open(
        JournalSettings(path=str(world.directory / "journal.sqlite")),
        key_of(world),
        call_soon_threadsafe=loop.call_soon_threadsafe,
        clock=SystemClock(),
        metrics=Metrics(),
        identity=Identity("tokyo", "bank"),
    )
    seed(journal, loop, PER_DAY)


def seed_postgresql(world: DaemonWorld, dsn: str) -> None:
    loop = TurnedLoop()
    journal = PostgresJournal(
        JournalSettings(engine="postgresql", dsn=dsn),
        key_of(world),
        None,
        call_soon_threadsafe=loop.call_soon_threadsafe,
        clock=SystemClock(),
        metrics=Metrics(),
        identity=Identity("tokyo", "bank"),
    )
    seed(journal, loop, 50)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    await world.start_core()
    await asyncio.to_thread(seed_sqlite, world)
    directory = tmp_path / "archive"
    world.configure(journal_extra=f'archive_directory = "{directory}"\nbody_window_days = 5\narchive_free_mib_min = 0')
    yield world
    await world.close()


def relay(world: DaemonWorld, *words: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "relay", "journal", *words, "--config", str(world.config_path), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    return done.returncode, json.loads(done.stdout)


def whole_and_archived(world: DaemonWorld) -> tuple[set[str], set[str]]:
    """Keys of the past whose body is in the journal, and those in archives that the journal knows and that verify."""
    connection = sqlite3.connect(world.directory / "journal.sqlite")
    bodies = connection.execute("SELECT key FROM taken WHERE length(request) > 0 AND key LIKE 'past|%'").fetchall()
    bodies += connection.execute("SELECT key FROM outbound WHERE length(body) > 0").fetchall()
    known = [row[0] for row in connection.execute("SELECT file_name FROM archive")]
    connection.close()
    keys = KeyRing(key_of(world))
    files = [world.directory / "archive" / name for name in known]
    archived = {each.exchange.key for path in files for each in exchanges_in(path, keys)}
    archived |= {each.key for path in files for each in messages_in(path, keys) if each.has_body}
    return {row[0] for row in bodies}, archived


@pytest.mark.timeout(240)
async def test_what_is_old_is_archived_beside_traffic_and_no_death_loses_it(world: DaemonWorld) -> None:
    everything = {f"past|{days}|{number}" for days in DAYS for number in range(PER_DAY)}
    everything |= {f"sent|{days}|{number}" for days in DAYS for number in range(SENT_PER_DAY)}
    world.module = "tests.support.dyingrelay"
    for point in POINTS:
        world.environment = {"RELAY_DIES_AT": point}
        await world.spawn()
        assert await world.exit_code() == -9, f"{point}: {world.log()}"
        whole, archived = await asyncio.to_thread(whole_and_archived, world)
        assert whole | archived == everything, point
    world.module, world.environment = "relay", {}
    await world.start()
    atm = ForeignAtm(world.port)
    await asyncio.to_thread(atm.sign_on)
    answers = [(await asyncio.to_thread(atm.ask, atm.withdrawal(f"{trace:06d}")))["39"] for trace in range(1, 60)]
    assert set(answers) == {"00"}
    await world.logged("archived bodies have left the journal")
    whole, archived = await asyncio.to_thread(whole_and_archived, world)
    assert (whole, archived) == (set(), everything)
    code, found = await asyncio.to_thread(relay, world, "archive", "verify")
    assert (code, [each["problem"] for each in found]) == (0, [""] * 2 * len(DAYS))
    assert [each["bodies"] for each in found] == ["archive only"] * 2 * len(DAYS)
    assert [each["kind"] for each in found] == ["day", "outbound"] * len(DAYS)
    code, sound = await asyncio.to_thread(relay, world, "verify")
    assert (code, sound["problems"], sound["notes"]) == (0, [], [])
    date = found[0]["business_date"]
    code, shown = await asyncio.to_thread(relay, world, "archive", "show", date, f"past|{DAYS[0]}|0")
    assert (shown["exchange"]["pan"], len(shown["history"])) == ("453957******1486", 1)
    code, sent = await asyncio.to_thread(relay, world, "archive", "show", date, "--outbound", "--limit", "3")
    assert (code, [each["key"] for each in sent]) == (0, [f"sent|{DAYS[0]}|{number}" for number in range(3)])
    seen = world.metrics()
    assert seen["relay_archive_bytes"] == sum(each["file_bytes"] for each in found)
    assert seen["relay_archive_oldest_due_seconds"] == 0
    assert seen["relay_archive_last_run_timestamp_seconds"] > 0
    atm.close()
    assert await world.stop() == 0
    again = taken_again(world, f"past|{DAYS[0]}|1")
    assert again == ("answered", "00"), "a key outlives its body"


def taken_again(world: DaemonWorld, key: str) -> tuple[str, str]:
    """What a duplicate is answered from."""
    code, shown = relay(world, "show", key)
    assert code == 0
    return shown["exchange"]["state"], shown["exchange"]["code"]


@pytest.mark.timeout(180)
async def test_on_postgresql_too(tmp_path: Path) -> None:
    server = await asyncio.to_thread(PostgresServer)
    world = DaemonWorld(tmp_path)
    try:
        await world.start_core()
        await asyncio.to_thread(seed_postgresql, world, server.dsn)
        archive = f'archive_directory = "{tmp_path / "archive"}"\nbody_window_days = 5\narchive_free_mib_min = 0'
        world.configure(journal_extra=f'engine = "postgresql"\ndsn = "{server.dsn}"\n{archive}')
        await world.start()
        await world.logged("archived bodies have left the journal")
        code, found = await asyncio.to_thread(relay, world, "archive", "verify")
        assert (code, [each["bodies"] for each in found]) == (0, ["archive only"] * 2 * len(DAYS))
        assert server.sql("SELECT count(*) FROM relay_journal.outbound WHERE length(body) > 0") == "0"
        assert server.sql("SELECT count(*) FROM relay_journal.taken WHERE length(request) > 0") == "0"
        assert await world.stop() == 0
    finally:
        await world.close()
        await asyncio.to_thread(server.remove)
