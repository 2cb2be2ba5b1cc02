"""What a lab has made on this machine, written down before it is made: so that it can be taken away by whoever comes later.

Owns one file of lines per lab. It must never take anything away itself (door.py does). The traps: a lab that was killed in
the middle of a line leaves half a line, which is no reason to leave all the rest; and a process's number is given to somebody
else one day, so its start is written beside it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

Thing = Literal["namespace", "process", "owner"]
NAME = re.compile(r"[a-z][a-z0-9]{0,7}")
FILE = "made.jsonl"


class Made(msgspec.Struct, frozen=True):
    """`started` is a process's start in clock ticks since boot; `note` is for people."""

    thing: Thing
    name: str = ""
    pid: int = 0
    started: int = 0
    note: str = ""


def folder_of(lab: str) -> Path:
    """Where everything of a lab is. Raises ValueError for a name that cannot be one."""
    if not NAME.fullmatch(lab):
        raise ValueError(f"{lab!r}: a lab's name is a small letter and up to seven letters or digits")
    return Path(tempfile.gettempdir()) / f"relay-lab-{lab}"


def labs() -> list[str]:
    """The names of all labs that have left anything here."""
    found = Path(tempfile.gettempdir()).glob(f"relay-lab-*/{FILE}")
    return sorted(path.parent.name.removeprefix("relay-lab-") for path in found)


class Registry:
    """Of the lab in `folder`, which has to exist before anything is noted."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def note(self, made: Made) -> None:
        """On disk when this returns."""
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(made) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def all(self) -> Iterator[Made]:
        if not self._file.exists():
            return
        for line in self._file.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=Made)
            except msgspec.MsgspecError:
                continue  # the end of a lab that was killed while it wrote

    def of(self, thing: Thing) -> list[Made]:
        return [made for made in self.all() if made.thing == thing]


def started(pid: int) -> int:
    """When a process began, in clock ticks since boot; 0 where there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in ("Z", "X") else int(fields[19])


def lives(made: Made) -> bool:
    """Whether the process noted is still that one."""
    return made.pid > 0 and made.started > 0 and started(made.pid) == made.started
