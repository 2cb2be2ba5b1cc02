"""What is next, from how a run stands: preparation at once, gates one after the other, back in the opposite order."""

from __future__ import annotations

import pytest

from relay.failover import decide as d
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.evidence import CenterFacts, Evidence
from relay.failover.plan import Phase
from tests.support.failoverbook import EVIDENCE, MORNING_MS, Book
from tests.support.failoverworld import sample_plan

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


@pytest.mark.parametrize("gate", [1, 2])
def test_a_relay_that_is_past_the_epoch_that_is_to_end_keeps_the_gate_shut(gate: int) -> None:
    """Its seal of the old epoch, which an earlier run has made, is found; and it goes on speaking in its own."""
    book = Book()
    book.to_gate(gate)
    assert d.stops(book.run, book.time.wall_ms(), DAY) == ()
    book.show(Evidence(centers=(CenterFacts(center="osaka", epoch=8),), lag_ms=0))
    (why,) = d.stops(book.run, book.time.wall_ms(), DAY)
    assert "osaka is in epoch 8 already, and this run ends epoch 7" in why


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


def test_a_step_that_waits_for_a_preparation_that_failed_is_told_and_not_waited_for_in_silence() -> None:
    block = 'name = "block-tokyo"\n'
    book = Book(sample_plan().replace(block, f'{block}needs = ["scale-up"]\n', 1))
    book.declare()
    book.open(1)
    book.passed(1)
    assert "block-tokyo" not in steps(book)
    for _ in range(3):
        book.did("scale-up", result="failed")
    (hold,) = [move for move in moves(book) if isinstance(move, d.Hold)]
    assert "block-tokyo needs scale-up, which failed" in hold.why
    book.write(e.Answered(step="scale-up", how="waived", who="Baba", second="Chiba", evidence="by hand"))
    assert "block-tokyo" in steps(book)


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


def test_back_newest_first_and_no_step_that_still_goes_forward() -> None:
    book = Book()
    book.to_gate(2)
    book.write(e.AbortAsked(who="Doi", why="x"))
    assert moves(book, d.RunStep("stop-the-copy")) == [d.RunStep("scale-up", True)]
    assert steps(book, d.RunStep("scale-up")) == ["stop-the-copy"]  # a slow preparation does not keep service blocked
    assert steps(book) == ["stop-the-copy", "scale-up"]
    book.did("stop-the-copy", is_undo=True)
    assert steps(book) == ["seal-osaka", "seal-tokyo", "scale-up"]
    for name in ("seal-osaka", "seal-tokyo", "scale-up", "block-osaka", "block-tokyo"):
        book.did(name, is_undo=True)
    assert moves(book, d.RunStep("standby-is-alive")) == []  # nothing goes on behind the end
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


def test_a_third_gate_that_waits_into_the_night_is_asked_again_and_for_the_batch_first() -> None:
    """What was approved before midnight was all of it. One that waits into the morning keeps its two parts."""
    book = Book(start_ms=NIGHT_MS - 3 * 3_600_000)  # 23:00
    book.to_gate(3)
    for who, role in (("Baba", "operations"), ("Chiba", "business")):
        book.write(book.approved(3, who, role))
    assert moves(book) == [d.PassGate(3)]
    book.wait(3_600_000)
    assert d.OpenGate(3, ("batch", "online")) in moves(book)
    book.open(3, ("batch", "online"))
    assert (book.run.part, book.run.approvals) == ("batch", ())
    book.wait(7 * 3_600_000)
    assert not [move for move in moves(book) if isinstance(move, d.OpenGate)]


def beside() -> Book:
    """A run whose record moves at once in two ways, with people as the third."""
    book = Book(sample_plan("unplanned-aws"))
    book.to_gate(2)
    book.passed(2)
    book.did("promote")
    book.write(e.PhaseDone(phase="promote"))
    return book


FIRST, SECOND, BY_HAND = "move-the-record", "move-the-record-at-route53", "move-the-record-by-hand"


def test_two_ways_at_once_begin_together_and_one_of_them_ends_the_phase() -> None:
    book = beside()
    assert steps(book) == [FIRST, SECOND]
    book.did(SECOND)
    assert moves(book, d.RunStep(FIRST)) == [d.EndPhase(Phase.DNS)]  # the other one is under way, and nobody waits for it
    book.write(e.PhaseDone(phase="dns"))
    assert FIRST not in steps(book, d.RunStep(FIRST))
    assert FIRST in steps(book)  # it is brought there, too
    book.did(FIRST)
    assert FIRST not in steps(book)


def test_the_late_one_of_two_holds_nothing_up_and_is_not_tried_for_ever() -> None:
    book = beside()
    book.did(FIRST)
    book.write(e.PhaseDone(phase="dns"))
    for _ in range(10):
        book.did(SECOND, result="failed")
        assert SECOND not in steps(book)
        book.wait(60_000)
    assert SECOND not in steps(book)
    assert not [move for move in moves(book) if isinstance(move, d.Hold)]
    book.write(e.Held(who="Doi", why="look"))
    assert steps(book) == []


def test_people_are_asked_only_when_both_have_failed() -> None:
    book = beside()
    for _ in range(3):
        book.did(FIRST, result="failed")
    book.wait(60_000)
    assert steps(book) == [SECOND]
    for _ in range(10):
        book.did(SECOND, result="failed")
    assert steps(book) == [BY_HAND]
    for _ in range(3):
        book.did(BY_HAND, result="failed")
    assert [type(move) for move in moves(book)] == [d.Hold]
