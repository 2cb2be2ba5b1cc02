"""A failover plan: what is done in which phase, by whom it must be approved, how long each part may take. Parsed at the door.

Owns the file's form, its frozen values and its version (a hash of the text, so that two people who approve know that they
mean the same plan). It must never judge: relay/failover/plancheck.py does. The trap: a run keeps the text of its plan in
its own log, for the file on the disk may be changed while the run stands at a gate.
"""

from __future__ import annotations

import hashlib
import tomllib
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from relay.errors import ConfigurationError
from relay.failover.deeds import Deed, Name, Text, changes_something

PLAN_BYTES_MAX: Final = 65_536
STEP_COUNT_MAX: Final = 100
Kind: TypeAlias = Literal["unplanned", "switchover", "failback", "drill"]
Part: TypeAlias = Literal["", "batch", "online"]


class Phase(StrEnum):
    """The parts of a run in which something is done. PREPARE runs beside deliberation, the others between gates."""

    PREPARE = "prepare"
    INITIATE = "initiate"
    PROMOTE = "promote"
    DNS = "dns"
    VERIFY = "verify"
    RELEASE = "release"


ORDER: Final = tuple(Phase)
Seconds = Annotated[int, msgspec.Meta(ge=1, le=14_400)]


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`p95_s`: what it takes in 95 of 100 drills. `settle_s`: how long after a request its effect may still be invisible;
    within it nothing is asked a second time. `instead_of`: done only when that step has failed; with `at_once` begun beside
    it, one of both suffices to go on, and the other is tried on. `part`: of a release that is split."""

    name: Name
    phase: Phase
    do: Deed
    undo: Deed | None = None
    reversible: bool = True
    needs: tuple[Name, ...] = ()
    instead_of: str = ""
    at_once: bool = False
    part: Part = ""
    timeout_s: Seconds = 60
    p95_s: Seconds = 5
    settle_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 5
    tries: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    for_whom: Annotated[str, msgspec.Meta(max_length=200)] = ""

    @property
    def must_be_undone(self) -> bool:
        """Does an abort owe something for it?"""
        return self.reversible and changes_something(self.do)


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds that each part of the recovery may take; what is left of the target is reserve."""

    target_s: Seconds = 3_600
    gate1_s: Seconds = 300
    initiate_s: Seconds = 300
    gate2_s: Seconds = 600
    promote_s: Seconds = 600
    dns_s: Seconds = 60
    verify_s: Seconds = 300
    gate3_s: Seconds = 300
    release_s: Seconds = 300


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`roles`: each gate needs one person of each. `evidence_age_max_s`: an approval of older evidence is void."""

    name: Name
    kind: Kind
    from_region: Name
    to_region: Name
    centers: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=4)]
    about: Text = "no description"
    roles: Annotated[tuple[Name, ...], msgspec.Meta(min_length=2, max_length=4)] = ("operations", "business")
    evidence_age_max_s: Annotated[int, msgspec.Meta(ge=30, le=300)] = 300
    lag_max_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 60
    prepared_for_s: Seconds = 14_400
    escalate_after_s: Seconds = 300
    budget: Budget = Budget()
    step: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=STEP_COUNT_MAX)]

    def in_phase(self, phase: Phase) -> tuple[Step, ...]:
        return tuple(step for step in self.step if step.phase is phase)

    def find(self, name: str) -> Step | None:
        return next((step for step in self.step if step.name == name), None)

    def beside(self, step: Step) -> tuple[Step, ...]:
        """The other ways that are begun together with `step`; empty for a step that has none."""
        first = step.instead_of or step.name
        ways = [one for one in self.step if one.name == first or (one.at_once and one.instead_of == first)]
        return tuple(one for one in ways if one.name != step.name) if step in ways else ()

    def named(self, name: str) -> Step:
        """Raises KeyError."""
        found = self.find(name)
        if found is None:
            raise KeyError(name)
        return found


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: Plan


def version_of(text: str) -> str:
    """The version of a plan: SHA-256 of its text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_plan(text: str, file: str = "the plan") -> Plan:
    """The plan of a file's text. Raises ConfigurationError with the first thing that has the wrong form."""
    if len(text.encode()) > PLAN_BYTES_MAX:
        raise ConfigurationError(f"{file} has more than {PLAN_BYTES_MAX} bytes.")
    try:
        return msgspec.convert(tomllib.loads(text), _File).plan
    except RecursionError as error:
        raise ConfigurationError(f"{file} is not TOML that anybody wrote: it is nested without end.") from error
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{file} is no plan: {error}.", "docs/failover.md shows one.") from error
    except ValueError as error:  # TOMLDecodeError is one; so is a number with too many digits
        raise ConfigurationError(f"{file} is not TOML: {error}.") from error
