"""Two people at a running relay, each from an account of their own, by what they would type: half of a decision says so, is
shown to the second, and is done by the second alone."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.test_region_switch import started
from tests.support.regionworld import FIRST_EPOCH, RegionWorld

ROOT = Path(__file__).resolve().parents[2]
SATO, SUZUKI = 2101, 2102
PATIENCE_S = 120.0  # of one who types: a Python is started each time
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv, to work under two accounts"
    ),
]


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[RegionWorld]:
    world = RegionWorld(tmp_path)
    try:
        await world.start_core()
        world.configure_regions()
        text = world.config_path.read_text()
        assert 'two_signatures = "names"' in text
        world.config_path.write_text(text.replace('two_signatures = "names"', 'two_signatures = "accounts"'))
        yield world
    finally:
        await world.close()


async def typed(world: RegionWorld, uid: int, *words: str) -> tuple[int, str]:
    """Under that account, as a member of the relay's group: exit code, and what was printed."""
    account = ["setpriv", f"--reuid={uid}", "--regid=0", "--clear-groups"]
    right = ["--inh-caps=+dac_read_search,+dac_override", "--ambient-caps=+dac_read_search,+dac_override"]  # pytest's folders
    process = await asyncio.create_subprocess_exec(
        *account,
        *right,
        sys.executable,
        "-m",
        "relay",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT), "RELAY_SOCKET": f"{world.directory}/control.sock"},
    )
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode or 0, said.decode()


@pytest.mark.asyncio(loop_scope="session")
async def test_half_of_a_pin_is_shown_and_the_second_does_it_with_the_line_that_stands_there(world: RegionWorld) -> None:
    await started(world)
    pin = ("region", "pin", "tokyo", "--epoch", str(FIRST_EPOCH), "--hours", "0.5")
    code, said = await typed(world, SATO, *pin, "--who", "Sato", "--second", "Suzuki", "--why", "drill")
    assert (code, said.startswith("NOT YET")) == (5, True), said
    code, said = await typed(world, SATO, *pin, "--who", "Suzuki", "--second", "Sato", "--why", "for her")
    assert code == 1
    assert "one account" in said
    _, page = await typed(world, SUZUKI, "status")
    (line,) = (text.partition("relay ")[2] for text in page.splitlines() if "relay region pin" in text)
    assert line == f"region pin tokyo --epoch {FIRST_EPOCH} --hours 0.5 --who Suzuki --second Sato --why REASON"
    code, said = await typed(world, SUZUKI, *line.split())
    assert code == 0, said
    assert "pinned at tokyo" in said
    _, page = await typed(world, SUZUKI, "status")
    assert "SIGNED BY ONE OF TWO" not in page
