"""The tools' end: every way in which there is no answer has its own sentence and what to do next."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.control.client import ControlClient, NotReachable, Refused
from relay.control.commands import (
    ANSWER_BYTES_MAX,
    CommandArgs,
    DrainArgs,
    LinksArgs,
    ListedArgs,
    LogLevelArgs,
    ParkedArgs,
    ReloadArgs,
    ResolveArgs,
    StatusArgs,
)
from relay.control.report import Done, LinksReport, ListedReport, ParkedReport, ReloadReport, StatusReport
from relay.errors import RelayError
from tests.support.controlroom import answering
from tests.support.daemonworld import ROOT

PATIENCE_S = 30.0


@contextmanager
def peer(folder: Path, talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A listener whose one connection is handled by `talk`, in a thread."""
    path = str(folder / "control.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_every_command_is_asked_with_its_args_and_answered_with_its_type(tmp_path: Path) -> None:
    answers = {
        "status": StatusReport(center="tokyo"),
        "links": LinksReport(total=1),
        "listed": ListedReport(total=2),
        "drain": Done("draining"),
        "reload": ReloadReport(is_applied=True),
        "resolve": Done("resolved"),
        "log-level": Done("debug"),
        "command": Done("said"),
        "parked": ParkedReport(total=3, rows=()),
    }
    with answering(tmp_path, answers) as daemon:
        client = ControlClient(daemon.path)
        links, resolve = LinksArgs(listener="atm"), ResolveArgs(key="K", who="Sato", why="paid")
        echo, level = CommandArgs(name="echo", terminal="ATM1"), LogLevelArgs(level="debug")
        assert client.status() == answers["status"]
        assert client.links(links) == answers["links"]
        assert client.listed(ListedArgs(count_max=5)) == answers["listed"]
        assert client.drain(DrainArgs(who="Sato")) == answers["drain"]
        assert client.reload() == answers["reload"]
        assert client.resolve(resolve) == answers["resolve"]
        assert client.log_level(level) == answers["log-level"]
        assert client.command(echo) == answers["command"]
        assert client.parked(ParkedArgs(listener="zengin")) == answers["parked"]
        expected = [StatusArgs(), links, ListedArgs(count_max=5), DrainArgs(who="Sato"), ReloadArgs(), resolve, level, echo]
        expected.append(ParkedArgs(listener="zengin"))
        assert daemon.asked == expected


def test_a_refusal_carries_the_daemons_words(tmp_path: Path) -> None:
    with (
        answering(tmp_path, {"drain": RelayError("not now", "later")}) as daemon,
        pytest.raises(Refused, match="not now") as caught,
    ):
        ControlClient(daemon.path).drain(DrainArgs())
    assert caught.value.next_step == "later"


def test_nobody_is_there(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    with pytest.raises(NotReachable, match="there is no socket") as caught:
        ControlClient(path).status()
    assert "systemctl status relay" in caught.value.next_step
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with pytest.raises(NotReachable, match="nobody listens"):
        ControlClient(path).status()
    with pytest.raises(NotReachable, match="cannot be reached"):
        ControlClient("/" + "x" * 200).status()


def test_a_socket_for_others(tmp_path: Path) -> None:
    with answering(tmp_path, {"status": StatusReport()}) as daemon:
        Path(daemon.path).chmod(0)
        with somebody(), pytest.raises(NotReachable, match="you may not"):
            ControlClient(daemon.path).status()


@contextmanager
def somebody() -> Iterator[None]:
    """Not the super-user, who may talk to every socket."""
    is_super = os.geteuid() == 0
    if is_super:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if is_super:
            os.seteuid(0)


def test_a_daemon_that_hangs_is_given_up_although_it_drips(tmp_path: Path) -> None:
    """The limit is on the call: each byte comes in time for a limit on the read. The clock is the test's."""
    clock = Ticking()

    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        for _ in range(100_000):
            try:
                connection.sendall(b" ")
            except OSError:  # the tool has gone
                return

    with peer(tmp_path, drip) as path, pytest.raises(NotReachable, match="did not answer within 10 s"):
        ControlClient(path, clock=clock).status()


class Ticking:
    """Every look at it is 4 seconds later."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_ms(self) -> int:
        self.now_ms += 4_000
        return self.now_ms

    def wall_ms(self) -> int:
        return 0


def test_a_daemon_that_dies_while_it_answers(tmp_path: Path) -> None:
    def die(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b'{"answer": {"cen')

    with peer(tmp_path, die) as path, pytest.raises(NotReachable, match="hung up"):
        ControlClient(path).status()


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"answer": {"state": "asleep"}}\n', b"{}\n"])
def test_an_answer_of_another_version(tmp_path: Path, line: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(line)

    with peer(tmp_path, answer) as path, pytest.raises(Refused):
        ControlClient(path).status()


def test_an_answer_without_end_is_not_kept(tmp_path: Path) -> None:
    def pour(connection: socket.socket) -> None:
        connection.recv(65_536)
        block = b"x" * 1_048_576
        for _ in range(ANSWER_BYTES_MAX // len(block) + 2):
            try:
                connection.sendall(block)
            except OSError:
                return

    with peer(tmp_path, pour) as path, pytest.raises(Refused, match="fewer rows"):
        ControlClient(path).status()


FIRST_AT_ONCE = """
import sys, threading
import msgspec
from relay.control.client import _decoder
from relay.control.report import StatusReport
sys.setswitchinterval(1e-6)
said = msgspec.json.encode(StatusReport())
gate = threading.Barrier(8)
def ask():
    gate.wait()
    for _ in range(5):
        _decoder(StatusReport).decode(said)
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("_", range(3))
def test_threads_that_read_a_type_first_at_once_do_not_kill_the_process(_: int) -> None:
    """Without the lock, two of three such processes end in a segmentation fault while msgspec prepares the type."""
    done = subprocess.run([sys.executable, "-c", FIRST_AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
