"""What is to be done next, from how a run stands. Pure: `moves_of` is a function of the run, the moment and the day.

Owns the order of things: preparation at once, gates one after the other, steps of a phase in parallel as their needs allow,
the way back newest first. It must never do anything or wait. The traps: no branch passes a gate because time went by (the
only thing that time does at a gate is to call louder); nothing new begins while the run is held; and on the way back
no step is taken back while it, or what was done on top of it, still goes forward, or it would land afterwards; but service does
not stay blocked for a preparation that takes its time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeAlias

import msgspec

from relay.failover.approvals import missing_roles
from relay.failover.bankday import BankClock, parts_at, rules_at
from relay.failover.deeds import RelayDeed
from relay.failover.evidence import Evidence
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
    moves += _catching_up(run, now_ms, running)
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
    parts = run.parts
    if number == 3 and not run.parts_done:
        parts = _parts(run, now_ms, day)
    if not run.is_gate_open or parts != run.parts:
        return [OpenGate(number, parts)]
    gate = run.gate()
    assert gate is not None  # GATE_OF has the state
    if not missing_roles(gate, now_ms) and not stops(run, now_ms, day):
        return [PassGate(number, gate.part)]
    level = (now_ms - run.gate_opened_ms) // (run.known_plan.escalate_after_s * 1_000)
    return [Escalate(number, level)] if level > run.escalated else []


def _parts(run: Run, now_ms: int, day: BankClock) -> tuple[str, ...]:
    """In how many goes service is released. A gate that waits into the night is opened anew, for what was approved was all of
    it; one that waits into the morning stays as it is, which costs a second gate and releases nothing too early."""
    if run.is_gate_open and len(run.parts) > 1:
        return run.parts
    has_batch = any(step.part == "batch" for step in run.known_plan.in_phase(Phase.RELEASE))
    return parts_at(day, now_ms, has_batch)


def stops(run: Run, now_ms: int, day: BankClock) -> tuple[str, ...]:
    """Why the open gate does not pass, however many approve."""
    number, plan = GATE_OF.get(run.state, 0), run.known_plan
    evidence = None if run.newest is None else run.newest.evidence
    found = [rule.text for rule in rules_at(day, plan.kind, number, now_ms, evidence, remaining_ms(run)) if rule.stops]
    if number in (1, 2) and evidence is not None:
        found += _overtaken(run, evidence)
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


def _overtaken(run: Run, evidence: Evidence) -> list[str]:
    """A relay that is past the epoch that is to end: its seal proves nothing, and the record would not move."""
    return [
        f"{one.center} is in epoch {one.epoch} already, and this run ends epoch {run.epoch}: abort it, and declare anew"
        for one in evidence.centers
        if one.epoch > run.epoch
    ]


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
    awaited = [step for step in steps if not run.known_plan.beside(step)]  # of two ways at once, one goes on alone
    if all(run.is_settled(step) for step in steps) and not any(RunStep(step.name) in running for step in awaited):
        return [EndPhase(phase, run.part if phase is Phase.RELEASE else "")]
    return _steps(run, phase, now_ms, running)


def _steps(run: Run, phase: Phase, now_ms: int, running: Collection[RunStep]) -> list[Move]:
    moves: list[Move] = []
    for step in run.steps_of(phase):
        if run.is_settled(step) or RunStep(step.name) in running:
            continue
        if phase is not Phase.PREPARE and (lost := _lost_need(run, step)) is not None:
            return [Hold(f"{step.name} needs {lost.name}, which failed: {run.standing(lost.name).detail}"[:400])]
        if not _is_its_turn(run, step):
            continue
        standing = run.standing(step.name)
        if standing.failures < step.tries:
            if now_ms >= standing.ended_ms + retry_ms(standing.failures):
                moves.append(RunStep(step.name))
        elif phase is not Phase.PREPARE and not _has_other_way(run, step):
            return [Hold(f"{step.name} failed {standing.failures} times: {standing.detail}"[:400])]
    return moves


def _lost_need(run: Run, step: Step) -> Step | None:
    """A preparation that this step waits for and that is not tried any more: it holds nothing else up, and would be waited for
    without a word."""
    needed = [run.known_plan.named(name) for name in step.needs]
    return next(
        (
            one
            for one in needed
            if one.phase is Phase.PREPARE and not run.is_settled(one) and run.standing(one.name).failures >= one.tries
        ),
        None,
    )


def _is_its_turn(run: Run, step: Step) -> bool:
    plan = run.known_plan
    if step.instead_of and not step.at_once:
        first = plan.named(step.instead_of)
        if any(run.standing(one.name).failures < one.tries for one in (first, *plan.beside(first))):
            return False
    return all(run.is_settled(plan.named(name)) for name in step.needs)


def _has_other_way(run: Run, step: Step) -> bool:
    """Is there another way that has not failed yet?"""
    first = step.instead_of or step.name
    ways = [other for other in run.known_plan.step if first in (other.name, other.instead_of) and other.name != step.name]
    return any(run.standing(other.name).failures < other.tries for other in ways)


def _catching_up(run: Run, now_ms: int, running: Collection[RunStep]) -> list[Move]:
    """Of two ways at once, the one that has not got there yet. It holds nothing up, and nobody is called for it."""
    late = [step for step in run.known_plan.in_phase(Phase.DNS) if run.catches_up(step) and RunStep(step.name) not in running]
    return [RunStep(step.name) for step in late if _may_try(run, step, now_ms)]


def _may_try(run: Run, step: Step, now_ms: int) -> bool:
    standing = run.standing(step.name)
    is_left = not standing.is_done and standing.failures < step.tries
    return is_left and now_ms >= standing.ended_ms + retry_ms(standing.failures)


def retry_ms(failures: int) -> int:
    """How long after its last end a step is tried again, milliseconds."""
    return min(RETRY_MS_MAX, RETRY_MS << (failures - 1)) if failures else 0


# ---- back ------------------------------------------------------------------------------------------------------------------
def _back(run: Run, now_ms: int, running: Collection[RunStep]) -> tuple[Move, ...]:
    owed = [step for step in run.owed_back() if not run.standing(step.name, True).is_done]
    if not owed:
        return () if running else (EndUndo(),)
    moves: list[Move] = []
    for step in owed:
        standing = run.standing(step.name, True)
        if RunStep(step.name, True) in running or RunStep(step.name) in running:
            continue
        if any(step.name in other.needs for other in owed):
            continue  # what was done on top of it goes first
        if standing.failures >= step.tries:
            return (Hold(f"taking back {step.name} failed {standing.failures} times: {standing.detail}"[:400]),)
        forward = run.standing(step.name)
        lands_ms = max(forward.intended_ms, run.woke_ms) + step.settle_s * 1_000 if forward.is_open else 0
        if now_ms >= max(lands_ms, standing.ended_ms + retry_ms(standing.failures)):
            moves.append(RunStep(step.name, True))
    return tuple(moves)
