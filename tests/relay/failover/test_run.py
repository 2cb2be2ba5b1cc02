"""The fold: what a log may say, what it must not, and that old logs fold to the same state for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.failover import events as e
from relay.failover.chain import read_log
from relay.failover.evidence import CenterFacts, Evidence, binding_of
from relay.failover.plan import Phase
from relay.failover.run import BadHistory, Run, fold
from relay.failover.states import State
from tests.support.failoverbook import DIGEST, Book

LOGS = sorted((Path(__file__).parent / "logs").glob("*.run"))


def refused(book: Book, event: e.Happening, why: str) -> None:
    """The line is not written, and nothing moved."""
    before = (book.run.state, len(book.keeper.entries), dict(book.run.steps), book.run.held)
    with pytest.raises(BadHistory, match=why):
        book.write(event)
    assert (book.run.state, len(book.keeper.entries), dict(book.run.steps), book.run.held) == before


def test_a_whole_run_folds_to_done() -> None:
    book = Book()
    book.to_gate(3)
    book.passed(3)
    book.did_phase(Phase.RELEASE)
    book.write(e.PhaseDone(phase="release"))
    assert book.run.state is State.DONE
    assert fold(book.keeper.entries).state is State.DONE
    assert book.run.new_epoch == book.run.epoch + 1


def test_nothing_is_written_before_a_declaration() -> None:
    with pytest.raises(BadHistory, match="nothing was declared"):
        Run().apply(e.Entry(number=1, at_ms=1, term=1, before="", event=e.Held(why="x")))
    assert Run().gate() is None
    with pytest.raises(BadHistory):
        _ = Run().known_plan


def test_an_effect_without_its_gate_is_refused() -> None:
    book = Book()
    book.to_gate(1)
    for step in ("seal-tokyo", "promote", "move-the-record", "release-atm-tokyo"):
        book.looked(step)
        refused(book, e.Intended(step=step, attempt=1, token="t"), "is not done in G1_WAIT")


def test_an_effect_without_a_look_is_refused() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    refused(book, e.Intended(step="promote", attempt=1, token="t"), "without a look")
    book.write(e.Observed(step="promote", when="before", sight="unknown"))
    refused(book, e.Intended(step="promote", attempt=1, token="t"), "without a look")
    book.looked("promote")
    book.write(e.Observed(step="promote", when="before", sight="in-progress"))
    refused(book, e.Intended(step="promote", attempt=1, token="t"), "without a look")


def test_a_look_from_before_a_crash_counts_nothing() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.looked("promote")
    book.write(e.Woke(center="tokyo"))
    refused(book, e.Intended(step="promote", attempt=1, token="t"), "without a look")


def test_an_effect_that_is_done_is_not_begun_again() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.did("promote")
    book.looked("promote")
    refused(book, e.Intended(step="promote", attempt=2, token="t"), "is done")


def test_a_gate_does_not_pass_with_one_person_or_old_evidence() -> None:
    book = Book()
    book.to_gate(1)
    refused(book, e.GatePassed(gate=1), "lacks operations, business")
    book.write(book.approved(1, "Baba", "operations"))
    refused(book, e.GatePassed(gate=1), "lacks business")
    refused(book, book.approved(1, "Baba", "business"), "second role")
    refused(book, book.approved(1, "Abe", "business"), "declares")
    refused(book, e.GatePassed(gate=2), "gate 2 is not open")
    book.wait(200_000)
    book.write(book.approved(1, "Chiba", "business"))
    book.wait(100_001)
    refused(book, e.GatePassed(gate=1), "lacks operations, business")
    refused(book, book.approved(1, "Baba", "operations"), "too old")


def test_what_was_shown_at_another_gate_is_nothing_at_this_one() -> None:
    book = Book()
    book.declare()
    book.did_phase(Phase.PREPARE)
    book.open(1)
    other = book.show(Evidence(lag_ms=9))
    book.passed(1)
    book.did_phase(Phase.INITIATE)
    book.write(e.PhaseDone(phase="initiate"))
    refused(book, book.approved(2, "Baba", "operations"), "not open")
    book.open(2)
    refused(book, book.approved(2, "Baba", "operations", other), "no such evidence")


def test_approvals_are_withdrawn_and_die_with_the_gate() -> None:
    book = Book()
    book.to_gate(1)
    book.write(book.approved(1, "Baba", "operations"))
    book.write(e.Withdrawn(gate=1, who="BABA", why="wait"))
    book.write(book.approved(1, "Chiba", "business"))
    refused(book, e.GatePassed(gate=1), "lacks operations")
    book.write(book.approved(1, "Doi", "operations"))
    book.write(e.GatePassed(gate=1))
    assert book.run.approvals == ()


def test_a_broken_glass_passes_alone_and_its_code_only_once() -> None:
    book = Book()
    book.to_gate(1)

    def glass(gate: int) -> e.BrokeGlass:
        binding = binding_of("r1", gate, "", book.run.plan_version, DIGEST)
        return e.BrokeGlass(gate=gate, who="Abe", seal="envelope-1", evidence_digest=DIGEST, binding=binding, why="alone here")

    book.write(glass(1))
    book.write(e.GatePassed(gate=1))
    book.did_phase(Phase.INITIATE)
    book.write(e.PhaseDone(phase="initiate"))
    book.open(2)
    refused(book, glass(2), "used before")


def test_a_phase_does_not_end_with_a_step_open() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    book.did("block-tokyo")
    refused(book, e.PhaseDone(phase="initiate"), "has not done .*seal-osaka")
    refused(book, e.PhaseDone(phase="verify"), "cannot end in INITIATING")


def test_an_override_is_signed_by_two_different_people() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    for second in ("", "Baba", "ｂａｂａ"):
        refused(book, e.Answered(step="seal-tokyo", how="waived", who="Baba", second=second, evidence="cut off"), "two people")
    book.write(e.Answered(step="seal-tokyo", how="waived", who="Baba", second="Chiba", evidence="its route is gone"))
    assert book.run.is_settled(book.run.known_plan.named("seal-tokyo"))
    refused(book, e.Answered(step="nothing", how="again", who="Baba", evidence=""), "no step")


def test_before_the_promotion_it_goes_back_and_what_is_owed_is_taken_back() -> None:
    book = Book()
    book.to_gate(2)
    book.write(e.AbortAsked(who="Doi", why="the region is back"))
    assert book.run.state is State.ROLLBACK
    owed = [step.name for step in book.run.owed_back()]
    assert owed == ["stop-the-copy", "seal-osaka", "block-osaka", "seal-tokyo", "block-tokyo", "scale-up"]
    refused(book, e.Undone(), "not taken back")
    for name in owed:
        book.did(name, is_undo=True)
    book.write(e.Undone())
    assert book.run.state is State.ABORTED


def test_the_point_of_no_return_is_the_intent_of_the_promotion() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    assert book.run.may_abort()
    book.looked("promote")
    book.write(e.Intended(step="promote", attempt=1, token="t"))
    assert book.run.has_promoted
    refused(book, e.AbortAsked(who="Doi", why="no"), "no way back from PROMOTING")
    refused(book, e.Intended(step="seal-tokyo", attempt=1, token="t", is_undo=True), "is not done")


def test_a_promotion_that_people_made_by_hand_is_the_point_of_no_return_too() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.write(e.Answered(step="promote", how="by-hand", who="Baba", second="Chiba", evidence="the console says promoted"))
    assert book.run.has_promoted
    refused(book, e.AbortAsked(who="Doi", why="x"), "no way back")


def test_a_promotion_that_was_found_made_is_the_point_of_no_return_too() -> None:
    """Somebody else has made it: the relays are not unsealed beside it, whatever else of the phase is under way."""
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.write(e.Finished(step="promote", result="failed"))
    assert book.run.may_abort()
    book.write(e.Finished(step="promote", result="found"))
    assert book.run.has_promoted
    refused(book, e.AbortAsked(who="Doi", why="x"), "no way back")
    late = Book()
    late.to_gate(2)
    late.passed(2)
    late.write(e.AbortAsked(who="Doi", why="x"))
    late.write(
        e.Finished(step="promote", result="found")
    )  # seen when it was called off: what is owed is taken back all the same
    late.did("stop-the-copy", is_undo=True)


def test_what_two_sign_counts_only_with_two() -> None:
    book = Book()
    book.to_gate(2)
    for second in ("", "BABA"):
        book.write(e.Said(topic="alone", text="x", who="Baba", second=second))
        assert "alone" not in book.run.said
    book.write(e.Said(topic="alone", text="x", who="Baba", second="Chiba"))
    assert "alone" in book.run.said


@pytest.mark.parametrize("is_seen", [(True, True), (True, False), (False, False)])
def test_a_gate_was_passed_alone_only_where_all_who_approved_had_seen_it(is_seen: tuple[bool, bool]) -> None:
    """A newer snapshot that says so was seen by nobody who approved."""
    book = Book()
    book.to_gate(2)
    for (who, role), is_away in zip((("Baba", "operations"), ("Chiba", "business")), is_seen, strict=True):
        digest = book.show(Evidence(lag_ms=1, is_peer_away=is_away))
        book.write(book.approved(2, who, role, digest))
    book.show(Evidence(lag_ms=2, is_peer_away=True))
    book.write(e.GatePassed(gate=2))
    assert book.run.was_passed_alone is all(is_seen)


def test_gate_2_passed_and_the_promotion_not_begun_may_still_go_back() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.write(e.AbortAsked(who="Doi", why="the region is back"))
    assert book.run.state is State.ROLLBACK


def test_a_denial_of_gate_3_holds_and_of_an_earlier_one_goes_back() -> None:
    early = Book()
    early.to_gate(1)
    early.write(e.Denied(gate=1, who="Chiba", role="business", why="no"))
    assert early.run.state is State.CANCEL_PREP
    late = Book()
    late.to_gate(3)
    late.write(e.Denied(gate=3, who="Chiba", role="business", why="no"))
    assert (late.run.state, late.run.held_by) == (State.G3_WAIT, "Chiba")
    refused(late, late.approved(3, "Baba", "operations"), "held")
    refused(late, e.Denied(gate=1, who="Chiba", role="business", why="no"), "not open")


def test_a_denial_goes_back_from_a_hold_too() -> None:
    """As an abort does: else nothing would be taken back before somebody resumes a run that is called off."""
    book = Book()
    book.to_gate(2)
    book.write(e.Held(who="Doi", why="look"))
    book.write(e.Denied(gate=2, who="Chiba", role="business", why="no"))
    assert (book.run.state, book.run.held, book.run.held_by) == (State.ROLLBACK, "", "")


def test_a_held_run_begins_nothing() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    book.looked("block-tokyo")
    book.write(e.Held(who="Doi", why="look"))
    refused(book, e.Intended(step="block-tokyo", attempt=1, token="t"), "held")
    book.write(e.Resumed(who="Doi", why="looked"))
    book.write(e.Intended(step="block-tokyo", attempt=1, token="t"))


def test_an_answer_ends_a_hold_of_the_machine_and_not_one_of_people() -> None:
    book = Book()
    book.to_gate(1)
    book.passed(1)
    book.did("block-tokyo", result="failed")
    book.write(e.Held(why="block-tokyo failed"))
    book.write(e.Answered(step="block-tokyo", how="again", who="Baba", evidence=""))
    assert (book.run.held, book.run.standing("block-tokyo").failures) == ("", 0)
    book.write(e.Held(who="Doi", why="wait"))
    book.write(e.Answered(step="block-tokyo", how="again", who="Baba", evidence=""))
    assert book.run.held == "wait"


def test_a_term_is_taken_once_and_changes_who_acts() -> None:
    book = Book()
    book.to_gate(1)
    entry = e.Entry(number=99, at_ms=1, term=1, before="", event=e.TermTaken(center="osaka"))
    with pytest.raises(BadHistory, match="taken only once"):
        book.run.apply(entry)
    book.keeper.write(e.TermTaken(center="osaka"), 2)
    assert (book.run.center, book.run.term) == ("osaka", 2)
    with pytest.raises(BadHistory, match="term 1 after 2"):
        book.run.apply(e.Entry(number=99, at_ms=1, term=1, before="", event=e.Held(why="")))


def test_a_second_choice_settles_the_first_and_is_not_needed_after_it() -> None:
    book = Book()
    book.to_gate(2)
    book.passed(2)
    book.did("promote")
    book.write(e.PhaseDone(phase="promote"))
    plan = book.run.known_plan
    book.did("move-the-record-by-hand")
    assert book.run.is_settled(plan.named("move-the-record"))
    other = Book()
    other.to_gate(3)
    assert other.run.is_settled(plan.named("move-the-record-by-hand"))


def test_evidence_names_the_peer_that_is_away() -> None:
    book = Book()
    book.to_gate(1)
    book.write(e.PeerAway(why="cut"))
    assert book.run.is_peer_away
    book.write(e.PeerBack())
    assert not book.run.is_peer_away
    assert book.run.newest is not None
    assert book.run.newest.evidence.centers[0] == CenterFacts(center="tokyo", epoch=7, region="tokyo")


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_logs_of_older_relays_fold_as_they_did(path: Path) -> None:
    """A log is `STATE-anything.run`. A new one is added when a line gets a new form; an old one is never changed."""
    run = fold(read_log(path.read_bytes()).entries)
    assert run.state.name == path.stem.split("-")[0]


def test_there_are_old_logs() -> None:
    assert {path.stem.split("-")[0] for path in LOGS} >= {"DONE", "ABORTED", "G3_WAIT"}
