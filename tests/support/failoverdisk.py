"""A disk in memory for run logs that loses what was not written, and the points at which a process dies on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relay.failover.chain import Log
from relay.failover.logkeys import NO_KEYS, LogKeys
from relay.failover.store import log_of


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
    """A log on a disk that a kill may leave with half a line; the first line comes whole or not at all."""

    def __init__(self, name: str, files: dict[str, bytearray], executioner: Executioner, keys: LogKeys = NO_KEYS) -> None:
        self._name = name
        self._files = files
        self._keys = keys
        self._executioner = executioner

    def read(self) -> Log:
        data = self._files.get(self._name)
        return Log() if data is None else log_of(bytes(data), self._keys)

    def append(self, line: bytes) -> None:
        self._executioner.point()
        data = self._files.get(self._name)
        if data is None:
            self._executioner.point()
            self._files[self._name] = bytearray(line)
        else:
            del data[data.rfind(b"\n") + 1 :]
            data += line[: len(line) // 2]
            self._executioner.point()
            data += line[len(line) // 2 :]
        self._executioner.point()


class MemoryShelf:
    """`register` is kept by whoever starts a process anew on the same disk."""

    def __init__(
        self,
        executioner: Executioner,
        files: dict[str, bytearray] | None = None,
        keys: LogKeys = NO_KEYS,
        register: bytearray | None = None,
    ) -> None:
        self.files = {} if files is None else files
        self.keys = keys
        self.register = bytearray() if register is None else register
        self._executioner = executioner

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def open(self, name: str) -> MemoryStore:
        return MemoryStore(name, self.files, self._executioner, self.keys)

    def raw(self, name: str) -> bytes:
        return bytes(self.files[name])

    def renew(self, name: str, lines: Sequence[bytes]) -> MemoryStore:
        self._executioner.point()
        self.files[name] = bytearray(b"".join(lines))
        return self.open(name)

    def read_register(self) -> bytes:
        return bytes(self.register)

    def write_register(self, data: bytes) -> None:
        self._executioner.point()
        self.register[:] = data
        self._executioner.point()
