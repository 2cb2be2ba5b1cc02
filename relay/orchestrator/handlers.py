"""The commands of `relay failover` in the orchestrator: arguments to the desk, with the user id that the kernel reports.

Owns the match of words and methods. It must never decide. The traps: the user id is the question's own (CALLER_UID), taken
before anything is awaited; whoever takes it later may get another's; and every word for the desk goes through the door
(vouching.py) first, which knows a service by that user id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from relay.clock import Clock
from relay.control import failover as c
from relay.control.commands import StatusArgs
from relay.control.report import Done
from relay.control.server import CALLER_UID, Handler
from relay.failover.actions.port import Action
from relay.failover.codes import Codes
from relay.failover.cosign import Told
from relay.failover.deeds import Deed
from relay.failover.desk import Desk
from relay.failover.evaluation import Examine, evaluate
from relay.failover.evidence import Evidence, epoch_known
from relay.failover.layaside import LayingAside
from relay.failover.people import NotAllowed, People, Vouched
from relay.failover.plan import parse_plan, version_of
from relay.failover.plancheck import left_out
from relay.failover.planwatch import warning_of
from relay.failover.report import report_html, report_json, report_of
from relay.failover.room import PlanRow, RoomView, room_of
from relay.failover.runner import Runner
from relay.failover.states import TERMINAL, State
from relay.failover.view import RunView, view_of
from relay.failover.vouching import Door
from relay.orchestrator.plans import PlanFolder
from relay.orchestrator.watching import Watch

UNPROVEN = "(said at a console, without a code)"


class Handlers:
    def __init__(
        self,
        runner: Runner,
        desk: Desk,
        clock: Clock,
        center: str,
        gather: Callable[[], Awaitable[Evidence]],
        make: Callable[[Deed], Action],
        plans: PlanFolder,
        examine: Examine,
        watch: Watch,
        people: People,
        codes: Codes,
        laying: LayingAside,
    ) -> None:
        self._runner, self._desk, self._clock, self._center = runner, desk, clock, center
        self._gather, self._make, self._plans = gather, make, plans
        self._examine, self._watch = examine, watch
        self._people, self._codes, self._laying = people, codes, laying
        self._door = Door(people, codes, clock, runner.page)

    def all(self) -> Mapping[str, Handler]:
        return {
            "failover-status": self._status,
            "failover-room": self._room,
            "failover-check": self._check,
            "failover-declare": self._declare,
            "failover-gate": self._gate,
            "failover-run": self._run,
            "failover-step": self._step,
            "failover-tick": self._tick,
            "failover-say": self._say,
            "failover-lay-aside": self._lay_aside,
            "failover-report": self._report,
        }

    # ---- what is looked at -------------------------------------------------------------------------------------------
    def _status(self, _: StatusArgs) -> RunView:
        return self.view()

    def view(self) -> RunView:
        """What people are shown, and the metrics page."""
        runner, keeper = self._runner, self._runner.keeper
        view = view_of(
            keeper.run,
            keeper.entries,
            self._clock.wall_ms(),
            runner.day,
            center=self._center,
            may_act=runner.may_act and keeper.run.center in ("", self._center),
            stopped=runner.stopped,
            running=runner.running,
            last_hash=keeper.last,
            people=self._people.all(),
        )
        plans, gate = self._watch.views(), view.gate
        if gate is not None and (mind := warning_of(plans, view.plan_version, keeper.run.declared_ms)):
            gate = msgspec.structs.replace(gate, warnings=(*gate.warnings, mind))
        return msgspec.structs.replace(
            view,
            gate=gate,
            uncopied=runner.copier.missing,
            plans=plans,
            plans_trouble=self._watch.trouble,
            exercise_days=self._watch.settings.exercise_days,
            lone=self._desk.lone(),
            damaged=tuple(keeper.records.damaged.values()),
            copy_trouble=keeper.disk.trouble(),
        )

    def _room(self, args: c.FailoverRoomArgs) -> RoomView:
        plans: tuple[PlanRow, ...] = ()
        if self._runner.keeper.run.state in (*TERMINAL, State.IDLE):
            try:
                plans = self._plans.rows()
            except NotAllowed as error:
                plans = (PlanRow(file="*.toml", version="", problem=error.problem),)
        with_code = frozenset(one.name for one in self._people.all() if self._codes.has(one.name))
        return room_of(self._status(StatusArgs()), self._people, with_code, args.login, plans)

    async def _check(self, args: c.FailoverCheckArgs) -> c.FailoverChecked:
        plan = parse_plan(self._plans.must_have(args.plan_text))
        evidence = await self._gather()
        made = await evaluate(plan, self._make, epoch_known(evidence), self._center, self._examine)
        findings = (*made.findings, *left_out(plan, (one.center for one in evidence.centers)))
        rows = tuple(c.FindingRow(where=one.where, problem=one.problem, next_step=one.next_step) for one in findings)
        return c.FailoverChecked(plan=plan.name, version=version_of(args.plan_text), findings=rows, looked=made.looked)

    def _report(self, args: c.FailoverReportArgs) -> Done:
        keeper = self._runner.keeper
        report = report_of(keeper.run, keeper.entries, self._clock.wall_ms(), self._runner.day, self._center, keeper.last)
        return Done(report_html(report) if args.form == "html" else report_json(report).decode())

    # ---- what people say ---------------------------------------------------------------------------------------------
    def _caller(self, who: str, proof: str, *, only_stops: bool = False) -> tuple[str, int]:
        return self._door.caller(who, CALLER_UID.get(), proof, only_stops=only_stops)

    async def _declare(self, args: c.FailoverDeclareArgs) -> Done:
        who, uid = self._caller(args.who, args.proof)
        text = self._plans.must_have(args.plan_text) if args.plan_text else self._plans.of_version(args.version)
        run = await self._desk.declare(text, who, args.role, args.why, uid, args.epoch)
        mind = warning_of(self._watch.views(), version_of(text), self._clock.wall_ms())
        return Done(f"declared: {run}" + (f"; mind: {mind}" if mind else ""))

    def _gate(self, args: c.FailoverGateArgs) -> Done:
        desk = self._desk
        who, uid = self._caller(args.who, args.proof)
        match args.how:
            case "approve":
                return Done(desk.approve(args.run, args.gate, who, args.role, args.seen, args.why, uid))
            case "deny":
                return Done(desk.deny(args.run, args.gate, who, args.role, args.why, uid))
            case "withdraw":
                return Done(desk.withdraw(args.run, args.gate, who, args.why, uid))
            case _:
                return Done(desk.break_glass(args.run, args.gate, who, args.code, args.seen, args.why, uid))

    async def _run(self, args: c.FailoverRunArgs) -> Done:
        desk, only_stops = self._desk, args.how in ("hold", "escalate")
        who, uid = self._caller(args.who, args.proof, only_stops=only_stops)
        why = f"{args.why} {UNPROVEN}" if only_stops and isinstance(uid, Vouched) else args.why
        match args.how:
            case "hold":
                return Done(desk.hold(args.run, who, why, uid))
            case "escalate":
                return Done(desk.escalate(args.run, who, why, uid))
            case "resume":
                return Done(desk.resume(args.run, who, args.why, uid))
            case "abort":
                return Done(desk.abort(args.run, who, args.why, uid))
            case _:
                return _done(await desk.adopt(args.run, who, args.second, args.why, uid))

    def _step(self, args: c.FailoverStepArgs) -> Done:
        who, uid = self._caller(args.who, args.proof)
        if args.how == "tick":
            return Done(self._desk.tick(args.run, args.step, args.line, who, args.saw, uid, args.undo))
        return _done(self._desk.answer(args.run, args.step, args.how, who, args.second, args.saw, uid, args.undo))

    def _tick(self, args: c.FailoverTickArgs) -> Done:
        who, uid = self._caller(args.who, args.proof)
        said = [self._desk.tick(args.run, args.step, one.line, who, one.saw, uid, args.undo) for one in args.lines]
        return Done("; ".join(said))

    def _say(self, args: c.FailoverSayArgs) -> Done:
        who, uid = self._caller(args.who, args.proof)
        return _done(self._desk.say(args.run, args.topic, args.text, who, args.second, uid))

    async def _lay_aside(self, args: c.FailoverLayAsideArgs) -> Done:
        who, uid = self._caller(args.who, args.proof)
        return _done(await self._laying.lay_aside(args.run, args.seen, who, args.second, args.why, uid))


def _done(told: Told) -> Done:
    return Done(told.text, is_half=told.is_half)
