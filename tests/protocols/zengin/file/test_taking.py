"""Accepted files and a slow journal: what is durable when, and crashes between any two records of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import repeat

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dialect import Ask
from protocols.vocabulary import Refusal
from tests.support.zenginfiles import sound_file, total
from tests.support.zenginlink import Line, pair

COUNT = 7
BODY = msgspec.json.encode(
    {"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(sound_file("21", COUNT)).decode()}
)


def slow(**changes: object) -> Line:
    files = [{"name": "SOUFURI", "direction": "both", "format": {"formats": ["21"]}}]
    line = pair(stage_bytes=1_024, asks_waiting_max=3, progress_records=2, files=files, **changes)
    line.called.is_slow = True
    return line


def attempt(line: Line, offer: str, commits: Iterator[int]) -> None:
    line.connect()
    line.caller.offer(offer, BODY)
    line.settle(commits)


def test_no_record_is_asked_before_the_file_is_durable_as_accepted() -> None:
    line = slow()
    attempt(line, "o1", iter(()))
    called = line.called
    assert called.asked_count == 0
    while called.journal and not called.ledger:
        is_asked = any(isinstance(action, Ask) for action, _ in called.journal)
        assert not is_asked or b'"taking"' in called.variables["zfile/head/COMPANY/SOUFURI/01"]
        called.commit(1)
    assert called.ledger


def test_the_answer_comes_when_done_is_durable_and_the_bytes_go_after_that() -> None:
    line = slow()
    attempt(line, "o1", repeat(1))
    answers = [entry for entry in line.transcript if entry.startswith("called file-end-answer")]
    assert answers == ["called file-end-answer"]
    assert line.caller.deliveries[-1] == ("o1", "acknowledged")
    assert len(line.called.ledger) == COUNT
    line.called.commit(100)
    assert line.called.variables["zfile/head/COMPANY/SOUFURI/01"] == b""


def test_a_crash_after_every_single_record_of_the_journal() -> None:
    crashes = 0
    for allowed in range(60):
        line = slow()
        line.connect()
        line.caller.offer("o1", BODY)
        line.settle(iter([1] * allowed))
        was_told = ("o1", "acknowledged") in line.caller.deliveries
        assert not was_told or len(line.called.ledger) == COUNT
        line.crashes = True
        crashes += bool(line.called.journal)
        line.cut()
        line.crashes = False
        line.caller.wall_ms += 86_400_000  # the next day: another date, the same file
        finish(line)
        assert len(line.called.ledger) == COUNT, allowed
        assert sum(line.called.amounts()) == total(COUNT)
        is_stated_once(line)
    assert crashes > 10


def is_stated_once(line: Line) -> None:
    """Whatever was repeated: what the trailers state is there, and not twice."""
    lines = [each for stated in line.called.stated.values() for each in stated.lines]
    assert [(each.count, each.minor) for each in lines] == [(COUNT, total(COUNT))]


def test_what_the_trailers_state_is_durable_before_the_file_is_done() -> None:
    line = slow()
    attempt(line, "o1", iter(()))
    while line.called.journal:
        line.called.commit(1)
        line.run()
        assert line.called.stated or not line.called.variables.get("zfile/done/COMPANY")
    is_stated_once(line)
    assert line.caller.deliveries[-1] == ("o1", "acknowledged")


def test_a_statement_that_the_journal_does_not_take_leaves_the_file_to_the_next_link() -> None:
    line = slow()
    line.called.keeps = "failed"
    attempt(line, "o1", repeat(1))
    assert line.called.hung_up == "not-stored"
    assert "totals-not-kept" in line.called.names
    assert "zfile/done/COMPANY" not in line.called.variables
    line.cut()
    line.called.keeps = "kept"
    finish(line)
    is_stated_once(line)
    assert len(line.called.ledger) == COUNT


def test_a_statement_over_a_limit_or_in_other_words_than_before_holds_up_no_file() -> None:
    for word in ("full", "off", "conflict"):
        line = slow()
        line.called.keeps = word  # type: ignore[assignment]
        attempt(line, "o1", repeat(1))
        assert line.caller.deliveries[-1] == ("o1", "acknowledged")
        assert ("totals-conflict" in line.called.names) is (word == "conflict")


def test_a_record_that_is_refused_for_good_is_stated_all_the_same() -> None:
    """That the journal holds less than the file says, is what the sheet is to show."""
    line = slow()
    line.called.refuse = lambda request: Refusal.UNSUPPORTED if request.trace == "000003" else None
    attempt(line, "o1", repeat(1))
    assert len(line.called.ledger) == COUNT - 1
    is_stated_once(line)


def finish(line: Line) -> None:
    """Until the company knows that the bank has its file."""
    for number in range(6):
        offer = f"again{number}"
        attempt(line, offer, repeat(3))
        line.cut()
        line.called.commit(1_000)
        last = line.caller.deliveries[-1]
        if last == (offer, "acknowledged") or "called file-start-answer duplicate-cycle" in line.transcript:
            return
    raise AssertionError(line.transcript)


@settings(max_examples=60)
@given(
    attempts=st.lists(
        st.tuples(st.lists(st.integers(1, 4), max_size=30), st.booleans(), st.booleans(), st.booleans()), max_size=4
    )
)
def test_any_pace_any_crash_any_day(attempts: list[tuple[list[int], bool, bool, bool]]) -> None:
    """(commits, does the process die, does the journal go on after the link went, does a day pass)"""
    line = slow()
    for number, (commits, dies, goes_on, day_passes) in enumerate(attempts):
        line.connect()
        line.caller.offer(f"o{number}", BODY)
        line.settle(iter(commits))
        told = ("o" + str(number), "acknowledged") in line.caller.deliveries
        assert not told or len(line.called.ledger) == COUNT
        if told:
            return
        line.crashes = dies
        line.cut()
        line.crashes = False
        if goes_on:
            line.called.commit(1_000)
        if day_passes:
            line.caller.wall_ms += 86_400_000
    finish(line)
    assert len(line.called.ledger) == COUNT
    assert sum(line.called.amounts()) == total(COUNT)
    is_stated_once(line)
