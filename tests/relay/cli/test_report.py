"""The page of `relay report pressure`: what it means comes first, and everything fits a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from relay.cli.report import show
from relay.cli.screen import Paint
from relay.control.pressure import HotLaneRow, HottestRow, PressureReport, RefusedRow, TargetRow, WaitRow
from relay.main import main
from tests.support.controlroom import answering

STORM = PressureReport(
    lanes=(
        HotLaneRow(
            scope="branch",
            who="B7\x1b[2J",
            hot_ms=90_000,
            per_s=412.4,
            usual_per_s=8.1,
            enters_per_s=81,
            leaves_per_s=40.5,
            waiting=31,
            inflight=9,
            example_key="bank|B70001|7",
        ),
    ),
    lanes_max=16,
    waits=(
        WaitRow(lane="other", count=6_000, p50_ms=1, p99_ms=3, waiting=0, inflight=4, inflight_max=64),
        WaitRow(lane="hot", count=12_000, p50_ms=700, p99_ms=1_500, waiting=31, inflight=9, inflight_max=9),
    ),
    queue=31,
    queue_max=2_000,
    refused=(RefusedRow(lane="hot", why="queue-full", count=19),),
    target=64,
    target_moves=(TargetRow(ago_ms=70_000, before=64, after=58, why="slow"),),
    core_mean_ms=52.0,
    core_best_ms=50,
    journal_waiting_max=20_000,
    hottest=(
        HottestRow(scope="branch", who="B7", per_s=412.4, usual_per_s=8.1, is_hot=True),
        HottestRow(scope="account", who="3fa9c1d2b7aa", per_s=1.0),
    ),
)


def test_the_first_lines_say_what_it_means() -> None:
    lines = show(STORM, Paint(False))
    assert lines[0] == "PRESSURE"
    assert "hot lanes are over their budget, 19 refused: call whoever sends; everybody else is served" in lines[1]
    text = "\n".join(lines)
    for part in (
        "31 of 2,000 waiting",
        "19 hot: queue-full",
        "64 → 58 (slow)",
        "bank|B70001|7",
        "not known",
        "412.4",
        "700 ms",
    ):
        assert part in text
    assert "\x1b" not in text
    assert max(map(len, lines)) <= 120


def test_a_quiet_relay_says_so() -> None:
    lines = show(PressureReport(lanes_max=16, target=64), Paint(False))
    assert lines[0] == "NOTHING BUILDS UP"
    assert "hot lanes none" in "\n".join(lines)
    assert "hot lanes none, switched off" in "\n".join(show(PressureReport(is_enabled=False), Paint(False)))


def test_it_is_asked_of_the_running_relay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"pressure": STORM}) as daemon:
        assert main(["report", "pressure", "--socket", daemon.path]) == 0
        assert capsys.readouterr().out.startswith("PRESSURE")
        assert main(["report", "pressure", "--socket", daemon.path, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
    assert msgspec.convert(told, PressureReport, strict=False) == STORM
