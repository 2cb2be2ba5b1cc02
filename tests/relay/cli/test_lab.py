"""`relay lab`: what is typed, and what is said where there is no lab or no such thing in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest

from relay.cli.registry import build_parser
from relay.errors import ConfigurationError, RelayError
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


@pytest.mark.parametrize("words", [["status"], ["fail", "node", "router"], ["switch", "osaka"]])
def test_without_a_lab_nothing_is_asked_and_nothing_fails(words: list[str]) -> None:
    with pytest.raises(RelayError, match="there is no lab lab"):
        lab(*words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "../etc", "down"], "a lab's name"),
        (["fail", "link", "tokyo-center:terminals"], "there is no link"),
        (["fail", "relay", "nagoya"], "there is no relay nagoya"),
        (["heal", "zone"], "which"),
    ],
)
def test_what_there_is_not(folder: Path, words: list[str], said: str) -> None:
    folder.mkdir()
    (folder / "plan.json").write_bytes(msgspec.json.encode(Plan()))
    with pytest.raises(ConfigurationError, match=said):
        lab(*words)


@pytest.mark.parametrize(
    "words", [["up", "--loss", "0.6"], ["up", "--distance", "-1"], ["up", "--bfd", "10"], ["fail", "cable", "x"]]
)
def test_what_no_lab_could_be(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        lab(*words)
