"""`relay lab`: what is typed, and what is said where there is no lab or no such thing in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest

from relay.cli.lab import signed
from relay.cli.registry import build_parser
from relay.errors import RelayError
from relay.loopback.lab.lab import Plan


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "relay-lab-lab"


def lab(*words: str) -> int:
    args = build_parser({"lab"}).parse_args(["lab", *words])
    result: int = args.run(args)
    return result


def test_down_of_nothing_is_done_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("down") == 0
    assert "there was no lab" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["fail", "node", "router"],
        ["switch", "osaka"],
        ["take-over", "tokyo"],
        ["drill"],
        ["person", "Ito", "status"],
        ["code", "Ito"],
        ["fail", "names", "tokyo-region"],
    ],
)
def test_without_a_lab_nothing_is_asked_and_nothing_fails(words: list[str]) -> None:
    with pytest.raises(RelayError, match="there is no lab lab"):
        lab(*words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "../etc", "down"], "a lab's name"),
        (["fail", "link", "tokyo-center:terminals"], "there is no link"),
        (["fail", "relay", "nagoya"], "there is no relay nagoya"),
        (["fail", "center", "nagoya"], "there is no center nagoya"),
        (["heal", "center", "tokyo"], "disks are gone"),
        (["heal", "zone"], "which"),
        (["drill"], "nobody at the terminals"),
    ],
)
def test_what_there_is_not(folder: Path, words: list[str], said: str) -> None:
    folder.mkdir()
    (folder / "plan.json").write_bytes(msgspec.json.encode(Plan()))
    with pytest.raises(RelayError, match=said):
        lab(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--loss", "0.6"],
        ["up", "--distance", "-1"],
        ["up", "--bfd", "10"],
        ["up", "--bfd", "300.5"],
        ["up", "--distance", "nan"],
        ["lag", "-5"],
        ["lag", "3600001"],
        ["fail", "cable", "x"],
        ["person", "Nobody", "status"],
    ],
)
def test_what_no_lab_could_be(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        lab(*words)
    said = capsys.readouterr().err
    assert "expected" in said or "invalid choice" in said


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["approve", "1"], ["approve", "1", "--who", "Kato"]),
        (["approve", "1", "--who", "Mori"], ["approve", "1", "--who", "Mori"]),
        (["approve", "1", "--who=Mori"], ["approve", "1", "--who=Mori"]),
        (["status"], ["status"]),
        (["seal-code"], ["seal-code"]),
        ([], []),
    ],
)
def test_a_person_who_types_another_name_has_typed_it(typed: list[str], words: list[str]) -> None:
    assert signed("Kato", typed) == words
