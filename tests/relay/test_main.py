"""The ways out of the `relay` command: sentences and exit codes for operators, tracebacks for our own mistakes only."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import relay
from relay.errors import ConfigurationError, JournalUnusable, ListenFailed, RelayError
from relay.main import main

ROOT = Path(__file__).resolve().parents[2]


class Command:
    """A subcommand that ends in a chosen way."""

    def __init__(self, ending: int | BaseException) -> None:
        self.ending = ending

    def configure(self, parser: object) -> None: ...

    def run(self, args: object) -> int:
        if isinstance(self.ending, BaseException):
            raise self.ending
        return self.ending


def ends(monkeypatch: pytest.MonkeyPatch, ending: int | BaseException) -> int:
    monkeypatch.setattr("relay.cli.registry.load_command", lambda name: Command(ending))
    return main(["status"])


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (0, 0),
        (2, 2),
        (RelayError("wrong", "mend"), 1),
        (ConfigurationError("wrong", "mend"), 2),
        (JournalUnusable("wrong", "mend"), 3),
        (ListenFailed("wrong", "mend"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ending: int | BaseException, code: int
) -> None:
    assert ends(monkeypatch, ending) == code
    told = "relay: wrong\n       mend\n" if isinstance(ending, RelayError) else ""
    assert capsys.readouterr().err == told


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        ends(monkeypatch, ZeroDivisionError())


def test_a_reader_that_went_away_is_no_error() -> None:
    """The whole process: the far end of its output is closed before it writes."""
    code = "import sys; from relay.main import main; sys.exit(main(['completion', 'bash']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"BrokenPipe" not in process.stderr.read()
        assert process.wait(60) == 0


def test_run_shows_every_mistake_and_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[core]\nport = "443"\nnme = 3\n')
    assert main(["run", str(file)]) == 2
    err = capsys.readouterr().err
    assert "2 mistakes" in err
    assert f"{file}:2: core.port" in err
    assert "Traceback" not in err


def test_run_hands_right_settings_to_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('[relay]\nrealm = "osaka-bank"\n[core]\nname = "localhost"\n[[listener]]\nname = "atm"\n')
    given: list[tuple[str, str, str]] = []
    monkeypatch.setenv("LISTEN_FDNAMES", "atm")

    def run(settings: object, config_path: str, environment: dict[str, str]) -> int:
        given.append((settings.relay.realm, config_path, environment["LISTEN_FDNAMES"]))  # type: ignore[attr-defined]  # Settings, as the daemon has it
        return 0

    monkeypatch.setattr("relay.daemon.run", run)
    assert main(["run", str(file)]) == 0
    assert given == [("osaka-bank", str(file), "atm")]


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert capsys.readouterr().out == f"relay {version}\n"
    assert relay.__version__ == version


def test_python_m_relay_is_relay() -> None:
    done = subprocess.run([sys.executable, "-m", "relay", "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"relay {relay.__version__}\n")
