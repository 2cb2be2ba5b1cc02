"""What people do to a run: declare, approve, deny, withdraw, break the glass, hold, resume, abort, call,
answer for a step, tick, say, adopt.

Owns the checks at the door (who may, in which role, for which run) and the lines that follow. It must never begin a step: the
runner does, from the log. The traps: the run that somebody means is named in every call, so that a word for yesterday's run
does nothing to today's; every refusal is written to the log of the process with its name, because a wrong approval is news;
a second signature is given by the second person and never for them; and adopting a run is refused as long as the other
orchestrator answers and does not let go.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from relay.clock import Clock
from relay.errors import ConfigurationError, RelayError
from relay.failover import events as e
from relay.failover.approvals import Approval, missing_roles, why_not
from relay.failover.bankday import rules_at
from relay.failover.cosign import Both, Cosigning, LoneRow, Told, half_of, row_of
from relay.failover.deeds import ManualDeed
from relay.failover.evidence import Evidence, binding_of, epoch_known
from relay.failover.peer import CopyAsk, Peer
from relay.failover.people import NotAllowed, People, Person
from relay.failover.plan import parse_plan, version_of
from relay.failover.plancheck import check_plan, left_out
from relay.failover.run import TWO_SIGN
from relay.failover.runner import Runner
from relay.failover.states import BACKING, TERMINAL, State
from relay.telemetry.log import get_log

_log = get_log("failover")
SEEN_CHARS_MIN = 12  # of a binding that is typed
CALL_AGAIN_MS = 60_000  # people are called by hand at most so often


class Desk:
    """Each method names who asks (`who`, as typed) and the user id that the kernel reported (`uid`). All raise RelayError."""

    def __init__(
        self, runner: Runner, people: People, peer: Peer, gather: Callable[[], Awaitable[Evidence]], clock: Clock, center: str
    ) -> None:
        self._runner = runner
        self._keeper = runner.keeper
        self._people = people
        self._peer = peer
        self._gather = gather
        self._clock = clock
        self._center = center
        self.cosigning = Cosigning()
        self._called_ms: int | None = None

    # ---- the beginning -------------------------------------------------------------------------------------------------
    async def declare(self, plan_text: str, who: str, role: str, why: str, uid: int, epoch: int = 0) -> str:
        """The name of the new run. `epoch` 0: the one that the relays know."""
        person = self._people.with_role(who, uid, role)
        plan = parse_plan(plan_text)
        findings = check_plan(plan)
        if findings:
            raise ConfigurationError(
                f"the plan {plan.name} is not safe: {findings[0].where}: {findings[0].problem}.", "relay failover check FILE"
            )
        now_ms = self._clock.wall_ms()
        for rule in rules_at(self._runner.day, plan.kind, 0, now_ms, None, 0):
            if rule.stops:
                raise RelayError(f"not now: {rule.text}.")
        await self._runner.ask_of_damaged()
        self._none_active()
        answer = await self._peer.copy(CopyAsk(run="", term=self._keeper.term))
        if answer.active and answer.kind != "away":
            raise RelayError(f"the run {answer.active} is not over at the other center.", "One run at a time.")
        evidence = await self._gather()
        if missing := left_out(plan, (one.center for one in evidence.centers)):
            raise ConfigurationError(f"the plan {plan.name} {missing[0].problem}.", missing[0].next_step)
        told = epoch_known(evidence)
        known = epoch or told
        if not known:
            raise RelayError("no relay says which epoch is known.", "Name it: --epoch N, as the record in DNS has it.")
        if known < told:  # its seal would be found made, by an earlier run, and the relays would go on speaking
            raise RelayError(f"epoch {known} is over: a relay is in epoch {told}.", "Leave --epoch out, or name the newest.")
        self._none_active()  # somebody may have been quicker while the relays were asked
        run = _run_name(now_ms, plan.name)
        self._keeper.begin(
            e.Declared(
                run=run,
                plan_text=plan_text,
                plan_version=version_of(plan_text),
                who=person.name,
                role=role,
                why=why,
                epoch=known,
                center=self._center,
            ),
            max(self._keeper.term, self._keeper.heard_term, answer.term) + 1,
        )
        self._runner.let_act()  # and it takes evidence: what was gathered above has the plan and the words of the run before
        return run

    def _none_active(self) -> None:
        self._keeper.records.must_be_clear()
        if self._keeper.run.state not in (*TERMINAL, State.IDLE):
            raise RelayError(
                f"the run {self._keeper.name} is not over.", "One run at a time: abort it, or bring it to its end."
            )

    # ---- gates ---------------------------------------------------------------------------------------------------------
    def approve(self, run: str, gate: int, who: str, role: str, seen: str, why: str, uid: int) -> str:
        """`seen`: the binding that was shown with the evidence, or its first digits."""
        person = self._mine(run, who, uid, role)
        shown, binding = self._meant(seen, gate)
        approval = Approval(
            who=person.name, role=role, part=self._part(), evidence_digest=shown, binding=binding, at_ms=self._clock.wall_ms()
        )
        self._or_refuse(gate, approval)
        self._write(
            e.Approved(
                gate=gate, part=approval.part, who=person.name, role=role, evidence_digest=shown, binding=binding, why=why
            ),
            approval.at_ms,
        )
        missing = () if (still := self._keeper.run.gate()) is None else missing_roles(still, approval.at_ms)
        waits = f"it waits for {', '.join(missing)}" if missing else "nobody is missing"
        return f"gate {gate}: {person.name} approves as {role}; {waits}"

    def break_glass(self, run: str, gate: int, who: str, code: str, seen: str, why: str, uid: int) -> str:
        """One person in place of two, with a code out of a sealed envelope."""
        person = self._mine(run, who, uid)
        seal = self._code(code, person)
        shown, binding = self._meant(seen, gate)
        approval = Approval(
            who=person.name,
            role="",
            part=self._part(),
            evidence_digest=shown,
            binding=binding,
            at_ms=self._clock.wall_ms(),
            seal=seal,
        )
        self._or_refuse(gate, approval)
        self._write(
            e.BrokeGlass(
                gate=gate, part=approval.part, who=person.name, seal=seal, evidence_digest=shown, binding=binding, why=why
            ),
            approval.at_ms,
        )
        _log.error("GLASS BROKEN: one person passes a gate of the failover run", run=run, gate=gate, who=person.name, why=why)
        self._runner.page(f"GLASS BROKEN: {person.name} alone approves gate {gate} of the failover run {run}: {why}", "now")
        return f"gate {gate}: {person.name} has broken the glass with the code {seal}; everybody is told"

    def _code(self, typed: str, person: Person) -> str:
        try:
            seal = self._people.code(typed)
        except NotAllowed:
            _log.warning("a sealed code was refused", who=person.name)
            raise
        if seal in self._keeper.used_seals:
            _log.warning("a sealed code was refused: it was used before", who=person.name, code=seal)
            raise NotAllowed(f"the code {seal} was used before, in this run or an earlier one.", "Each code opens once.")
        return seal

    def _part(self) -> str:
        gate = self._keeper.run.gate()
        return "" if gate is None else gate.part

    def _meant(self, seen: str, gate: int) -> tuple[str, str]:
        """Digest and binding of the snapshot that `seen` means."""
        run = self._keeper.run
        if len(seen) < SEEN_CHARS_MIN:
            raise NotAllowed(f"say what you have seen: the first {SEEN_CHARS_MIN} digits at least.", "relay failover status")
        found = [
            (digest, binding)
            for digest in run.shown
            if (binding := binding_of(run.run_id, gate, self._part(), run.plan_version, digest)).startswith(seen.lower())
        ]
        if len(found) != 1:
            raise NotAllowed(
                "what you have seen belongs to another run, gate, plan or evidence.", "Look again: relay failover status"
            )
        return found[0]

    def _or_refuse(self, gate: int, approval: Approval) -> None:
        run = self._keeper.run
        refusal = why_not(run.gate(), gate, approval)
        if refusal is not None or run.held:
            why = refusal.value if refusal is not None else f"the run is held: {run.held}"
            _log.warning("an approval was refused", run=run.run_id, gate=gate, who=approval.who, role=approval.role, why=why)
            raise NotAllowed(f"gate {gate} is not approved: {why}.", "relay failover status shows what is open.")

    def deny(self, run: str, gate: int, who: str, role: str, why: str, uid: int) -> str:
        person = self._mine(run, who, uid, role or "(none)")
        open_gate = self._keeper.run.gate()
        if open_gate is None or open_gate.gate != gate:
            raise NotAllowed(f"gate {gate} is not open.")
        self._write(e.Denied(gate=gate, who=person.name, role=role, why=why))
        return f"gate {gate} is denied; " + ("the run is held" if self._keeper.run.held else "the run goes back")

    def withdraw(self, run: str, gate: int, who: str, why: str, uid: int) -> str:
        person = self._mine(run, who, uid)
        open_gate = self._keeper.run.gate()
        if open_gate is None or open_gate.gate != gate or not any(one.who == person.name for one in open_gate.approvals):
            raise NotAllowed(
                f"{person.name} has no approval of gate {gate} to withdraw.", "A gate that is passed stays passed: hold."
            )
        self._write(e.Withdrawn(gate=gate, who=person.name, why=why))
        return f"gate {gate}: the approval of {person.name} is withdrawn"

    # ---- the run -------------------------------------------------------------------------------------------------------
    def hold(self, run: str, who: str, why: str, uid: int) -> str:
        person = self._mine(run, who, uid)
        self._still_open()
        self._write(e.Held(who=person.name, why=why))
        return "held: nothing new begins; what is under way comes to its end"

    def escalate(self, run: str, who: str, why: str, uid: int) -> str:
        """People are called. Once a minute, whoever asks."""
        person = self._mine(run, who, uid)
        self._still_open()
        now_ms = self._clock.monotonic_ms()
        if self._called_ms is not None and now_ms - self._called_ms < CALL_AGAIN_MS:
            raise NotAllowed("people were called within the last minute.", "Give them that minute.")
        self._called_ms = now_ms
        gate = self._keeper.run.gate()
        if gate is not None:
            self._write(e.Escalated(gate=gate.gate, level=self._keeper.run.escalated + 1))
        where = "" if gate is None else f", gate {gate.gate}"
        _log.warning("somebody calls people", run=run, who=person.name, why=why)
        self._runner.page(f"{person.name} calls you to the failover run {run}{where}: {why}", "now")
        return "people are called"

    def resume(self, run: str, who: str, why: str, uid: int) -> str:
        person = self._mine(run, who, uid)
        if not self._keeper.run.held:
            raise NotAllowed("the run is not held.")
        self._write(e.Resumed(who=person.name, why=why))
        return "it goes on"

    def abort(self, run: str, who: str, why: str, uid: int) -> str:
        person = self._mine(run, who, uid)
        if not self._keeper.run.may_abort():
            state = self._keeper.run.state
            if state in TERMINAL:
                raise NotAllowed(f"the run is over: {state.name}.", "relay failover status")
            if state in BACKING:
                raise NotAllowed(f"it is being taken back already: {state.name}.", "relay failover status")
            raise NotAllowed(f"there is no way back from {state.name}.", "After the promotion: hold, mend, go on.")
        self._write(e.AbortAsked(who=person.name, why=why))
        return "the run goes back: what was done is taken back, under the same epoch"

    def answer(
        self, run: str, step: str, how: str, who: str, second: str, evidence: str, uid: int, is_undo: bool = False
    ) -> Told:
        """`how`: waived, by-hand (two sign), again."""
        person = self._mine(run, who, uid)
        self._step_known(step)
        if (f"{step} (undo)" if is_undo else step) in self._runner.running:
            raise NotAllowed(f"{step} is under way.", "Wait for its end.")
        match how:
            case "again":
                both = Both(person.name, "", evidence)
            case "waived" | "by-hand":
                self._may_stand_in(step, how, is_undo)
                signed = self._signed(("step", run, step, how, str(is_undo)), person, second, evidence)
                if signed is None:
                    return self._half(person, second)
                both = signed
            case _:
                raise NotAllowed(f'"{how}" is no answer.', "waived, by-hand or again.")
        self._write(e.Answered(step=step, how=how, who=both.who, second=both.second, evidence=both.text, is_undo=is_undo))
        return Told(f"{step}: {how}")

    def _may_stand_in(self, step: str, how: str, is_undo: bool) -> None:
        """What cannot be taken back is done, by the machine or by hand, in its own phase: nothing else ends it."""
        run = self._keeper.run
        found = run.known_plan.named(step)
        if found.reversible or is_undo:
            return
        if how == "waived":
            raise NotAllowed(f"{step} is the point of no return, and is not waived.", "by-hand when it is done, or abort.")
        if why := run.why_not_now(found, is_undo):
            raise NotAllowed(f"{why}.", "Its gate comes first.")

    def tick(self, run: str, step: str, line: int, who: str, saw: str, uid: int, is_undo: bool = False) -> str:
        person = self._mine(run, who, uid)
        self._step_known(step)
        found = self._keeper.run.known_plan.named(step)
        deed = found.undo if is_undo else found.do
        if not isinstance(deed, ManualDeed) or not 1 <= line <= len(deed.checklist):
            raise NotAllowed(f"{step} has no checklist line {line}.")
        if not self._keeper.run.standing(step, is_undo).attempts:
            raise NotAllowed(f"{step} is not begun.", "A line is ticked when its time has come.")
        self._write(e.Ticked(step=step, line=line, who=person.name, saw=saw, is_undo=is_undo))
        return f"{step}, line {line}: done"

    def say(self, run: str, topic: str, text: str, who: str, second: str, uid: int) -> Told:
        person = self._mine(run, who, uid)
        self._still_open()
        both = Both(person.name, "", text)
        if topic in TWO_SIGN:
            signed = self._signed(("say", run, topic), person, second, text)
            if signed is None:
                return self._half(person, second)
            both = signed
        match topic:
            case "batch-checkpoint" | "accept-loss" | "zengin" | "alone" | "remark":
                self._write(e.Said(topic=topic, text=both.text, who=both.who, second=both.second))
            case _:
                raise NotAllowed(
                    f'"{topic}" is nothing to be said here.', "batch-checkpoint, accept-loss, zengin, alone, remark"
                )
        return Told(f"{topic}: {text}")

    # ---- which orchestrator acts ---------------------------------------------------------------------------------------
    async def adopt(self, run: str, who: str, second: str, why: str, uid: int) -> Told:
        """This center's orchestrator goes on with the run. One signs where the other orchestrator answers and has heard of
        it; where it cannot be asked, two do, and say by it that they have seen it stopped. Until then nothing is done here:
        the line that takes the term is not yet a right to act."""
        person = self._people.who(who, uid)
        known = self._keeper.run
        if run in self._keeper.records.damaged:
            raise NotAllowed(
                f"the log of the run {run} is damaged here: nobody goes on from it.", "Adopt it at the other center."
            )
        if run != self._keeper.name or known.state in (*TERMINAL, State.IDLE):
            raise NotAllowed(f"there is no run {run} here that is not over.")
        if known.center == self._center and self._runner.may_act:
            raise NotAllowed("this orchestrator acts already.")
        answer = await self._peer.copy(CopyAsk(run=run, term=known.term))
        if answer.kind == "superseded" and answer.run_term > known.term:
            raise NotAllowed(f"term {answer.term} is known at the other center, and {known.term} here.", "Adopt it there.")
        if answer.active not in ("", run):  # also where it keeps no copy of this one: who is silent names none
            raise NotAllowed(f"the run {answer.active} is not over at the other center.", "One run at a time: end it first.")
        if answer.kind != "away" and answer.have > len(self._keeper.entries):
            raise NotAllowed("the other center has lines that are not here yet.", "Try again in a moment.")
        both = Both(person.name, "", why)
        if answer.kind == "away" or second:
            signed = self._signed(("adopt", run), person, second, why)
            if signed is None:
                return self._half(person, second)
            both = signed
        self._runner.may_act, last_ms = False, self._keeper.entries[-1].at_ms
        self._keeper.write(
            e.TermTaken(center=self._center, who=both.who, second=both.second, why=both.text), max(known.term, answer.term) + 1
        )
        self._runner.wake_up(last_ms)
        if not await self._runner.copier.flush() and not both.second:
            raise NotAllowed("the other center has not heard of it.", "Two people sign that its orchestrator has stopped.")
        self._runner.let_act()
        return Told(f"the orchestrator of {self._center} acts under term {self._keeper.run.term}")

    def lone(self) -> tuple[LoneRow, ...]:
        """First signatures that wait for the second."""
        now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
        return tuple(row_of(one, now_ms, wall_ms) for one in self.cosigning.waiting(now_ms))

    # ---- checks --------------------------------------------------------------------------------------------------------
    def _mine(self, run: str, who: str, uid: int, role: str = "") -> Person:
        try:
            person = self._people.with_role(who, uid, role) if role else self._people.who(who, uid)
        except NotAllowed as error:
            _log.warning("somebody was refused at the failover desk", who=who[:80], uid=uid, why=error.problem)
            raise
        if run != self._keeper.name or not run:
            raise NotAllowed(f"{run or 'no name'} is not the run that is here ({self._keeper.name or 'none'}).")
        if not self._runner.may_act or self._keeper.run.center != self._center:
            raise NotAllowed(
                f"the orchestrator of {self._keeper.run.center} acts in this run.", "Say it there, or adopt the run."
            )
        return person

    def _signed(self, what: tuple[str, ...], person: Person, second: str, text: str) -> Both | None:
        """Both who signed; None where the second has yet to. Raises NotAllowed."""
        other = self._people.second(second, person)
        both = self.cosigning.sign(what, person, other, text, self._clock.monotonic_ms())
        _log.warning("signed by two" if both else "signed by one of two", what=what, who=person.name, other=other.name)
        return both

    def _half(self, person: Person, second: str) -> Told:
        return half_of(person.name, second)

    def _still_open(self) -> None:
        if self._keeper.run.state in (*TERMINAL, State.IDLE):
            raise NotAllowed("the run is over.")

    def _step_known(self, step: str) -> None:
        self._still_open()
        if self._keeper.run.known_plan.find(step) is None:
            raise NotAllowed(f"there is no step {step}.")

    def _write(self, event: e.Happening, at_ms: int = 0) -> None:
        self._keeper.write(event, at_ms=at_ms)
        self._runner.wake()


def _run_name(now_ms: int, plan: str) -> str:
    moment = datetime.fromtimestamp(now_ms / 1_000, UTC)
    return re.sub(r"[^A-Za-z0-9-]", "-", f"{moment:%Y%m%d-%H%M%S}-{plan}")[:64]
