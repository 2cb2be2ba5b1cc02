"""The figures have the agreed names, and the text says the verdict."""

from __future__ import annotations

import msgspec

from relay.loopback.books import Books
from relay.loopback.figures import as_text, load_report
from relay.loopback.report import LedgerLine, compare
from relay.loopback.tally import Tally


def test_the_report_is_one_object_with_the_agreed_names() -> None:
    tally, books = Tally(), Books()
    tally.requests = 4
    for _ in range(4):
        tally.ended("00", 0, 1.5)
    report = load_report(tally, books, compare(books, [], []), listed=0, duration_s=2.0, in_doubt=0, quiet_s=0)
    shown = msgspec.json.decode(msgspec.json.encode(report))
    for name in ("requests", "answered", "reversed", "listed", "lost", "doubled", "throughput_per_s", "latency_ms"):
        assert name in shown
    assert set(shown["latency_ms"]) == {"p50", "p99", "p999"}
    assert (shown["throughput_per_s"], report.is_good) == (2.0, True)
    text = as_text(report)
    assert "conservation: the ledger equals" in text
    assert "answered 68" not in text, "a figure of this report, not a number of answers"


def test_a_difference_is_shouted() -> None:
    books = Books()
    lost = compare(books, [LedgerLine("k", "ATM1", "000001", -5, "A")], [])
    report = load_report(Tally(), books, lost, listed=0, duration_s=0, in_doubt=3, quiet_s=60, faults={"hang": 2})
    assert not report.is_good
    text = as_text(report)
    for part in ("LOST", "IN DOUBT", "THE LEDGER DIFFERS", "hang 2"):
        assert part in text
