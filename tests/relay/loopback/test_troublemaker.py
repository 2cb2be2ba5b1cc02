"""Troubles on a stage without a daemon: each has its window in every tally, and `end` ends what the plan did not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from relay.loopback.customers import Customers
from relay.loopback.scenario import Step, Trouble
from relay.loopback.stage import Stage, StageSettings
from relay.loopback.troublemaker import Troublemaker
from tests.support.sometroupe import SomeTroupe

OPEN = float("inf")


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, StageSettings(), Customers(), [])
    await made.core.start()
    await made.names.start()
    yield made
    await made.stop()


async def test_storms_and_zones_have_windows_in_every_tally(stage: Stage) -> None:
    troupes, said = [SomeTroupe("a"), SomeTroupe("b")], list[str]()
    maker = Troublemaker(stage, troupes, said.append)
    steps = [Step(0, what) for what in (Trouble.ZONE_DOWN, Trouble.ZONE_UP, Trouble.STORM_ON)]
    await maker.follow(steps, asyncio.get_running_loop().time())
    assert len(stage.core.zones_up()) == len(stage.core.zones)
    assert stage.faults.is_on
    for troupe in troupes:
        assert [(window.what, window.end_ms == OPEN) for window in troupe.tally.windows] == [("zone", False), ("storm", True)]
    maker.end()
    assert not stage.faults.is_on
    assert all(window.end_ms != OPEN for troupe in troupes for window in troupe.tally.windows)
    assert len(said) == 3


async def test_a_daemon_that_does_not_come_back_is_a_violation(stage: Stage) -> None:
    """This stage was never configured: the daemon finds no configuration and ends."""
    troupe, said = SomeTroupe("a"), list[str]()
    maker = Troublemaker(stage, [troupe], said.append)
    await maker.follow([Step(0, Trouble.DAEMON_KILL)], asyncio.get_running_loop().time())
    assert maker.is_whole.is_set()
    assert "exit code" in troupe.tally.violations[0]
