"""What is durable at this center about its exclusive lines: where each stood, the highest token, and who did what.

Owns the names and the packing of these values in the journal. It must never decide anything. The trap: a relay that was in
FAULT, or held a line by people's word, and starts again must not come back as a standby that helps itself; so the state is
written when it begins, and what could not be written is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from relay.journal.port import StepResult

LINK_NAME: Final = "@lease"  # beside the listeners, whose names have no such sign
DEED_COUNT_MAX: Final = 200  # beyond it the oldest is forgotten; the log has them all
_STANDING, _DEED = "standing/", "deed/"
Done = Callable[[StepResult], None]
Kept: TypeAlias = Literal["", "fault", "idle", "by-hand"]  # "": as ever: stand by at the start


class Standing(msgspec.Struct, frozen=True):
    """Of one line. `token`: the highest ever heard of; `other` had the line under `other_token`, the last but this center."""

    kept: Kept = ""
    token: int = 0
    why: str = ""
    at_ms: int = 0  # wall clock, UTC epoch milliseconds
    other_token: int = 0
    other: str = ""


class LineDeed(msgspec.Struct, frozen=True):
    """Something that people did about a line; `what` is the command with its argument. `second` where two signed."""

    at_ms: int
    what: str
    who: str
    why: str
    second: str = ""


class Variables(Protocol):
    """What the book needs of a journal."""

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None: ...


class LeaseBook:
    def __init__(self, journal: Variables) -> None:
        self._journal = journal

    def standing(self, resource: str) -> Standing:
        stored = self._journal.variables(LINK_NAME).get(_STANDING + resource)
        return Standing() if stored is None else msgspec.msgpack.decode(stored, type=Standing)

    def keep(self, resource: str, standing: Standing, done: Done) -> None:
        self._journal.store_variable(LINK_NAME, _STANDING + resource, msgspec.msgpack.encode(standing), done)

    def deeds(self) -> list[LineDeed]:
        """Oldest first."""
        return [msgspec.msgpack.decode(value, type=LineDeed) for _, value in self._numbered()]

    def note(self, deed: LineDeed, done: Done) -> None:
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
