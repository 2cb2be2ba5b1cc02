"""Where people's questions about a journal go: one connection that cannot write, of whichever engine.

Owns the `Source` protocol and SQLite's. It must never know a question. The trap: a statement is written once for all engines,
with question marks, so it keeps to what they have in common.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Protocol

from relay.errors import JournalUnusable
from relay.journal.compact import CONVERT, can_compact
from relay.journal.keyring import KeyRing
from relay.journal.keytable import RESTORE
from relay.journal.rows import Cell
from relay.journal.schema import open_reader, prove_key

PROBLEM_COUNT_MAX: Final = 100


class SourceDamaged(Exception):
    """What is stored cannot be read as it should."""


class Source(Protocol):
    @property
    def place(self) -> str:
        """Where the journal is, for people."""
        ...

    def all(self, sql: str, parameters: Sequence[Cell] = ()) -> list[Any]:
        """Every row, indexed by number. Raises SourceDamaged, and JournalUnusable where its server is away."""
        ...

    def prove_key(self, keys: KeyRing) -> None:
        """Raises JournalUnusable unless `keys` has every key that the journal needs."""
        ...

    def key_id(self) -> str:
        """Of the key that the journal writes with. Raises SourceDamaged where it names none."""
        ...

    def sizes(self) -> tuple[int, int]:
        """Bytes of the journal, and of a log beside it."""
        ...

    def check(self) -> list[str]:
        """What the engine itself finds wrong with its file. Raises SourceDamaged."""
        ...

    def notes(self) -> list[str]:
        """What is worth knowing about the file, and no damage."""
        ...

    def close(self) -> None: ...


class SqliteSource:
    def __init__(self, path: str) -> None:
        """Raises JournalUnusable."""
        if not os.path.exists(path):
            raise JournalUnusable(f"There is no journal at {path}.", "Check journal.path, or start the relay once.")
        self.place = path
        self._connection = open_reader(path)

    def all(self, sql: str, parameters: Sequence[Cell] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise SourceDamaged(str(error)) from error

    def prove_key(self, keys: KeyRing) -> None:
        prove_key(self._connection, self.place, keys)

    def key_id(self) -> str:
        rows = self.all("SELECT value FROM meta WHERE name = 'key_id'")
        if not rows:
            raise SourceDamaged("it names no key")
        return str(rows[0][0])

    def sizes(self) -> tuple[int, int]:
        return _size(self.place), _size(self.place + "-wal")

    def check(self) -> list[str]:
        verdicts = [row[0] for row in self.all(f"PRAGMA integrity_check({PROBLEM_COUNT_MAX})")]
        return [verdict for verdict in verdicts if verdict != "ok"]

    def notes(self) -> list[str]:
        if can_compact(self._connection):
            return []
        return [f"it cannot give empty pages back on line. {CONVERT.format(path=self.place)}"]

    def close(self) -> None:
        self._connection.close()


def opened(where: str | Source, key: bytes | None, older_keys: Sequence[bytes] = ()) -> tuple[Source, KeyRing | None]:
    """The source of a path, or the one given, its keys proven. Raises JournalUnusable; then it is closed."""
    keys = None if key is None else KeyRing(key, older_keys)
    source = SqliteSource(where) if isinstance(where, str) else where
    if keys is not None:
        try:
            source.prove_key(keys)
        except BaseException:
            source.close()
            raise
    return source, keys


def damaged(place: str, error: Exception) -> JournalUnusable:
    return JournalUnusable(f"The journal {place} cannot be read: {error}.", f"Run `relay journal verify`. {RESTORE}")


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0
