"""What people did at the console: who, as what, from where, what, why, and how it ended; durable before it is done.

Owns the names and the packing of these records in the journal, and where sessions are kept beside them. It must never decide
anything. The traps: a deed is recorded before it is tried, so that a crash in between leaves a record without an end, and never
an end without a record; wrong passwords are not recorded one by one, or a stranger could push everything else out; and signing
in and out has a share of its own, or whoever may only look could push out what others did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from relay.journal.port import StepResult

LINK_NAME: Final = "@console"  # beside the listeners, whose names have no such sign
ENTRIES_COUNT_MAX: Final = 2_000  # beyond it the oldest is forgotten; the log has them all
COMINGS_COUNT_MAX: Final = 500  # of these, at most so many of signing in and out
COMINGS: Final = frozenset({"sign-in", "sign-out"})
_ENTRY, _SESSION = "entry/", "session/"

Done = Callable[[StepResult], None]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`result` is done, half (signed by one of two), refused, or "" while nobody knows; `said` is the relay's answer. Wall
    clock, milliseconds."""

    number: int = 0
    at_ms: int
    who: str
    role: str
    address: str
    deed: str
    target: str = ""
    why: str = ""
    result: str = ""
    said: str = ""


class Variables(Protocol):
    """What the book needs of a journal."""

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None: ...


class Book:
    def __init__(self, journal: Variables) -> None:
        self._journal = journal
        self._given = max((int(name.removeprefix(_ENTRY)) for name in self._names()), default=0)
        stored = journal.variables(LINK_NAME)
        self._comings = deque(name for name in self._names() if _is_coming(stored[name]))

    def note(self, entry: Entry, done: Done) -> Entry:
        """A new record; it is durable when `done` gets None. Returns it with its number."""
        self._given += 1
        if entry.deed in COMINGS:
            self._comings.append(_name_of(self._given))
            while len(self._comings) > COMINGS_COUNT_MAX:
                self._journal.store_variable(LINK_NAME, self._comings.popleft(), None, _ignore)
        names = self._names()
        for old in names[: max(0, len(names) + 1 - ENTRIES_COUNT_MAX)]:
            self._journal.store_variable(LINK_NAME, old, None, _ignore)
            if self._comings and self._comings[0] == old:
                self._comings.popleft()
        numbered = msgspec.structs.replace(entry, number=self._given)
        self._write(numbered, done)
        return numbered

    def ended(self, entry: Entry, result: str, said: str) -> None:
        """How it ended, over the record of its beginning."""
        self._write(msgspec.structs.replace(entry, result=result, said=said[:500]), _ignore)

    def newest(self, count_max: int, below: int = 0) -> list[Entry]:
        """Newest first; those with a number under `below` where it is given."""
        names = [name for name in self._names() if not below or int(name.removeprefix(_ENTRY)) < below]
        stored = self._journal.variables(LINK_NAME)
        newest = reversed(names[-count_max:])
        return [msgspec.msgpack.decode(stored[name], type=Entry) for name in newest]

    def sessions(self) -> Mapping[str, bytes]:
        """As they were kept, by digest."""
        stored = self._journal.variables(LINK_NAME)
        return {name.removeprefix(_SESSION): value for name, value in stored.items() if name.startswith(_SESSION)}

    def keep_session(self, digest: str, value: bytes | None) -> None:
        self._journal.store_variable(LINK_NAME, f"{_SESSION}{digest}", value, _ignore)

    def _names(self) -> list[str]:
        """Of the records, oldest first."""
        return sorted(name for name in self._journal.variables(LINK_NAME) if name.startswith(_ENTRY))

    def _write(self, entry: Entry, done: Done) -> None:
        self._journal.store_variable(LINK_NAME, _name_of(entry.number), msgspec.msgpack.encode(entry), done)


def _name_of(number: int) -> str:
    return f"{_ENTRY}{number:012}"


def _is_coming(packed: bytes) -> bool:
    return msgspec.msgpack.decode(packed, type=Entry).deed in COMINGS


def _ignore(_: StepResult) -> None:
    """Of a session: at worst somebody signs in again. Of an end: the log has it, and the record says that it is not known."""
