"""`relay top` as it is typed: one look where there is no terminal, a page where there is one, put right at the end."""

from __future__ import annotations

import argparse
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path
from time import monotonic

import pytest

from relay.cli import top
from relay.cli.screen import ALTERNATE_OFF
from relay.clock import SystemClock
from relay.main import main
from tests.relay.cli.test_topsnap import answers
from tests.support.controlroom import answering

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.cli.top.pause", lambda seconds: None)
    monkeypatch.setenv("RELAY_FAILOVER_SOCKET", "/nowhere/failover.sock")


def test_without_a_terminal_it_is_one_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, answers()) as daemon:
        assert main(["top", "--socket", daemon.path, "--failover-socket", daemon.path]) == 0
        said = capsys.readouterr().out
        assert "tokyo-center" in said
        assert "plans 2, 1 NOT GOOD" in said
        assert "\x1b" not in said
        assert main(["top", "--socket", daemon.path, "--once", "--pane", "waiting", "--language", "ja"]) == 0
        assert capsys.readouterr().out.strip() == "待ちはありません"
        assert main(["top", "--socket", daemon.path, "--rounds", "2", "--json"]) == 0
        looks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [look["status"]["center"] for look in looks] == ["tokyo-center"] * 2
        assert looks[0]["run_trouble"]  # no orchestrator at that path
    assert main(["top", "--socket", daemon.path]) == 1


def test_a_relay_that_stands_still_does_not_hold_the_page(tmp_path: Path) -> None:
    """One that was stopped takes the connection and says nothing: the page would look fresh, and no key would do anything."""
    assert top.LOOK_MS <= 3_000
    path = str(tmp_path / "mute.sock")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        parser = argparse.ArgumentParser()
        top.configure(parser)
        args = parser.parse_args(["--socket", path, "--failover-socket", path])
        seen = top.looker(args, SystemClock(), 20).look("overview")
    assert "did not answer" in seen.trouble
    assert "did not answer" in seen.run_trouble


@pytest.mark.parametrize("every", ["0.5", "61", "x"])
def test_nobody_looks_more_often_than_once_a_second(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["top", "--every", every])
    capsys.readouterr()


class Person:
    """At a terminal of a size, with the tool running in it."""

    def __init__(self, socket: str, columns: int, rows: int) -> None:
        self.far, near = pty.openpty()
        self.resize(columns, rows, near)
        environ = {**os.environ, "TERM": "xterm", "LANG": "en_US.UTF-8", "COLUMNS": "", "LINES": ""}
        command = [sys.executable, "-m", "relay", "top", "--socket", socket, "--failover-socket", socket]
        self.process = subprocess.Popen(command, stdin=near, stdout=near, stderr=near, env=environ, start_new_session=True)
        self.before = termios.tcgetattr(near)
        self.near = near
        self.shown = ""

    def resize(self, columns: int, rows: int, near: int) -> None:
        ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, expected: str) -> None:
        """Read on until it was shown; what came before it is forgotten."""
        until_s = monotonic() + PATIENCE_S
        while expected not in self.shown:
            ready, _, _ = select.select([self.far], [], [], max(0, until_s - monotonic()))
            assert ready, f"{expected!r} was not shown: {self.shown[-2_000:]!r}"
            self.shown += os.read(self.far, 65_536).decode("utf-8", "replace")
        self.shown = self.shown.split(expected, 1)[1]

    def type(self, keys: bytes) -> None:
        os.write(self.far, keys)

    def leave(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.far)
        os.close(self.near)


@pytest.mark.timeout(400)
def test_a_page_of_its_own_with_panes_sizes_languages_and_an_end(tmp_path: Path) -> None:
    with answering(tmp_path, answers()) as daemon:
        person = Person(daemon.path, 80, 24)
        try:
            person.until("tokyo-center")
            person.type(b"5")
            person.until("seal-osaka: nobody listens")
            person.type(b"l")
            person.until("要対応")
            person.type(b"l1")
            person.until("for a person")
            person.resize(50, 8, person.near)
            person.process.send_signal(signal.SIGWINCH)
            person.until("more")  # eight lines do not hold it
            person.type(b"\x03")
            person.until(ALTERNATE_OFF)
            assert person.process.wait(PATIENCE_S) == 0
            assert termios.tcgetattr(person.near) == person.before
        finally:
            person.leave()
