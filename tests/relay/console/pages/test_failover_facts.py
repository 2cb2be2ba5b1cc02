"""What somebody at a gate reads: nothing of a snapshot that decides anything is left out, and strangers' texts are text."""

from __future__ import annotations

import msgspec

from relay.console.pages.failover_facts import calendar_of, evidence_of, part_name, said, snapshot_of
from relay.console.words import Words
from relay.failover.bankday import BankClock, DayPhase
from relay.failover.evidence import CenterFacts, Evidence
from relay.failover.plan import Phase
from relay.failover.view import view_of
from tests.support.consoleroom import frame, words_of
from tests.support.failoverbook import Book


def test_each_member_of_a_snapshot_is_shown() -> None:
    center = CenterFacts(center="tokyo", region="r", epoch=71, sealed_epoch=72, blocked=("atm",), may_speak=True, sessions=73)
    center = msgspec.structs.replace(center, inflight=74, owed=75, listed=76, tail_left=77, tail_is_finished=False)
    evidence = Evidence(
        centers=(center, CenterFacts(center="osaka", trouble="nobody <listens>")),
        standby="osaka: slow",
        lag_ms=3_000,
        is_lag_accepted=True,
        batch_checkpoint="step 14",
        zengin="open till 15",
        is_peer_away=True,
        preparation=(("scale-up", "done"),),
        remarks=("a remark",),
    )
    made = words_of(evidence_of(frame("/failover"), evidence))
    wanted = ["3 s", "osaka: slow", "step 14", "open till 15", "scale-up: done", "a remark", "nobody <listens>", "atm"]
    wanted += ["77, not finished", "go on alone", "loss is accepted", "yes", *(str(number) for number in range(71, 77))]
    for word in wanted:
        assert word in made, word


def test_an_approval_is_bound_to_what_stands_there() -> None:
    book = Book()
    book.to_gate(1)
    book.wait(34_000)
    view = view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo")
    assert view.gate is not None
    told = dict(snapshot_of(frame("/failover"), view, view.gate))
    made = words_of("".join(str(value) for value in told.values()))
    for word in (view.gate.evidence_digest, view.plan_version, "34 s old, good until"):
        assert word in words_of(str(told)) or word in made, word
    book.wait(300_000)
    late = view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo")
    assert late.gate is not None
    assert "stale" in str(snapshot_of(frame("/failover"), late, late.gate))


def test_without_a_calendar_there_is_none() -> None:
    book = Book()
    view = view_of(book.run, (), book.time.wall_ms(), BankClock(), center="tokyo")
    assert calendar_of(frame("/failover"), msgspec.structs.replace(view, day=None)) is None
    assert "core hours end" in str(calendar_of(frame("/failover"), view))
    japanese = str(calendar_of(frame("/failover", language="ja"), view))
    for boundary in DayPhase if view.day is None else (*DayPhase, *(each.what for each in view.day.boundaries)):
        assert Words("ja", 540).maybe(f"day.{boundary.replace(' ', '-')}", ""), boundary
    assert "コアタイム終了" in japanese
    assert "core hours" not in japanese


def test_parts_and_phases_have_names_in_both_languages() -> None:
    for name in (*Phase, "gate 1", "gate 2", "gate 3"):
        english, japanese = (part_name(frame("/failover", language=each), name) for each in ("en", "ja"))
        assert english != japanese, name
        assert english[0].isupper(), name


def test_what_people_wrote_is_text_and_masked() -> None:
    made = said("<script>alert(1)</script> 4000001234567899")
    assert "<script>" not in made
    assert "4000001234567899" not in made
