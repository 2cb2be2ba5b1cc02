"""The bench still runs: it is made of the relay's own parts, which change. No figure is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import journal
from tests.bench.__main__ import load
from tests.bench.hotpath import WAVE, World
from tests.bench.processes import start_bare_pipe, start_core, start_relay
from tests.support.pgserver import PostgresServer


async def test_a_wave_of_messages_is_approved() -> None:
    world = World()
    try:
        world.round(2)  # raises where a message was not approved
        assert world.disk.count == 2 * WAVE
    finally:
        await world.close()


@pytest.mark.parametrize("gateway", ["bare", "own", "httpx"])
def test_each_gateway_answers_under_load(gateway: str, tmp_path: Path) -> None:
    core, core_port = start_core()
    try:
        process, port = start_bare_pipe(core_port) if gateway == "bare" else start_relay(core_port, tmp_path, gateway)
        try:
            assert load(port, process, 0.5, terminals=4)["per_s"] > 0
        finally:
            process.end()
    finally:
        core.end()


async def test_each_journal_engine_takes_records_in_a_closed_loop(tmp_path: Path) -> None:
    assert (await journal.closed_loop(journal.sqlite_in(tmp_path), 8, 0.2, "t"))["per_s"] > 0
    server = PostgresServer()
    try:
        assert (await journal.closed_loop(journal.postgres_at(server, "bench"), 8, 0.2, "t"))["per_s"] > 0
    finally:
        server.remove()
