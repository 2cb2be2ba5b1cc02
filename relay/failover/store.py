"""The run logs on the disk: append, fsync, never twice on a file whose fsync failed; and the lock that keeps a second
orchestrator out.

Owns files and folders. It must never know what a line means. The traps: a new file is durable only when its folder was
synced, too; a torn last line is cut off before anything is added behind it; after a failed fsync nobody knows what the disk
has, so the file is not written again (law 6) and the next process reads what is there; and a lock that is a file with a
number in it outlives its owner, so this one is the kernel's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from pathlib import Path
from typing import Final, Protocol

from relay.errors import RelayError
from relay.failover.chain import LOG_BYTES_MAX, Log, read_log
from relay.failover.logkeys import NO_KEYS, LogKeys

RUN_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")  # as the region record writes a run
SUFFIX: Final = ".run"
RUN_COUNT_MAX: Final = 1_000


class StoreFailed(RelayError):
    """The disk does not keep what it is told, or somebody else writes there."""

    exit_code = 3


class RunStore(Protocol):
    """One run's log. `append` returns when the line is durable."""

    def read(self) -> Log: ...

    def append(self, line: bytes) -> None: ...


class Shelf(Protocol):
    """All runs of this center; `keys` sign their lines."""

    @property
    def keys(self) -> LogKeys: ...

    def names(self) -> tuple[str, ...]: ...

    def open(self, name: str) -> RunStore: ...


class FileStore:
    """Args: `path` of the log; made where it is missing. `keys` that its lines are signed with."""

    def __init__(self, path: Path, keys: LogKeys = NO_KEYS) -> None:
        self._path = path
        self._keys = keys
        self._file = -1
        self._is_dead = False

    def read(self) -> Log:
        """Everything that counts; a torn end is cut off, durably. Raises StoreFailed, ChainBroken."""
        try:
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                _sync_folder(self._path.parent)
            data = self._path.read_bytes()
            if len(data) > LOG_BYTES_MAX:
                raise StoreFailed(f"{self._path} has more than {LOG_BYTES_MAX} bytes.", "It is no run log of ours.")
            log = read_log(data, self._keys)
            if log.torn_bytes:
                os.ftruncate(self._file, log.good_bytes)
                os.fsync(self._file)
            return log
        except OSError as error:
            raise StoreFailed(f"the run log {self._path} cannot be read: {error.strerror}.") from error

    def append(self, line: bytes) -> None:
        """Durable on return. Raises StoreFailed, and then always."""
        if self._is_dead or self._file < 0:
            raise StoreFailed(f"the run log {self._path} is not written any more.", "Restart the orchestrator: it resumes.")
        try:
            left = memoryview(line)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            self._is_dead = True
            raise StoreFailed(f"the run log {self._path} cannot be written: {error.strerror}.", "Mend the disk.") from error

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._is_dead = True


class FileShelf:
    """The folder of all runs. One process at a time has it: `lock` raises StoreFailed for the second."""

    def __init__(self, folder: Path, keys: LogKeys = NO_KEYS) -> None:
        self._folder = folder
        self.keys = keys
        self._lock = -1
        self._stores: dict[str, FileStore] = {}

    def lock(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFailed(f"the folder {self._folder} cannot be used: {error.strerror}.", "See failover.folder.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = -1
            raise StoreFailed(f"another orchestrator works in {self._folder}.", "systemctl status relay-failover") from error

    def names(self) -> tuple[str, ...]:
        if not self._folder.is_dir():
            return ()
        found = sorted(path.name.removesuffix(SUFFIX) for path in self._folder.iterdir() if path.name.endswith(SUFFIX))
        return tuple(name for name in found if RUN_NAME.fullmatch(name))[-RUN_COUNT_MAX:]

    def open(self, name: str) -> FileStore:
        """Raises StoreFailed for a name that is none."""
        if not RUN_NAME.fullmatch(name):
            raise StoreFailed("a run's name has letters, digits and dashes, 64 at most.")
        if name not in self._stores:
            self._stores[name] = FileStore(self._folder / (name + SUFFIX), self.keys)
        return self._stores[name]

    def close(self) -> None:
        for store in self._stores.values():
            store.close()
        self._stores.clear()
        if self._lock >= 0:
            os.close(self._lock)  # which lets go of it
            self._lock = -1


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)
