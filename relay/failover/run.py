"""One failover run as its log tells it: entries in, standing out. Pure; nothing else remembers anything.

Owns the fold, and with it the safety rules: no gate without its approvals, no effect outside its phase, no effect before a
look, no way back after the point of no return. A log that breaks one cannot be folded (`BadHistory`), so a mistake of ours
stops the run and does not go on. It must never know time or chance. The trap: old logs are folded by new code, so a rule is
never made stricter without a thought for those (tests/relay/failover/logs).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import msgspec

from protocols.machine import Unexpected, next_state
from relay.errors import RelayError
from relay.failover import events as e
from relay.failover.approvals import Approval, Gate, Shown, missing_roles, same_person, saw_peer_away, signed_by_two, why_not
from relay.failover.moments import set_clock
from relay.failover.plan import Phase, Plan, Step, parse_plan
from relay.failover.states import BACKING, FOLLOWING, GATE_OF, INITIAL, PHASE_OF, PREPARING, TRANSITIONS, Event, State

TWO_SIGN = frozenset({"accept-loss", "alone"})
ABORTABLE = frozenset({State.DECLARED, State.G1_WAIT, State.INITIATING, State.G2_WAIT, State.PROMOTING})


class BadHistory(RelayError):
    """A log that says something that must not happen. Nothing is done on it."""

    exit_code = 3


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a step (or its undo) stands. `attempts` are intents, `failures` ends without success since people said "again"."""

    attempts: int = 0
    failures: int = 0
    has_looked: bool = False  # since the last wake or attempt, and it was not there
    is_done: bool = False
    how: str = ""  # done, found, waived, by-hand
    sight: str = ""
    detail: str = ""
    began_ms: int = 0
    intended_ms: int = 0
    ended_ms: int = 0
    is_open: bool = False  # an intent whose end nobody wrote down


class Run:
    """Everything that is known of the newest run of a log; `state` is IDLE before its first line."""

    def __init__(self) -> None:
        self.state: State = INITIAL
        self.run_id = ""
        self.plan: Plan | None = None
        self.plan_text = ""
        self.plan_version = ""
        self.declarer = ""
        self.epoch = 0
        self.center = ""  # whose orchestrator acts
        self.term = 0
        self.declared_ms = 0
        self.prepared_ms = 0  # since when the preparation is good
        self.woke_ms = 0
        self.held = ""
        self.held_by = ""
        self.has_promoted = False  # the point of no return
        self.is_peer_away = False
        self.was_passed_alone = False  # all who passed the newest gate had seen that the peer is away
        self.steps: dict[str, Standing] = {}
        self.undos: dict[str, Standing] = {}
        self.shown: dict[str, Shown] = {}
        self.newest: Shown | None = None
        self.approvals: tuple[Approval, ...] = ()
        self.used_seals: frozenset[str] = frozenset()
        self.gate_opened_ms = 0
        self.is_gate_open = False
        self.escalated = 0
        self.parts: tuple[str, ...] = ("",)
        self.parts_done = 0
        self.said: dict[str, e.Said] = {}
        self.ticks: dict[tuple[str, bool], dict[int, e.Ticked]] = {}
        self.path: list[tuple[State, int]] = []  # states and when they began

    # ---- what is asked of it -----------------------------------------------------------------------------------------
    @property
    def new_epoch(self) -> int:
        return self.epoch + 1

    @property
    def part(self) -> str:
        """Which part of the release is next, or under way."""
        return self.parts[min(self.parts_done, len(self.parts) - 1)]

    @property
    def known_plan(self) -> Plan:
        if self.plan is None:
            raise BadHistory("no run was declared.")
        return self.plan

    def standing(self, step: str, is_undo: bool = False) -> Standing:
        return (self.undos if is_undo else self.steps).get(step, Standing())

    def gate(self) -> Gate | None:
        """The gate that is open, as an approval has to fit it."""
        number = GATE_OF.get(self.state)
        if number is None or self.plan is None or not self.is_gate_open:
            return None
        return Gate(
            run=self.run_id,
            gate=number,
            part=self.part if number == 3 else "",
            plan=self.plan,
            plan_version=self.plan_version,
            declarer=self.declarer,
            shown=self.shown,
            approvals=self.approvals,
            used_seals=self.used_seals,
        )

    def steps_of(self, phase: Phase) -> tuple[Step, ...]:
        """The steps of a phase that are this run's business now: of a split release, those of the part."""
        steps = self.known_plan.in_phase(phase)
        if phase is Phase.RELEASE and self.part:
            return tuple(step for step in steps if (step.part or "online") == self.part)
        return steps

    def may_abort(self) -> bool:
        return self.state in ABORTABLE and not self.has_promoted

    def token(self, step: str, is_undo: bool = False) -> str:
        """What the world may know an effect by: the same for every try of it."""
        return f"{self.run_id}/{step}" + ("/undo" if is_undo else "")

    # ---- the fold ----------------------------------------------------------------------------------------------------
    def apply(self, entry: e.Entry) -> None:
        """Take in the next line. Raises BadHistory, with nothing moved."""
        event, now_ms = entry.event, entry.at_ms
        if entry.term < self.term:
            self._bad(entry, f"term {entry.term} after {self.term}")
        if self.state is INITIAL and not isinstance(event, e.Declared | e.TermTaken):
            self._bad(entry, "nothing was declared")
        match event:
            case e.Declared():
                self._declared(event, now_ms, entry)
            case e.TermTaken():
                self._term(event, entry)
            case e.Woke():
                self.woke_ms = now_ms
                self._forget_looks()
            case e.EvidenceTaken():
                self.newest = self.shown[event.digest] = Shown(event.digest, event.evidence, now_ms)
            case e.GateOpened():
                self._opened(event, now_ms, entry)
            case e.Approved() | e.BrokeGlass():
                self._approved(event, now_ms, entry)
            case e.Withdrawn():
                self.approvals = tuple(one for one in self.approvals if not same_person(one.who, event.who))
            case e.Denied():
                self._denied(event, now_ms, entry)
            case e.GatePassed():
                self._passed(event, now_ms, entry)
            case e.Observed() | e.Intended() | e.Finished() | e.Answered():
                self._stepped(event, now_ms, entry)
            case e.Ticked():
                self.ticks.setdefault((event.step, event.is_undo), {})[event.line] = event
            case e.Said():
                if event.topic not in TWO_SIGN or signed_by_two(event.who, event.second):
                    self.said[event.topic] = event
                    self.newest = self.newest and msgspec.structs.replace(self.newest, at_ms=0)  # old: it lacks what was said
            case e.PhaseDone():
                self._phase_done(event, now_ms, entry)
            case e.Held():
                self.held, self.held_by = event.why or "held", event.who
            case e.Resumed():
                self.held = self.held_by = ""
                self.prepared_ms = now_ms
            case e.AbortAsked():
                self._abort(now_ms, entry)
            case e.Undone():
                self._undone(now_ms, entry)
            case e.Escalated():
                self.escalated = event.level
            case e.PeerAway() | e.PeerBack():
                self.is_peer_away = isinstance(event, e.PeerAway)
            case e.ClockSet():
                set_clock(self, event.by_ms)
        self.term = entry.term

    def _declared(self, event: e.Declared, now_ms: int, entry: e.Entry) -> None:
        plan = parse_plan(event.plan_text)
        self._move(Event.DECLARE, now_ms, entry)
        self.plan = plan
        self.plan_text, self.plan_version = event.plan_text, event.plan_version
        self.run_id, self.declarer, self.epoch, self.center = event.run, event.who, event.epoch, event.center
        self.declared_ms = self.prepared_ms = now_ms

    def _term(self, event: e.TermTaken, entry: e.Entry) -> None:
        if entry.term <= self.term:
            self._bad(entry, "a term is taken only once")
        self.center = event.center
        self._forget_looks()

    def _forget_looks(self) -> None:
        """What was seen before a crash says nothing about now."""
        for kept in (self.steps, self.undos):
            for name, standing in kept.items():
                if not standing.is_done:
                    kept[name] = msgspec.structs.replace(standing, has_looked=False)

    def _opened(self, event: e.GateOpened, now_ms: int, entry: e.Entry) -> None:
        if event.gate == 1:
            self._move(Event.OPEN_GATE, now_ms, entry)
        if GATE_OF.get(self.state) != event.gate:
            self._bad(entry, f"gate {event.gate} cannot open in {self.state.name}")
        if event.gate == 3 and not self.parts_done:
            self.parts = event.parts
        if event.gate > 1 or self.parts_done:
            self.shown, self.newest = {}, None  # what was seen at another gate says nothing at this one
        self.gate_opened_ms, self.is_gate_open, self.escalated, self.approvals = now_ms, True, 0, ()

    def _approved(self, event: e.Approved | e.BrokeGlass, now_ms: int, entry: e.Entry) -> None:
        is_glass = isinstance(event, e.BrokeGlass)
        approval = Approval(
            who=event.who,
            role="" if isinstance(event, e.BrokeGlass) else event.role,
            part=event.part,
            evidence_digest=event.evidence_digest,
            binding=event.binding,
            at_ms=now_ms,
            shown_ms=self.shown[event.evidence_digest].at_ms if event.evidence_digest in self.shown else 0,
            seal=event.seal if isinstance(event, e.BrokeGlass) else "",
            why=event.why,
        )
        refusal = why_not(self.gate(), event.gate, approval)
        if refusal is not None:
            self._bad(entry, refusal.value)
        if self.held:
            self._bad(entry, "the run is held")
        if is_glass:
            self.used_seals |= {approval.seal}
        kept = tuple(one for one in self.approvals if not same_person(one.who, event.who))
        self.approvals = (*(one for one in kept if is_glass or one.role != approval.role), approval)

    def _denied(self, event: e.Denied, now_ms: int, entry: e.Entry) -> None:
        if GATE_OF.get(self.state) != event.gate:
            self._bad(entry, f"gate {event.gate} is not open")
        if self.may_abort():
            self._abort(now_ms, entry)
        else:
            self.approvals = ()
            self.held, self.held_by = f"gate {event.gate} was denied: {event.why}", event.who

    def _passed(self, event: e.GatePassed, now_ms: int, entry: e.Entry) -> None:
        gate = self.gate()
        if gate is None or gate.gate != event.gate or gate.part != event.part:
            self._bad(entry, f"gate {event.gate} is not open")
        elif missing := missing_roles(gate, now_ms):
            self._bad(entry, f"gate {event.gate} lacks {', '.join(missing)}")
        elif self.held:
            self._bad(entry, "the run is held")
        self.was_passed_alone = saw_peer_away(gate, now_ms)
        self._move(Event.PASS_GATE, now_ms, entry)

    def _stepped(self, event: e.Observed | e.Intended | e.Finished | e.Answered, now_ms: int, entry: e.Entry) -> None:
        step = self.known_plan.find(event.step)
        if step is None:
            self._bad(entry, f"there is no step {event.step}")
            return
        kept = self.undos if event.is_undo else self.steps
        standing = kept.get(event.step, Standing(began_ms=now_ms))
        replace = msgspec.structs.replace
        match event:
            case e.Observed():
                is_absent = event.when == "before" and event.sight == "absent"
                looked = is_absent or (standing.has_looked and event.when == "after")
                standing = replace(standing, sight=event.sight, detail=event.detail, has_looked=looked)
            case e.Intended():
                why_not_now = self.why_not_intend(step, event.is_undo)
                if why_not_now or event.attempt != standing.attempts + 1:
                    self._bad(entry, why_not_now or f"{step.name}: attempt {event.attempt} after {standing.attempts}")
                if not step.reversible and not event.is_undo:
                    self.has_promoted = True
                standing = replace(
                    standing, attempts=event.attempt, has_looked=False, intended_ms=now_ms, is_open=True, sight="", detail=""
                )
            case e.Finished():
                is_done = event.result != "failed"
                standing = replace(
                    standing,
                    is_done=is_done,
                    how=event.result if is_done else "",
                    failures=standing.failures + (not is_done),
                    detail=event.detail,
                    ended_ms=now_ms,
                    is_open=standing.is_open and not is_done,
                    has_looked=False,
                )
            case e.Answered():
                if event.how == "again":
                    standing = replace(standing, failures=0, detail="")
                else:
                    if not signed_by_two(event.who, event.second):
                        self._bad(entry, f"{event.how} is signed by two people")
                    standing = replace(standing, is_done=True, how=event.how, detail=event.evidence, ended_ms=now_ms)
                if not self.held_by:
                    self.held = ""  # the machine stopped because of a step, and people answered
        kept[event.step] = standing
        if standing.is_done and standing.how != "waived" and not (step.reversible or event.is_undo or self.state in BACKING):
            self.has_promoted = True  # made by people, or found: it cannot be taken back either

    def why_not_intend(self, step: Step, is_undo: bool) -> str:
        """The safety rules before each effect; "" where it may begin."""
        standing = self.standing(step.name, is_undo)
        if why := self.why_not_now(step, is_undo):
            return why
        if standing.is_done:
            return f"{step.name} is done"
        if not standing.has_looked:
            return f"{step.name} was begun without a look whether it is there already"
        return "the run is held" if self.held else ""

    def why_not_now(self, step: Step, is_undo: bool) -> str:
        """Is it the time of this step at all? "" where it is."""
        if is_undo:
            allowed = self.state in BACKING and not self.has_promoted
        elif step.phase is Phase.PREPARE:
            allowed = self.state in PREPARING
        else:
            is_now = PHASE_OF.get(self.state) is step.phase and step in self.steps_of(step.phase)
            allowed = is_now or self.catches_up(step)
        return "" if allowed else f"{step.name} is not done in {self.state.name}"

    def _phase_done(self, event: e.PhaseDone, now_ms: int, entry: e.Entry) -> None:
        phase = PHASE_OF.get(self.state)
        if phase is None or phase.value != event.phase:
            self._bad(entry, f"{event.phase} cannot end in {self.state.name}")
            return
        open_steps = [step.name for step in self.steps_of(phase) if not self.is_settled(step)]
        if open_steps:
            self._bad(entry, f"{event.phase} has not done {', '.join(open_steps)}")
        if phase is Phase.RELEASE and self.parts_done + 1 < len(self.parts):
            self._move(Event.PART_DONE, now_ms, entry)
        else:
            self._move(Event.PHASE_DONE, now_ms, entry)
        if phase is Phase.RELEASE:
            self.parts_done += 1

    def is_settled(self, step: Step) -> bool:
        """Is nothing left to do for it? A second choice is settled with the first one, and the first one with it."""
        first = step.instead_of or step.name
        return self.standing(first).is_done or self._any_stood_in(first)

    def catches_up(self, step: Step) -> bool:
        """One of two ways at once, of which the other has sufficed: it is brought there, too, until the run is over."""
        return self.state in FOLLOWING and bool(self.known_plan.beside(step)) and self.is_settled(step)

    def _any_stood_in(self, first: str) -> bool:
        return any(other.instead_of == first and self.standing(other.name).is_done for other in self.known_plan.step)

    def _abort(self, now_ms: int, entry: e.Entry) -> None:
        if not self.may_abort():
            self._bad(entry, f"there is no way back from {self.state.name}")
        self.held = self.held_by = ""
        self._move(Event.ABORT, now_ms, entry)

    def _undone(self, now_ms: int, entry: e.Entry) -> None:
        owed = [step.name for step in self.owed_back() if not self.standing(step.name, True).is_done]
        if owed:
            self._bad(entry, f"not taken back: {', '.join(owed)}")
        self._move(Event.UNDONE, now_ms, entry)

    def owed_back(self) -> tuple[Step, ...]:
        """Steps of which something may be in the world, newest in the plan first."""
        begun = (
            step
            for step in self.known_plan.step
            if self.standing(step.name).attempts or self.standing(step.name).how == "by-hand"
        )
        return tuple(reversed([step for step in begun if step.must_be_undone]))

    def _move(self, event: Event, now_ms: int, entry: e.Entry) -> None:
        try:
            self.state = next_state(TRANSITIONS, self.state, event)
        except Unexpected as error:
            self._bad(entry, str(error))
        self.path.append((self.state, now_ms))
        self.is_gate_open, self.approvals = False, ()

    def _bad(self, entry: e.Entry, why: str) -> NoReturn:
        raise BadHistory(f"line {entry.number} of the run log must not be: {why}.", "Nothing was done. See docs/failover.md.")


def fold(entries: Iterable[e.Entry]) -> Run:
    """The run that a log tells of. Raises BadHistory."""
    run = Run()
    for entry in entries:
        run.apply(entry)
    return run
