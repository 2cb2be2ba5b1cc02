"""Who may pass a gate: two people with two roles, neither of whom declared the run, on evidence that is fresh. Pure.

Owns the judgement of one approval and of a gate. It must never read a password or a user id: who somebody is was found out
at the door. The traps: a name typed in other letters is the same person; a person with two roles is one person; an approval
is void when its evidence is old, even if it was fresh when it was given; and no function here looks at how long a gate has
waited.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from relay.failover.evidence import Evidence, binding_of
from relay.failover.plan import Plan


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """`seal` is the sealed code's name where the glass was broken, and empty otherwise. `shown_ms`: when the snapshot was taken
    that the person saw; the same facts found again later make no approval younger."""

    who: str
    role: str
    part: str
    evidence_digest: str
    binding: str
    at_ms: int
    shown_ms: int = 0
    seal: str = ""
    why: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A snapshot that was written down, and so could be shown; `at_ms` on the wall clock."""

    digest: str
    evidence: Evidence
    at_ms: int


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval has to fit: the gate that is open now."""

    run: str
    gate: int
    part: str
    plan: Plan
    plan_version: str
    declarer: str
    shown: Mapping[str, Shown]
    approvals: tuple[Approval, ...] = ()
    used_seals: frozenset[str] = frozenset()


class Refusal(StrEnum):
    """Why an approval does not count; each with the sentence that the person reads."""

    NOT_THIS_GATE = "that gate is not open: it is passed, or not reached yet"
    NOT_SHOWN = "no such evidence was shown in this run"
    STALE = "the evidence is too old: look at the newest and decide again"
    NOT_BOUND = "it was given for another run, gate, plan or evidence"
    DECLARER = "who declares a run approves none of its gates"
    TWICE = "this person has approved already: a second role does not make a second person"
    ROLE_TAKEN = "this role has approved already"
    NO_ROLE = "this gate does not ask for that role"
    SEAL_USED = "this sealed code was used before"


def same_person(one: str, other: str) -> bool:
    return person_key(one) == person_key(other)


def signed_by_two(who: str, second: str) -> bool:
    return bool(second) and not same_person(who, second)


def person_key(name: str) -> str:
    """A name as it is compared: width, case and blanks make no other person."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def why_not(gate: Gate | None, asked: int, approval: Approval) -> Refusal | None:
    """Why `approval` of gate number `asked` does not count now; None where it does."""
    if gate is None or gate.gate != asked or gate.part != approval.part:
        return Refusal.NOT_THIS_GATE
    shown = gate.shown.get(approval.evidence_digest)
    if shown is None:
        return Refusal.NOT_SHOWN
    if approval.binding != binding_of(gate.run, gate.gate, gate.part, gate.plan_version, shown.digest):
        return Refusal.NOT_BOUND
    if not is_fresh(shown, gate.plan, approval.at_ms):
        return Refusal.STALE
    if approval.seal:
        return Refusal.SEAL_USED if approval.seal in gate.used_seals else None
    if same_person(approval.who, gate.declarer):
        return Refusal.DECLARER
    counting = [one for one in gate.approvals if is_valid(one, gate, approval.at_ms)]
    if any(same_person(one.who, approval.who) for one in counting):
        return Refusal.TWICE
    if approval.role not in gate.plan.roles:
        return Refusal.NO_ROLE
    if any(one.role == approval.role for one in counting):
        return Refusal.ROLE_TAKEN
    return None


def is_fresh(shown: Shown, plan: Plan, now_ms: int) -> bool:
    """A snapshot of the future (the wall clock was set back) is not fresh either."""
    return _is_young(shown.at_ms, plan, now_ms)


def _is_young(taken_ms: int, plan: Plan, now_ms: int) -> bool:
    return 0 <= now_ms - taken_ms <= plan.evidence_age_max_s * 1_000


def is_valid(approval: Approval, gate: Gate, now_ms: int) -> bool:
    """Does an approval that was taken still count?"""
    is_here = approval.evidence_digest in gate.shown and approval.part == gate.part
    return is_here and _is_young(approval.shown_ms, gate.plan, now_ms)


def missing_roles(gate: Gate, now_ms: int) -> tuple[str, ...]:
    """Roles that have yet to approve; empty for a gate that people have passed."""
    counting = [one for one in gate.approvals if is_valid(one, gate, now_ms)]
    if any(one.seal for one in counting):
        return ()
    people = {person_key(one.who) for one in counting} - {person_key(gate.declarer)}
    given = {one.role for one in counting if person_key(one.who) in people}
    if len(people) < len(given):  # the log was written by somebody who did not ask `why_not`
        return gate.plan.roles
    return tuple(role for role in gate.plan.roles if role not in given)


def is_free(name: str, gate: Gate, now_ms: int) -> bool:
    """May this person still approve in a role that is missing? Not who declared, and nobody twice."""
    counting = [one for one in gate.approvals if is_valid(one, gate, now_ms)]
    return not any(same_person(name, other) for other in (gate.declarer, *(one.who for one in counting)))


def saw_peer_away(gate: Gate, now_ms: int) -> bool:
    """Had everybody whose approval counts been shown that the other center has no copy?"""
    counting = [one for one in gate.approvals if is_valid(one, gate, now_ms)]
    return all(gate.shown[one.evidence_digest].evidence.is_peer_away for one in counting)
