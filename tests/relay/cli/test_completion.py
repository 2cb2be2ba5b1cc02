"""Completion as the shells themselves run it. bash is asked what Tab would offer; zsh and fish where the machine has them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from relay.cli.completion import bash, fish, whole_tree, zsh
from relay.main import main


def offered(tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for `relay WORDS` with the cursor at the end of the last word."""
    script = tmp_path / "relay.bash"
    script.write_text(bash(whole_tree()))
    typed = " ".join(f"'{word}'" for word in ("relay", *words))
    code = f'source "{script}"; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _relay; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "--norc", "-u", "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
    )
    assert done.stderr == ""
    return sorted(line for line in done.stdout.splitlines() if line)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["st"], ["status"]),
        (["status", "--j"], ["--json"]),
        (["completion", ""], ["--help", "-h", "bash", "fish", "zsh"]),
        (["top", "--order", ""], ["age", "rate", "terminal"]),
        (["control", "log-level", "d"], ["debug"]),
        (["control", "--socket", "/run/x", "dr"], ["drain"]),
        (["journal", "search", "--state", "lis"], ["listed"]),
        (["check", "--no"], ["--no-environment"]),
    ],
)
def test_bash_offers_what_may_come_next(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    assert offered(tmp_path, *words) == expected


def test_bash_offers_files_where_a_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "bank.toml").write_text("")
    assert offered(tmp_path, "check", "ban") == ["bank.toml"]
    assert offered(tmp_path, "status", "--config", "ban") == ["bank.toml"]


@pytest.mark.parametrize(("shell", "script"), [("zsh", zsh), ("fish", fish)])
def test_other_shells_read_their_script(tmp_path: Path, shell: str, script: object) -> None:
    text = script(whole_tree())  # type: ignore[operator]  # one of the two functions above
    assert text.replace("\\'", "").count("'") % 2 == 0  # every quote is closed
    for verb in ("status", "journal", "control"):
        assert verb in text
    if shutil.which(shell) is None:
        return  # the text was checked; the shell itself is not on this machine
    file = tmp_path / f"relay.{shell}"
    file.write_text(text)
    subprocess.run([shell, "-n", str(file)], timeout=60, check=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"{shell} completion for relay" in capsys.readouterr().out
