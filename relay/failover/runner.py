"""The run going on: asks `moves_of` what is next, begins it, writes it down, and asks again.

Owns the loop and the tasks of the steps that are under way. It must never decide. The traps: a step that is under way is
never begun a second time, whatever the log says; who finds that another orchestrator acts stops at once and writes nothing
more; and a run that this process finds at its start is not its own before the peer has been asked, or people have said so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from relay.bridge import spawn
from relay.clock import Clock
from relay.errors import RelayError
from relay.failover import decide as d
from relay.failover.actions.port import Workshop
from relay.failover.bankday import BankClock
from relay.failover.chain import ChainBroken
from relay.failover.events import ClockSet, Escalated, EvidenceTaken, GateOpened, GatePassed, Held, PhaseDone, Undone, Woke
from relay.failover.evidence import Evidence, digest_of
from relay.failover.keeper import Keeper, Superseded
from relay.failover.peer import Copier, CopyAsk, Peer, hold_for, state_told
from relay.failover.run import BadHistory
from relay.failover.states import TERMINAL, State
from relay.failover.steps import StepWorker
from relay.failover.store import StoreFailed
from relay.telemetry.log import get_log

_log = get_log("failover")
TICK_MS: Final = 1_000
PEER_AGAIN_MS: Final = 5_000
DAMAGE_AGAIN_MS: Final = 30_000  # longer than asking takes
CLOCK_STEP_MS: Final = 5_000  # a wall clock that moved this much against the monotonic one was set
FATAL: Final = (Superseded, StoreFailed, BadHistory, ChainBroken)


class Runner:
    """Args: `gather` takes a snapshot for the gates, and never raises. `page` calls people: a sentence, and how urgent it
    is."""

    def __init__(
        self,
        keeper: Keeper,
        peer: Peer,
        workshop: Workshop,
        gather: Callable[[], Awaitable[Evidence]],
        page: Callable[[str, str], None],
        *,
        center: str,
        clock: Clock,
        day: BankClock,
    ) -> None:
        self.keeper = keeper
        self.copier = Copier(keeper, peer)
        self._peer = peer
        self._worker = StepWorker(keeper, self.copier, workshop, clock, center)
        self._gather = gather
        self.page = page
        self._center = center
        self._clock = clock
        self.day = day
        self._wake = asyncio.Event()
        self._running: dict[d.RunStep, asyncio.Task[None]] = {}
        self._gathering: asyncio.Task[None] | None = None
        self._peer_asked_ms = 0
        self._damage_asked_ms = -DAMAGE_AGAIN_MS
        self._asking: asyncio.Task[None] | None = None
        self._gathered_ms = -TICK_MS
        self._offset_ms: int | None = None  # of the wall clock to the monotonic one, when last told
        self.may_act = False
        self.stopped = ""  # why this orchestrator does nothing any more

    # ---- whose run it is -----------------------------------------------------------------------------------------------
    async def claim(self) -> str:
        """At the start: may this process go on with the run that it has found? "" where it may, else why not."""
        await self.ask_of_damaged()
        run = self.keeper.run
        if run.state in (*TERMINAL, State.IDLE):
            return await self._claim_nothing()
        if run.center != self._center:
            return f"the orchestrator of {run.center} acts; this one keeps a copy"
        answer = await self._peer.copy(CopyAsk(run=self.keeper.name, term=run.term))
        if answer.kind == "superseded":
            if answer.run_term <= run.term:
                return f"the other center has had another run since, under term {answer.term}: adopt this one to end it"
            return f"the orchestrator of {answer.center} has taken this run under term {answer.term}"
        if answer.kind == "away" and self._peer.exists:
            return f"the peer cannot be asked whether it has taken this run: {answer.detail}"
        if answer.have > len(self.keeper.entries):
            return f"lines were lost here: the peer has {answer.have} of this run, and here are {len(self.keeper.entries)}"
        if self._peer.exists and not await self._is_copied():
            return f"the peer does not take the newest lines of this run: {self.copier.why}"
        self.wake_up(self.keeper.entries[-1].at_ms)
        if self._peer.exists and not await self._is_copied():  # a second process on the same log is told apart by this line
            return f"the peer does not take the newest lines of this run: {self.copier.why}"
        self.may_act = True
        return ""

    def wake_up(self, last_ms: int) -> None:
        """This process goes on where another one stopped, whose last line is of `last_ms`: what that one had under way may
        still land, and its clock was another one, or has been set back since."""
        back_ms = self._clock.wall_ms() - last_ms
        if back_ms < -CLOCK_STEP_MS:
            self.keeper.write(ClockSet(by_ms=back_ms))
        self.keeper.write(Woke(center=self._center))

    async def _claim_nothing(self) -> str:
        """No open run is here. The peer may have one that this disk has lost; one whose end it has not heard is told it."""
        answer = await self._peer.copy(CopyAsk(run=self.keeper.name, term=self.keeper.term))
        is_known = answer.active in ("", self.keeper.name) or self.keeper.earlier(answer.active)[1] is not None
        if answer.active in self.keeper.records.damaged:
            return f"the run {answer.active} is not over at the other center, and its log is damaged here: adopt it there"
        if answer.center == self._center and not is_known:
            return f"the run {answer.active} of this center was lost here: the peer has {answer.have_active} lines of it"
        self.may_act = True
        return ""

    async def ask_of_damaged(self) -> None:
        """What the other center's log says of runs whose log is damaged here, and of which nobody knows that they are over."""
        keeper = self.keeper
        for name in keeper.records.unclear:
            answer = await self._peer.copy(CopyAsk(run=name, term=keeper.term))
            if answer.kind == "away" and not answer.run_state:
                return
            try:
                keeper.records.heard(name, answer.run_term, state_told(answer, name), self._clock.wall_ms())
            except StoreFailed as error:
                _log.error("what the other center says of a damaged run cannot be kept", run=name, why=error.problem)

    def _mind_what_is_damaged(self) -> None:
        """The disk that kept no copy, and the other center that was not heard about a damaged run: tried again."""
        self.keeper.recover()
        now_ms = self._clock.monotonic_ms()
        if self.keeper.records.unclear and self._peer.exists and now_ms - self._damage_asked_ms >= DAMAGE_AGAIN_MS:
            self._damage_asked_ms = now_ms
            self._asking = spawn("failover damage", self.ask_of_damaged())

    async def _is_copied(self) -> bool:
        try:
            return await self.copier.flush()
        except Superseded as error:
            self.copier.why = error.problem
            return False

    def let_act(self) -> None:
        """People have decided that this orchestrator acts."""
        self.may_act, self.stopped = True, ""
        self._offset_ms = None  # of a run before this one: what was set since is none of this run's
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    # ---- the loop ------------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Until `stop`, or until this orchestrator must not act any more."""
        while not self.stopped:
            if self.keeper.is_dead:
                self._die(StoreFailed("the run log cannot be written.", "Mend the disk; the next process resumes."))
                return
            self._mind_what_is_damaged()
            if self.may_act and self.keeper.run.center == self._center:
                try:
                    self._part_from_another()
                    self._mind_the_clock()
                    while self._begin_all():
                        pass
                    await self._copy()
                except FATAL as error:
                    self._die(error)
                    return
            self._wake.clear()
            try:
                async with asyncio.timeout(TICK_MS / 1_000):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _part_from_another(self) -> None:
        met, self.keeper.met = self.keeper.met, ""
        if met:
            hold_for(self.keeper, met, "it was declared there")

    def _mind_the_clock(self) -> None:
        """A clock that was set makes nothing older or younger that has to wait, and voids what people have seen."""
        offset_ms = self._clock.wall_ms() - self._clock.monotonic_ms()
        before_ms, self._offset_ms = self._offset_ms, offset_ms
        if before_ms is None or abs(offset_ms - before_ms) < CLOCK_STEP_MS:
            self._offset_ms = offset_ms if before_ms is None else before_ms
        elif self.keeper.run.state not in (*TERMINAL, State.IDLE):
            self.keeper.write(ClockSet(by_ms=offset_ms - before_ms))
            _log.error("the wall clock was set in the middle of a failover run", by_ms=offset_ms - before_ms)
            self.page(f"the wall clock was set by {(offset_ms - before_ms) // 1_000} s in the run {self.keeper.name}", "now")

    def stop(self) -> None:
        """End without a word in the log: what is under way is looked at again by the next process."""
        self.stopped = self.stopped or "stopped"
        for task in (*self._running.values(), *(one for one in (self._gathering, self._asking) if one is not None)):
            task.cancel()
        self.wake()

    async def _copy(self) -> None:
        run = self.keeper.run
        if run.state is State.IDLE or not (self.copier.is_behind() or run.is_peer_away):
            return
        now_ms = self._clock.monotonic_ms()
        if run.is_peer_away and now_ms - self._peer_asked_ms < PEER_AGAIN_MS:
            return
        self._peer_asked_ms = now_ms
        if run.state not in TERMINAL or self.copier.is_behind():
            await self.copier.flush()

    def _begin_all(self) -> bool:
        """Begin everything that may begin; True where the log moved, so that the next look sees more."""
        keeper, moved = self.keeper, False
        now_ms = self._clock.wall_ms()
        for move in d.moves_of(keeper.run, now_ms, self.day, self._running):
            match move:
                case d.RunStep():
                    task = self._running[move] = spawn(f"failover step {move.step}", self._step(move))
                    task.add_done_callback(partial(self._step_ended, move))
                case d.TakeEvidence():
                    if self._gathering is None and self._clock.monotonic_ms() - self._gathered_ms >= TICK_MS:
                        self._gathering = spawn("failover evidence", self._take_evidence())
                        self._gathering.add_done_callback(self._gathered)
                case d.OpenGate():
                    keeper.write(GateOpened(gate=move.gate, parts=move.parts))
                    self.page(f"gate {move.gate} of the failover run {keeper.name} waits for people", "now")
                    moved = True
                case d.PassGate():
                    keeper.write(
                        GatePassed(gate=move.gate, part=move.part), at_ms=now_ms
                    )  # judged by the clock it was decided by
                    moved = True
                case d.EndPhase():
                    keeper.write(PhaseDone(phase=move.phase.value, part=move.part))
                    self._leave_behind()
                    moved = True
                case d.EndUndo():
                    keeper.write(Undone())
                    moved = True
                case d.Hold():
                    keeper.write(Held(why=move.why))
                    self.page(f"the failover run {keeper.name} is held: {move.why}", "now")
                    moved = True
                case d.Escalate():
                    keeper.write(Escalated(gate=move.gate, level=move.level))
                    self.page(
                        f"gate {move.gate} of the failover run {keeper.name} still waits for people", f"level {move.level}"
                    )
        return moved

    def _leave_behind(self) -> None:
        """With the end of a run nothing of it goes on, or it would write into the next one's log; only a second way to the
        record can still be under way."""
        run = self.keeper.run
        if run.state is not State.DONE:
            return
        for task in self._running.values():
            task.cancel()
        late = [one.name for one in run.known_plan.step if run.known_plan.beside(one) and not run.standing(one.name).is_done]
        if late:
            self.page(
                f"the failover run {self.keeper.name} is done, and {', '.join(late)} is not seen done: look there", "today"
            )

    async def _step(self, move: d.RunStep) -> None:
        try:
            await self._worker.perform(move)
        except FATAL as error:
            self._die(error)
        except Exception as error:  # noqa: BLE001  a mistake of ours must not be made again at once, and again
            _log.exception("a failover step failed by a mistake of ours", step=move.step)
            self._hold(f"{move.step}: {type(error).__name__} in the orchestrator")

    def _step_ended(self, move: d.RunStep, task: asyncio.Task[None]) -> None:
        """Told here, and not by a line of its own: one that is cancelled before its first step comes to none, and would count
        as running for ever, in the next run too."""
        if self._running.get(move) is task:
            del self._running[move]
        self.wake()

    async def _take_evidence(self) -> None:
        try:
            before = self._occasion()
            evidence = await self._gather()
            if not self.stopped and self._occasion() == before:  # else it is of another gate: again
                self.keeper.write(EvidenceTaken(digest=digest_of(evidence), evidence=evidence))
        except FATAL as error:
            self._die(error)
        except Exception as error:  # noqa: BLE001  as in _step
            _log.exception("evidence could not be gathered, by a mistake of ours")
            self._hold(f"no evidence: {type(error).__name__} in the orchestrator")

    def _gathered(self, _: asyncio.Task[None]) -> None:
        self._gathering = None
        self._gathered_ms = self._clock.monotonic_ms()
        self.wake()

    def _occasion(self) -> tuple[object, ...]:
        """What evidence is taken for: it counts for nothing else."""
        run = self.keeper.run
        return run.run_id, run.state, run.gate_opened_ms

    def _hold(self, why: str) -> None:
        try:
            if not self.stopped and not self.keeper.run.held:
                self.keeper.write(Held(why=why))
        except FATAL as error:
            self._die(error)

    def _die(self, error: RelayError) -> None:
        if self.stopped:
            return
        _log.error("the failover orchestrator stops", why=error.problem)
        self.may_act = False
        self.stopped = error.problem
        for move, task in list(self._running.items()):
            if task is not asyncio.current_task():
                task.cancel()
                self._running.pop(move, None)
        self.page(f"the failover orchestrator of {self._center} stops: {error.problem}", "now")
        self.wake()

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the steps under way."""
        return tuple(sorted(f"{move.step} (undo)" if move.is_undo else move.step for move in self._running))
