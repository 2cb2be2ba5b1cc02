"""The run logs on the disk: append, fsync, never twice on a file whose fsync failed; and the lock that keeps a second
orchestrator out.

Owns files and folders. It must never know what a line means. The traps: a new file is durable only when its folder was
synced, too; a log comes to be with its first line whole, so that an empty one is known for damage and not for a crash; reading
changes nothing, and a torn last line is cut off only when something is added behind it; after a failed fsync nobody knows what
the disk has, so that file is not written again (law 6): another one takes its place, or the next process reads what is there;
and a lock that is a file with a number in it outlives its owner, so this one is the kernel's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from relay.errors import RelayError
from relay.failover.chain import LOG_BYTES_MAX, ChainBroken, Log, read_log
from relay.failover.logkeys import NO_KEYS, LogKeys
from relay.failover.register import REGISTER_BYTES_MAX

RUN_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")  # as the region record writes a run
SUFFIX: Final = ".run"
REGISTER: Final = "runs-that-are-over"
RUN_COUNT_MAX: Final = 1_000


class StoreFailed(RelayError):
    """The disk does not keep what it is told, or somebody else writes there."""

    exit_code = 3


class RunStore(Protocol):
    """One run's log. `read` changes nothing; `append` returns when the line is durable."""

    def read(self) -> Log: ...

    def append(self, line: bytes) -> None: ...


class Shelf(Protocol):
    """All runs of this center, and the register of those that are over; `keys` sign their lines."""

    @property
    def keys(self) -> LogKeys: ...

    def names(self) -> tuple[str, ...]: ...

    def open(self, name: str) -> RunStore: ...

    def raw(self, name: str) -> bytes:
        """A log as it is, whatever is wrong with it. Raises StoreFailed."""
        ...

    def renew(self, name: str, lines: Sequence[bytes]) -> RunStore:
        """All of a log in a new file, in the place of one that the disk did not keep. Raises StoreFailed."""
        ...

    def read_register(self) -> bytes: ...

    def write_register(self, data: bytes) -> None: ...


def log_of(data: bytes, keys: LogKeys) -> Log:
    """What stands in the file of a log. It comes to be with its first line whole, so one without any was damaged. Raises
    ChainBroken."""
    log = read_log(data, keys)
    if not log.lines:
        raise ChainBroken("the run log has not one whole line.", "Compare it with the peer center's copy.")
    return log


class FileStore:
    """Args: `path` of the log; made with its first line. `keys` that its lines are signed with."""

    def __init__(self, path: Path, keys: LogKeys = NO_KEYS) -> None:
        self._path = path
        self._keys = keys
        self._file = -1
        self._good_bytes = -1  # what counts of it; behind that a torn end; under 0: not read yet
        self._is_dead = False

    def read(self) -> Log:
        """Everything that counts, nothing where there is no file. Raises StoreFailed, ChainBroken."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            self._good_bytes = 0
            return Log()
        except OSError as error:
            raise StoreFailed(
                f"the run log {self._path} cannot be read: {error.strerror}.", "Mend the disk, then restart the orchestrator."
            ) from error
        if len(data) > LOG_BYTES_MAX:
            raise StoreFailed(f"{self._path} has more than {LOG_BYTES_MAX} bytes.", "It is no run log of ours.")
        log = log_of(data, self._keys)
        self._good_bytes = log.good_bytes
        return log

    def append(self, line: bytes) -> None:
        """Durable on return; a torn end is cut off first. Raises StoreFailed, and then always for a log that is there."""
        if self._is_dead or self._good_bytes < 0:
            raise StoreFailed(f"the run log {self._path} is not written any more.", "Restart the orchestrator: it resumes.")
        try:
            if not self._good_bytes:
                put(self._path, line)
            else:
                self._add(line)
            self._good_bytes += len(line)
        except OSError as error:
            self._is_dead = self._good_bytes > 0  # a log that has not come to be may: each try of it is another file
            raise StoreFailed(f"the run log {self._path} cannot be written: {error.strerror}.", "Mend the disk.") from error

    def _add(self, line: bytes) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            _sync_folder(self._path.parent)  # a life that ended between the name and this may have left it to the kernel
            bytes_now = os.fstat(self._file).st_size
            if bytes_now < self._good_bytes:
                raise OSError(errno.EIO, "it is shorter than it was when it was read")
            if bytes_now > self._good_bytes:
                os.ftruncate(self._file, self._good_bytes)
                os.fsync(self._file)
        left = memoryview(line)
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._is_dead = True


def put(path: Path, data: bytes) -> None:
    """A file that is there whole and durable, or as it was before. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)  # what a failed one has left is not written again
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    _sync_folder(path.parent)


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

    def raw(self, name: str) -> bytes:
        """Raises StoreFailed."""
        return self._bytes(name + SUFFIX, LOG_BYTES_MAX)

    def renew(self, name: str, lines: Sequence[bytes]) -> FileStore:
        """Raises StoreFailed, with the file as it was."""
        path = self._folder / (name + SUFFIX)
        try:
            put(path, b"".join(lines))
        except OSError as error:
            raise StoreFailed(f"the run log {path} cannot be written anew: {error.strerror}.", "Mend the disk.") from error
        if name in self._stores:
            self._stores.pop(name).close()
        store = self.open(name)
        store.read()
        return store

    def read_register(self) -> bytes:
        """Nothing where there is none yet. Raises StoreFailed."""
        return self._bytes(REGISTER, REGISTER_BYTES_MAX) if (self._folder / REGISTER).exists() else b""

    def write_register(self, data: bytes) -> None:
        """Durable on return. Raises StoreFailed, with the file as it was."""
        try:
            put(self._folder / REGISTER, data)
        except OSError as error:
            raise StoreFailed(f"{self._folder / REGISTER} cannot be written: {error.strerror}.", "Mend the disk.") from error

    def _bytes(self, file: str, bytes_max: int) -> bytes:
        try:
            with (self._folder / file).open("rb") as opened:
                data = opened.read(bytes_max + 1)
        except OSError as error:
            raise StoreFailed(f"{self._folder / file} cannot be read: {error.strerror}.", "Mend the disk.") from error
        if len(data) > bytes_max:
            raise StoreFailed(f"{self._folder / file} has more than {bytes_max} bytes.", "It is none of ours.")
        return data

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
