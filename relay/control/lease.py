"""What people ask and decide about exclusive lines, and what they are shown: the language of `relay lease`.

Owns arguments and answers. It must never decide. The trap: two centers on one line give the bank's interbank messages twice, so
whoever takes a line signs, and a second person does, too.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from relay.control.regions import Reason, Signature

LineName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class LeaseTakeArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Take an exclusive line for this center. `by_hand`: also where no lease database answers."""

    line: LineName
    by_hand: bool = False
    who: Signature
    second: Signature
    why: Reason


class LeaseSignedArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Release a line, or stand by for it."""

    line: LineName
    who: Signature
    why: Reason


class LineDeedRow(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int = 0
    what: str = ""
    who: str = ""
    second: str = ""
    why: str = ""


class TenureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One holder that there was, as the lease database has it."""

    token: int = 0
    center: str = ""
    incarnation: int = 0
    began_ms: int = 0
    who: str = ""
    second: str = ""
    why: str = ""


class LeaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exclusive line at this center. `left_ms`: until it stops by itself. `holder`: who else holds it, as last heard.
    `silence`: why the last question was not answered."""

    line: str = ""
    state: str = ""
    why: str = ""
    token: int = 0
    left_ms: int = 0
    links: tuple[str, ...] = ()  # listeners and dialers that need it
    holder: str = ""
    silence: str = ""
    tenures: tuple[TenureRow, ...] = ()


class LeaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """`database` is the server that answered last. `is_copied`: it waits for a standby with each commit."""

    database: str = ""
    is_copied: bool = False
    lines: tuple[LeaseRow, ...] = ()
    deeds: tuple[LineDeedRow, ...] = ()
