"""Tools of the machine that some tests need: found, or the test is skipped with the name of what is missing.

The trap: a check that is skipped everywhere protects nothing. Under CI, and wherever `make test` runs (it installs the
tools and sets RELAY_REQUIRE_ALL), a missing tool fails the test instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from relay.loopback.lab.door import missing_tools, why_not


def need_tool(name: str) -> str:
    """The path of `name`, looked for beside this interpreter and then on PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        _missing(name)
    return found


def sick_disk(folder: Path) -> Path:
    """The shim of sickdisk.c, built in `folder`: to be preloaded by a daemon whose disk is to fall ill."""
    library = folder / "sickdisk.so"
    source = Path(__file__).with_name("sickdisk.c")
    subprocess.run([need_tool("gcc"), "-shared", "-fPIC", "-Wall", "-o", library, source, "-ldl"], check=True, timeout=180)
    return library


def need_postgresql() -> Path:
    """The directory of PostgreSQL's own programs; the distribution keeps them off PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    if not folders or not (folders[-1] / "initdb").exists():
        _missing("PostgreSQL server")
    return folders[-1]


def need_exabgp() -> str:
    """ExaBGP's program, in an environment of its own beside the relay's."""
    found = Path(__file__).resolve().parents[2] / ".venv-exabgp" / "bin" / "exabgp"
    if not found.exists():
        _missing("exabgp")
    return str(found)


def need_browser() -> str:
    """Chromium's program."""
    return need_tool("chromium")


def need_lab() -> None:
    """All that a lab is made of. A missing program is as for every other tool; what the kernel lacks is a reason to skip."""
    if missing := missing_tools():
        _missing(", ".join(missing))
    if why := why_not():
        pytest.skip(f"this machine cannot have a lab: {why}")


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def _missing(name: str) -> NoReturn:
    missing = f"this machine has no {name}; `make tools` installs it"
    if os.environ.get("RELAY_REQUIRE_ALL") or os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
