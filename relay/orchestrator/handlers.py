"""The commands of `relay failover` in the orchestrator: arguments to the desk, with the user id that the kernel reports.

Owns the match of words and methods. It must never decide. The trap: the user id is the question's own (CALLER_UID), taken
before anything is awaited; whoever takes it later may get another's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from relay.clock import Clock
from relay.control import failover as c
from relay.control.commands import StatusArgs
from relay.control.report import Done
from relay.control.server import CALLER_UID, Handler
from relay.failover.actions.port import Action
from relay.failover.deeds import Deed
from relay.failover.desk import Desk
from relay.failover.evaluation import evaluate
from relay.failover.evidence import Evidence, epoch_known
from relay.failover.plan import parse_plan, version_of
from relay.failover.report import report_html, report_json, report_of
from relay.failover.runner import Runner
from relay.failover.view import RunView, view_of
from relay.orchestrator.plans import PlanFolder


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
    ) -> None:
        self._runner, self._desk, self._clock, self._center = runner, desk, clock, center
        self._gather, self._make, self._plans = gather, make, plans

    def all(self) -> Mapping[str, Handler]:
        return {
            "failover-status": self._status,
            "failover-check": self._check,
            "failover-declare": self._declare,
            "failover-gate": self._gate,
            "failover-run": self._run,
            "failover-step": self._step,
            "failover-say": self._say,
            "failover-report": self._report,
        }

    def _status(self, _: StatusArgs) -> RunView:
        runner, keeper = self._runner, self._runner.keeper
        return view_of(
            keeper.run,
            keeper.entries,
            self._clock.wall_ms(),
            runner.day,
            center=self._center,
            may_act=runner.may_act and keeper.run.center in ("", self._center),
            stopped=runner.stopped,
            running=runner.running,
            last_hash=keeper.last,
        )

    async def _check(self, args: c.FailoverCheckArgs) -> c.FailoverChecked:
        plan = parse_plan(self._plans.must_have(args.plan_text))
        made = await evaluate(plan, self._make, epoch_known(await self._gather()), self._center)
        rows = tuple(c.FindingRow(where=one.where, problem=one.problem, next_step=one.next_step) for one in made.findings)
        return c.FailoverChecked(plan=plan.name, version=version_of(args.plan_text), findings=rows, looked=made.looked)

    async def _declare(self, args: c.FailoverDeclareArgs) -> Done:
        uid = CALLER_UID.get()
        text = self._plans.must_have(args.plan_text)
        run = await self._desk.declare(text, args.who, args.role, args.why, uid, args.epoch)
        return Done(f"declared: {run}")

    def _gate(self, args: c.FailoverGateArgs) -> Done:
        uid, desk = CALLER_UID.get(), self._desk
        match args.how:
            case "approve":
                return Done(desk.approve(args.run, args.gate, args.who, args.role, args.seen, args.why, uid))
            case "deny":
                return Done(desk.deny(args.run, args.gate, args.who, args.role, args.why, uid))
            case "withdraw":
                return Done(desk.withdraw(args.run, args.gate, args.who, args.why, uid))
            case _:
                return Done(desk.break_glass(args.run, args.gate, args.who, args.code, args.seen, args.why, uid))

    async def _run(self, args: c.FailoverRunArgs) -> Done:
        uid, desk = CALLER_UID.get(), self._desk
        match args.how:
            case "hold":
                return Done(desk.hold(args.run, args.who, args.why, uid))
            case "resume":
                return Done(desk.resume(args.run, args.who, args.why, uid))
            case "abort":
                return Done(desk.abort(args.run, args.who, args.why, uid))
            case _:
                return Done(await desk.adopt(args.run, args.who, args.second, args.why, uid))

    def _step(self, args: c.FailoverStepArgs) -> Done:
        uid, desk = CALLER_UID.get(), self._desk
        if args.how == "tick":
            return Done(desk.tick(args.run, args.step, args.line, args.who, args.saw, uid, args.undo))
        return Done(desk.answer(args.run, args.step, args.how, args.who, args.second, args.saw, uid, args.undo))

    def _say(self, args: c.FailoverSayArgs) -> Done:
        return Done(self._desk.say(args.run, args.topic, args.text, args.who, args.second, CALLER_UID.get()))

    def _report(self, args: c.FailoverReportArgs) -> Done:
        keeper = self._runner.keeper
        report = report_of(keeper.run, keeper.entries, self._clock.wall_ms(), self._runner.day, self._center, keeper.last)
        return Done(report_html(report) if args.form == "html" else report_json(report).decode())
