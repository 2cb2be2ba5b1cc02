"""What is next, from how a run stands: preparation at once, gates one after the other, back in the opposite order."""

from __future__ import annotations

from relay.failover import decide as d
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.evidence import Evidence
from relay.failover.plan import Phase
from tests.support.failoverbook import EVIDENCE, MORNING_MS, Book

DAY = BankClock()
NIGHT_MS = MORNING_MS - 8 * 3_600_000


def moves(book: Book, *running: d.RunStep) -> list[d.Move]:
    return list(d.moves_of(book.run, book.time.wall_ms(), DAY, running))


def steps(book: Book, *running: d.RunStep) -> list[str]:
    return [move.step for move in moves(book, *running) if isinstance(move, d.RunStep)]


def test_preparation_begins_with_the_declaration_and_goes_on_beside_the_gate() -> None:
    book = Book()
    book.declare()
    assert steps(book) == ["scale-up", "standby-is-alive", "copy-is-close"]
    assert d.TakeEvidence() in moves(book)
    book.open(1)
    assert steps(book, d.RunStep("scale-up")) == ["standby-is-alive", "copy-is-close"]
    book.passed(1)
    assert steps(book) == ["scale-up", "standby-is-alive", "copy-is-close", "block-tokyo", "block-osaka"]


def test_a_gate_passes_when_two_have_approved_and_never_before() -> None:
    book = Book()
    book.to_gate(1)
    assert moves(book) == []
    book.write(book.approved(1, "Baba", "operations"))
    assert moves(book) == []
    book.write(book.approved(1, "Chiba", "business"))
    assert moves(book) == [d.PassGate(1)]


def test_what_people_say_is_in_the_evidence_before_it_is_decided_on() -> None:
    book = Book()
    book.to_gate(1)
    assert d.TakeEvidence() not in moves(book)
    book.write(e.Said(topic="batch-checkpoint", text="step 12 is done", who="Baba"))
    assert moves(book) == [d.TakeEvidence()]


def test_time_only_calls_louder() -> None:
    book = Book()
    book.to_gate(1)
    book.wait(299_999)
    assert [move for move in moves(book) if not isinstance(move, d.TakeEvidence)] == []
    book.wait(1)
    assert d.Escalate(1, 1) in moves(book)
    book.write(e.Escalated(gate=1, level=1))
    assert moves(book) == [d.TakeEvidence()]
    book.wait(4 * 3_600_000)
    assert [type(move) for move in moves(book)] == [d.Hold]


def test_gate_2_waits_for_the_preparation_and_the_lag() -> None:
    book = Book()
    book.declare()
    book.open(1)
    book.passed(1)
    book.did_phase(Phase.INITIATE)
    book.write(e.PhaseDone(phase="initiate"))
    assert d.OpenGate(2) in moves(book)
    book.open(2)
    book.show(Evidence(lag_ms=61_000))
    assert [text.split(":")[0] for text in d.stops(book.run, book.time.wall_ms(), DAY)] == [
        "the preparation is not done, nor waived",
        "the lag of the copy is 61 s, and 60 s are allowed",
    ]
    book.write(e.Said(topic="accept-loss", text="one minute", who="Baba", second="Chiba"))
    for step in ("scale-up", "standby-is-alive", "copy-is-close"):
        book.write(e.Answered(step=step, how="waived", who="Baba", second="Chiba", evidence="seen"))
    assert d.stops(book.run, book.time.wall_ms(), DAY) == ()


def test_an_unknown_lag_is_no_small_lag() -> None:
    book = Book()
    book.to_gate(2)
    book.show(Evidence())
    assert "not known" in d.stops(book.run, book.time.wall_ms(), DAY)[0]


def test_gate_3_waits_for_the_frozen_list() -> None:
    book = Book()
    book.to_gate(3)
    assert d.stops(book.run, book.time.wall_ms(), DAY) == ()
    book.run.steps.pop("tail-at-osaka")
    assert "unknowns is not frozen" in d.stops(book.run, book.time.wall_ms(), DAY)[0]


def test_a_phase_follows_its_needs_and_ends_when_all_is_settled() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    book.did("block-tokyo")
    assert steps(book) == ["seal-tokyo", "block-osaka"]
    for step in ("seal-tokyo", "block-osaka", "seal-osaka"):
        assert step in steps(book)
        book.did(step)
    assert steps(book) == ["stop-the-copy"]
    book.did("stop-the-copy")
    assert moves(book, d.RunStep("stop-the-copy")) == []
    assert moves(book) == [d.EndPhase(Phase.INITIATE)]


def test_a_failed_step_is_tried_again_later_and_then_people_are_asked() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    for wait_ms in (2_000, 4_000):
        book.did("block-tokyo", result="failed")
        assert "block-tokyo" not in steps(book)
        book.wait(wait_ms)
        assert "block-tokyo" in steps(book)
    book.did("block-tokyo", result="failed")
    assert [type(move) for move in moves(book)] == [d.Hold]
    assert [d.retry_ms(n) for n in (0, 1, 2, 6, 20)] == [0, 2_000, 4_000, 60_000, 60_000]


def test_a_failed_preparation_holds_nothing_up() -> None:
    book = Book()
    book.declare()
    for _ in range(3):
        book.did("scale-up", result="failed")
    book.open(1)
    assert "scale-up" not in steps(book)
    assert not [move for move in moves(book) if isinstance(move, d.Hold)]


def test_the_second_way_to_the_record_comes_after_the_first_has_failed() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.did("promote")
    book.write(e.PhaseDone(phase="promote"))
    assert steps(book) == ["move-the-record"]
    for _ in range(3):
        book.did("move-the-record", result="failed")
    assert steps(book) == ["move-the-record-by-hand"]
    book.did("move-the-record-by-hand")
    assert moves(book) == [d.EndPhase(Phase.DNS)]


def test_the_promotion_is_not_tried_twice_without_people() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.did("promote", result="failed")
    book.wait(3_600_000)
    assert [type(move) for move in moves(book)] == [d.Hold]


def test_a_held_run_begins_nothing() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    book.write(e.Held(who="Doi", why="look"))
    assert moves(book) == []


def test_back_newest_first_and_only_when_nothing_goes_forward() -> None:
    book = Book()
    book.to_gate(2)
    book.write(e.AbortAsked(who="Doi", why="x"))
    assert moves(book, d.RunStep("scale-up")) == []
    assert steps(book) == ["stop-the-copy", "scale-up"]
    book.did("stop-the-copy", is_undo=True)
    assert steps(book) == ["seal-osaka", "seal-tokyo", "scale-up"]
    for name in ("seal-osaka", "seal-tokyo", "scale-up", "block-osaka", "block-tokyo"):
        book.did(name, is_undo=True)
    assert moves(book) == [d.EndUndo()]


def test_what_may_still_land_is_waited_for_before_it_is_taken_back() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    book.looked("block-tokyo")
    book.write(e.Intended(step="block-tokyo", attempt=1, token="t"))
    book.write(e.AbortAsked(who="Doi", why="x"))
    assert "block-tokyo" not in steps(book)
    book.wait(book.run.known_plan.named("block-tokyo").settle_s * 1_000)
    assert "block-tokyo" in steps(book)


def test_at_night_service_returns_in_two_parts_with_the_gate_between() -> None:
    book = Book(start_ms=NIGHT_MS)
    book.to_gate(2)
    book.passed(2)
    for phase in (Phase.PROMOTE, Phase.DNS, Phase.VERIFY):
        book.did_phase(phase)
        book.write(e.PhaseDone(phase=phase.value))
    assert d.OpenGate(3, ("batch", "online")) in moves(book)
    book.open(3, ("batch", "online"))
    book.passed(3)
    assert steps(book) == ["open-batch"]
    book.did("open-batch")
    assert moves(book) == [d.EndPhase(Phase.RELEASE, "batch")]
    book.write(e.PhaseDone(phase="release", part="batch"))
    assert d.OpenGate(3, ("batch", "online")) in moves(book)
    book.show(EVIDENCE)
    book.open(3, ("batch", "online"))
    book.passed(3)
    assert steps(book) == ["open-online"]
