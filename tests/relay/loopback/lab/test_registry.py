"""What a lab made: written before it is made, read after any death, and a process that is another's by now is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from relay.loopback.lab.registry import FILE, Made, Registry, folder_of, lives, started


def test_what_was_noted_is_read_and_half_a_line_is_left(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert list(registry.all()) == []
    registry.note(Made("namespace", "t-router"))
    registry.note(Made("process", "wires", 7, 8))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"thing":"proc')
    assert list(registry.all()) == [Made("namespace", "t-router"), Made("process", "wires", 7, 8)]
    assert registry.of("process") == [Made("process", "wires", 7, 8)]


def test_a_process_is_the_one_that_was_started_then() -> None:
    mine = Made("process", "x", os.getpid(), started(os.getpid()))
    assert lives(mine)
    assert not lives(msgspec.structs.replace(mine, started=mine.started + 1))
    assert not lives(Made("process", "x"))
    assert started(2**22 + 1) == 0


def test_a_labs_name_is_short_and_no_path() -> None:
    assert folder_of("lab").name == "relay-lab-lab"
    for name in ("", "../x", "toolongname", "Lab", "9"):
        with pytest.raises(ValueError, match="a lab's name"):
            folder_of(name)
