"""The lab's network alone, without a daemon: cables carry and delay, cuts are silent and of one direction, and a lab that was
killed with -9 in the middle is taken away by whoever comes next.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.loopback.lab import cuts
from relay.loopback.lab.door import Door, entered, has_netem
from relay.loopback.lab.lab import Lab, until
from relay.loopback.lab.laying import lay, namespace, wires
from relay.loopback.lab.registry import folder_of
from relay.loopback.lab.topology import Topology, two_centers
from tests.support.tools import need_lab

DELAY_MS = 10.0
SILENT_S = 0.3  # so long nothing comes of what was cut; what was not cut comes, however long a busy machine takes
PATIENCE_S = 20.0
ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def name() -> str:
    need_lab()
    return f"n{os.getpid() % 1_000_000}"


@pytest.fixture
def door(name: str) -> Iterator[Door]:
    folder = folder_of(name)
    folder.mkdir()
    door = Door(name, folder)
    try:
        yield door
    finally:
        door.take_away()


def laid(door: Door) -> Topology:
    lab = two_centers(DELAY_MS)
    for command in lay(door.lab, lab, has_netem()):
        if command.words[:3] == ("ip", "netns", "add"):
            door.make_namespace(command.words[3].removeprefix(f"{door.lab}-"))
        else:
            door.run(command)
    if wires(lab) and not has_netem():
        words = [sys.executable, "-m", "relay.loopback.lab.wire", door.lab, str(DELAY_MS), "0"]
        door.spawn("wires", "", words, environment=ENVIRONMENT)
    return lab


class Way:
    """Datagrams from one node to another."""

    def __init__(self, door: Door, lab: Topology, a: str, b: str) -> None:
        link = lab.link(a, b)
        self._there = (link.ip_of(b), 7)
        with entered(namespace(door.lab, b)):
            self._hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._hearing.bind(self._there)
        with entered(namespace(door.lab, a)):
            self._saying = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._number = 0

    def carries(self, patience_s: float = SILENT_S) -> bool:
        """Whether a datagram comes; of those that are under way from before, none counts."""
        self._number += 1
        said = str(self._number).encode()
        self._saying.sendto(said, self._there)
        self._hearing.settimeout(patience_s)
        try:
            while self._hearing.recv(64) != said:
                pass
        except TimeoutError:
            return False
        return True

    def until_carries(self) -> None:
        """Cables come up one after the other. Raises AssertionError."""
        end_s = time.monotonic() + PATIENCE_S
        while not self.carries():
            assert time.monotonic() < end_s, self._there

    def close(self) -> None:
        self._hearing.close()
        self._saying.close()


def test_cables_carry_and_delay_and_cuts_are_of_one_direction(door: Door) -> None:
    lab = laid(door)
    there = Way(door, lab, "tokyo-center", "osaka-region")
    back = Way(door, lab, "osaka-region", "tokyo-center")
    try:
        for way in (there, back):
            way.until_carries()
        begun_s = time.monotonic()
        assert there.carries(PATIENCE_S)
        assert time.monotonic() - begun_s >= DELAY_MS / 1_000

        out = cuts.read(lab, "link", "tokyo-center:osaka-region", "out")
        for cut, expected in ((out, (False, True)), (cuts.read(lab, "node", "tokyo-center"), (False, False))):
            for command in cuts.rules(lab, [cut]):
                door.run(command)
            patience = [PATIENCE_S if is_open else SILENT_S for is_open in expected]
            assert (there.carries(patience[0]), back.carries(patience[1])) == expected, cut
        for command in cuts.rules(lab, []):
            door.run(command)
        assert (there.carries(PATIENCE_S), back.carries(PATIENCE_S)) == (True, True)
    finally:
        there.close()
        back.close()


KILLED = """
import sys
from relay.loopback.lab.door import Door
from relay.loopback.lab.registry import folder_of
folder = folder_of(sys.argv[1])
folder.mkdir()
door = Door(sys.argv[1], folder)
for node in ("router", "third"):
    door.make_namespace(node)
door.spawn("noted", "router", [sys.executable, "-c", "import signal; signal.pause()"])
import subprocess
unnoted = subprocess.Popen(door.inside("third", [sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()"]))
print("made", flush=True)
import signal
signal.pause()
"""


def test_what_a_lab_has_left_that_was_killed_in_the_middle_is_taken_away(name: str) -> None:
    environment = {**os.environ, **ENVIRONMENT}
    with subprocess.Popen([sys.executable, "-c", KILLED, name], stdout=subprocess.PIPE, env=environment) as dying:
        assert dying.stdout is not None
        assert {dying.stdout.readline(), dying.stdout.readline()} == {b"made\n", b"1\n"}
        dying.send_signal(signal.SIGKILL)
    lab = Lab(name)
    assert lab.down() == ["2 processes", "2 namespaces"], "also the one that was not noted"
    assert not lab.folder.exists()
    assert not list(Path("/run/netns").glob(f"{name}-*"))
    assert lab.down() == []


def test_a_host_that_loses_power_takes_its_processes_along_and_nobody_else_s(door: Door) -> None:
    for node in ("router", "third"):
        door.make_namespace(node)
        door.spawn(f"at-{node}", node, [sys.executable, "-c", "import signal; print('there', flush=True); signal.pause()"])
        until(lambda: "there" in door.log(f"at-{node}"), lambda: node)  # noqa: B023  before it, it is still here
    assert door.kill_all("router") == 1
    assert door.process("at-router") is None
    assert door.process("at-third") is not None
