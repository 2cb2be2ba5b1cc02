"""A disk in memory for run logs that loses what was not written, and the points at which a process dies on it."""

from __future__ import annotations

from collections.abc import Callable

from relay.failover.chain import Log, read_log
from relay.failover.logkeys import NO_KEYS, LogKeys


class Killed(BaseException):
    """kill -9: nothing of ours catches it."""


class Executioner:
    """Counts the points at which a process may die, and kills at one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.kill_at = 0
        self.is_dead = False
        self.on_death: Callable[[], None] = lambda: None

    def point(self) -> None:
        if self.is_dead:
            raise Killed
        self.count += 1
        if self.count == self.kill_at:
            self.is_dead = True
            self.on_death()  # nothing of a dead process runs on
            raise Killed


class MemoryStore:
    """A log on a disk that a kill may leave with half a line."""

    def __init__(self, data: bytearray, executioner: Executioner, keys: LogKeys = NO_KEYS) -> None:
        self._data = data
        self._keys = keys
        self._executioner = executioner

    def read(self) -> Log:
        log = read_log(bytes(self._data), self._keys)
        del self._data[log.good_bytes :]
        return log

    def append(self, line: bytes) -> None:
        self._executioner.point()
        self._data += line[: len(line) // 2]
        self._executioner.point()
        self._data += line[len(line) // 2 :]
        self._executioner.point()


class MemoryShelf:
    def __init__(self, executioner: Executioner, files: dict[str, bytearray] | None = None, keys: LogKeys = NO_KEYS) -> None:
        self.files = {} if files is None else files
        self.keys = keys
        self._executioner = executioner

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def open(self, name: str) -> MemoryStore:
        return MemoryStore(self.files.setdefault(name, bytearray()), self._executioner, self.keys)
