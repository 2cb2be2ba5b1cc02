"""What a deed is, and what its form may ask: the shapes of which deeds.py and roomdeeds.py are tables.

Owns the shapes. It must never hold a deed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from relay.console.identity import Role

# known: one of what the page offers, which another process judges; secret: never recorded, never shown again; typed: the
# run's own name, to say that it is meant; lines: those of a checklist, each with what was seen.
FieldKind = Literal["text", "flag", "number", "classes", "date", "choice", "known", "secret", "typed", "lines"]


class Field(msgspec.Struct, frozen=True):
    """One thing that a form asks; its words are `field.NAME`. A fixed one is what the deed is about, and only shown."""

    name: str
    kind: FieldKind = "text"
    is_fixed: bool = False
    choices: tuple[str, ...] = ()


class Deed(msgspec.Struct, frozen=True):
    """Its words are `deed.NAME` (its name), `deed.NAME.what` (what it does). `signs`: the command takes who and why, the latter
    under the name `why_as` (none: the fields say it). `says`: arguments that make it this deed. `is_room`: of the failover
    room."""

    name: str
    command: str
    roles: frozenset[Role]
    back: str  # the page that it belongs to
    fields: tuple[Field, ...] = ()
    is_grave: bool = False  # it stops money, or cannot be taken back
    signs: bool = True
    says: tuple[tuple[str, str], ...] = ()
    why_as: str = "why"
    is_room: bool = False
