"""BIRD's configuration of the lab: BIRD itself reads it, and every standby is less preferred than every holder."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from relay.loopback.lab import routing
from relay.loopback.lab.topology import CENTERS, two_centers
from tests.support.tools import need_tool

TEXTS = {"router": routing.router(two_centers(), "bird.log", 300)}
TEXTS |= {city: routing.center(two_centers(), city, "bird.log", 300) for city in CENTERS}


@pytest.mark.parametrize("who", TEXTS)
def test_bird_reads_it(who: str, tmp_path: Path) -> None:
    bird = need_tool("bird")
    path = tmp_path / "bird.conf"
    path.write_text(TEXTS[who])
    told = subprocess.run([bird, "-p", "-c", str(path)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == 0, told.stderr


def test_the_preferences() -> None:
    meds = {city: [int(med) for med in re.findall(r"bgp_med = (\d+)", TEXTS[city])] for city in CENTERS}
    assert meds == {"tokyo": [10, 1010], "osaka": [20, 1020]}
    assert all("as 64511" in TEXTS[city] for city in CENTERS), "a MED is compared among one neighbour AS only"
