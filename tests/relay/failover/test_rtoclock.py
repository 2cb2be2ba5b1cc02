"""The recovery clock: sums, budgets, the projection, and preparation that costs nothing."""

from __future__ import annotations

from relay.failover import events as e
from relay.failover.plan import Phase
from relay.failover.rtoclock import clock_of, critical_ms, remaining_ms
from relay.failover.states import State
from tests.support.failoverbook import Book


def test_the_projection_is_what_is_spent_and_what_is_expected() -> None:
    book = Book()
    book.to_gate(1)
    book.wait(100_000)
    clock = clock_of(book.run, book.time.wall_ms())
    left = {part.name: part.left_ms for part in clock.parts}
    assert left["gate 1"] == 200_000  # of its 300 s
    assert left["gate 2"] == 600_000
    assert left["promote"] == 300_000  # its p95
    assert left["initiate"] == 5_000 + 15_000 + 30_000  # block, seal, stop: one after the other
    assert clock.finish_ms == book.time.wall_ms() + sum(left.values())
    assert not clock.will_miss
    book.wait(300_000)
    late = clock_of(book.run, book.time.wall_ms())
    assert next(part for part in late.parts if part.name == "gate 1").is_over_budget
    assert late.finish_ms == clock.finish_ms + 100_000  # over the budget each minute is a minute
    book.wait(3_600_000)
    assert clock_of(book.run, book.time.wall_ms()).will_miss


def test_people_and_machines_are_told_apart_and_the_end_is_the_end() -> None:
    book = Book()
    book.declare()
    book.looked("scale-up")
    book.write(e.Intended(step="scale-up", attempt=1, token="t"))
    book.open(1)
    book.wait(60_000)
    book.write(e.Finished(step="scale-up", result="done"))
    for step in ("standby-is-alive", "copy-is-close"):
        book.did(step)
    book.passed(1)
    book.wait(10_000)
    book.did_phase(Phase.INITIATE)
    book.write(e.PhaseDone(phase="initiate"))
    book.open(2)
    book.wait(30_000)
    book.passed(2)
    for phase in (Phase.PROMOTE, Phase.DNS, Phase.VERIFY):
        book.did_phase(phase)
        book.write(e.PhaseDone(phase=phase.value))
    book.open(3)
    book.passed(3)
    book.did_phase(Phase.RELEASE)
    book.write(e.PhaseDone(phase="release"))
    book.wait(500_000)
    clock = clock_of(book.run, book.time.wall_ms())
    assert book.run.state is State.DONE
    assert (clock.elapsed_ms, clock.human_ms, clock.machine_ms) == (100_000, 90_000, 10_000)
    assert (clock.prepare_ms, clock.overlap_ms) == (60_000, 60_000)
    assert clock.is_over
    assert clock.finish_ms == clock.began_ms + 100_000


def test_what_is_done_is_not_expected_any_more() -> None:
    book = Book()
    book.to_gate(1)
    before = remaining_ms(book.run)
    book.passed(1)
    book.did("block-tokyo")
    book.did("seal-tokyo")
    assert critical_ms(book.run, Phase.INITIATE) == 50_000  # osaka's way is as long
    book.did("block-osaka")
    book.did("seal-osaka")
    assert critical_ms(book.run, Phase.INITIATE) == 30_000
    assert remaining_ms(book.run) == before - 20_000


def test_on_the_way_back_nothing_is_projected() -> None:
    book = Book()
    book.to_gate(2)
    book.write(e.AbortAsked(who="Doi", why="x"))
    clock = clock_of(book.run, book.time.wall_ms())
    assert all(part.left_ms == 0 for part in clock.parts)
