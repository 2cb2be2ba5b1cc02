"""A run's log written line by line by a test, with the real keeper on a disk in memory; and the shortest way to each
state."""

from __future__ import annotations

from relay.failover import events as e
from relay.failover.evidence import CenterFacts, Evidence, binding_of, digest_of
from relay.failover.keeper import Keeper
from relay.failover.plan import Phase, version_of
from relay.failover.run import Run
from relay.failover.states import PHASE_OF
from tests.support.failoverdisk import Executioner, MemoryShelf
from tests.support.failoverworld import OLD_EPOCH, sample_plan
from tests.support.virtualtime import VirtualTime

MORNING_MS = 1_795_482_000_000  # 2026-11-24 10:00 in Japan
EVIDENCE = Evidence(
    centers=(CenterFacts(center="tokyo", epoch=OLD_EPOCH, region="tokyo"), CenterFacts(center="osaka", epoch=OLD_EPOCH)),
    lag_ms=3_000,
)
DIGEST = digest_of(EVIDENCE)


class Book:
    """`write` is the keeper's; `to_*` go on to a state the proper way."""

    def __init__(self, plan: str | None = None, center: str = "tokyo", start_ms: int = MORNING_MS) -> None:
        self.time = VirtualTime(start_ms)
        self.files: dict[str, bytearray] = {}
        self.executioner = Executioner()
        self.register = bytearray()
        self.keeper = Keeper(MemoryShelf(self.executioner, self.files, register=self.register), self.time, center)
        self.plan_text = sample_plan() if plan is None else plan
        self.center = center

    @property
    def run(self) -> Run:
        return self.keeper.run

    def write(self, event: e.Happening) -> e.Entry:
        return self.keeper.write(event)

    def wait(self, ms: int) -> None:
        self.time.run(ms)

    def declare(self, name: str = "r1") -> None:
        self.keeper.begin(
            e.Declared(
                run=name,
                plan_text=self.plan_text,
                plan_version=version_of(self.plan_text),
                who="Abe",
                role="operations",
                why="tokyo is gone",
                epoch=OLD_EPOCH,
                center=self.center,
            ),
            self.keeper.term + 1,
        )

    def show(self, evidence: Evidence = EVIDENCE) -> str:
        digest = digest_of(evidence)
        self.write(e.EvidenceTaken(digest=digest, evidence=evidence))
        return digest

    def open(self, gate: int, parts: tuple[str, ...] = ("",)) -> None:
        self.show()
        self.write(e.GateOpened(gate=gate, parts=parts))
        self.show()

    def approved(self, gate: int, who: str, role: str, digest: str = DIGEST) -> e.Approved:
        part = self.run.part if gate == 3 else ""
        binding = binding_of(self.run.run_id, gate, part, self.run.plan_version, digest)
        return e.Approved(gate=gate, part=part, who=who, role=role, evidence_digest=digest, binding=binding)

    def passed(self, gate: int) -> None:
        self.write(self.approved(gate, "Baba", "operations"))
        self.write(self.approved(gate, "Chiba", "business"))
        self.write(e.GatePassed(gate=gate, part=self.run.part if gate == 3 else ""))

    def did(self, step: str, is_undo: bool = False, result: str = "done") -> None:
        """Looked, begun and ended."""
        self.looked(step, is_undo)
        attempt = self.run.standing(step, is_undo).attempts + 1
        self.write(e.Intended(step=step, attempt=attempt, token=self.run.token(step, is_undo), is_undo=is_undo))
        self.write(e.Finished(step=step, result="failed" if result == "failed" else "done", is_undo=is_undo))

    def looked(self, step: str, is_undo: bool = False) -> None:
        self.write(e.Observed(step=step, when="before", sight="absent", is_undo=is_undo))

    def did_phase(self, phase: Phase) -> None:
        for step in self.run.steps_of(phase):
            if not self.run.is_settled(step):
                self.did(step.name)

    def to_gate(self, gate: int) -> None:
        """From nothing to an open gate."""
        self.declare()
        self.did_phase(Phase.PREPARE)
        self.open(1)
        for number in range(1, gate):
            self.passed(number)
            while (phase := PHASE_OF.get(self.run.state)) is not None:
                self.did_phase(phase)
                self.write(e.PhaseDone(phase=phase.value))
            self.open(number + 1)
