"""One history of a failover run: two orchestrators, people with a script, faults from a seed, kills at chosen points, and
the verdict.

Owns the script of the people and the invariants. It must never help the run: people approve, deny, answer for failed steps
and restart what has died, as they would. The trap: a history that hangs is a failure, too, so every one has an end of its
own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

import msgspec

from relay.errors import RelayError
from relay.failover import events as e
from relay.failover.chain import read_log
from relay.failover.evidence import binding_of
from relay.failover.run import Run
from relay.failover.states import GATE_OF, TERMINAL, State
from tests.simulation.virtualloop import VirtualLoop
from tests.support.failoverdisk import Killed
from tests.support.failoverworld import OLD_EPOCH, UIDS, Office, Wire, World, sample_plan
from tests.support.virtualtime import VirtualTime

MORNING_MS = 1_795_482_000_000  # 2026-11-24 10:00 in Japan, a Tuesday after a holiday
STEP_MS = 500
LONG_MS = 4 * 3_600_000
THINK_MS = 8_000


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """`abort_in`: the state in which a person calls it off. `deny`: that gate. `nobody`: no gate is ever approved. `kills`:
    points at which the acting process dies, each counted from its last start."""

    plan: str = "unplanned"
    abort_in: str = ""
    abort_after_ms: int = 1_000
    deny: int = 0
    nobody: bool = False
    one_person: bool = False
    kills: tuple[int, ...] = ()
    faults: int = 0
    checkpoint: bool = False  # somebody knows where the night's batch stands
    lie: str = ""
    dead_dns: bool = False
    dead_cloud: str = ""  # how Route 53's control plane answers: refused, hangs
    cloud_back_in: str = ""  # the state in which it is well again
    cut_in: str = ""  # the state in which the other center goes away for good
    adopt_in: str = ""  # the state in which the other center takes the run
    start_ms: int = MORNING_MS
    long_ms: int = LONG_MS


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    state: str
    violations: tuple[str, ...]
    points: int  # kill points that the first process passed
    kills: int
    promotions: int
    effects: int
    elapsed_ms: int
    entries: int


class History:
    def __init__(self, script: Script, seed: int = 1) -> None:
        self.script = script
        self.time = VirtualTime(script.start_ms)
        self.loop = VirtualLoop(self.time, Random(seed))
        self.world = World(self.time, Random(seed + 1), script.faults)
        self.world.lie, self.world.dead_dns, self.world.dead_cloud = script.lie, script.dead_dns, script.dead_cloud
        self.kills = list(script.kills)
        self.kill_count = self.points = 0
        self.tasks: list[asyncio.Task[object]] = []
        to_osaka, to_tokyo = Wire(), Wire()
        with self.loop.running():
            self.tokyo, self.osaka = Office(self.world, "tokyo", to_osaka), Office(self.world, "osaka", to_tokyo)
        self.offices = {"tokyo": self.tokyo, "osaka": self.osaka}
        self._connect()
        self.office = self.tokyo
        self.world.is_effect_known = lambda step, undo: self.office.is_known(step, undo)
        self.since_ms: dict[str, int] = {}
        self.done_once: set[str] = set()

    def _connect(self) -> None:
        self.tokyo.wire.replica, self.osaka.wire.replica = self.osaka.replica, self.tokyo.replica

    # ---- going on ------------------------------------------------------------------------------------------------------
    def play(self) -> Outcome:
        with self.loop.running():
            for office in self.offices.values():
                self._begin(office)
            self._next_kill()
            while self.time.wall_ms() < self.script.start_ms + self.script.long_ms:
                self.time.run(STEP_MS)
                if self.office.executioner.is_dead:
                    self._bury()
                    continue
                run = self.office.keeper.run
                if run.state in TERMINAL and not self.office.runner.running:
                    break
                try:
                    self._people()
                except Killed:
                    continue
            self.time.run(10_000)
            for office in self.offices.values():
                office.runner.stop()
            self.time.run(60_000)
        return self._judge()

    def _begin(self, office: Office) -> None:
        self.tasks.append(self.loop.create_task(self._living(office)))

    async def _living(self, office: Office) -> None:
        runner = office.runner
        await runner.claim()
        await runner.run()

    def _next_kill(self) -> None:
        executioner = self.office.executioner
        executioner.count = 0
        executioner.kill_at = self.kills.pop(0) if self.kills else 0

    def _bury(self) -> None:
        """The process is gone; systemd starts it again."""
        self.kill_count += 1
        self.points = max(self.points, self.office.executioner.count)
        self.office.runner.stop()
        self.time.run(100)
        self.office.start()
        self._connect()
        self._begin(self.office)
        self._next_kill()

    # ---- people --------------------------------------------------------------------------------------------------------
    def _people(self) -> None:
        office, script = self.office, self.script
        run, desk = office.keeper.run, office.desk
        state = run.state.name
        if run.state is State.IDLE:
            if self._waited("declare", 2_000):
                self.tasks.append(
                    self.loop.create_task(
                        desk.declare(sample_plan(script.plan), "Abe", "operations", "tokyo is gone", UIDS["Abe"])
                    )
                )
            return
        try:
            if script.cloud_back_in == state:
                self.world.dead_cloud = ""
            if script.cut_in == state:
                self.tokyo.wire.is_cut = self.osaka.wire.is_cut = True
            if script.adopt_in == state and "adopt" not in self.done_once:
                self._adopt()
                return
            if script.abort_in == state and run.may_abort() and self._waited(f"abort {state}", script.abort_after_ms):
                desk.abort(run.run_id, "Doi", "the region is back", UIDS["Doi"])
                return
            if script.checkpoint and "batch-checkpoint" not in run.said:
                desk.say(run.run_id, "batch-checkpoint", "step 14 of 30", "Abe", "", UIDS["Abe"])
            if run.held:
                self._answer()
            elif run.state in GATE_OF and run.is_gate_open and not script.nobody:
                self._decide(GATE_OF[run.state])
        except RelayError:
            return  # refused: they look again

    def _waited(self, what: str, ms: int) -> bool:
        now_ms = self.time.wall_ms()
        if now_ms - self.since_ms.setdefault(what, now_ms) < ms:
            return False
        del self.since_ms[what]
        return True

    def _decide(self, gate: int) -> None:
        run, desk = self.office.keeper.run, self.office.desk
        if run.newest is None or not self._waited(f"gate {gate}", THINK_MS):
            return
        part = self.office.keeper.run.part if gate == 3 else ""
        seen = binding_of(run.run_id, gate, part, run.plan_version, run.newest.digest)
        if self.script.deny == gate:
            desk.deny(run.run_id, gate, "Chiba", "business", "too early", UIDS["Chiba"])
            return
        for step in run.known_plan.step:
            failed = run.standing(step.name)
            if failed.failures >= step.tries and not failed.is_done:
                desk.answer(run.run_id, step.name, "again", "Baba", "", "", UIDS["Baba"])
        with suppress(RelayError):  # approved already, before the process died
            desk.approve(run.run_id, gate, "Baba", "operations", seen, "seen", UIDS["Baba"])
        if not self.script.one_person:
            desk.approve(run.run_id, gate, "Chiba", "business", seen, "seen", UIDS["Chiba"])

    def _answer(self) -> None:
        run, desk = self.office.keeper.run, self.office.desk
        if not self._waited("held", 10_000):
            return
        if run.is_peer_away and "alone" not in run.said:
            for who, second in (("Baba", "Chiba"), ("Chiba", "Baba")):
                desk.say(run.run_id, "alone", "osaka's orchestrator is stopped", who, second, UIDS[who])
        for step in run.known_plan.step:
            for is_undo in (False, True):
                standing = run.standing(step.name, is_undo)
                if standing.failures and not standing.is_done:
                    desk.answer(run.run_id, step.name, "again", "Baba", "", "mended", UIDS["Baba"], is_undo)
        if run.held:
            desk.resume(run.run_id, "Baba", "mended", UIDS["Baba"])

    def _adopt(self) -> None:
        other = self.osaka
        run = self.office.keeper.name

        async def adopting() -> None:
            if other.wire.is_cut:
                await other.desk.adopt(run, "Chiba", "Baba", "tokyo's host is lost", UIDS["Chiba"])
            await other.desk.adopt(run, "Baba", "Chiba" if other.wire.is_cut else "", "tokyo's host is lost", UIDS["Baba"])

        if self.script.cut_in:
            self.tokyo.executioner.is_dead = True  # it is stopped, as two people say
            self.tokyo.runner.stop()
        task = self.loop.create_task(adopting())
        self.tasks.append(task)
        self.time.run(200)
        if task.done() and task.exception() is None:
            self.done_once.add("adopt")
            self.office = other

    # ---- the verdict ---------------------------------------------------------------------------------------------------
    def _judge(self) -> Outcome:
        world, office = self.world, self.office
        wrong = list(world.violations)
        wrong += [f"{type(error).__name__}: {error}" for error in self.loop.failures if not isinstance(error, Killed)]
        run = office.keeper.run
        if not office.keeper.name:
            wrong.append("nothing was declared")
        else:
            log = read_log(bytes(office.files[office.keeper.name]))
            again = Run()
            for entry in log.entries:
                if again.state in TERMINAL and isinstance(entry.event, e.Observed | e.Intended | e.Finished):
                    wrong.append(f"line {entry.number} is of a step, and the run was over")
                again.apply(entry)
            if (again.state, again.steps, again.undos) != (run.state, run.steps, run.undos):
                wrong.append("the log folds to another state")
            wrong += self._in_order([entry.event for entry in log.entries])
            if not self.script.cut_in and not self.script.adopt_in:
                copy = bytes(self.osaka.files.get(office.keeper.name, b""))
                if copy != bytes(office.files[office.keeper.name]):
                    wrong.append("the peer's copy differs")
        if run.state is State.DONE:
            for name, relay in world.relays.items():
                if (relay.region, relay.epoch) != ("osaka", OLD_EPOCH + 1) or relay.blocked:
                    wrong.append(f"done, and {name} does not serve")
            told = [step.name for step in run.known_plan.step if step.at_once and run.standing(step.name).is_done]
            if told and (world.hosted.epoch, world.hosted.region) != (OLD_EPOCH + 1, "osaka"):
                wrong.append(f"done, and {told} is not")
            if world.writer != "osaka":
                wrong.append("done, and osaka is not the writer")
        if run.state is State.ABORTED:
            for name, relay in world.relays.items():
                if relay.region != "tokyo" or relay.epoch != OLD_EPOCH or relay.sealed or relay.blocked:
                    wrong.append(f"aborted, and {name} does not serve as before")
            left = [name for name, (is_on, _) in world.flags.items() if is_on]
            if left or world.promoted_ms or {world.record.epoch, world.hosted.epoch} != {OLD_EPOCH}:
                wrong.append(f"aborted, and this is left: {left}")
        return Outcome(
            state=run.state.name,
            violations=tuple(wrong),
            points=max(self.points, office.executioner.count),
            kills=self.kill_count,
            promotions=len(world.promoted_ms),
            effects=len(world.effects),
            elapsed_ms=self.time.wall_ms() - self.script.start_ms,
            entries=len(office.keeper.entries),
        )

    def _in_order(self, events: list[e.Happening]) -> list[str]:
        """No effect before its gate, in the log itself; what the fold forbids is looked at once more, by other code."""
        wrong, passed = [], set()
        approvals: dict[int, set[tuple[str, str]]] = {}
        plan = self.office.keeper.run.known_plan
        needed = {"prepare": 0, "initiate": 1, "promote": 2, "dns": 2, "verify": 2, "release": 3}
        for event in events:
            match event:
                case e.Approved():
                    approvals.setdefault(event.gate, set()).add((event.who, event.role))
                case e.GatePassed():
                    passed.add(event.gate)
                    signed = approvals.pop(event.gate, set())
                    if len({who for who, _ in signed}) < 2 or len({role for _, role in signed}) < 2:
                        wrong.append(f"gate {event.gate} passed with {signed}")
                case e.Intended() if not event.is_undo:
                    gate = needed[plan.named(event.step).phase]
                    if gate and gate not in passed:
                        wrong.append(f"{event.step} before gate {gate}")
        return wrong


def play(script: Script, seed: int = 1) -> Outcome:
    return History(script, seed).play()
