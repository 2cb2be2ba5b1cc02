"""What is typed about announcing arrives signed, and the status is one page with an exit code."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control import announce as c
from relay.control.report import Done
from relay.main import main
from tests.support.controlroom import answering

SIGNED = ["--who", "Sato", "--why", "drill"]
REPORT = c.AnnounceReport(
    adapter="bird",
    addresses=("198.18.0.10",),
    role="standby",
    why="handed back by Sato: drill",
    seen="standby",
    sessions_up=2,
    problem="BIRD did not answer",
    next_step="systemctl status bird",
    waits_ms=10_000,
    causes=(c.CauseRow("journal", True), c.CauseRow("region", False)),
    listeners=("atm",),
    text_port=9_584,
    deeds=(c.AnnounceDeed(at_ms=1_795_485_059_000, what="hand-back", who="Sato", why="drill \x1b[31m"),),
)


def test_the_status_is_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"announce-status": REPORT}) as daemon:
        assert main(["announce", "--socket", daemon.path, "status"]) == 2
        page = capsys.readouterr().out
        assert main(["announce", "--socket", daemon.path, "status", "--json"]) == 2
        assert msgspec.json.decode(capsys.readouterr().out, type=c.AnnounceReport) == REPORT
    for expected in (
        "standby: handed back by Sato: drill (not better before 10 s",
        "198.18.0.10, announced by BIRD",
        "seen      standby, 2 BGP sessions up",
        "PROBLEM   BIRD did not answer  → systemctl status bird",
        "journal well, region ILL",
        "listeners atm",
        "text port 9584",
        "hand-back, by Sato: drill",
    ):
        assert expected in page
    assert "\x1b" not in page


@pytest.mark.parametrize(("role", "code"), [("holding", 0), ("standby", 0), ("withdrawn", 2), ("paused", 2)])
def test_the_exit_code_is_for_scripts(tmp_path: Path, role: str, code: int) -> None:
    report = msgspec.structs.replace(REPORT, problem="", role=role)
    with answering(tmp_path, {"announce-status": report}) as daemon:
        assert main(["announce", "--socket", daemon.path, "status"]) == code


@pytest.mark.parametrize("what", ["withdraw", "resume", "hand-back"])
def test_a_decision_arrives_signed(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {f"announce-{what}": Done("so it is")}) as daemon:
        assert main(["announce", "--socket", daemon.path, what, *SIGNED]) == 0
        assert daemon.asked == [c.AnnounceArgs(who="Sato", why="drill")]
    assert capsys.readouterr().out == "so it is\n"
    with pytest.raises(SystemExit):
        main(["announce", what, "--who", "Sato"])
