"""The generation of a journal: how often another relay center took it over; and the Relay-Epoch that follows from it.

Owns the record and the arithmetic. It must never decide about a take-over (relay/takeover does). The trap: a center that was
taken over while it was down knows nothing of it, and starts again on what it has, each time with a higher incarnation. So a
take-over does not raise the incarnation by one, it raises the generation, which no number of restarts on the old copy reaches;
and whoever goes on with the journal that was adopted has the generation in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

LINK_NAME: Final = "@generation"  # beside the listeners, whose names have no such sign
NAME: Final = "generation"
LIVES_SKIPPED: Final = 10_000  # at a take-over; there is room for 900 of them
PER_GENERATION: Final = 10_000_000  # more incarnations than exchange numbers have room for


class Generation(msgspec.Struct, frozen=True):
    """Of one journal, in itself. `held_by` is the other center that has it at work; "" where it is its own center's."""

    number: int = 0
    run: str = ""  # the take-over that raised it
    held_by: str = ""


def read_generation(variables: Mapping[str, bytes]) -> Generation:
    """From the journal's variables of LINK_NAME."""
    packed = variables.get(NAME)
    return Generation() if packed is None else msgspec.msgpack.decode(packed, type=Generation)


def pack_generation(generation: Generation) -> bytes:
    return msgspec.msgpack.encode(generation)


def relay_epoch(generation: int, incarnation: int) -> int:
    """What is said to the core: of a life of a journal, or of all its workers' common start."""
    return generation * PER_GENERATION + incarnation


def next_life(newest: int) -> int:
    """The first life in which an adopted journal is opened, where the core has heard `newest`, a Relay-Epoch, of its center.

    The copy may never have heard of the lives that the center began last, and what is given in the same life twice, exchange
    numbers and attempts, would name two things. The core has heard of each that asked it anything, but for those that a lost
    region forgot, and the workers beyond a relay's first, which count on from a common start: hence the distance."""
    return newest % PER_GENERATION + LIVES_SKIPPED


def next_generation(newest: int) -> int:
    """The generation above every life that the core has heard of a center, whose highest Relay-Epoch is `newest`."""
    return newest // PER_GENERATION + 1
