"""What an operator types about outbound messages arrives as typed, and no body is ever shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control.commands import (
    OutboundKeyArgs,
    OutboundListArgs,
    OutboundPostArgs,
    OutboundSettleArgs,
    OutboundSignedArgs,
)
from relay.control.report import OutboundListReport, OutboundRow
from relay.errors import RelayError
from relay.main import main
from tests.support.controlroom import answering

ROW = OutboundRow(
    key="cutover-1",
    listener="switch",
    line="",
    kind="cutover",
    state="unknown",
    detail="no answer within 15000 ms \x1b[31m",
    body_bytes=31,
    recorded_ms=1_795_485_059_000,
    updated_ms=1_795_485_074_020,
    sent_ms=1_795_485_059_020,
    is_reported=True,
)


@pytest.mark.parametrize(
    ("words", "command", "args"),
    [
        (["show", "K1"], "outbound-show", OutboundKeyArgs(key="K1")),
        (
            ["cancel", "K1", "--who", "Sato", "--why", "closed today"],
            "outbound-cancel",
            OutboundSignedArgs(key="K1", who="Sato", why="closed today"),
        ),
        (
            ["settle", "K1", "--as", "failed", "--who", "Sato", "--why", "asked them"],
            "outbound-settle",
            OutboundSettleArgs(key="K1", state="failed", who="Sato", why="asked them"),
        ),
        (
            ["post", "switch", "cutover", "--key", "K1", "--line", "L", "--body", '{"business_date": "2026-11-25"}'],
            "outbound-post",
            OutboundPostArgs(
                key="K1", listener="switch", kind="cutover", line="L", body=msgspec.Raw(b'{"business_date": "2026-11-25"}')
            ),
        ),
    ],
)
def test_a_command_arrives_as_typed_and_the_message_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], command: str, args: msgspec.Struct
) -> None:
    with answering(tmp_path, {command: ROW}) as daemon:
        assert main(["outbound", "--socket", daemon.path, *words]) == 0
        (asked,) = daemon.asked
        assert msgspec.json.decode(msgspec.json.encode(asked)) == msgspec.json.decode(msgspec.json.encode(args))
        assert type(asked) is type(args)
    said = capsys.readouterr().out
    assert "unknown" in said
    assert "31 B" in said
    assert "\x1b" not in said


def test_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = msgspec.structs.replace(ROW, key="echo-2", line="ATM00001", state="queued", is_reported=False)
    ended = msgspec.structs.replace(ROW, key="echo-3", state="failed", is_reported=False)
    answers: dict[str, msgspec.Struct | RelayError] = {"outbound-list": OutboundListReport(rows=(ROW, waiting, ended))}
    with answering(tmp_path, answers) as daemon:
        assert main(["outbound", "--socket", daemon.path, "list", "--state", "unknown", "--limit", "7"]) == 0
        assert daemon.asked == [OutboundListArgs(state="unknown", count_max=7)]
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[-1] for line in lines] == ["key", "cutover-1", "echo-2", "echo-3"]
        assert [line.split()[-2] for line in lines[1:]] == ["yes", "-", "yet"]
        assert main(["outbound", "--socket", daemon.path, "list", "--json"]) == 0
        assert msgspec.json.decode(capsys.readouterr().out, type=tuple[OutboundRow, ...])[0] == ROW
        daemon.answers["outbound-list"] = OutboundListReport()
        assert main(["outbound", "--socket", daemon.path, "list"]) == 0
    assert capsys.readouterr().out == "nothing found\n"


def test_show_as_an_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"outbound-show": ROW}) as daemon:
        assert main(["outbound", "--socket", daemon.path, "show", "K1", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=OutboundRow) == ROW


def test_each_post_without_a_key_has_one_of_its_own(tmp_path: Path) -> None:
    with answering(tmp_path, {"outbound-post": ROW}) as daemon:
        for _ in range(2):
            assert main(["outbound", "--socket", daemon.path, "post", "switch", "echo"]) == 0
        keys = {msgspec.to_builtins(asked.key) for asked in daemon.asked if isinstance(asked, OutboundPostArgs)}
    assert len(keys) == 2


@pytest.mark.parametrize("body", ["[]", "{", "5", "\udcff"])
def test_a_body_that_is_no_object_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str) -> None:
    with answering(tmp_path, {"outbound-post": ROW}) as daemon:
        assert main(["outbound", "--socket", daemon.path, "post", "switch", "echo", "--body", body]) == 1
        assert daemon.asked == []
    assert "JSON object" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["cancel", "K1", "--why", "x"], ["settle", "K1", "--who", "S", "--why", "x"]])
def test_nobody_signs_without_saying_what(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["outbound", *words])
