"""What is shown of a run is what can be signed; every line has words."""

from __future__ import annotations

import typing

from relay.failover import events as e
from relay.failover.bankday import BankClock, DayPhase
from relay.failover.evidence import binding_of
from relay.failover.people import Person
from relay.failover.plan import Phase
from relay.failover.run import Run
from relay.failover.states import State
from relay.failover.view import LOG_ROWS, RunView, is_gate_state, row_of, view_of
from tests.support.failoverbook import DIGEST, Book
from tests.support.failoverworld import sample_plan

DAY = BankClock()


def shown(book: Book, **members: object) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), DAY, center="tokyo", **members)  # type: ignore[arg-type]


def test_the_gate_that_is_shown_can_be_signed() -> None:
    book = Book()
    book.to_gate(2)
    view = shown(book, may_act=True)
    assert view.gate is not None
    assert view.gate.binding == binding_of("r1", 2, "", book.run.plan_version, DIGEST)
    assert (view.gate.missing, view.gate.stops, view.gate.is_fresh) == (("operations", "business"), (), True)
    book.write(book.approved(2, "Baba", "operations"))
    book.wait(300_001)
    view = shown(book)
    assert view.gate is not None
    assert [(one.who, one.is_valid) for one in view.gate.approvals] == [("Baba", False)]
    assert not view.gate.is_fresh


def test_a_gate_with_one_of_two_says_until_when_and_who_may_be_the_second() -> None:
    people = [
        Person(name="Abe", roles=("operations", "business")),  # declared it
        Person(name="Baba", roles=("operations", "business")),
        Person(name="Chiba", roles=("business",)),
        Person(name="Eda", roles=("operations",)),
    ]
    book = Book()
    book.to_gate(1)
    gate = shown(book, people=people).gate
    assert gate is not None
    free = {row.role: row.names for row in gate.free}
    assert free == {"operations": ("Baba", "Eda"), "business": ("Baba", "Chiba")}
    shown_ms = book.time.wall_ms()
    book.wait(10_000)
    book.write(book.approved(1, "Baba", "operations"))
    gate = shown(book, people=people).gate
    assert gate is not None
    (approval,) = gate.approvals
    assert approval.at_ms == shown_ms + 10_000
    assert approval.until_ms == shown_ms + 300_000, "as long as what was seen, and no longer"
    assert {row.role: row.names for row in gate.free} == {"business": ("Chiba",)}, "one person is not two"
    book.wait(290_001)
    gate = shown(book, people=people).gate
    assert gate is not None
    assert {row.role: row.names for row in gate.free}["operations"] == ("Baba", "Eda"), "void, so given anew"


def test_the_day_and_the_clock_stand_beside_it() -> None:
    view = shown_at_gate_1()
    assert view.day is not None
    assert view.day.phase is DayPhase.CORE
    assert view.ahead[0].boundary.what == "core hours end"
    assert view.ahead[0].latest_start_ms < view.ahead[0].boundary.at_ms
    assert view.clock is not None
    assert view.clock.finish_ms > view.now_ms


def shown_at_gate_1() -> RunView:
    book = Book()
    book.to_gate(1)
    return shown(book)


def test_a_run_that_is_done_does_not_call_its_late_second_way_waiting() -> None:
    book = Book(sample_plan("unplanned-aws"))
    book.to_gate(3)
    late = "move-the-record-at-route53"
    assert {step.name: step.standing for step in shown(book).steps}[late] == "waiting"
    book.passed(3)
    book.did_phase(Phase.RELEASE)
    book.write(e.PhaseDone(phase="release"))
    assert book.run.state is State.DONE
    assert {step.name: step.standing for step in shown(book).steps}[late] == "failed"


def test_steps_stand_as_they_are() -> None:
    book = Book()
    book.to_gate(3)
    steps = {step.name: step.standing for step in shown(book, running=("open-batch",)).steps}
    assert steps["promote"] == "done"
    assert steps["move-the-record-by-hand"] == "not-needed"
    assert steps["open-batch"] == "under-way"
    assert steps["open-online"] == "waiting"
    back = Book()
    back.to_gate(1)
    back.write(e.AbortAsked(who="Doi", why="x"))
    back.did("scale-up", is_undo=True, result="failed")
    undo = [step for step in shown(back).steps if step.is_undo]
    assert [(step.name, step.standing) for step in undo] == [("scale-up", "failed")]


def test_every_kind_of_line_has_words_and_names_who() -> None:
    made = {
        kind: kind(**{name: _some(name) for name in kind.__struct_fields__})  # type: ignore[call-arg]
        for kind in typing.get_args(e.Happening)
    }
    for kind, event in made.items():
        row = row_of(e.Entry(number=1, at_ms=1, term=1, before="", event=event))
        assert row.what == kind.__struct_config__.tag
        assert row.text or kind in (e.Undone, e.PeerBack)
        if "second" in kind.__struct_fields__:
            assert row.who == "x and x"


def _some(name: str) -> object:
    if name in ("gate", "attempt", "line", "level", "epoch", "by_ms"):
        return 1
    return {"parts": ("a",), "is_undo": True, "is_alone": True, "evidence": "x"}.get(name, "x")


def test_without_a_run_there_is_the_day_only() -> None:
    view = view_of(Run(), (), 0, DAY, center="osaka")
    assert (view.run, view.gate, view.clock) == ("", None, None)
    assert view.day is not None


def test_the_log_is_shown_up_to_a_limit() -> None:
    book = Book()
    book.to_gate(1)
    for number in range(LOG_ROWS + 5):
        book.write(e.Said(topic="remark", text=str(number), who="Abe"))
    assert len(shown(book).log) == LOG_ROWS
    assert shown(book).log[-1].text == f"remark: {LOG_ROWS + 4}"
    assert is_gate_state("G1_WAIT")
    assert not is_gate_state("DONE")
