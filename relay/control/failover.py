"""What people ask of a failover run, and what they are shown: the language of `relay failover`.

Owns arguments; the answers are the read model of relay/failover/view.py. It must never decide. The trap: each of these can
move a bank to another region, so each names the run that is meant and the person who asks, and the kernel says whether it
is that person; where it is a service that asks for somebody, `proof` is the code of that person's own authenticator.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from relay.control.regions import Reason, Signature

RunName = Annotated[str, msgspec.Meta(max_length=64)]
StepName = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
GateNumber = Annotated[int, msgspec.Meta(ge=1, le=3)]
Seen = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{1,64}$")]
Proof = Annotated[str, msgspec.Meta(max_length=16)]
Version = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]


class FailoverDeclareArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`plan_text`: the whole file; or `version`: its hash, of a plan in the orchestrator's own folder. `epoch` 0: the one that
    the relays know."""

    plan_text: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    version: Version = ""
    who: Signature
    role: StepName
    why: Reason
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    proof: Proof = ""


class FailoverGateArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`how`: approve, deny, withdraw, break-glass. `seen`: the binding that was shown. `code`: of the sealed envelope."""

    how: Literal["approve", "deny", "withdraw", "break-glass"]
    run: RunName
    gate: GateNumber
    who: Signature
    role: str = ""
    seen: Seen = "0"
    code: Annotated[str, msgspec.Meta(max_length=200)] = ""
    why: Reason
    proof: Proof = ""


class FailoverRunArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`how`: hold, resume, abort, escalate (people are called), adopt (signed by two where the other center is not heard)."""

    how: Literal["hold", "resume", "abort", "escalate", "adopt"]
    run: RunName
    who: Signature
    second: str = ""
    why: Reason
    proof: Proof = ""


class FailoverStepArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`how`: waived and by-hand (two sign), again, tick (a line of a checklist)."""

    how: Literal["waived", "by-hand", "again", "tick"]
    run: RunName
    step: StepName
    who: Signature
    second: str = ""
    line: Annotated[int, msgspec.Meta(ge=0, le=40)] = 0
    saw: Reason
    undo: bool = False
    proof: Proof = ""


class TickedLine(msgspec.Struct, frozen=True):
    line: Annotated[int, msgspec.Meta(ge=1, le=40)]
    saw: Reason


class FailoverTickArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Several lines of one checklist, each with what was seen; in their order, until one does not do."""

    run: RunName
    step: StepName
    who: Signature
    why: str = ""
    lines: Annotated[tuple[TickedLine, ...], msgspec.Meta(min_length=1, max_length=40)]
    undo: bool = False
    proof: Proof = ""


class FailoverSayArgs(msgspec.Struct, frozen=True, kw_only=True):
    topic: Literal["batch-checkpoint", "accept-loss", "zengin", "alone", "remark"]
    run: RunName
    text: Reason
    who: Signature
    second: str = ""
    proof: Proof = ""


class FailoverLayAsideArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by two. `seen`: the hash of the damaged file as it was shown, or its first digits."""

    run: RunName
    seen: Seen
    who: Signature
    second: str = ""
    why: Reason
    proof: Proof = ""


class FailoverReportArgs(msgspec.Struct, frozen=True, kw_only=True):
    form: Literal["html", "json"] = "json"


class FailoverCheckArgs(msgspec.Struct, frozen=True, kw_only=True):
    plan_text: Annotated[str, msgspec.Meta(max_length=65_536)]


class FailoverRoomArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`login`: who looks, as the console knows them."""

    login: Annotated[str, msgspec.Meta(max_length=64)] = ""


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    where: str
    problem: str
    next_step: str = ""


class FailoverChecked(msgspec.Struct, frozen=True, kw_only=True):
    """`looked`: steps whose environment was looked at."""

    plan: str = ""
    version: str = ""
    findings: tuple[FindingRow, ...] = ()
    looked: int = 0
