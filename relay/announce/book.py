"""What is durable about announcing: that people withdrew it, and who did what.

Owns the names and the packing of these values in the journal. It must never decide anything. The trap: a withdrawal by people
outlives a restart, and a restart is the first thing that somebody tries at night; so it is said as the reason wherever the role
is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from relay.journal.port import StepResult

LINK_NAME: Final = "@announce"  # beside the listeners, whose names have no such sign
DEED_COUNT_MAX: Final = 200  # beyond it the oldest is forgotten; the log has them all
_PAUSED, _DEED = "paused", "deed/"

Done = Callable[[StepResult], None]


class Deed(msgspec.Struct, frozen=True):
    """Something that people did; `at_ms` is the wall clock, UTC epoch milliseconds."""

    at_ms: int
    what: str
    who: str
    why: str


class Variables(Protocol):
    """What the book needs of a journal."""

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None: ...


class Book:
    def __init__(self, journal: Variables) -> None:
        self._journal = journal

    def paused(self) -> Deed | None:
        """Who withdrew it; None where nobody did."""
        stored = self._journal.variables(LINK_NAME).get(_PAUSED)
        return None if stored is None else msgspec.msgpack.decode(stored, type=Deed)

    def keep_paused(self, deed: Deed | None, done: Done) -> None:
        self._journal.store_variable(LINK_NAME, _PAUSED, None if deed is None else msgspec.msgpack.encode(deed), done)

    def deeds(self) -> list[Deed]:
        """Oldest first."""
        return [msgspec.msgpack.decode(value, type=Deed) for _, value in self._numbered()]

    def note(self, deed: Deed, done: Done) -> None:
        kept = self._numbered()
        number = kept[-1][0] + 1 if kept else 1
        for old, _ in kept[: max(0, len(kept) + 1 - DEED_COUNT_MAX)]:
            self._journal.store_variable(LINK_NAME, f"{_DEED}{old:012}", None, _ignore)
        self._journal.store_variable(LINK_NAME, f"{_DEED}{number:012}", msgspec.msgpack.encode(deed), done)

    def _numbered(self) -> list[tuple[int, bytes]]:
        stored = self._journal.variables(LINK_NAME)
        return sorted((int(name.removeprefix(_DEED)), value) for name, value in stored.items() if name.startswith(_DEED))


def _ignore(_: StepResult) -> None:
    """One deed more than the limit is no harm."""
