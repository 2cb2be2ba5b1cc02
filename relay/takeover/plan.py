"""What a take-over does next, from what is durable and what was just seen: pure.

Owns that decision. It must never ask or write. The traps: what was seen decides, and never what was asked for; a number at
or below what the core has heard of the center fences nobody, so another one is chosen, and made durable before it is said;
and a fence of this very run that stands is not raised again, though its heir has spoken above it since.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from relay.core.contract import CenterAnswer
from relay.journal.generation import Generation, next_generation, next_life
from relay.takeover.record import Record
from relay.takeover.states import Event


class Choose(msgspec.Struct, frozen=True):
    """Write this generation down, and the life above all that were heard, then look again."""

    generation: int
    life_floor: int


class Fence(msgspec.Struct, frozen=True):
    """Ask the core for the fence of the record, then look again."""


class Promote(msgspec.Struct, frozen=True):
    """Ask the database to write, then look again."""


class Raise(msgspec.Struct, frozen=True):
    """Write the generation into the journal that was opened, before a word is said from it."""

    generation: Generation


class Proven(msgspec.Struct, frozen=True):
    """What this state is for has been done."""

    event: Event


class Stop(msgspec.Struct, frozen=True):
    """Nothing may be done: a person has to look."""

    why: str


Step: TypeAlias = Choose | Fence | Promote | Raise | Proven | Stop
_STANDS: Final = Proven(Event.FENCE_STANDS)


def is_fenced(record: Record, seen: CenterAnswer) -> bool:
    """Whether the core refuses the other center because of this very take-over."""
    return record.generation > 0 and seen.run == record.run and seen.fence == record.fence


def fencing(record: Record, seen: CenterAnswer) -> Step:
    """`seen` is the core's word about the center."""
    if is_fenced(record, seen):
        return _STANDS
    if not record.generation or seen.newest >= record.fence:
        return Choose(next_generation(seen.newest), max(record.life_floor, next_life(seen.newest)))
    return Fence()


def fencing_again(record: Record, seen: CenterAnswer) -> Step:
    """While the journal is at work here, after each change of the region: its database is a copy that may lack the fence."""
    if is_fenced(record, seen):
        return _STANDS
    if seen.fence > record.fence:
        return Stop(f"{record.center} was fenced by another take-over, {seen.run} of {seen.by}")
    return Fence()


def promoting(is_writing: bool) -> Step:
    """`is_writing`: the copy's database takes records."""
    return Proven(Event.COPY_WRITES) if is_writing else Promote()


def opening(record: Record, found: Generation, own_center: str) -> Step:
    """`found` is what the journal, open in a new life, knows of itself."""
    wanted = Generation(record.generation, record.run, own_center)
    if found == wanted:
        return Proven(Event.JOURNAL_OPEN)
    if found.number >= record.generation:
        return Stop(f"the journal is in generation {found.number} already, by {found.run or 'nobody'}")
    return Raise(wanted)


def handed_back(record: Record) -> Generation:
    """What the journal knows of itself once it is its own center's again."""
    return Generation(record.generation, record.run, "")
