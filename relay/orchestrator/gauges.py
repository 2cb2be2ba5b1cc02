"""What Prometheus sees of the orchestrator: the run, its gate, its clock, the copy at the peer, the plans between runs.

Owns the names and how a view becomes numbers. It must never ask anything itself. The traps: a scrape must cost a run nothing,
so numbers are set from the view that people get, on the loop, every few seconds; ages are seconds as of then; and a plan that
was never exercised is as old as 1970, so that an alert on its age needs no second rule.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from relay.failover.planwatch import PlanView
from relay.failover.states import TERMINAL, State
from relay.failover.view import RunView

SHOW_EVERY_S: Final = 5.0
_OVER: Final = {state.name for state in TERMINAL} | {State.IDLE.name}
_STANDINGS: Final = ("over", "laid-aside", "unknown")
_GATES: Final = ("1", "2", "3")


class OrchestratorGauges:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        r = self.registry = CollectorRegistry() if registry is None else registry
        self.run_state = Gauge("relay_failover_run_state", "1 for the state of the newest run", ["state"], registry=r)
        self.run_open = Gauge("relay_failover_run_open", "1 while a run is not over", registry=r)
        self.run_held = Gauge("relay_failover_run_held", "1 while an open run is held", registry=r)
        self.acts = Gauge("relay_failover_acts", "1 where this orchestrator may act", registry=r)
        self.stopped = Gauge("relay_failover_stopped", "1 where it has stopped by itself and waits for people", registry=r)
        self.gate_waiting = Gauge(
            "relay_failover_gate_waiting_seconds", "How long a gate is open; 0: it is not", ["gate"], registry=r
        )
        self.evidence_age = Gauge("relay_failover_evidence_age_seconds", "Of the newest snapshot at an open gate", registry=r)
        self.rto_target = Gauge("relay_failover_rto_target_seconds", "What the recovery may take; 0 without a run", registry=r)
        self.rto_used = Gauge("relay_failover_rto_used_seconds", "From the declaration to now, or to the end", registry=r)
        self.rto_projected = Gauge("relay_failover_rto_projected_seconds", "What it will have taken at its end", registry=r)
        self.uncopied = Gauge("relay_failover_log_uncopied_lines", "Lines of the run log that the peer has not", registry=r)
        self.peer_away = Gauge("relay_failover_peer_away", "1 while lines are on this disk only", registry=r)
        self.free_bytes = Gauge("relay_failover_log_free_bytes", "Room on the disk of the run logs", registry=r)
        self.damaged = Gauge("relay_failover_damaged_logs", "Run logs that cannot be read whole", ["standing"], registry=r)
        self.copy_refused = Gauge("relay_failover_copy_refused", "1 while this disk keeps no copies of the peer", registry=r)
        self.plan_good = Gauge("relay_failover_plan_good", "1 where the newest look found nothing wrong", ["plan"], registry=r)
        self.plan_findings = Gauge("relay_failover_plan_findings", "What the newest look found wrong", ["plan"], registry=r)
        self.plan_checked_age = Gauge("relay_failover_plan_checked_age_seconds", "Since the newest look", ["plan"], registry=r)
        self.plan_exercised_age = Gauge(
            "relay_failover_plan_exercised_age_seconds",
            "Since the newest run or drill that came to its end",
            ["plan"],
            registry=r,
        )

    def show(self, view: RunView, is_peer: bool, free_bytes: int) -> None:
        """Set everything from what people are shown. `is_peer`: is there another center at all?"""
        is_open = view.state not in _OVER
        for state in State:
            self.run_state.labels(state.name).set(state.name == view.state)
        self.run_open.set(is_open)
        self.run_held.set(is_open and bool(view.held))
        self.acts.set(view.may_act)
        self.stopped.set(bool(view.stopped))
        for gate in _GATES:
            waits = view.gate is not None and str(view.gate.gate) == gate
            self.gate_waiting.labels(gate).set(_age_s(view.now_ms, view.gate.opened_ms) if view.gate and waits else 0)
        self.evidence_age.set(_age_s(view.now_ms, view.gate.evidence_ms) if view.gate else 0)
        clock = view.clock
        self.rto_target.set(clock.target_ms / 1_000 if clock else 0)
        self.rto_used.set(clock.elapsed_ms / 1_000 if clock else 0)
        self.rto_projected.set((clock.finish_ms - clock.began_ms) / 1_000 if clock else 0)
        self.uncopied.set(view.uncopied if is_peer and is_open else 0)
        self.peer_away.set(is_peer and is_open and view.is_peer_away)
        self.free_bytes.set(free_bytes)
        self.copy_refused.set(bool(view.copy_trouble))
        for standing in _STANDINGS:
            self.damaged.labels(standing).set(sum(one.standing == standing for one in view.damaged))
        self._plans(view.plans, view.now_ms)

    def _plans(self, plans: tuple[PlanView, ...], now_ms: int) -> None:
        for gauge in (self.plan_good, self.plan_findings, self.plan_checked_age, self.plan_exercised_age):
            gauge.clear()
        for plan in plans:
            self.plan_good.labels(plan.file).set(plan.is_good)
            self.plan_findings.labels(plan.file).set(len(plan.trouble))
            self.plan_checked_age.labels(plan.file).set(_age_s(now_ms, plan.checked_ms))
            self.plan_exercised_age.labels(plan.file).set(_age_s(now_ms, plan.exercised_ms))


def _age_s(now_ms: int, at_ms: int) -> float:
    return max(0, now_ms - at_ms) / 1_000
