"""What people ask of a drain by stages, and what they are shown: the language of `relay drain`.

Owns arguments and answers. It must never decide. The trap: a drain that outlives a restart has to say who wanted it and why, or
nobody dares to end it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from relay.control.regions import Reason, Signature

DrainClass = Literal["atm", "branch", "zengin"]
DEADLINE_S_MAX = 86_400


class DrainStartArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Take classes of sessions out of service; no class is all of them. `deadline_s` 0 is the configured one."""

    classes: Annotated[tuple[DrainClass, ...], msgspec.Meta(max_length=3)] = ()
    deadline_s: Annotated[int, msgspec.Meta(ge=0, le=DEADLINE_S_MAX)] = 0
    who: Signature
    why: Reason


class DrainAbortArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Put everything back into service."""

    who: Signature
    why: Reason


class DrainRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one class; `busy` owe an answer, or are owed one."""

    name: str = ""
    is_drained: bool = False  # or on its way there
    open: int = 0
    busy: int = 0


class DrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """`left_ms`: until what is left is reset."""

    stage: str = "serving"
    who: str = ""
    why: str = ""
    since_ms: int = 0  # wall clock, UTC epoch milliseconds
    left_ms: int = 0
    rows: tuple[DrainRow, ...] = ()
