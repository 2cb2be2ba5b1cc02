"""What is typed about a drain arrives signed, with classes that there are; the status is one page."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control import drain as c
from relay.control.report import Done
from relay.main import main
from tests.support.controlroom import answering

SIGNED = ["--who", "Sato", "--why", "new disk"]
REPORT = c.DrainReport(
    stage="shedding",
    who="Sato",
    why="new disk \x1b[31m",
    since_ms=1_795_485_059_000,
    left_ms=42_000,
    rows=(c.DrainRow(name="atm", is_drained=True, open=1_200, busy=3), c.DrainRow(name="branch", open=7)),
)


def test_the_status_is_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"drain-status": REPORT}) as daemon:
        assert main(["drain", "--socket", daemon.path, "status"]) == 0
        page = capsys.readouterr().out
        assert main(["drain", "--socket", daemon.path, "status", "--json"]) == 0
        assert msgspec.json.decode(capsys.readouterr().out, type=c.DrainReport) == REPORT
    for expected in ("SHEDDING, what is left is reset in", "by Sato: new disk", "1,200", "drained", "served"):
        assert expected in page, expected
    assert "\x1b" not in page


def test_where_nothing_is_drained_the_page_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"drain-status": c.DrainReport()}) as daemon:
        assert main(["drain", "--socket", daemon.path, "status"]) == 0
    assert "nothing is drained" in capsys.readouterr().out


def test_what_is_done_arrives_signed(tmp_path: Path) -> None:
    with answering(tmp_path, {"drain-start": Done("draining"), "drain-abort": Done("back")}) as daemon:
        reach = ["drain", "--socket", daemon.path]
        assert main([*reach, "start", "--class", "atm,zengin,atm", "--deadline-s", "90", *SIGNED]) == 0
        assert main([*reach, "start", *SIGNED]) == 0
        assert main([*reach, "abort", *SIGNED]) == 0
    assert daemon.asked == [
        c.DrainStartArgs(classes=("atm", "zengin"), deadline_s=90, who="Sato", why="new disk"),
        c.DrainStartArgs(who="Sato", why="new disk"),
        c.DrainAbortArgs(who="Sato", why="new disk"),
    ]


@pytest.mark.parametrize(
    ("words", "said"), [(["--class", "atms"], "no class atms"), (["--deadline-s", "86401"], "1 to 86400 seconds")]
)
def test_what_is_no_class_and_no_deadline(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drain", "--socket", str(tmp_path / "none"), "start", *words, *SIGNED]) == 1
    assert said in capsys.readouterr().err
