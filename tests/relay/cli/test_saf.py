"""What an operator types about what is owed arrives as typed, always with who and why, and comes back as rows or as JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control.commands import ResolveArgs, SafKeyArgs, SafListArgs, SafRetryArgs
from relay.control.report import Done, SafDetail, SafReport, SafRow, SafStep
from relay.errors import RelayError
from relay.main import main
from tests.support.controlroom import answering

ROW = SafRow(
    key="bank|ATM1|42",
    state="delivering",
    message_class="reversal",
    listener="atm",
    terminal="ATM1",
    kind="withdrawal",
    amount_minor=10_000,
    currency="JPY",
    original_key="bank|ATM1|41",
    standing_minor=4_000,
    recorded_ms=1_795_485_059_000,
    tries=17,
    why="no answer \x1b[31m",
)
LISTED = msgspec.structs.replace(ROW, key="bank|ATM1|43", state="listed", is_listed=True, why="expired: no answer")
REPORT = SafReport(owed=1, listed=1, rows=(ROW, LISTED))
DETAIL = SafDetail(
    row=LISTED, history=(SafStep(at_ms=1, event="GIVEN_TO_PERSON", state="listed", detail="expired: no answer"),)
)


def test_the_list_as_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"saf-list": REPORT}) as daemon:
        assert main(["saf", "--socket", daemon.path, "list", "--limit", "7"]) == 0
        assert main(["saf", "--socket", daemon.path, "list", "--owed"]) == 0
        assert main(["saf", "--socket", daemon.path, "list", "--listed"]) == 0
        assert daemon.asked == [
            SafListArgs(count_max=7),
            SafListArgs(what="owed", count_max=200),
            SafListArgs(what="listed", count_max=200),
        ]
    said = capsys.readouterr().out
    for expected in ("JPY 10,000", "delivering", "17", "expired: no answer", "1 owed to the core, 1 on the person's list"):
        assert expected in said
    assert "\x1b" not in said


def test_an_empty_list_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"saf-list": SafReport()}) as daemon:
        assert main(["saf", "--socket", daemon.path, "list"]) == 0
    assert capsys.readouterr().out == "0 owed to the core, 0 on the person's list\n"


def test_one_with_its_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"saf-show": DETAIL}) as daemon:
        assert main(["saf", "--socket", daemon.path, "show", LISTED.key]) == 0
        assert daemon.asked == [SafKeyArgs(key=LISTED.key)]
    said = capsys.readouterr().out
    for expected in ("on the person's list", "JPY 4,000", "GIVEN_TO_PERSON", "reversal withdrawal"):
        assert expected in said


@pytest.mark.parametrize(
    ("words", "command", "args"),
    [
        (["retry"], "saf-retry", SafRetryArgs(key="K", who="Sato", why="open again")),
        (["resolve"], "resolve", ResolveArgs(key="K", who="Sato", why="open again")),
        (
            ["retry", "--although-resolved"],
            "saf-retry",
            SafRetryArgs(key="K", who="Sato", why="open again", although_resolved=True),
        ),
        (["resolve", "--although-owed"], "resolve", ResolveArgs(key="K", who="Sato", why="open again", although_owed=True)),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_decision_arrives_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], command: str, args: msgspec.Struct, as_json: bool
) -> None:
    with answering(tmp_path, {command: Done("done by Sato")}) as daemon:
        typed = [*words, "K", "--who", "Sato", "--why", "open again", *(["--json"] if as_json else [])]
        assert main(["saf", "--socket", daemon.path, *typed]) == 0
        assert daemon.asked == [args]
    said = capsys.readouterr().out
    assert said == ('{"text":"done by Sato","is_half":false}\n' if as_json else "done by Sato\n")


@pytest.mark.parametrize("what", ["retry", "resolve"])
@pytest.mark.parametrize(
    "given", [[], ["--who", "Sato"], ["--why", "x"], ["--who", "", "--why", "x"], ["--who", "x", "--why", ""]]
)
def test_without_both_a_name_and_a_reason_nothing_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, given: list[str]
) -> None:
    with answering(tmp_path, {"saf-retry": Done(), "resolve": Done()}) as daemon:
        try:
            code = main(["saf", "--socket", daemon.path, what, "K", *given])
        except SystemExit as end:
            code = int(end.code or 0)
        assert code != 0
        assert daemon.asked == []


def test_json_is_what_the_daemon_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"saf-list": REPORT, "saf-show": DETAIL}) as daemon:
        main(["saf", "--socket", daemon.path, "list", "--json"])
        assert msgspec.json.decode(capsys.readouterr().out, type=SafReport) == REPORT
        main(["saf", "--socket", daemon.path, "show", "K", "--json"])
        assert msgspec.json.decode(capsys.readouterr().out, type=SafDetail) == DETAIL


def test_a_refusal_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"saf-retry": RelayError("it waits behind another message.")}) as daemon:
        assert main(["saf", "--socket", daemon.path, "retry", "K", "--who", "a", "--why", "b"]) != 0
    assert "waits behind" in capsys.readouterr().err
