"""What an operator tells the daemon arrives as typed, and the answer is a sentence and an exit code."""

from __future__ import annotations

import getpass
from pathlib import Path

import msgspec
import pytest

from relay.control.commands import CommandArgs, DrainArgs, LinksArgs, LogLevelArgs, ParkedArgs, ReloadArgs, ResolveArgs
from relay.control.report import Done, LinksReport, ParkedReport, ParkedRow, ReloadReport
from relay.errors import RelayError
from relay.main import main
from relay.wire.roster import RosterEntry
from tests.support.controlroom import answering


@pytest.mark.parametrize(
    ("words", "command", "args"),
    [
        (["drain", "--why", "kernel"], "drain", DrainArgs(who=getpass.getuser(), why="kernel")),
        (["resolve", "K1", "--who", "Sato", "--why", "paid"], "resolve", ResolveArgs(key="K1", who="Sato", why="paid")),
        (["log-level", "debug"], "log-level", LogLevelArgs(level="debug")),
        (["say", "echo", "--terminal", "ATM1"], "command", CommandArgs(name="echo", terminal="ATM1")),
        (
            ["say", "sign", "20261126 Sato", "--listener", "z"],
            "command",
            CommandArgs(name="sign", listener="z", data="20261126 Sato"),
        ),
    ],
)
def test_a_command_arrives_as_typed_and_its_sentence_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], command: str, args: msgspec.Struct
) -> None:
    with answering(tmp_path, {command: Done("as you \x1b[31mwish")}) as daemon:
        assert main(["control", "--socket", daemon.path, *words]) == 0
        assert daemon.asked == [args]
    assert capsys.readouterr().out == "as you ?[31mwish\n"


def test_a_refusal_is_the_daemons_own_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"resolve": RelayError("no exchange has the key K9", "See the list.")}) as daemon:
        assert main(["control", "--socket", daemon.path, "resolve", "K9", "--who", "Sato", "--why", "x"]) == 1
    assert capsys.readouterr().err == "relay: no exchange has the key K9\n       See the list.\n"


def test_nobody_resolves_without_a_name_and_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["control", "resolve", "K1", "--why", "x"])
    assert "--who" in capsys.readouterr().err


def test_a_reload_is_told_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"reload": ReloadReport(reasons=("core.name needs a restart",))}
    with answering(tmp_path, answers) as daemon:
        assert main(["control", "--socket", daemon.path, "reload"]) == 2
        assert "nothing was changed:\n  core.name" in capsys.readouterr().out
        daemon.answers["reload"] = ReloadReport(is_applied=True, changes=("telemetry.log_level: info → debug",))
        assert main(["control", "--socket", daemon.path, "reload"]) == 0
        assert "log_level" in capsys.readouterr().out
        daemon.answers["reload"] = ReloadReport(is_applied=True)
        assert main(["control", "--socket", daemon.path, "reload"]) == 0
        assert daemon.asked == [ReloadArgs()] * 3
    assert "nothing differs" in capsys.readouterr().out


def test_links_are_listed_and_cut_ones_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = RosterEntry(
        terminal="ATM1", listener="atm", peer="10.0.0.1:5", since_ms=0, signed_on=True, messages_in=3, messages_out=2
    )
    with answering(tmp_path, {"links": LinksReport(total=3, links=(link,))}) as daemon:
        assert main(["control", "--socket", daemon.path, "links", "--listener", "atm"]) == 0
        assert daemon.asked == [LinksArgs(listener="atm", count_max=10_000)]
        out = capsys.readouterr().out
        assert "ATM1" in out
        assert "and 2 more" in out
        assert main(["control", "--socket", daemon.path, "links", "--json"]) == 0


def test_parked_messages_are_listed_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ParkedRow(listener="z", line="01-01", name="parked/1", place="LCN 00", parked_ms=0, reason="no \x1b", body_bytes=320)
    with answering(tmp_path, {"parked": ParkedReport(total=1, rows=(row,))}) as daemon:
        assert main(["control", "--socket", daemon.path, "parked", "--listener", "z", "--all"]) == 0
        assert daemon.asked == [ParkedArgs(listener="z", all=True, count_max=10_000)]
        out = capsys.readouterr().out
        assert "parked/1" in out
        assert "no ?" in out
        assert "relay control say resubmit" in out
        assert main(["control", "--socket", daemon.path, "parked", "--json"]) == 0
        assert '"total":1' in capsys.readouterr().out
        daemon.answers["parked"] = ParkedReport(total=0, rows=())
        assert main(["control", "--socket", daemon.path, "parked"]) == 0
    assert "nothing is parked" in capsys.readouterr().out
