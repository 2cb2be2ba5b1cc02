"""Accounts from the command line: the password is read and never typed as an argument, and the file is whole."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from protocols.vocabulary import Secret
from relay.console import accounts
from relay.console.accounts import Cost, is_password, read_accounts
from relay.console.identity import Role
from relay.main import main

PASSWORD = "a good long password"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "USUAL", Cost(n=2, r=1, p=1))


def typed(monkeypatch: pytest.MonkeyPatch, file: Path, *words: str, password: str = PASSWORD) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    return main(["console", "user", words[0], "--file", str(file), *words[1:]])


@pytest.mark.usefixtures("cheap")
def test_the_life_of_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "accounts.json"
    assert typed(monkeypatch, file, "list") == 0
    assert "no accounts" in capsys.readouterr().out
    assert typed(monkeypatch, file, "add", "sato", "--role", "operator") == 0
    made = read_accounts(str(file))["sato"]
    assert made.role is Role.OPERATOR
    assert is_password(made, Secret(PASSWORD))
    assert typed(monkeypatch, file, "passwd", "sato", password="another long one") == 0
    changed = read_accounts(str(file))["sato"]
    assert (changed.role, is_password(changed, Secret("another long one"))) == (Role.OPERATOR, True)
    assert changed.person.stamp != made.person.stamp
    assert typed(monkeypatch, file, "role", "sato", "--role", "approver") == 0
    other = read_accounts(str(file))["sato"]
    assert (other.role, other.hash) == (Role.APPROVER, changed.hash)
    assert typed(monkeypatch, file, "list") == 0
    out = capsys.readouterr().out
    assert "approver" in out
    assert PASSWORD not in out
    assert typed(monkeypatch, file, "remove", "sato") == 0
    assert json.loads(file.read_text()) == {"accounts": []}


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    ("words", "password", "problem"),
    [
        (("add", "Sato"), PASSWORD, "name"),
        (("add", "sato"), "short", "12 characters"),
        (("add", "suzuki"), PASSWORD, "has an account"),
        (("passwd", "sato"), PASSWORD, "no account"),
        (("remove", "sato"), PASSWORD, "no account"),
    ],
)
def test_what_will_not_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    password: str,
    problem: str,
) -> None:
    file = tmp_path / "accounts.json"
    assert typed(monkeypatch, file, "add", "suzuki") == 0
    before = file.read_text()
    assert typed(monkeypatch, file, *words, password=password) == 1
    assert problem in capsys.readouterr().err
    assert file.read_text() == before


def test_a_password_is_no_argument(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["console", "user", "add", "sato", "--password", PASSWORD, "--file", str(tmp_path / "x")])


@pytest.mark.usefixtures("cheap")
def test_typed_twice_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter([PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    monkeypatch.setattr(sys, "stdin", Terminal())
    words = ["console", "user", "add", "sato", "--file", str(tmp_path / "x")]
    assert main(words) == 1
    assert "not the same" in capsys.readouterr().err
    assert main(words) == 0


def test_the_configuration_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "relay.toml"
    console = f'[console]\nendpoint = "tcp:0:interface=127.0.0.1"\naccounts_path = "{tmp_path}/mine.json"\n'
    config.write_text(f'{console}[core]\nname = "localhost"\n')
    assert main(["console", "user", "list", "--config", str(config)]) == 0
    assert f"{tmp_path}/mine.json" in capsys.readouterr().out
