"""What a failover run writes down: one frozen value per kind of line, told apart by `what`.

Owns their form. It must never know how they are stored (relay/failover/chain.py) or what they lead to
(relay/failover/run.py). The trap: lines live for years and are replayed by newer code, so a member is never renamed or
taken away, and a new one has a default.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from relay.failover.evidence import Evidence


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="what"):
    pass


class Declared(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="declared"):
    """The first line of a run. `epoch` is the one that ends; the run's own is the next. `plan_text` makes the log whole."""

    run: str
    plan_text: str
    plan_version: str
    who: str
    role: str
    why: str
    epoch: int
    center: str


class TermTaken(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="term-taken"):
    """This center's orchestrator acts from here. With `second` two people said that the one before has stopped."""

    center: str
    who: str = ""
    second: str = ""
    why: str = ""


class Woke(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="woke"):
    """The process began again; steps that were under way are observed before anything else."""

    center: str


class EvidenceTaken(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="evidence"):
    digest: str
    evidence: Evidence


class GateOpened(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="gate-opened"):
    """`parts`: in how many goes service is released; decided when gate 3 is first opened."""

    gate: int
    parts: tuple[str, ...] = ("",)


class Approved(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="approved"):
    gate: int
    part: str = ""
    who: str
    role: str
    evidence_digest: str
    binding: str
    why: str = ""


class Denied(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="denied"):
    gate: int
    who: str
    role: str
    why: str


class Withdrawn(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="withdrawn"):
    gate: int
    who: str
    why: str


class BrokeGlass(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="broke-glass"):
    """One person, with the sealed code `seal`, in place of two. Everybody is told."""

    gate: int
    part: str = ""
    who: str
    seal: str
    evidence_digest: str
    binding: str
    why: str


class GatePassed(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="gate-passed"):
    gate: int
    part: str = ""


class Observed(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="observed"):
    """`sight`: absent, in-progress, done, failed, unknown. `when`: before or after the act. Written when it changes."""

    step: str
    when: Literal["before", "after"]
    sight: str
    detail: str = ""
    is_undo: bool = False


class Intended(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="intended"):
    """On the disk before the first byte of it leaves. `token` is the same over tries: the world may know it."""

    step: str
    attempt: int
    token: str
    is_undo: bool = False
    is_alone: bool = False  # the peer center has no copy of this line


class Finished(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="finished"):
    """`result`: done, found (it was there already), failed."""

    step: str
    result: Literal["done", "found", "failed"]
    detail: str = ""
    is_undo: bool = False


class Answered(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="answered"):
    """People answer for a step: `waived` (two sign), `by-hand` (two sign, it is done), `again` (try it anew)."""

    step: str
    how: Literal["waived", "by-hand", "again"]
    who: str
    second: str = ""
    evidence: str
    is_undo: bool = False


class Ticked(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="ticked"):
    """A line of a checklist was done; `saw` is what the person saw."""

    step: str
    line: int
    who: str
    saw: str
    is_undo: bool = False


class Said(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="said"):
    """What people know and machines do not: the batch checkpoint, a loss that is accepted (two sign), the Zengin window."""

    topic: Literal["batch-checkpoint", "accept-loss", "zengin", "alone", "remark"]
    text: str
    who: str
    second: str = ""


class PhaseDone(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="phase-done"):
    phase: str
    part: str = ""


class Held(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="held"):
    """`who` is empty where the machine stopped by itself."""

    why: str
    who: str = ""


class Resumed(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="resumed"):
    who: str
    why: str


class AbortAsked(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="abort"):
    who: str
    why: str


class Undone(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="undone"):
    pass


class Escalated(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="escalated"):
    """A gate waits for longer than it should. It stays shut."""

    gate: int
    level: int


class PeerAway(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="peer-away"):
    """From here lines are on this disk only."""

    why: str


class PeerBack(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="peer-back"):
    pass


class ClockSet(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="clock-set"):
    """The wall clock was set (or the machine stood still) by `by_ms` against the monotonic one. The moments of the run move
    with it, so that what has to wait still waits as long; what people had seen is void."""

    by_ms: int


Happening: TypeAlias = (
    Declared
    | TermTaken
    | Woke
    | EvidenceTaken
    | GateOpened
    | Approved
    | Denied
    | Withdrawn
    | BrokeGlass
    | GatePassed
    | Observed
    | Intended
    | Finished
    | Answered
    | Ticked
    | Said
    | PhaseDone
    | Held
    | Resumed
    | AbortAsked
    | Undone
    | Escalated
    | PeerAway
    | PeerBack
    | ClockSet
)

FAR_CENTURY_MS: Final = 4_102_444_800_000  # 2100: a wall clock beyond it is wrong


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line: its number, the wall clock (UTC epoch milliseconds), the term of who wrote it, the hash of the line
    before."""

    number: int
    at_ms: int
    term: int
    before: str
    event: Happening
