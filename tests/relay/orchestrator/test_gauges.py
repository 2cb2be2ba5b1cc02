"""What Prometheus sees: the run as people see it, in seconds and lines."""

from __future__ import annotations

import msgspec

from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.damage import Damaged
from relay.failover.planwatch import PlanView
from relay.failover.view import RunView, view_of
from relay.orchestrator.gauges import OrchestratorGauges
from tests.support.failoverbook import Book


def shown(book: Book) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)


def value(gauges: OrchestratorGauges, name: str, **labels: str) -> float | None:
    return gauges.registry.get_sample_value(f"relay_failover_{name}", labels)


def test_a_gate_that_waits_counts_its_seconds_and_the_clock_goes_on() -> None:
    book, gauges = Book(), OrchestratorGauges()
    book.to_gate(2)
    book.wait(90_000)
    gauges.show(shown(book), True, 5)
    assert value(gauges, "gate_waiting_seconds", gate="2") == 90
    assert value(gauges, "gate_waiting_seconds", gate="1") == 0
    assert value(gauges, "evidence_age_seconds") == 90
    assert value(gauges, "run_state", state="G2_WAIT") == 1
    assert value(gauges, "run_state", state="IDLE") == 0
    assert (value(gauges, "run_open"), value(gauges, "acts"), value(gauges, "run_held")) == (1, 1, 0)
    used, projected = value(gauges, "rto_used_seconds"), value(gauges, "rto_projected_seconds")
    assert used is not None
    assert projected is not None
    assert 90 <= used < projected
    assert value(gauges, "rto_target_seconds") == book.run.known_plan.budget.target_s
    assert value(gauges, "log_free_bytes") == 5


def test_trouble_of_an_open_run_is_seen_and_that_of_a_closed_one_is_over() -> None:
    book, gauges = Book(), OrchestratorGauges()
    book.declare()
    book.write(e.PeerAway(why="cut"))
    book.write(e.Held(why="x"))
    view = msgspec.structs.replace(shown(book), uncopied=3, stopped="superseded")
    gauges.show(view, True, 0)
    told = [value(gauges, name) for name in ("run_held", "peer_away", "log_uncopied_lines", "stopped")]
    assert told == [1, 1, 3, 1]
    gauges.show(view, False, 0)  # a bank with one center has no copy anywhere
    assert (value(gauges, "peer_away"), value(gauges, "log_uncopied_lines")) == (0, 0)
    gauges.show(msgspec.structs.replace(view, state="ABORTED"), True, 0)
    assert [value(gauges, name) for name in ("run_open", "run_held", "peer_away", "log_uncopied_lines")] == [0, 0, 0, 0]


def test_a_plan_that_is_gone_is_no_series_any_more() -> None:
    gauges, now = OrchestratorGauges(), 2_000_000
    good = PlanView(file="a.toml", checked_ms=now - 60_000, exercised_ms=now - 120_000)
    bad = PlanView(file="b.toml", checked_ms=now, trouble=("x", "y"))
    gauges.show(RunView(now_ms=now, plans=(good, bad)), True, 0)
    assert (value(gauges, "plan_good", plan="a.toml"), value(gauges, "plan_good", plan="b.toml")) == (1, 0)
    assert value(gauges, "plan_findings", plan="b.toml") == 2
    assert value(gauges, "plan_checked_age_seconds", plan="a.toml") == 60
    assert value(gauges, "plan_exercised_age_seconds", plan="a.toml") == 120
    assert value(gauges, "plan_exercised_age_seconds", plan="b.toml") == now / 1_000  # never: as old as time
    gauges.show(RunView(now_ms=now, plans=(good,)), True, 0)
    assert value(gauges, "plan_good", plan="b.toml") is None


def test_damaged_logs_and_a_disk_that_keeps_no_copies_are_numbers() -> None:
    gauges = OrchestratorGauges()
    damaged = tuple(Damaged(run=f"r{n}", why="x", standing="over" if n else "unknown") for n in range(3))
    gauges.show(RunView(damaged=damaged, copy_trouble="no space."), True, 0)
    assert [value(gauges, "damaged_logs", standing=one) for one in ("unknown", "over", "laid-aside")] == [1, 2, 0]
    assert value(gauges, "copy_refused") == 1
    gauges.show(RunView(), True, 0)
    assert [value(gauges, "damaged_logs", standing=one) for one in ("unknown", "over")] == [0, 0]
    assert value(gauges, "copy_refused") == 0
