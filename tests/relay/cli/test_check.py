"""`relay check`: exit code, one line per mistake, and the list that programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.main import main

WRONG = '[core]\nname = "localhost"\nport = "443"\n[relay]\ncentre = "tokyo"\n[[listener]]\nname = "atm"\n'
RIGHT = (
    '[core]\nname = "localhost"\n[[listener]]\nname = "atm"\n[[dialer]]\nname = "sw"\nendpoint = "tcp:host=10.0.0.1:port=1"\n'
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "relay.toml"


def test_mistakes_are_lines_and_the_exit_code_is_two(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(WRONG)
    assert main(["check", "--no-environment", str(file)]) == 2
    read = capsys.readouterr()
    assert read.out.splitlines() == [
        f'{file}:3: core.port: "443" is not a whole number (write 443 without quotes)',
        f'{file}:5: relay.centre: there is no setting "centre" here (did you mean "center"?)',
    ]
    assert read.err == f"{file}: 2 mistakes\n"


def test_the_list_for_programs_has_exactly_five_members_each(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(WRONG)
    assert main(["check", "--no-environment", "--json", str(file)]) == 2
    told = json.loads(capsys.readouterr().out)
    assert [set(each) for each in told] == [{"file", "line", "path", "problem", "suggestion"}] * 2
    assert (told[0]["file"], told[0]["line"], told[0]["path"]) == (str(file), 3, "core.port")


def test_a_right_file_is_one_line_and_an_empty_list(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(RIGHT)
    assert main(["check", "--no-environment", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: fine: 1 listener, 1 dialer, core at http://localhost:443\n"
    assert main(["check", "--no-environment", "--json", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_this_host_is_looked_at_unless_told_not_to(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing"
    file.write_text(RIGHT + f'[journal]\npath = "{missing}/journal.sqlite"\n[control]\npath = "{tmp_path}/control.sock"\n')
    assert main(["check", "--no-environment", str(file)]) == 0
    capsys.readouterr()
    assert main(["check", str(file)]) == 2
    assert f"{file}:9: journal.path: there is no directory {missing}" in capsys.readouterr().out


def test_a_warning_is_no_mistake(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(RIGHT.replace("localhost", "core.bank.internal"))
    assert main(["check", "--no-environment", "--json", str(file)]) == 0
    read = capsys.readouterr()
    assert json.loads(read.out) == []
    assert read.err.startswith(f"warning: {file}:2: core.name: card data would travel")


def test_a_file_that_is_not_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(file)]) == 2
    assert "cannot be read" in json.loads(capsys.readouterr().out)[0]["problem"]
