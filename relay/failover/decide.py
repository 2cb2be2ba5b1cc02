"""What is to be done next, from how a run stands. Pure: `moves_of` is a function of the run, the moment and the day.

Owns the order of things: preparation at once, gates one after the other, steps of a phase in parallel as their needs allow,
the way back newest first. It must never do anything or wait. The traps: no branch passes a gate because time went by (the
only thing that time does at a gate is to call louder); nothing new begins while the run is held; and on the way back
nothing is taken back while something that goes forward is still under way, or it would land afterwards.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeAlias

import msgspec

from relay.failover.approvals import missing_roles
from relay.failover.bankday import BankClock, parts_at, rules_at
from relay.failover.deeds import RelayDeed
from relay.failover.plan import Phase, Step
from relay.failover.rtoclock import remaining_ms
from relay.failover.run import Run
from relay.failover.states import BACKING, GATE_OF, PHASE_OF, PREPARING, State

EVIDENCE_EVERY_MS: Final = 60_000
RETRY_MS: Final = 2_000  # after the first failure; twice as long after each further one
RETRY_MS_MAX: Final = 60_000


class TakeEvidence(msgspec.Struct, frozen=True):
    pass


class OpenGate(msgspec.Struct, frozen=True):
    gate: int
    parts: tuple[str, ...] = ("",)


class PassGate(msgspec.Struct, frozen=True):
    gate: int
    part: str = ""


class RunStep(msgspec.Struct, frozen=True):
    step: str
    is_undo: bool = False


class EndPhase(msgspec.Struct, frozen=True):
    phase: Phase
    part: str = ""


class EndUndo(msgspec.Struct, frozen=True):
    pass


class Hold(msgspec.Struct, frozen=True):
    why: str


class Escalate(msgspec.Struct, frozen=True):
    gate: int
    level: int


Move: TypeAlias = TakeEvidence | OpenGate | PassGate | RunStep | EndPhase | EndUndo | Hold | Escalate


def moves_of(run: Run, now_ms: int, day: BankClock, running: Collection[RunStep] = ()) -> tuple[Move, ...]:
    """Everything that may begin now. `running` is under way already. Empty: wait for people, for what runs, or for time."""
    if run.plan is None or run.state in (State.IDLE, State.DONE, State.ABORTED):
        return ()
    if run.held:
        return _evidence(run, now_ms)
    if run.state in BACKING:
        return _back(run, now_ms, running)
    moves: list[Move] = []
    if run.state in PREPARING:
        if now_ms - run.prepared_ms > run.plan.prepared_for_s * 1_000:
            return (
                Hold(f"the preparation is older than {run.plan.prepared_for_s // 60} min: look again, then resume or abort"),
            )
        moves += _steps(run, Phase.PREPARE, now_ms, running)
    moves += _evidence(run, now_ms)
    if run.state is State.DECLARED and run.newest is not None:
        moves.append(OpenGate(1))
    elif run.state in GATE_OF:
        moves += _gate(run, now_ms, day)
    else:
        moves += _phase(run, now_ms, running)
    return tuple(moves)


# ---- gates -----------------------------------------------------------------------------------------------------------------
def _evidence(run: Run, now_ms: int) -> tuple[Move, ...]:
    """Fresh enough that whoever comes to look has most of its life left."""
    if run.state is not State.DECLARED and run.state not in GATE_OF:
        return ()
    is_old = run.newest is None or not 0 <= now_ms - run.newest.at_ms < EVIDENCE_EVERY_MS
    return (TakeEvidence(),) if is_old else ()


def _gate(run: Run, now_ms: int, day: BankClock) -> list[Move]:
    number = GATE_OF[run.state]
    if not run.is_gate_open:
        if number == 3 and not run.parts_done:
            has_batch = any(step.part == "batch" for step in run.known_plan.in_phase(Phase.RELEASE))
            return [OpenGate(3, parts_at(day, now_ms, has_batch))]
        return [OpenGate(number, run.parts)]
    gate = run.gate()
    assert gate is not None  # GATE_OF has the state
    if not missing_roles(gate, now_ms) and not stops(run, now_ms, day):
        return [PassGate(number, gate.part)]
    level = (now_ms - run.gate_opened_ms) // (run.known_plan.escalate_after_s * 1_000)
    return [Escalate(number, level)] if level > run.escalated else []


def stops(run: Run, now_ms: int, day: BankClock) -> tuple[str, ...]:
    """Why the open gate does not pass, however many approve."""
    number, plan = GATE_OF.get(run.state, 0), run.known_plan
    evidence = None if run.newest is None else run.newest.evidence
    found = [rule.text for rule in rules_at(day, plan.kind, number, now_ms, evidence, remaining_ms(run)) if rule.stops]
    if number == 2:
        open_steps = [step.name for step in plan.in_phase(Phase.PREPARE) if not run.is_settled(step)]
        if open_steps:
            found.append(f"the preparation is not done, nor waived: {', '.join(open_steps)}")
        lag_ms = None if evidence is None else evidence.lag_ms
        if "accept-loss" not in run.said and (lag_ms is None or lag_ms > plan.lag_max_s * 1_000):
            known = "not known" if lag_ms is None else f"{lag_ms // 1_000} s, and {plan.lag_max_s} s are allowed"
            found.append(f"the lag of the copy is {known}: two people accept the loss, or it waits")
    if number == 3:
        found += _not_frozen(run)
    return tuple(found)


def _not_frozen(run: Run) -> list[str]:
    """No release until the list of unknowns is frozen at every center."""
    looks = [
        step for step in run.known_plan.in_phase(Phase.VERIFY) if isinstance(step.do, RelayDeed) and step.do.verb == "tail"
    ]
    return [f"{step.name} is not done: the list of unknowns is not frozen" for step in looks if not run.is_settled(step)]


# ---- forward ---------------------------------------------------------------------------------------------------------------
def _phase(run: Run, now_ms: int, running: Collection[RunStep]) -> list[Move]:
    phase = PHASE_OF.get(run.state)
    if phase is None:
        return []
    steps = run.steps_of(phase)
    if all(run.is_settled(step) for step in steps) and not any(RunStep(step.name) in running for step in steps):
        return [EndPhase(phase, run.part if phase is Phase.RELEASE else "")]
    return _steps(run, phase, now_ms, running)


def _steps(run: Run, phase: Phase, now_ms: int, running: Collection[RunStep]) -> list[Move]:
    moves: list[Move] = []
    for step in run.steps_of(phase):
        if run.is_settled(step) or RunStep(step.name) in running or not _is_its_turn(run, step):
            continue
        standing = run.standing(step.name)
        if standing.failures < step.tries:
            if now_ms >= standing.ended_ms + retry_ms(standing.failures):
                moves.append(RunStep(step.name))
        elif phase is not Phase.PREPARE and not _has_second(run, step):
            return [Hold(f"{step.name} failed {standing.failures} times: {standing.detail}"[:400])]
    return moves


def _is_its_turn(run: Run, step: Step) -> bool:
    plan = run.known_plan
    if step.instead_of:
        first = plan.named(step.instead_of)
        if run.standing(first.name).failures < first.tries:
            return False
    return all(run.is_settled(plan.named(name)) for name in step.needs)


def _has_second(run: Run, step: Step) -> bool:
    """Is there another way that has not failed yet?"""
    seconds = [other for other in run.known_plan.step if other.instead_of == step.name]
    return any(run.standing(other.name).failures < other.tries for other in seconds)


def retry_ms(failures: int) -> int:
    """How long after its last end a step is tried again, milliseconds."""
    return min(RETRY_MS_MAX, RETRY_MS << (failures - 1)) if failures else 0


# ---- back ------------------------------------------------------------------------------------------------------------------
def _back(run: Run, now_ms: int, running: Collection[RunStep]) -> tuple[Move, ...]:
    if any(not one.is_undo for one in running):
        return ()
    owed = [step for step in run.owed_back() if not run.standing(step.name, True).is_done]
    if not owed:
        return () if running else (EndUndo(),)
    moves: list[Move] = []
    for step in owed:
        standing = run.standing(step.name, True)
        if RunStep(step.name, True) in running or any(step.name in other.needs for other in owed):
            continue  # what was done on top of it goes first
        if standing.failures >= step.tries:
            return (Hold(f"taking back {step.name} failed {standing.failures} times: {standing.detail}"[:400]),)
        forward = run.standing(step.name)
        lands_ms = max(forward.intended_ms, run.woke_ms) + step.settle_s * 1_000 if forward.is_open else 0
        if now_ms >= max(lands_ms, standing.ended_ms + retry_ms(standing.failures)):
            moves.append(RunStep(step.name, True))
    return tuple(moves)
