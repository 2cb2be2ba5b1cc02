"""Two files of a pair: each right by itself, and both give the same serial numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.configpair import compare
from relay.errors import ConfigurationError
from relay.main import main

CENTER = """\
[relay]
center = "{center}"
realm = "bank"
[core]
name = "localhost"
[pair]
peer = "{peer}"
paths = ["a=10.30.0.11>10.30.0.12", "b=10.31.0.11>10.31.0.12"]
mac_credentials = ["pair-mac"]
[[listener]]
name = "atm-{center}"
dialect = "ndc"
endpoint = "tcp:8583:interface=127.0.0.1"
{more}
[listener.profile]
tsn_range = [{first}, {last}]
"""


def written(folder: Path, center: str, first: int, last: int, more: str = "") -> str:
    file = folder / f"{center}.toml"
    peer = {"tokyo": "osaka"}.get(center, "tokyo")
    file.write_text(CENTER.format(center=center, peer=peer, first=first, last=last, more=more))
    return str(file)


@pytest.mark.parametrize(
    ("theirs", "shared"), [((5_000, 9_999), ""), ((4_999, 9_999), "4999 to 4999"), ((1_000, 2_000), "1000 to 2000")]
)
def test_serials_of_both_centers_are_apart(tmp_path: Path, theirs: tuple[int, int], shared: str) -> None:
    ours, other = written(tmp_path, "tokyo", 1, 4_999), written(tmp_path, "osaka", *theirs)
    told = compare(ours, other)
    assert [(each.path, each.line) for each in told] == ([("listener[0].profile.tsn_range", 16)] if shared else [])
    if shared:
        assert f"serials {shared} are given at osaka (atm-osaka), too" in told[0].problem
        assert len(compare(other, ours)) == 1, "and it is seen from either side"


def test_centers_whose_machines_differ_share_nothing(tmp_path: Path) -> None:
    ours = written(tmp_path, "tokyo", 1, 4_999, 'terminals = ["A"]')
    assert compare(ours, written(tmp_path, "osaka", 1, 4_999, 'terminals = ["B"]')) == ()
    assert len(compare(ours, written(tmp_path, "osaka", 1, 4_999))) == 1


def test_a_file_that_is_not_the_other_centers_proves_nothing(tmp_path: Path) -> None:
    ours = written(tmp_path, "tokyo", 1, 4_999)
    (told,) = compare(ours, written(tmp_path, "kyoto", 5_000, 9_999))
    assert told.path == "pair.peer"
    assert "is the file of kyoto, and the other center is osaka" in told.problem
    (tmp_path / "wrong.toml").write_text("[core]\nport = 'x'\n")
    with pytest.raises(ConfigurationError, match="relay check"):
        compare(ours, str(tmp_path / "wrong.toml"))


def test_it_is_one_word_of_relay_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, other = written(tmp_path, "tokyo", 1, 4_999), written(tmp_path, "osaka", 1, 4_999)
    assert main(["check", "--no-environment", ours]) == 0
    capsys.readouterr()
    assert main(["check", "--no-environment", "--peer", other, ours]) == 2
    read = capsys.readouterr()
    assert f"{ours}:16: listener[0].profile.tsn_range: serials 1 to 4999 are given at osaka" in read.out
    assert read.err.splitlines()[-1].startswith(f"{ours}: 1 mistake")
    assert main(["check", "--no-environment", "--json", "--peer", other, ours]) == 2
    assert [each["line"] for each in json.loads(capsys.readouterr().out)] == [16]
    assert main(["check", "--no-environment", "--peer", written(tmp_path, "osaka", 5_000, 9_999), ours]) == 0
