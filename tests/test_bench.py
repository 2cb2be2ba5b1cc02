"""The bench still runs: it is made of the relay's own parts, which change. No figure is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.dialects import DIALECTS
from tests.bench import console, failover, fairness, growth, journal, plots, storm, stormplot
from tests.bench.__main__ import load, table
from tests.bench.dialectpath import MAKERS, Talk
from tests.bench.dialects import FAR_ENDS
from tests.bench.everydialect import figures, round_of, with_codec
from tests.bench.hotpath import WAVE, World
from tests.bench.processes import start_bare_pipe, start_core, start_relay
from tests.support.pgserver import PostgresServer
from tests.support.tools import need_postgresql


def test_the_street_of_the_fairness_demonstration_is_served(tmp_path: Path) -> None:
    found = fairness.one(tmp_path, True, 1, 0.5, 0.2, 0.2)
    assert found["count"] > 0
    assert found["cpu_percent"] > 0
    rounds = {side: [found] for side in fairness.SIDES}
    assert fairness.figures(rounds)["p99_on_vs_quiet"] == 1.0
    fairness.draw(tmp_path / "plot.svg", rounds)
    assert (tmp_path / "plot.svg").exists()


@pytest.mark.timeout(400)  # five relays, one after the other, and a browser
async def test_a_console_is_looked_at_and_seen_while_messages_go_on() -> None:
    sides = {side: [console.one(viewers, 1.0, 700, 4)] for side, viewers in (("nobody", 0), ("one page", 2))}
    sides["ten pages"] = sides["one page"]  # the same with more who look
    assert sides["one page"][0]["looks"] >= 2
    assert console.ratios(sides, sides)["ten_pages_throughput"] > 0
    seen = await console.paint(1, 700)
    assert all(each["first_paint_ms"] >= each["first_byte_ms"] > 0 for rounds in seen.values() for each in rounds)
    assert console.alone(1, 0.5, 700) >= 0
    medians = {page: rounds[0] for page, rounds in seen.items()}
    for rounds in sides.values():
        rounds[0]["core_percent"] = 1.0
    figures = {"paint": medians, "paint_under_load": medians, "sides": {side: rounds[0] for side, rounds in sides.items()}}
    assert "| typed search |" in console.table(figures)


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


@pytest.mark.timeout(400)
def test_a_fail_over_is_measured_and_loses_nothing(tmp_path: Path) -> None:
    need_postgresql()
    found = failover.measure(1)
    sums = failover.figures(found)
    assert (sums["lost"], sums["doubled"], sums["bad"]) == (0, 0, 0)
    assert sums["without_service_ms_p50"] >= found[0]["first_approval_ms"] - found[0]["promoted_ms"]
    failover.draw(tmp_path / "plot.svg", found)
    assert (tmp_path / "plot.svg").exists()


@pytest.mark.parametrize("name", sorted(FAR_ENDS))
def test_each_dialect_is_served_and_nothing_is_refused(name: str, tmp_path: Path) -> None:
    measured = round_of(name, tmp_path, 0.3)
    assert measured["count"] >= 1
    assert measured["per_s"] <= measured["answered_per_s"], "a round lasts until the core has been asked for all of it"


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_dialects_own_path_answers(name: str) -> None:
    talk = Talk(name)
    assert talk.round(5) > 0  # raises where a message was refused, or nobody spoke any more
    assert talk.room.answered >= 5
    assert talk.stored, "numbers are durable on the way"


def test_a_journal_with_a_past_is_seeded_and_opened_by_each_engine(tmp_path: Path) -> None:
    measured = growth.measure((300, 600), 1, ("sqlite", "postgresql"), tmp_path)
    assert list(measured) == ["sqlite, cold", "sqlite, warm", "postgresql"]
    assert all(list(sizes) == [300, 600] for sizes in measured.values())
    assert growth.worst_s(measured) > 0
    assert growth.figures(measured)["postgresql at 600 open_s"] > 0
    assert "| sqlite, warm | 600 |" in growth.table(measured)
    plots.draw_growth(tmp_path / "growth.svg", measured)
    assert (tmp_path / "growth.svg").exists()
    assert not list(tmp_path.glob("relay-bench-growth-*")), "what was seeded is gone"


@pytest.mark.timeout(400)
def test_a_storm_is_measured_and_nobody_is_missing(tmp_path: Path) -> None:
    found = storm.one(tmp_path, 60, rooms=2)
    assert storm.missing_or_wrong(found) == storm.over_limit(found) == 0
    assert storm.figures(found)["on"] == 60
    stormplot.draw(tmp_path / "plot.svg", found, storm.GOAL_S)
    assert (tmp_path / "plot.svg").exists()


def test_every_dialect_has_a_row_of_all_figures() -> None:
    assert {"iso8583", *FAR_ENDS} == {*DIALECTS}
    one = [{"per_s": 500.0, "per_cpu_s": 1_000.0}]
    found = figures(dict.fromkeys(FAR_ENDS, one), [{"per_s": 2_000.0, "per_cpu_s": 10_000.0}], one)
    codec = [{"parse_us": 4.0, "build_us": 5.0, "zengin_parse_us": 6.0, "zengin_build_us": 7.0}]
    others = {"ndc": [{"ndc_parse_us": 8.0, "ndc_build_us": 9.0}], "branch-p1": codec, "zengin-file": codec}
    rows = with_codec(found, codec, others)
    assert list(rows) == ["iso8583", *FAR_ENDS]
    assert rows["ndc"] == {
        "per_s": 500.0,
        "cpu_us_per_message": 1_000.0,
        "vs_bare_pipe": 0.1,
        "wall_vs_bare_pipe": 0.25,
        "parse_us": 8.0,
        "build_us": 9.0,
    }
    assert (rows["zrc"]["parse_us"], rows["zrc"]["build_us"]) == (6.0, 7.0)
    text = table({}, rows, {}, {"load": "0"})
    assert "| ndc | 500 | 0.100 | 0.250 | 1000 | 8.0 | 9.0 |" in text
