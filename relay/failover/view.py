"""What is shown of a run: frozen values for the command line, the console and the report. Pure; reads the fold and the log.

Owns the read model. It must never change anything, nor know how it is drawn. The trap: whoever looks must be able to sign
exactly what they saw, so the binding of the newest evidence is part of the gate that is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.failover import events as e
from relay.failover.approvals import Gate, is_free, is_fresh, is_valid, missing_roles
from relay.failover.bankday import BankClock, Boundary, DayView, latest_start, rules_at
from relay.failover.cosign import LoneRow
from relay.failover.damage import Damaged
from relay.failover.decide import stops
from relay.failover.deeds import ManualDeed, kind_of
from relay.failover.evidence import Evidence, binding_of
from relay.failover.people import Person
from relay.failover.plan import Step
from relay.failover.planwatch import EXERCISE_DAYS, PlanView
from relay.failover.rtoclock import ClockView, clock_of, remaining_ms
from relay.failover.run import Run
from relay.failover.states import GATE_OF, State

LOG_ROWS = 200


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """`standing`: waiting, under-way, done, found, waived, by-hand, failed, not-needed. `ticked` of `checklist` lines are
    done."""

    name: str
    phase: str
    action: str
    standing: str
    detail: str = ""
    attempts: int = 0
    is_undo: bool = False
    is_reversible: bool = True
    began_ms: int = 0
    ended_ms: int = 0
    checklist: tuple[str, ...] = ()
    ticked: tuple[int, ...] = ()


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """Good until `until_ms`, when its evidence is too old."""

    who: str
    role: str
    at_ms: int
    is_valid: bool
    is_glass: bool = False
    until_ms: int = 0


class RoleView(msgspec.Struct, frozen=True):
    """A role that a gate waits for, and who may give it."""

    role: str
    names: tuple[str, ...]


class GateView(msgspec.Struct, frozen=True, kw_only=True):
    """The open gate. `binding` is what an approval of the newest evidence signs, good until `evidence_until_ms`; `stops` keep
    it shut whoever approves."""

    gate: int
    part: str
    opened_ms: int
    binding: str
    evidence_digest: str
    evidence_ms: int
    is_fresh: bool
    missing: tuple[str, ...]
    stops: tuple[str, ...]
    warnings: tuple[str, ...]
    approvals: tuple[ApprovalView, ...]
    escalated: int
    evidence_until_ms: int = 0
    roles: tuple[str, ...] = ()
    free: tuple[RoleView, ...] = ()  # of each missing role; empty where nobody says who the people are


class Ahead(msgspec.Struct, frozen=True):
    """A boundary of the bank's day, and when the rest of the run must begin to be over before it."""

    boundary: Boundary
    latest_start_ms: int
    is_too_late: bool


class LogRow(msgspec.Struct, frozen=True):
    """One line of the log in words."""

    number: int
    at_ms: int
    term: int
    what: str
    who: str
    text: str


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the newest run at this center; `run` is empty where there was none."""

    now_ms: int = 0
    center: str = ""
    run: str = ""
    state: str = State.IDLE.name
    held: str = ""
    held_by: str = ""
    acting_center: str = ""
    may_act: bool = False
    stopped: str = ""
    term: int = 0
    plan: str = ""
    kind: str = ""
    plan_version: str = ""
    from_region: str = ""
    to_region: str = ""
    old_epoch: int = 0
    new_epoch: int = 0
    declarer: str = ""
    has_promoted: bool = False
    may_abort: bool = False
    is_peer_away: bool = False
    day: DayView | None = None
    ahead: tuple[Ahead, ...] = ()
    clock: ClockView | None = None
    gate: GateView | None = None
    evidence: Evidence | None = None
    steps: tuple[StepView, ...] = ()
    running: tuple[str, ...] = ()
    log: tuple[LogRow, ...] = ()
    last_hash: str = ""
    uncopied: int = 0  # lines of the log that the other center has not
    plans: tuple[PlanView, ...] = ()
    plans_trouble: str = ""  # why no plan can be looked at
    exercise_days: int = EXERCISE_DAYS
    lone: tuple[LoneRow, ...] = ()  # first signatures that wait for the second, at this center's orchestrator
    damaged: tuple[Damaged, ...] = ()  # runs of this center whose log cannot be read whole
    copy_trouble: str = ""  # why no copy of the other center's run is kept here

    @property
    def unclear(self) -> tuple[Damaged, ...]:
        """Damaged runs that may not be over: they forbid a new one."""
        return tuple(one for one in self.damaged if one.standing == "unknown")


def view_of(
    run: Run,
    entries: Sequence[e.Entry],
    now_ms: int,
    day: BankClock,
    *,
    center: str,
    may_act: bool = False,
    stopped: str = "",
    running: tuple[str, ...] = (),
    last_hash: str = "",
    rows_max: int = LOG_ROWS,
    people: Sequence[Person] = (),
) -> RunView:
    """`rows_max`: newest lines of the log that are shown. `people`: who could sign."""
    if run.plan is None:
        return RunView(now_ms=now_ms, center=center, may_act=may_act, stopped=stopped, day=day.view(now_ms))
    rest_ms = remaining_ms(run)
    return RunView(
        now_ms=now_ms,
        center=center,
        run=run.run_id,
        state=run.state.name,
        held=run.held,
        held_by=run.held_by,
        acting_center=run.center,
        may_act=may_act,
        stopped=stopped,
        term=run.term,
        plan=run.plan.name,
        kind=run.plan.kind,
        plan_version=run.plan_version,
        from_region=run.plan.from_region,
        to_region=run.plan.to_region,
        old_epoch=run.epoch,
        new_epoch=run.new_epoch,
        declarer=run.declarer,
        has_promoted=run.has_promoted,
        may_abort=run.may_abort(),
        is_peer_away=run.is_peer_away,
        day=day.view(now_ms),
        ahead=tuple(
            Ahead(boundary, latest_start(boundary, rest_ms), latest_start(boundary, rest_ms) < now_ms)
            for boundary in day.boundaries(now_ms)
        ),
        clock=clock_of(run, now_ms),
        gate=_gate(run, now_ms, day, rest_ms, people),
        evidence=None if run.newest is None else run.newest.evidence,
        steps=steps_of(run, running),
        running=running,
        log=tuple(row_of(entry) for entry in entries[-rows_max:]),
        last_hash=last_hash,
    )


def _gate(run: Run, now_ms: int, day: BankClock, rest_ms: int, people: Sequence[Person]) -> GateView | None:
    gate, newest = run.gate(), run.newest
    if gate is None or newest is None:
        return None
    rules = rules_at(day, gate.plan.kind, gate.gate, now_ms, newest.evidence, rest_ms)
    missing = missing_roles(gate, now_ms)
    return GateView(
        gate=gate.gate,
        part=gate.part,
        opened_ms=run.gate_opened_ms,
        binding=binding_of(gate.run, gate.gate, gate.part, gate.plan_version, newest.digest),
        evidence_digest=newest.digest,
        evidence_ms=newest.at_ms,
        is_fresh=is_fresh(newest, gate.plan, now_ms),
        missing=missing,
        stops=stops(run, now_ms, day),
        warnings=tuple(rule.text for rule in rules if not rule.stops),
        approvals=_approvals(gate, now_ms),
        escalated=run.escalated,
        evidence_until_ms=newest.at_ms + gate.plan.evidence_age_max_s * 1_000,
        roles=gate.plan.roles,
        free=tuple(RoleView(role, _free(gate, role, now_ms, people)) for role in missing) if people else (),
    )


def _free(gate: Gate, role: str, now_ms: int, people: Sequence[Person]) -> tuple[str, ...]:
    return tuple(one.name for one in people if role in one.roles and is_free(one.name, gate, now_ms))


def _approvals(gate: Gate, now_ms: int) -> tuple[ApprovalView, ...]:
    return tuple(
        ApprovalView(
            who=one.who,
            role=one.role,
            at_ms=one.at_ms,
            is_valid=is_valid(one, gate, now_ms),
            is_glass=bool(one.seal),
            until_ms=one.shown_ms + gate.plan.evidence_age_max_s * 1_000,
        )
        for one in gate.approvals
    )


def steps_of(run: Run, running: Sequence[str] = ()) -> tuple[StepView, ...]:
    """Every step, and behind them what is taken back."""
    plan = run.known_plan
    forward = tuple(_step(run, step, False, step.name in running) for step in plan.step)
    back = tuple(_step(run, step, True, f"{step.name} (undo)" in running) for step in plan.step if step.name in run.undos)
    return forward + back


def _step(run: Run, step: Step, is_undo: bool, is_running: bool) -> StepView:
    kept = run.standing(step.name, is_undo)
    if kept.is_done:
        standing = kept.how
    elif is_running:
        standing = "under-way"
    elif kept.failures or (run.state is State.DONE and run.known_plan.beside(step)):
        standing = "failed"  # of two ways at once, the one that the run was done without
    elif not is_undo and step.instead_of and run.is_settled(step) and not step.at_once:
        standing = "not-needed"
    else:
        standing = "waiting"
    deed = step.undo if is_undo and step.undo is not None else step.do
    return StepView(
        name=step.name,
        phase=step.phase.value,
        action=kind_of(deed),
        standing=standing,
        detail=kept.detail,
        attempts=kept.attempts,
        is_undo=is_undo,
        is_reversible=step.reversible,
        began_ms=kept.began_ms,
        ended_ms=kept.ended_ms,
        checklist=deed.checklist if isinstance(deed, ManualDeed) else (),
        ticked=tuple(sorted(run.ticks.get((step.name, is_undo), {}))),
    )


def row_of(entry: e.Entry) -> LogRow:
    """A line in words."""
    event = entry.event
    what = str(event.__struct_config__.tag)
    who = str(getattr(event, "who", ""))
    second = str(getattr(event, "second", ""))
    return LogRow(entry.number, entry.at_ms, entry.term, what, f"{who} and {second}" if second else who, _words(event))


def _words(event: e.Happening) -> str:
    match event:
        case e.Declared():
            return f"as {event.role}, epoch {event.epoch} is to end: {event.why}"
        case e.EvidenceTaken():
            return f"snapshot {event.digest[:12]}"
        case e.GateOpened():
            return f"gate {event.gate}" + (f" in parts: {', '.join(event.parts)}" if event.parts != ("",) else "")
        case e.Approved():
            return f"gate {event.gate} {event.part} as {event.role} on evidence {event.evidence_digest[:12]}: {event.why}"
        case e.BrokeGlass():
            return f"gate {event.gate} ALONE with the code {event.seal} on evidence {event.evidence_digest[:12]}: {event.why}"
        case e.Denied() | e.Withdrawn():
            return f"gate {event.gate}: {event.why}"
        case e.GatePassed():
            return f"gate {event.gate} {event.part}".rstrip()
        case e.Observed():
            return f"{_of(event)}: {event.sight} {event.detail}".rstrip()
        case e.Intended():
            return f"{_of(event)}, attempt {event.attempt}" + (", without a copy at the peer" if event.is_alone else "")
        case e.Finished():
            return f"{_of(event)}: {event.result} {event.detail}".rstrip()
        case e.Answered():
            return f"{_of(event)}: {event.how}: {event.evidence}"
        case e.Ticked():
            return f"{_of(event)}, line {event.line}: {event.saw}"
        case e.Said():
            return f"{event.topic}: {event.text}"
        case e.PhaseDone():
            return f"{event.phase} {event.part}".rstrip()
        case e.Escalated():
            return f"gate {event.gate}, level {event.level}"
        case e.TermTaken() | e.Woke():
            return f"the orchestrator of {event.center}"
        case e.ClockSet():
            return f"the wall clock was set by {event.by_ms / 1_000:+.0f} s: its moments move along, what was seen is void"
        case e.Held() | e.Resumed() | e.AbortAsked() | e.PeerAway():
            return event.why
        case _:
            return ""


def _of(event: e.Observed | e.Intended | e.Finished | e.Answered | e.Ticked) -> str:
    return f"{event.step} (undo)" if event.is_undo else event.step


def is_gate_state(state: str) -> bool:
    """Does a run in this state wait for people?"""
    return state in {one.name for one in GATE_OF}
