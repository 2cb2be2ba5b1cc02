"""What is typed about a lost center arrives signed by two; the status says where it stands and what is still open."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from relay.control import takeover as c
from relay.control.regions import TailRow
from relay.control.report import Done
from relay.errors import RelayError
from relay.main import main
from tests.support.controlroom import answering

SIGNED = ["--who", "Sato", "--second", "Suzuki", "--why", "no power in tokyo"]
REPORT = c.TakeoverReport(
    is_configured=True,
    own="clear",
    state="adopted",
    center="tokyo",
    run="osaka-1795485059000",
    fence=10_000_000,
    is_at_work=True,
    is_fence_seen=True,
    open_count=3,
    listed_count=2,
    changed_ms=1_795_485_059_000,
    trouble="the core is silent \x1b[31m",
    began=c.TakeoverSigned(who="Sato", second="Suzuki", why="no power", at_ms=1_795_485_000_000),
)


def test_the_status_is_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"takeover-status": REPORT}) as daemon:
        assert main(["takeover", "--socket", daemon.path, "status"]) == 0
        page = capsys.readouterr().out
        assert main(["takeover", "--socket", daemon.path, "status", "--json"]) == 0
        assert msgspec.json.decode(capsys.readouterr().out, type=c.TakeoverReport) == REPORT
    for expected in (
        "this center at the core: clear",
        "take-over of tokyo: adopted - its journal is at work here",
        "below 10000000; seen in this epoch",
        "at work: 3 open, 2 on the person's list",
        "waits: the core is silent",
        "begun",
        "by Sato and Suzuki: no power",
    ):
        assert expected in page, expected
    assert "\x1b" not in page


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (replace(REPORT, copied_until_ms=1_795_484_999_000), "had what was written until 2026-11"),
        (replace(REPORT, copied_until_ms=1_795_484_999_000), "1 s before it was begun"),
        (c.TakeoverReport(is_configured=True, own="clear", copied_until_ms=9), "has what was written until 1970-01-01"),
        (c.TakeoverReport(is_configured=True, own="clear", trouble="no answer"), "the copy: no answer"),
        (replace(REPORT, tail=TailRow(epoch=4, left=7, is_finished=False)), "epoch 4: NOT REPLAYED YET, 7 rows left"),
        (replace(REPORT, tail=TailRow(epoch=4, listed=2)), "its lost tail: 2 for a person"),
        (c.TakeoverReport(), "no copy of another center's journal is configured"),
        (c.TakeoverReport(is_configured=True, own="clear"), "take-over: none - nobody is taken over"),
        (c.TakeoverReport(own="superseded", own_superseded_by="osaka"), "superseded by osaka"),
    ],
)
def test_what_is_not_there_is_said(
    report: c.TakeoverReport, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(tmp_path, {"takeover-status": report}) as daemon:
        assert main(["takeover", "--socket", daemon.path, "status"]) == 0
    assert expected in capsys.readouterr().out


def test_what_is_done_arrives_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"takeover-begin": Done("begun"), "takeover-finish": Done("given back")}
    with answering(tmp_path, {**answers}) as daemon:
        assert main(["takeover", "--socket", daemon.path, "begin", "tokyo", *SIGNED]) == 0
        assert main(["takeover", "--socket", daemon.path, "finish", *SIGNED]) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == ["begun", "given back"]
    assert daemon.asked == [
        c.TakeoverBeginArgs(center="tokyo", who="Sato", second="Suzuki", why="no power in tokyo"),
        c.TakeoverFinishArgs(who="Sato", second="Suzuki", why="no power in tokyo"),
    ]


@pytest.mark.parametrize("missing", ["--who", "--why", "--second"])
def test_nothing_is_taken_over_without_two_signatures(missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["begin", "tokyo", *SIGNED]
    at = words.index(missing)
    with pytest.raises(SystemExit):
        main(["takeover", "--socket", str(tmp_path / "none"), *words[:at], *words[at + 2 :]])
    assert missing in capsys.readouterr().err


def test_a_no_of_the_relay_is_said_with_its_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    no = RelayError("3 are not at their end.", "Wait.")
    with answering(tmp_path, {"takeover-finish": no}) as daemon:
        assert main(["takeover", "--socket", daemon.path, "finish", *SIGNED]) == 1
    assert "Wait." in capsys.readouterr().err
