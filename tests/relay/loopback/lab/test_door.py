"""The door to the machine: what stays is noted and taken away again, whatever state it is in."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from relay.loopback.lab.door import Door, LabError
from relay.loopback.lab.laying import Command
from relay.loopback.lab.registry import lives

STAYS = [sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()"]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Door("t", folder)


def test_a_program_to_its_end(door: Door) -> None:
    assert door.run(Command(("cat",), given="said")) == "said"
    with pytest.raises(LabError, match=r"ls /nowhere-at-all: .*nowhere"):
        door.run(Command(("ls", "/nowhere-at-all")))
    with pytest.raises(LabError, match=r"tail -f /dev/null: no end after 0\.1 s") as caught:
        door.run(Command(("tail", "-f", "/dev/null")), timeout_s=0.1)
    assert "relay lab status" in caught.value.next_step


def test_what_stays_is_found_signalled_and_taken_away_also_while_it_is_stopped(door: Door) -> None:
    door.spawn("one", "", STAYS)
    door.spawn("two", "", STAYS)
    one, two = door.process("one"), door.process("two")
    assert one is not None
    assert two is not None
    assert door.signal("two", signal.SIGSTOP)
    assert door.signal("one", signal.SIGKILL)
    os.waitpid(one.pid, 0)
    assert door.process("one") is None
    assert not door.signal("one", signal.SIGKILL)
    assert door.take_away() == ["1 processes", "0 namespaces"]
    assert not lives(two)
    assert not door.folder.exists()
    assert door.take_away() == ["0 processes", "0 namespaces"], "safe to repeat"


def test_the_words_of_another_place_and_user(door: Door) -> None:
    words = door.inside("tokyo-center", ["nosuchprogram", "-x"], "postgres")
    assert words[1:4] == ["netns", "exec", "t-tokyo-center"]
    assert words[-2:] == ["nosuchprogram", "-x"]
    assert "--reuid=postgres" in words
