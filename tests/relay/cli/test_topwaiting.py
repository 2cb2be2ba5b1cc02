"""What waits, the oldest first, with the command that does something about it; the newest reconciliation as it is printed."""

from __future__ import annotations

from relay.cli.screen import Paint
from relay.cli.spans import fit
from relay.cli.topsnap import Snapshot
from relay.cli.topwaiting import report, waiting
from relay.cli.topwords import words_of
from relay.control.report import SafReport, SafRow
from tests.support.toproom import NOW_MS, REPORT, STATUS, snapshot

T = words_of("en")


def lines(shown: Snapshot) -> list[str]:
    return [fit(line, 200, Paint(False)).rstrip() for line in waiting(shown, T)]


def test_what_waits_is_in_its_own_list_with_its_age_and_what_to_type() -> None:
    said = lines(snapshot())
    assert said[0] == " for a person: 1   relay saf resolve KEY"
    assert said[2].split() == ["15", "min", "ATM8", "deposit", "0", "K0", "the", "core", "said", "no"]
    assert " owed to the core: 1   relay saf retry KEY" in said
    assert any("30,000 JPY" in line for line in said)
    assert said[-1].split() == ["1", "s", "rc", "transfer", "O1", "no", "answer"]


def test_the_oldest_comes_first() -> None:
    rows = tuple(SafRow(key=f"K{n}", recorded_ms=NOW_MS - n * 1_000) for n in (1, 3, 2))
    said = lines(snapshot(owed=SafReport(owed=3, rows=rows), outbound=()))
    assert [line.split()[-1] for line in said[2:]] == ["K3", "K2", "K1"]


def test_nothing_is_said_to_be_nothing() -> None:
    assert lines(Snapshot(status=STATUS, owed=SafReport())) == [" nothing waits"]
    assert lines(Snapshot()) == []


def test_the_report_is_as_it_is_printed() -> None:
    said = [fit(line, 200, Paint(False)) for line in report(snapshot(), T)]
    assert said == [f" {line}" for line in REPORT.splitlines()]
    assert [fit(line, 200, Paint(False)) for line in report(Snapshot(), T)] == [" no report yet"]
