"""The guard: when whoever holds its input is gone, what was made is gone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from relay.loopback.lab import guard
from relay.loopback.lab.door import Door
from relay.loopback.lab.registry import folder_of, lives


def test_it_takes_the_lab_away_when_its_input_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    folder = folder_of("g")
    folder.mkdir()
    door = Door("g", folder)
    door.spawn("stays", "", [sys.executable, "-c", "import signal; signal.pause()"])
    made = door.process("stays")
    assert made is not None
    watching = guard.watch("g")
    assert watching.stdin is not None
    assert lives(made)
    watching.stdin.close()
    assert watching.wait(30) == 0
    assert not folder.exists()
    assert not lives(made)
