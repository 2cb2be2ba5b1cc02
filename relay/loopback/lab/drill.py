"""A live failover of the lab's regions: orchestrators at both centers, people at three gates, and what it cost.

Owns the steps of a drill, one method each, so that a person, a script or a browser may do any of them. It must never judge a
time. The traps: the region that is lost goes in silence, and its copy with it; people look at the page, decide on exactly
what they saw, and look again when it was refused; and the clock that counts as the machine's is all that is left when each
person's time, from a page that can be signed to their own word, is taken away.
"""

from __future__ import annotations

import select
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from relay.clock import SystemClock
from relay.failover.view import GateView, RunView
from relay.loopback.lab import drillpeople as people
from relay.loopback.lab.cuts import read
from relay.loopback.lab.door import LabError
from relay.loopback.lab.drillpeople import Saying, Voice, typed
from relay.loopback.lab.drillplan import DECLARER, TSIG, Person, at_gate, orchestrator, plan, socket_of
from relay.loopback.lab.drillworld import Effects, effects, too_early
from relay.loopback.lab.lab import ROOT, Lab, pause, until
from relay.loopback.lab.relays import ask_control
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.switching import set_lag
from relay.loopback.lab.topology import CENTERS, peer_of

CUT_OFF_MS = 3_600_000
PATIENCE_S = 240.0
SEEN_CHARS = 16
OVER = ("DONE", "ABORTED")
Blow = Literal["region", "zones", "other-names"]
Words = Callable[[str], list[str]]  # of an orchestrator, for its configuration's file


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A gate, on the wall clock in milliseconds: `ready_ms` when its page could first be signed, `said_ms` when the last
    approval was given."""

    gate: int
    opened_ms: int
    ready_ms: int
    said_ms: int


def serving(file: str) -> list[str]:
    return ["-m", "relay", "failover", "serve", file]


def now_ms() -> int:
    return SystemClock().wall_ms()


class Drill:
    """`lost` is the region that goes, the active one by default. `think_s`: how long each person looks before they speak.
    `words` start an orchestrator; `speakers` are user ids of consoles; `voice` says what people say, by default at terminals.
    `blow`: the whole region is gone; its zones, not its name server; its zones and the *other* region's name server."""

    def __init__(
        self,
        lab: Lab,
        lost: str = "",
        think_s: float = 0.0,
        say: Callable[[str], None] = lambda text: None,
        words: Words = serving,
        speakers: Sequence[int] = (),
        voice: Voice | None = None,
        blow: Blow = "region",
    ) -> None:
        self.lab, self._tell, self._think_s, self._words, self._speakers = lab, say, think_s, words, speakers
        self.lost = lost or lab.regions().primary
        self.to = peer_of(self.lost)
        self.center = self.to  # whose orchestrator acts: beside the region that takes over
        self._voice, self._blow = voice or typed(str(ROOT), self.socket), blow
        self.waits: list[Wait] = []
        self.too_early: list[str] = []
        self.lives = 0
        self._is_batch_told = False
        self._before: Effects | None = None

    @property
    def ways(self) -> tuple[str, ...]:
        """The regions whose name servers can be told of the change."""
        return {"region": (self.to,), "zones": CENTERS, "other-names": (self.lost,)}[self._blow]

    # ---- before ------------------------------------------------------------------------------------------------------
    @property
    def plan_file(self) -> Path:
        return self.lab.folder / "plans" / f"drill-{self.to}.toml"

    @property
    def socket(self) -> str:
        return socket_of(str(self.lab.folder), self.center)

    def prepare(self) -> None:
        """Plan, configuration, and an orchestrator at each center. Safe to repeat."""
        folder, lab = self.lab.folder, self.lab
        (folder / "plans").mkdir(mode=0o755, exist_ok=True)
        _write(self.plan_file, plan(str(ROOT), lab.name, str(folder), self.lost, self.to))
        for city in CENTERS:
            _write(folder / city / "credentials" / TSIG, Secrets.of(folder).update, 0o600)
            text = orchestrator(str(ROOT), lab.name, str(folder), city, self._speakers)
            _write(folder / city / "failover.toml", text)
            if lab.door.process(f"failover-{city}") is None:
                self.start(city)
        self.lives = self.lives or 1
        for city in CENTERS:
            until(partial(self._answers, city), lambda: f"the orchestrators answer:\n{self.logs()}")
        self._before = effects(lab)

    def start(self, city: str) -> None:
        """The orchestrator of one center."""
        words = self._words if city == self.center else serving
        file = str(self.lab.folder / city / "failover.toml")
        python = ["/usr/bin/env", f"PYTHONPATH={ROOT}", sys.executable, *words(file)]
        self.lab.door.spawn(f"failover-{city}", f"{city}-center", python)
        self.lives += city == self.center

    def _answers(self, city: str) -> bool:
        try:
            self._view(city)
        except LabError:
            self._revive()
            return False
        return True

    def _revive(self) -> None:
        """As systemd would."""
        for city in CENTERS:
            if self.lab.door.process(f"failover-{city}") is None:
                self.start(city)

    def close(self) -> None:
        """Both orchestrators end."""
        for city in CENTERS:
            self.lab.door.signal(f"failover-{city}", signal.SIGTERM)
        gone = lambda: not any(self.lab.door.process(f"failover-{city}") for city in CENTERS)  # noqa: E731
        until(gone, lambda: f"the orchestrators end:\n{self.logs()}")

    # ---- what is seen ------------------------------------------------------------------------------------------------
    def view(self) -> RunView:
        """The status page of the acting orchestrator; one that was killed is started again meanwhile."""
        until(partial(self._answers, self.center), lambda: f"the orchestrator answers:\n{self.logs()}", PATIENCE_S)
        try:
            return self._view(self.center)
        except LabError:
            return self.view()

    def _view(self, city: str) -> RunView:
        return ask_control(
            socket_of(str(self.lab.folder), city), f"orchestrator of {city}", "failover-status", b"{}", RunView, 5.0
        )

    def report(self, form: str = "json") -> str:
        """Of the newest run, as JSON or as a page."""
        words = ["report", "--html"] if form == "html" else ["report"]
        said = people.say(str(ROOT), DECLARER, self.socket, *words)
        if not said.is_done:
            raise LabError(f"there is no report: {said.text}")
        return said.text

    def done(self) -> Effects:
        """What this drill has done to the world so far."""
        assert self._before is not None, "prepare() comes first"
        return effects(self.lab).since(self._before)

    def until_state(self, *states: str) -> RunView:
        """Holds of the machine are answered meanwhile."""
        return self._until(lambda view: view.state in states, lambda: f"{' or '.join(states)}")

    def _until(self, holds: Callable[[RunView], bool], what: Callable[[], str]) -> RunView:
        end_ms = SystemClock().monotonic_ms() + PATIENCE_S * 1_000
        while True:
            view = self.view()
            if holds(view):
                return view
            if view.held:
                self._answer_hold(view)
            if SystemClock().monotonic_ms() > end_ms:
                raise LabError(f"waited {PATIENCE_S:.0f} s in vain: {what()}; {self.words(view)}\n{self.logs()}")
            pause()

    # ---- what people do ----------------------------------------------------------------------------------------------
    def strike(self) -> None:
        """The region is gone, in silence; its copy is as far as it had come."""
        lost, topology = f"{self.lost}-region", self.lab.topology
        cuts = [read(topology, "node", lost)]
        if self._blow != "region":
            cuts = [read(topology, "zone", f"{lost}:{number}") for number in (1, 2, 3)]
        if self._blow == "other-names":
            cuts.append(read(topology, "names", f"{self.to}-region"))
        self.lab.crowd_does("mark")
        set_lag(self.lab, CUT_OFF_MS)
        self.lab.fail(*cuts)
        self._tell(f"gone, in silence: {', '.join(map(str, cuts))}")

    def until_noticed(self) -> None:
        """Both relays find it lost."""
        until(lambda: all(self._is_lost_at(city) for city in CENTERS), lambda: f"both relays find {self.lost} lost")

    def _is_lost_at(self, city: str) -> bool:
        try:
            return self.lab.relays[city].status(0.5).pair.finding in ("region-lost", "region-unreachable")
        except LabError:
            return False

    def declare(self, why: str = "the region does not answer") -> None:
        """By one person. A run that began is not declared again."""
        before = self.view().run

        def is_declared() -> bool:
            if self.view().run != before:
                return True
            return self._says(DECLARER, Saying(verb="declare", plan=str(self.plan_file), why=why))

        until(is_declared, lambda: f"the run is declared:\n{self.logs()}")

    def call_people(self, why: str = "gate 1 waits for two") -> bool:
        """By whoever declared; the run goes on whatever becomes of it."""
        return self._says(DECLARER, Saying(verb="escalate", run=self.view().run, why=why))

    def pass_gate(self, number: int) -> Wait:
        """Two people look, think, and approve; each what they have seen."""
        opened = self._until(lambda view: _is_open(view, number), lambda: f"gate {number} opens")
        assert opened.gate is not None
        opened_ms, ready_ms, said_ms = opened.gate.opened_ms, 0, 0
        view = opened
        end_ms = SystemClock().monotonic_ms() + PATIENCE_S * 1_000
        while _is_open(view, number) and view.gate is not None:
            gate = view.gate
            if SystemClock().monotonic_ms() > end_ms:
                raise LabError(f"gate {number} does not open: {self.words(view)}\n{self.logs()}")
            if view.held:
                self._answer_hold(view)
            elif gate.stops:
                self._answer_stops(view.run, gate)
            elif gate.missing:
                ready_ms = ready_ms or now_ms()
                self._approve(view, gate)
                said_ms = now_ms()
            pause()
            view = self.view()
        wait = Wait(gate=number, opened_ms=opened_ms, ready_ms=ready_ms, said_ms=said_ms)
        self.waits.append(wait)
        return wait

    def _approve(self, view: RunView, gate: GateView) -> None:
        one = at_gate(gate.gate, gate.missing[0])
        select.select([], [], [], self._think_s)
        if len(gate.missing) == 1:
            self.too_early += [f"{view.run}: {what}" for what in too_early(gate.gate, self.done())]
        seen = gate.binding[:SEEN_CHARS]
        self._says(one, Saying(verb="approve", run=view.run, gate=gate.gate, seen=seen, why="as agreed by telephone"))

    def _answer_stops(self, run: str, gate: GateView) -> None:
        """What only people know. The rest, machines bring by themselves."""
        told = " ".join(gate.stops)
        first, second = at_gate(gate.gate, "operations"), at_gate(gate.gate, "business")
        if "checkpoint" in told and not self._is_batch_told:
            step = Saying(verb="say", run=run, topic="batch-checkpoint", why="step 12 is done")
            self._is_batch_told = self._says(first, step)
        elif "accept the loss" in told:
            for one, other in ((first, second), (second, first)):
                why = "the copy is what there is"
                self._says(one, Saying(verb="say", run=run, topic="accept-loss", second=other.name, why=why))

    def _answer_hold(self, view: RunView) -> None:
        """The machine has stopped and called people: what failed is tried again, and the run goes on."""
        one, why = at_gate(1, "operations"), "looked at it"
        self._tell(f"held: {view.held}")
        for step in view.steps:
            if step.standing == "failed":
                self._says(one, Saying(verb="again", run=view.run, step=step.name, is_undo=step.is_undo, why=why))
        if self.view().held:
            self._says(one, Saying(verb="resume", run=view.run, why=why))

    def _says(self, one: Person, saying: Saying) -> bool:
        said = self._voice(one, saying)
        self._tell(f"{one.name} ({saying.verb}): {said.text}")
        return said.is_done

    def abort(self, why: str = "the region is back") -> RunView:
        """Called off, and taken back to the end."""

        def is_asked() -> bool:
            view = self.view()
            if view.state in (*OVER, "ROLLBACK", "CANCEL_PREP"):
                return True
            return self._says(at_gate(1, "operations"), Saying(verb="abort", run=view.run, why=why))

        until(is_asked, lambda: f"the run is called off:\n{self.logs()}")
        return self.until_state(*OVER)

    # ---- for whoever waits in vain -----------------------------------------------------------------------------------
    def words(self, view: RunView) -> str:
        steps = ", ".join(f"{step.name} {step.standing} {step.detail}" for step in view.steps if step.standing != "done")
        stops = "" if view.gate is None else f"; gate {view.gate.gate}: {view.gate.stops} {view.gate.missing}"
        return f"{view.state}{stops}; held: {view.held or 'no'}; {steps}"

    def logs(self) -> str:
        return "\n".join(self.lab.door.log(f"failover-{city}")[-1_500:] for city in CENTERS)


def _is_open(view: RunView, number: int) -> bool:
    return view.gate is not None and view.gate.gate == number


def _write(path: Path, text: str, mode: int = 0o640) -> None:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
