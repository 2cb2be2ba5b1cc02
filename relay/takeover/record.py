"""What is durable about a take-over, in this center's own journal: where it stands, its number, and who signed what.

Owns the record and its packing. It must never decide. The trap: the number of the fence is written down before the core
hears it, or a process that died in between would fence a second time under another number and shut itself out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from relay.journal.generation import relay_epoch
from relay.journal.port import StepResult
from relay.takeover.states import State

LINK_NAME: Final = "@takeover"  # beside the listeners, whose names have no such sign
_NAME: Final = "record"
Done: TypeAlias = Callable[[StepResult], None]
StateName: TypeAlias = Literal["NONE", "FENCING", "PROMOTING", "OPENING", "ADOPTED", "RETURNING", "RETURNED"]


class Signed(msgspec.Struct, frozen=True):
    """Two people and their reason; `at_ms` is the wall clock, UTC epoch milliseconds."""

    who: str = ""
    second: str = ""
    why: str = ""
    at_ms: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Of one take-over. `run` names it, everywhere and for ever; `generation` is 0 before a number was chosen."""

    state_name: StateName = "NONE"
    run: str = ""
    center: str = ""  # the one that is taken over
    generation: int = 0
    life_floor: int = 0  # its journal is not opened here in a life below it; 0 before a number was chosen
    copied_until_ms: int = 0  # wall clock of the newest record in the copy when it was promoted; 0: not seen
    began: Signed = Signed()
    returned: Signed = Signed()
    changed_ms: int = 0  # wall clock of the last change of state

    @property
    def state(self) -> State:
        return State[self.state_name]

    @property
    def fence(self) -> int:
        """The lowest Relay-Epoch of that center that the core still takes; 0 before a number was chosen."""
        return relay_epoch(self.generation, 0)


class Variables(Protocol):
    """What the book needs of a journal."""

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None: ...


class TakeoverBook:
    def __init__(self, journal: Variables) -> None:
        self._journal = journal

    def record(self) -> Record:
        stored = self._journal.variables(LINK_NAME).get(_NAME)
        return Record() if stored is None else msgspec.msgpack.decode(stored, type=Record)

    def keep(self, record: Record, done: Done) -> None:
        self._journal.store_variable(LINK_NAME, _NAME, msgspec.msgpack.encode(record), done)
