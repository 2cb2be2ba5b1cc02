"""What `make wheel` builds: the two packages, the data that they need, and nothing that another wheel may own.

The trap: `relay` and `protocols` are plain names; a stray top-level folder (tests, config) would be installed for everybody.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_two_packages_and_their_metadata(names: list[str]) -> None:
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"relay", "protocols", "relay_center"}
    assert {"relay/py.typed", "protocols/py.typed", "relay/main.py"} <= set(names)


def test_every_overlay_and_migration_travels(names: list[str]) -> None:
    overlays = {f"relay/data/dialects/{path.name}" for path in (ROOT / "config" / "dialects").glob("*.toml")}
    migrations = {path.relative_to(ROOT).as_posix() for path in (ROOT / "relay" / "journal" / "migrations").glob("*.sql")}
    assert overlays
    assert migrations
    assert overlays | migrations <= set(names)


def test_nothing_but_the_library_travels(names: list[str]) -> None:
    assert not [name for name in names if "test" in name.lower() or "__pycache__" in name]
