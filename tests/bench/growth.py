"""Does a journal open slower because it is old? `python -m tests.bench.growth --exchanges N` alone, or as part of `make bench`.

Owns journals of several sizes, seeded by SQL: closed exchanges of the happy path with a history line for every hundredth, a
fixed number of open and listed ones given through the port, and an end that was not orderly. Timed, each time in a process of
its own: opening (lock, checks, migrations, keys, a new incarnation), reading everything that recovery reads, and the first new
record durable. Cold means that the kernel was asked to forget the file, as after a restart of the host. The trap: what is
measured must be the product's own opening, so nothing here opens or prepares a journal in a way of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest
from msgspec.structs import replace

from protocols.vocabulary import DoubtPolicy, MessageClass, Money, Request, Secret
from relay.clock import SystemClock
from relay.exchange.register import rebuild
from relay.journal.postgres.engine import PostgresJournal
from relay.journal.records import StoredState, pack_request
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.bench.processes import ROOT, machine
from tests.support.journal_suite import answered, step_to, taken
from tests.support.pgserver import PostgresServer

OPEN_COUNT: Final = 100  # a quarter recorded and nothing else, a quarter each held, owed, listed
SHORT: Final = (20_000, 200_000)
FULL: Final = (100_000, 1_000_000, 10_000_000)
GOAL_S: Final = 10.0
KEY: Final = bytes(range(32))
BATCH: Final = 500_000
SCHEMA: Final = "growth"
SEED_S: Final = 1_800.0  # one statement of the seed, at most
FIGURES: Final = ("open_s", "recovery_s", "first_record_s")
Measured = dict[str, dict[int, dict[str, float]]]  # engine and cold or warm, exchanges: FIGURES, megabytes

_COLUMNS = (
    "listener, realm, message_class, kind, policy, fingerprint, request, pan, pan_hash, amount_minor, currency, business_date,"
    " original_key, epoch, incarnation"
)


class Loop:
    """call_soon_threadsafe of a loop that turns while somebody waits."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def turn_until_idle(self, journal: Any) -> None:
        while journal.waiting_count():
            self.calls.get()()


def open_journal(settings: JournalSettings, loop: Loop) -> Any:
    made = SqliteJournal.open if settings.engine == "sqlite" else _postgres
    return made(settings, KEY, call_soon_threadsafe=loop.calls.put, clock=SystemClock(), metrics=Metrics())


def _postgres(settings: JournalSettings, key: bytes, **ports: Any) -> PostgresJournal:
    return PostgresJournal(settings, key, None, **ports)


# ---- a journal with a past ---------------------------------------------------------------------------------------------
def packed_request() -> bytes:
    request = Request(
        key="",
        message_class=MessageClass.FINANCIAL,
        kind="withdrawal",
        doubt_policy=DoubtPolicy.UNDO,
        channel="atm",
        realm="bank",
        terminal="ATM00001",
        acquirer="440011",
        trace="000001",
        amount=Money(10_000, "JPY"),
        fingerprint_text=Secret(""),
        extra={"merchant": "Chuo 1-2-3", "reference": "432812345678"},
    )
    return pack_request(request)


def give_template(settings: JournalSettings) -> int:
    """One closed exchange through the port, of which the seed is made. Returns its number."""
    loop = Loop()
    journal = open_journal(settings, loop)
    record = replace(taken(journal, "template"), request=packed_request())
    journal.take(record, lambda _: None)
    journal.step(answered(record.exchange_id), lambda _: None)
    loop.turn_until_idle(journal)
    journal.close()
    return record.exchange_id


def give_open(settings: JournalSettings) -> None:
    """What recovery will find: recorded, held, owed and listed exchanges."""
    loop = Loop()
    journal = open_journal(settings, loop)
    states = (None, StoredState.HELD, StoredState.DELIVERING, StoredState.LISTED)
    for number in range(OPEN_COUNT):
        record = replace(taken(journal, f"open{number}"), request=packed_request())
        journal.take(record, lambda _: None)
        state = states[number % len(states)]
        if state is not None:
            journal.step(step_to(record.exchange_id, state), lambda _: None)
    loop.turn_until_idle(journal)
    journal.close()


def seed_sqlite(path: Path, count: int) -> JournalSettings:
    settings = JournalSettings(path=str(path))
    first = give_template(settings)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    connection.execute("DROP INDEX taken_key")
    connection.execute("DROP INDEX history_exchange")
    for start in range(1, count, BATCH):
        end = min(count, start + BATCH)
        numbers = f"WITH RECURSIVE n (i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end})"
        connection.execute(
            f"INSERT INTO taken (exchange_id, key, terminal, recorded_ms, {_COLUMNS}) {numbers} SELECT {first} + i,"
            " printf('bank|iso8583|440011|ATM%05d|0200|%06d|%010d', i * 7919 % 5000, i % 1000000, i),"
            f" printf('ATM%05d', i * 7919 % 5000), t.recorded_ms + i, {_COLUMNS} FROM n CROSS JOIN taken AS t"
            f" WHERE t.exchange_id = {first}"
        )
        connection.execute(
            f"INSERT INTO standing {numbers} SELECT {first} + i, state, attention, updated_ms + i, verdict, code, data,"
            f" outcome, standing_minor, tries, epoch FROM n CROSS JOIN standing AS s WHERE s.exchange_id = {first}"
        )
        connection.execute(
            f"INSERT INTO history (exchange_id, at_ms, event, state, detail) {numbers}"
            f" SELECT {first} + i, 1795478400000 + i, 'OUTCOME', 'done', 'late evidence' FROM n WHERE i % 100 = 0"
        )
    connection.execute("CREATE UNIQUE INDEX taken_key ON taken (key)")
    connection.execute("CREATE INDEX history_exchange ON history (exchange_id)")
    connection.execute("UPDATE meta SET value = ? WHERE name = 'recorded_floor'", (first + count,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    give_open(settings)
    return settings


def seed_postgresql(server: PostgresServer, count: int) -> JournalSettings:
    schema = f"{SCHEMA}_{count}"
    settings = JournalSettings(engine="postgresql", dsn=server.dsn, schema_name=schema)
    first = give_template(settings)

    def run(statement: str) -> None:
        quick = f"SET search_path = {schema}; SET synchronous_commit = off; SET maintenance_work_mem = '512MB';"
        server.sql(f"{quick} {statement}", timeout_s=SEED_S)

    run("DROP INDEX taken_key")
    for start in range(1, count, BATCH):
        numbers = f"generate_series({start}, {min(count, start + BATCH) - 1}) AS n (i)"
        run(
            f"INSERT INTO taken (exchange_id, key, terminal, recorded_ms, {_COLUMNS}) SELECT {first} + i,"
            " 'bank|iso8583|440011|ATM' || lpad((i * 7919::bigint % 5000)::text, 5, '0') || '|0200|'"
            " || lpad((i % 1000000)::text, 6, '0') || '|' || lpad(i::text, 10, '0'),"
            f" 'ATM' || lpad((i * 7919::bigint % 5000)::text, 5, '0'), t.recorded_ms + i, {_COLUMNS}"
            f" FROM {numbers} CROSS JOIN taken AS t WHERE t.exchange_id = {first}"
        )
        run(
            f"INSERT INTO standing SELECT {first} + i, state, attention, updated_ms + i, verdict, code, data, epoch, outcome,"
            f" standing_minor, tries FROM {numbers} CROSS JOIN standing AS s WHERE s.exchange_id = {first}"
        )
        run(
            "INSERT INTO history (exchange_id, at_ms, event, state, detail)"
            f" SELECT {first} + i, 1795478400000 + i, 'OUTCOME', 'done', 'late evidence' FROM {numbers} WHERE i % 100 = 0"
        )
    run("CREATE UNIQUE INDEX taken_key ON taken (key)")
    run(f"INSERT INTO meta VALUES ('recorded_floor', {first + count}) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
    give_open(settings)
    return settings


# ---- timing ------------------------------------------------------------------------------------------------------------
def time_opening(settings: JournalSettings) -> dict[str, float]:
    """In this process: open, read what recovery reads, make one record durable; then die without closing."""
    loop = Loop()
    started = time.perf_counter()
    journal = open_journal(settings, loop)
    opened = time.perf_counter()
    found = len([rebuild(stored, 0) for stored in journal.open_exchanges()])
    found += len(list(journal.listed())) + len(list(journal.open_outbound()))
    recovered = time.perf_counter()
    record = taken(journal, f"first of {journal.incarnation}")
    journal.take(record, lambda _: None)
    loop.turn_until_idle(journal)
    first = time.perf_counter()
    journal.step(answered(record.exchange_id), lambda _: None)  # so that the next life finds as many open ones
    loop.turn_until_idle(journal)
    return {
        "open_s": opened - started,
        "recovery_s": recovered - opened,
        "first_record_s": first - recovered,
        "found": float(found),
    }


def one_round(settings: JournalSettings, *, cold: bool) -> dict[str, float]:
    if cold:
        for name in (settings.path, settings.path + "-wal"):
            if os.path.exists(name):
                with open(name, "rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    said = subprocess.run(
        [sys.executable, "-m", "tests.bench.growth", "--time", settings.model_dump_json()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[str, float] = json.loads(said)
    if found.pop("found") != OPEN_COUNT:
        raise RuntimeError("recovery did not find what is open: this measures nothing")
    return found


def rounds_of(settings: JournalSettings, megabytes: float, rounds: int, *, cold: bool) -> dict[str, float]:
    ones = [one_round(settings, cold=cold) for _ in range(rounds)]
    return {figure: median(one[figure] for one in ones) for figure in FIGURES} | {"megabytes": megabytes}


def measure(counts: Sequence[int], rounds: int, engines: Sequence[str], folder: Path | None = None) -> Measured:
    """Medians for each engine and size. Without PostgreSQL's programs, SQLite alone. `folder` is where the files go."""
    measured: Measured = {}
    for engine in engines:
        with contextlib.ExitStack() as stack:
            server = None
            if engine == "postgresql":
                with contextlib.suppress(pytest.skip.Exception, pytest.fail.Exception):
                    server = PostgresServer()
                    stack.callback(server.remove)
                if server is None:
                    continue
            for count in counts:
                for name, one in _of_one_size(engine, server, count, rounds, folder):
                    measured.setdefault(name, {})[count] = one
                    print(
                        f"  {name:16} {count:10,} exchanges, {one['megabytes']:6,.0f} MB: open {one['open_s']:.3f} s, "
                        f"recovery {one['recovery_s']:.3f} s, first record {one['first_record_s']:.3f} s",
                        flush=True,
                    )
    return measured


def _of_one_size(
    engine: str, server: PostgresServer | None, count: int, rounds: int, folder: Path | None
) -> Iterator[tuple[str, dict[str, float]]]:
    if server is not None:
        settings = seed_postgresql(server, count)
        relations = f"pg_class WHERE relnamespace = '{settings.schema_name}'::regnamespace AND relkind = 'r'"
        megabytes = float(server.sql(f"SELECT sum(pg_total_relation_size(oid)) FROM {relations}")) / 1e6
        yield engine, rounds_of(settings, megabytes, rounds, cold=False)
        server.sql(f"DROP SCHEMA {settings.schema_name} CASCADE")
        return
    where = Path(tempfile.mkdtemp(prefix="relay-bench-growth-", dir=folder))
    try:
        settings = seed_sqlite(where / "journal.sqlite", count)
        megabytes = os.path.getsize(settings.path) / 1e6
        yield f"{engine}, cold", rounds_of(settings, megabytes, rounds, cold=True)
        yield f"{engine}, warm", rounds_of(settings, megabytes, rounds, cold=False)
    finally:
        shutil.rmtree(where)


# ---- what it says ------------------------------------------------------------------------------------------------------
def worst_s(measured: Measured) -> float:
    """Opening and recovery of the largest journal, seconds, over all engines."""
    return max(flights[max(flights)]["open_s"] + flights[max(flights)]["recovery_s"] for flights in measured.values())


def figures(measured: Measured) -> dict[str, float]:
    """One line each of engine, size and figure, seconds and megabytes."""
    return {
        f"{name} at {count} {figure}": value
        for name, sizes in measured.items()
        for count, one in sizes.items()
        for figure, value in one.items()
    }


def table(measured: Measured) -> str:
    lines = ["| engine | exchanges | MB | open s | recovery s | first record s |", "|---|---|---|---|---|---|"]
    for name, sizes in measured.items():
        for count, one in sizes.items():
            cells = " | ".join(f"{one[figure]:.3f}" for figure in FIGURES)
            lines.append(f"| {name} | {count:,} | {one['megabytes']:,.0f} | {cells} |")
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth")
    parser.add_argument("--exchanges", type=int, action="append", metavar="N", help="a size; may be given several times")
    parser.add_argument("--engine", action="append", choices=("sqlite", "postgresql"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files go (default: the system's temporary directory)")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--time", help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.time:
        print(json.dumps(time_opening(JournalSettings.model_validate_json(args.time))), flush=True)
        os._exit(0)  # as after kill -9: nothing is closed, and the next opening finds an end that was not orderly
    measured = measure(args.exchanges or FULL, args.rounds, args.engine or ("sqlite", "postgresql"), args.folder)
    print("\n".join(f"* {name}: {value}" for name, value in machine().items()))
    print(table(measured))
    if args.plot is not None:
        from tests.bench.plots import draw_growth

        draw_growth(args.plot, measured)
    print(f"open and recovery of the largest: {worst_s(measured):.2f} s, goal <= {GOAL_S:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
