"""What people ask and decide about the other center's journal, and what they are shown: the language of `relay
takeover`.

Owns arguments and answers. It must never decide. The trap: whoever takes a center over shuts it out for good, so two people
sign.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from relay.control.regions import Reason, Signature, TailRow

CenterName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class TakeoverBeginArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`center` is lost. Safe to repeat: said again it changes nothing."""

    center: CenterName
    who: Signature
    second: Signature
    why: Reason


class TakeoverFinishArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Its journal goes back to it. Safe to repeat."""

    who: Signature
    second: Signature
    why: Reason


class TakeoverSigned(msgspec.Struct, frozen=True, kw_only=True):
    who: str = ""
    second: str = ""
    why: str = ""
    at_ms: int = 0


class TakeoverReport(msgspec.Struct, frozen=True, kw_only=True):
    """`own` is this center's standing at the core: unknown, clear or superseded. `state` is that of the other's journal here;
    `fence` the lowest Relay-Epoch of that center that the core takes. `trouble`: why the last look came to nothing."""

    is_configured: bool = False
    own: str = ""
    own_superseded_by: str = ""
    state: str = "none"
    center: str = ""
    run: str = ""
    fence: int = 0
    is_at_work: bool = False
    is_fence_seen: bool = False  # in the region's present epoch
    open_count: int = 0
    listed_count: int = 0
    tail: TailRow = TailRow()  # of its journal: what the region before confirmed last
    copied_until_ms: int = 0  # wall clock of the newest record in the copy: now, or when it was promoted; 0: it cannot say
    changed_ms: int = 0
    trouble: str = ""
    began: TakeoverSigned = TakeoverSigned()
    returned: TakeoverSigned = TakeoverSigned()
