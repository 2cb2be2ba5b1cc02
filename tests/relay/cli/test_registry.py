"""Subcommands: one table, loaded one by one, and a broken one breaks itself only."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from relay.cli.arguments import read
from relay.cli.registry import COMMANDS, RUN, build_parser, load_command
from relay.errors import RelayError


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != RUN])
def test_every_subcommand_is_a_module_that_says_the_same_of_itself(name: str) -> None:
    command = load_command(name)
    assert (name, COMMANDS[name]) == (command.NAME, command.HELP)
    verb = read(build_parser([name])).find([name])
    assert verb is not None
    assert verb.arguments  # -h at least: it was loaded, and its arguments go together


def test_help_loads_no_subcommand() -> None:
    code = (
        "import sys; from relay.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = [m for m in ('twisted', 'pydantic', 'httpx2', 'asyncio', 'relay.cli.check') if m in sys.modules]\n"
        "print(heavy, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == "[]"


def test_a_subcommand_that_cannot_be_imported_breaks_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "relay.cli.decode", None)
    with pytest.raises(RelayError, match="relay decode cannot be loaded"):
        load_command("decode")
    assert build_parser(["check"]).parse_args(["check", "x.toml"]).config == "x.toml"


def test_a_typing_mistake_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser(["chek"]).parse_args(["chek"])
    assert caught.value.code == 2
    assert "did you mean check?" in capsys.readouterr().err


def test_run_has_no_module_because_the_daemon_is_above_the_tools() -> None:
    assert importlib.util.find_spec(f"relay.cli.{RUN}") is None
    assert build_parser([RUN]).parse_args([RUN, "relay.toml"]).config == "relay.toml"
