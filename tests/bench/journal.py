"""Durable records per second of each journal engine, at 1, 64 and 1,000 in flight: `python -m tests.bench.journal` alone, or as
part of `make bench`.

Owns the closed loop: as soon as a record is durable the next one is given, a take and then its answer, as on the happy path.
The engines are those of the relay with their defaults; PostgreSQL is a server of the bench's own on the same disk, once alone
and once with a synchronous standby beside it (which shares the machine, so it shows the wait, not what two hosts would do).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from relay.clock import SystemClock
from relay.journal.port import Fresh, Journal
from relay.journal.postgres.engine import PostgresJournal
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.support.journal_suite import answered, taken
from tests.support.pgserver import PostgresServer

IN_FLIGHT = (1, 64, 1_000)
KEY = bytes(range(32))
Measured = dict[str, dict[int, dict[str, float]]]  # engine, in flight: per_s, p50_ms, p99_ms
Open = Callable[[Callable[[Callable[[], None]], object]], Any]


async def closed_loop(open_journal: Open, in_flight: int, seconds: float, prefix: str) -> dict[str, float]:
    """One round on a journal of its own."""
    loop = asyncio.get_running_loop()
    journal = open_journal(loop.call_soon_threadsafe)
    durations: list[float] = []
    failures: list[object] = []
    done = asyncio.Event()
    busy = in_flight
    started = time.perf_counter()

    def give(number: int) -> None:
        nonlocal busy
        given = time.perf_counter()
        if given - started >= seconds:
            busy -= 1
            if not busy:
                done.set()
            return
        record = taken(journal, f"{prefix}|bank|iso8583|440011|ATM00001|0200|{number:09d}|1125")

        def recorded(result: object) -> None:
            if not isinstance(result, Fresh):
                failures.append(result)
            half = time.perf_counter()
            durations.append(half - given)
            journal.step(answered(record.exchange_id), lambda result: ended(result, half))

        def ended(result: object, half: float) -> None:
            if result is not None:
                failures.append(result)
            durations.append(time.perf_counter() - half)
            give(number + in_flight)

        journal.take(record, recorded)

    for number in range(in_flight):
        give(number)
    await done.wait()
    spent = time.perf_counter() - started
    journal.close()
    await asyncio.sleep(0)
    if failures:
        raise RuntimeError(f"{len(failures)} records were not durable: {failures[0]}")
    durations.sort()
    count = len(durations)
    return {
        "per_s": count / spent,
        "p50_ms": 1_000 * durations[count // 2],
        "p99_ms": 1_000 * durations[min(count - 1, count * 99 // 100)],
    }


def sqlite_in(folder: Path) -> Open:
    def open_it(call_soon: Callable[[Callable[[], None]], object]) -> Journal:
        return SqliteJournal.open(
            JournalSettings(path=str(folder / "journal.sqlite")),
            KEY,
            call_soon_threadsafe=call_soon,
            clock=SystemClock(),
            metrics=Metrics(),
        )

    return open_it


def postgres_at(server: PostgresServer, schema: str) -> Open:
    def open_it(call_soon: Callable[[Callable[[], None]], object]) -> Journal:
        return PostgresJournal(
            JournalSettings(engine="postgresql", dsn=server.dsn, schema_name=schema),
            KEY,
            None,
            call_soon_threadsafe=call_soon,
            clock=SystemClock(),
            metrics=Metrics(),
        )

    return open_it


@contextlib.contextmanager
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A server alone, and one with a synchronous standby."""
    with contextlib.ExitStack() as stack:
        alone = PostgresServer()
        stack.callback(alone.remove)
        primary = PostgresServer()
        stack.callback(primary.remove)
        stack.callback(primary.standby().remove)
        yield alone, primary


def measure(rounds: int, seconds: float) -> Measured:
    """Medians of interleaved rounds. Without PostgreSQL's programs, SQLite alone."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {}
    with contextlib.ExitStack() as stack:
        servers = None
        with contextlib.suppress(pytest.skip.Exception, pytest.fail.Exception):
            servers = stack.enter_context(pair())
        for number in range(rounds):
            for in_flight in IN_FLIGHT:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-bench-journal-")))
                engines = {"sqlite": sqlite_in(folder)}
                if servers is not None:
                    schema = f"bench_{number}_{in_flight}"
                    engines["postgresql"] = postgres_at(servers[0], schema)
                    engines["postgresql and standby"] = postgres_at(servers[1], schema)
                for name, open_journal in engines.items():
                    one = asyncio.run(closed_loop(open_journal, in_flight, seconds, f"{number}"))
                    found.setdefault(name, {}).setdefault(in_flight, []).append(one)
                    print(f"  round {number + 1} {name:22} {in_flight:5} in flight {one['per_s']:8.0f} records/s", flush=True)
    return {
        name: {
            in_flight: {figure: median(each[figure] for each in ones) for figure in ones[0]}
            for in_flight, ones in flights.items()
        }
        for name, flights in found.items()
    }


def table(measured: Measured) -> str:
    lines = ["| engine | in flight | durable records/s | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for name, flights in measured.items():
        for in_flight, one in flights.items():
            lines.append(f"| {name} | {in_flight} | {one['per_s']:,.0f} | {one['p50_ms']:.2f} | {one['p99_ms']:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(measure(3, 2.0)))
    sys.exit(0)
