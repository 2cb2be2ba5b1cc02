"""The lab's short form: one lab is laid, a few scenarios are played under traffic of all dialects, the ledger is held against
the books while one center is lost for good, it comes back, and nothing is left. The long form is `python -m tests.live.lab`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from relay.loopback.lab.crowd import Verdict
from tests.live.lab.__main__ import show
from tests.live.lab.play import CALM_BFD_MS, Play, played
from tests.live.lab.scenarios import SCENARIOS
from tests.support.tools import need_lab

SHORT = ("region", "killed", "lost")  # the role has to move back for nobody; who is lost at the end is not started again


@pytest.mark.timeout(900)  # a minute on a machine that has nothing else to do
def test_two_centers_and_two_regions_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    need_lab()
    with played(bfd_ms=CALM_BFD_MS) as play:
        for name in SHORT:
            result = SCENARIOS[name](play)
            with capsys.disabled():
                print()
                show(result)
            if name != SHORT[-1]:
                play.until_alive()
        assert play.lost, "the books are closed without the center that is lost"
        _balances(play.evening())
        play.give_back()
        _balances(play.books())
    _nothing_is_left(play)


def _balances(verdict: Verdict) -> None:
    assert (verdict.lost, verdict.doubled, verdict.unended) == (0, 0, 0), verdict
    assert verdict.is_good, verdict


def _nothing_is_left(play: Play) -> None:
    assert not play.lab.folder.exists()
    assert not list(Path("/run/netns").glob(f"{play.lab.name}-*"))
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{play.lab.folder}/" not in told
