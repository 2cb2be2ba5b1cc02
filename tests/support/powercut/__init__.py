"""The power cut: a journal's own writes and syncs, recorded below the real sqlite3 library, and every disk they may leave.

Owns the recording (shim.c, built with gcc and preloaded into a child process), the stream, and the model of a disk. It must
never know what a journal means. The model: what was synced is there; of what was not, any part may be, down to sectors; a
file's name is there after the directory was synced, and may be before.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tests.support.tools import need_tool

ROOT = Path(__file__).resolve().parents[3]
SECTOR_BYTES = 512
CHILD_PATIENCE_S = 200
_HEAD = struct.Struct("=cB2xIq")


class Op(msgspec.Struct, frozen=True):
    """C create, W write, T truncate, S sync, F failed sync, U unlink; `offset` is the length for T."""

    kind: str
    name: str
    offset: int
    data: bytes


def build_shim(folder: Path) -> Path:
    """Compile shim.c into `folder`."""
    library = folder / "shim.so"
    compiler = need_tool("gcc")
    source = Path(__file__).with_name("shim.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"], check=True, timeout=CHILD_PATIENCE_S
    )
    return library


def run_child(shim: Path, folder: Path, stream: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tests/support/powercut/child.py on the journal in `folder`, recording into `stream`."""
    environment = dict(os.environ, LD_PRELOAD=str(shim), POWERCUT_FOLDER=str(folder), POWERCUT_STREAM=str(stream))
    return subprocess.run(
        [sys.executable, "-m", "tests.support.powercut.child", str(folder), *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=CHILD_PATIENCE_S,
    )


def read_stream(path: Path) -> list[Op]:
    raw = path.read_bytes()
    ops, at = [], 0
    while at < len(raw):
        kind, name_length, data_length, offset = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        name = raw[at : at + name_length].decode()
        at += name_length
        ops.append(Op(kind.decode(), name, offset, raw[at : at + data_length]))
        at += data_length
    return ops


class File:
    """One file: what is durable, and what was done to it since."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Op] = []

    def sync(self) -> None:
        self.durable = bytearray(self.content(self.pending))
        self.pending = []

    def content(self, ops: Iterable[Op]) -> bytes:
        content = bytearray(self.durable)
        for op in ops:
            if op.kind == "T":
                content[op.offset :] = bytes(max(0, op.offset - len(content)))
            else:
                end = op.offset + len(op.data)
                if len(content) < op.offset:
                    content.extend(bytes(op.offset - len(content)))
                content[op.offset : end] = op.data
        return bytes(content)


class Disk:
    """The disk during the stream. Names that are not synced yet are in `names` only, those synced in `durable_names` too."""

    def __init__(self) -> None:
        self.names: dict[str, File] = {}
        self.durable_names: dict[str, File] = {}

    def do(self, op: Op) -> None:
        if op.kind == "C":
            self.names[op.name] = File()
        elif op.kind == "U":
            del self.names[op.name]
        elif op.kind == "S":
            if op.name == ".":
                self.durable_names = dict(self.names)
            else:
                self.names[op.name].sync()
        elif op.kind in "WT":
            self.names[op.name].pending.append(op)

    def dropped(self) -> dict[str, bytes]:
        """After a cut that takes everything it may."""
        return {name: bytes(file.durable) for name, file in self.durable_names.items()}

    def kept(self) -> dict[str, bytes]:
        """After a kill, or a cut that the disk's cache survived."""
        return {name: file.content(file.pending) for name, file in self.names.items()}

    def torn(self, chance: random.Random) -> dict[str, bytes]:
        """After a cut that takes what it likes: of every write since the last sync some sectors, of the names some."""
        names = dict(self.durable_names if chance.random() < 0.5 else self.names)
        odds = chance.choice((0.1, 0.5, 0.9))
        return {
            name: file.content(piece for op in file.pending for piece in _sectors(op) if chance.random() < odds)
            for name, file in names.items()
        }


def _sectors(op: Op) -> Iterator[Op]:
    if op.kind == "T":
        yield op
        return
    start, end = op.offset, op.offset + len(op.data)
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield Op("W", op.name, start, op.data[start - op.offset : stop - op.offset])
        start = stop
