"""The figures have the agreed names, and the text says the verdict."""

from __future__ import annotations

import msgspec

from relay.loopback.deliveries import Outcome
from relay.loopback.figures import LoadReport, as_text, load_report
from relay.loopback.reckoning import reckon
from relay.loopback.report import LedgerLine
from tests.support.sometroupe import SomeTroupe


def report_of(
    *troupes: SomeTroupe, line: LedgerLine | None = None, told: Outcome | None = None, **figures: float
) -> LoadReport:
    outcomes = [Outcome({}) if told is None else told for _ in troupes]
    reckoning = reckon(troupes, [] if line is None else [line], [], [], outcomes)
    return load_report(
        troupes,
        reckoning,
        listed=0,
        duration_s=figures.get("duration_s", 0),
        in_doubt=int(figures.get("in_doubt", 0)),
        quiet_s=60,
        faults={"hang": 2},
    )


def test_the_report_is_one_object_with_the_agreed_names() -> None:
    troupe = SomeTroupe("iso8583")
    troupe.tally.requests = 4
    for _ in range(4):
        troupe.tally.ended("00", 0, 1.5)
    report = report_of(troupe, duration_s=2.0)
    shown = msgspec.json.decode(msgspec.json.encode(report))
    for name in ("requests", "answered", "reversed", "listed", "lost", "doubled", "throughput_per_s", "latency_ms"):
        assert name in shown
    assert set(shown["latency_ms"]) == {"p50", "p99", "p999"}
    assert shown["dialects"]["iso8583"]["requests"] == shown["requests"], "alone, its figures are the whole's"
    assert (shown["throughput_per_s"], report.is_good) == (2.0, True)
    text = as_text(report)
    assert "conservation: the ledger equals" in text
    assert "answered 68" not in text, "a figure of this report, not a number of answers"


def test_a_difference_is_shouted() -> None:
    line = LedgerLine("k", "ATM1", "000001", -5, "A")
    report = report_of(SomeTroupe("iso8583"), line=line)
    assert not report.is_good
    for part in ("LOST", "THE LEDGER DIFFERS", "hang 2"):
        assert part in as_text(report)


def test_books_that_nobody_could_close_are_not_called_a_difference() -> None:
    """As where the relay did not come back: what is still owed was said by nobody yet."""
    report = report_of(SomeTroupe("iso8583"), line=LedgerLine("k", "ATM1", "000001", -5, "A"), in_doubt=3)
    assert not report.is_good
    for part in ("LOST", "IN DOUBT", "THE BOOKS CANNOT BE CLOSED, 3 exchanges"):
        assert part in as_text(report)


def test_figures_are_the_sum_and_latencies_are_of_those_who_wait() -> None:
    atms, line = SomeTroupe("iso8583"), SomeTroupe("zrc", customer_waits=False)
    for troupe, ms in ((atms, 2.0), (line, 9_000.0)):
        troupe.tally.requests = 1
        troupe.tally.taken(1, 0, ms)
    report = report_of(atms, line, duration_s=1.0, told=Outcome({"acknowledged": 2}))
    assert (report.requests, report.answered, report.outbound) == (2, 2, {"acknowledged": 4})
    assert report.latency_ms.p999 < 3
    assert report.dialects["zrc"].latency_ms.p50 > 8_000
    text = as_text(report)
    assert "in all 2 dialects" in text
    assert [row.split()[0] for row in text.splitlines() if row.startswith(("  iso8583", "  zrc"))] == ["iso8583", "zrc"]


def test_a_message_of_the_core_that_the_books_contradict_breaks_conservation() -> None:
    told = Outcome({"acknowledged": 1}, lost=1, examples=("line 5: heard 0 times, the relay says 1 acknowledged",))
    report = report_of(SomeTroupe("zrc"), told=told)
    assert (report.is_good, report.outbound_lost) == (False, 1)
    assert "CONTRADICTED" in as_text(report)


def test_the_sweep_of_the_day_is_a_line_of_its_own() -> None:
    report = report_of(SomeTroupe("iso8583"))
    assert "reconciled" not in as_text(report)
    swept = {"whole": 1, "journal_rows": 7, "mended": 0, "listed": 2, "statements": 3, "totals_differ": 1}
    text = as_text(msgspec.structs.replace(report, reconciled=swept))
    assert "2  differences of messages, 1 of totals; 3 far ends stated theirs" in text
