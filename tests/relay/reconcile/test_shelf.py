"""What stays on disk of a run."""

from __future__ import annotations

import msgspec
import pytest

from relay.reconcile.balance import DayTotals, TotalLine
from relay.reconcile.report import Layer, Report, digest_of, sign
from relay.reconcile.shelf import REPORTS_COUNT_MAX, Checked, Progress, Shelf
from tests.support.reconcileplay import KeptVariables


def report(number: int) -> Report:
    return Report(number=number, layer=Layer.DAILY, business_date="2025-11-26", center="t", made_ms=0, is_whole=True)


def test_progress_comes_back_as_it_was_and_goes() -> None:
    shelf = Shelf(KeptVariables())
    assert shelf.progress() is None
    progress = Progress(layer=Layer.DAILY, business_date="2025-11-26", cursor="7", seen=b"x")
    shelf.keep_progress(progress, lambda _: None)
    assert shelf.progress() == progress
    shelf.keep_progress(None, lambda _: None)
    assert shelf.progress() is None


def test_a_signed_report_is_never_written_over() -> None:
    shelf = Shelf(KeptVariables())
    shelf.keep_report(report(1), lambda _: None)
    signed = sign(report(1), "Sato", "seen", 1)
    shelf.keep_report(signed, lambda _: None)
    with pytest.raises(ValueError, match="signed"):
        shelf.keep_report(report(1), lambda _: None)
    assert shelf.report(1) == signed
    assert shelf.next_number() == 2


def test_reports_are_bounded() -> None:
    variables = KeptVariables()
    shelf = Shelf(variables)
    shelf.keep_report(report(1), lambda _: None)
    for number in range(2, REPORTS_COUNT_MAX + 1):
        variables.kept[f"report/{number}"] = variables.kept["report/1"]
    shelf.keep_report(report(REPORTS_COUNT_MAX + 1), lambda _: None)
    assert len(shelf.reports()) == REPORTS_COUNT_MAX
    assert shelf.report(REPORTS_COUNT_MAX + 1) is not None


def test_many_reports_are_looked_through_without_the_rows_of_their_totals() -> None:
    shelf = Shelf(KeptVariables())
    rows = tuple(TotalLine(name=f"ATM{n}", kind="withdrawal") for n in range(5))
    full = msgspec.structs.replace(report(1), totals=DayTotals(terminals=rows, differs=2))
    shelf.keep_report(full, lambda _: None)
    (bare,) = shelf.reports()
    assert bare.listed == full.listed == 2
    assert bare.totals == DayTotals(differs=2)
    assert shelf.report(1) == full
    assert shelf.reports()[0] is bare, "decoded once"
    shelf.keep_report(sign(full, "Sato", "seen", 1), lambda _: None)
    assert shelf.reports()[0].is_signed
    assert shelf.reports()[0].digest == digest_of(full), "signed is what is kept, not what is looked through"


def test_how_far_the_correction_runs_have_come_is_one_value() -> None:
    shelf = Shelf(KeptVariables())
    assert shelf.checked() is None
    checked = Checked(
        from_ids={1: 5}, from_line=7, at_ms=9, to_ids={1: 11}, to_line=12, done_date="2025-11-26", done_terminal="ATM1"
    )
    shelf.keep_checked(checked, lambda result: None)
    assert shelf.checked() == checked
    assert shelf.progress() is None
