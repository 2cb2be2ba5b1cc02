"""The lab's own programs for a plan: their exit codes, and the record of what was asked of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from relay.clock import SystemClock
from relay.loopback.lab.drillhand import NO, NO_ANSWER, RECORD, SCALE_S, UNDER_WAY, YES, Asked, main, record_of
from relay.loopback.lab.hotline import serve
from relay.loopback.lab.regions import FIRST_EPOCH, Regions


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("RELAY_FAILOVER_TOKEN", "run/step")
    folder = tmp_path / "relay-lab-t"
    folder.mkdir()
    return folder


@pytest.fixture
async def regions(folder: Path) -> AsyncIterator[Regions]:
    regions = Regions()
    names = ("status", "halt", "resume", "promote")
    server = await serve(folder / "regions.sock", {name: getattr(regions, f"on_{name}") for name in names})
    yield regions
    server.close()


async def said(*words: str) -> int:
    return await asyncio.to_thread(main, ["t", *words])


async def test_a_copy_is_stopped_and_runs_again(folder: Path, regions: Regions) -> None:
    assert await said("database", "copy-is-stopped", "osaka") == NO
    assert await said("database", "stop-copy", "osaka") == YES
    assert await said("database", "copy-is-stopped", "osaka") == YES
    assert await said("database", "copy-runs", "osaka") == NO
    assert await said("database", "start-copy", "osaka") == YES
    assert await said("database", "copy-runs", "osaka") == YES
    assert [(one.what, one.token) for one in record_of(folder)] == [("halt", "run/step"), ("resume", "run/step")]


async def test_a_promotion_is_under_way_before_it_is_done(
    folder: Path, regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.loopback.lab.drillhand.PROMOTION_MS", 60_000)
    epoch = str(FIRST_EPOCH + 1)
    assert await said("database", "is-writer", "osaka", epoch) == NO
    assert await said("database", "failover", "osaka", epoch) == YES
    assert await said("database", "is-writer", "osaka", epoch) == UNDER_WAY
    assert await said("database", "failover", "osaka", epoch) == NO_ANSWER, "the database refuses the second one"
    assert regions.status().asked["promote"] == 2, "and it is counted"


async def test_a_promotion_at_once(folder: Path, regions: Regions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.loopback.lab.drillhand.PROMOTION_MS", 0)
    await said("database", "failover", "osaka", str(FIRST_EPOCH + 1))
    assert await said("database", "is-writer", "osaka", str(FIRST_EPOCH + 1)) == YES
    assert await said("database", "lag-is-fine", "osaka") == NO, "who writes copies nobody"


async def test_the_lag_is_a_number(regions: Regions, capsys: pytest.CaptureFixture[str]) -> None:
    assert await said("database", "lag-ms", "osaka") == YES
    assert capsys.readouterr().out.splitlines()[-1] == "0"
    assert await said("database", "lag-is-fine", "osaka") == YES
    assert await said("database", "dance", "osaka") == NO_ANSWER


def test_more_of_a_standby_takes_its_time(folder: Path) -> None:
    assert main(["t", "scale", "look", "osaka"]) == NO
    assert main(["t", "scale", "up", "osaka"]) == YES
    assert main(["t", "scale", "look", "osaka"]) == UNDER_WAY
    assert main(["t", "scale", "look", "tokyo"]) == NO
    old = Asked("scale up tokyo", SystemClock().wall_ms() - int(SCALE_S * 1_000))
    with (folder / RECORD).open("ab") as file:
        file.write(msgspec.json.encode(old) + b"\n")
    assert main(["t", "scale", "look", "tokyo"]) == YES
    assert main(["t", "scale", "down", "osaka"]) == YES
    assert main(["t", "scale", "look-down", "osaka"]) == YES
    assert main(["t", "scale", "look", "osaka"]) == NO


def test_rules_are_open_for_one_region(folder: Path) -> None:
    assert main(["t", "rules", "look", "osaka"]) == NO
    assert main(["t", "rules", "open", "osaka"]) == YES
    assert main(["t", "rules", "look", "osaka"]) == YES
    assert main(["t", "rules", "open", "tokyo"]) == YES
    assert main(["t", "rules", "look", "osaka"]) == NO


def test_without_a_lab_there_is_no_answer_and_never_a_no(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["t", "database", "is-writer", "osaka", "9"]) == NO_ANSWER
    assert main(["t", "served", "zrc"]) == NO_ANSWER
    assert "does not answer" in capsys.readouterr().out
