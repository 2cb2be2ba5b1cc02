"""The text: never wider than its columns, whatever stands in it, and never a number cut."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.reconcile.balance import DayTotals, TotalLine
from relay.reconcile.farends import StatedLine
from relay.reconcile.plain import WIDTH_MAX, as_text
from relay.reconcile.report import sign
from tests.relay.reconcile.test_report import REPORT
from tests.relay.reconcile.test_sheet import sheet

NAMES = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(["閉局閉局閉局閉局閉局閉局閉局", "x" * 300])
AMOUNTS = st.integers(-(10**16), 10**16)


def test_the_text_says_everything() -> None:
    text = as_text(sign(msgspec.structs.replace(REPORT, totals=sheet()), "Sato", "seen", 5))
    for word in ("2025-11-26", "missing, listed", "why & why", "Sato", "3 for a person", "WHO SAYS OTHERWISE", "stands alone"):
        assert word in " ".join(text.split())
    assert "\x1b" not in text


def test_an_unfinished_listing_is_shouted() -> None:
    assert "NOT WHOLE: circles" in as_text(msgspec.structs.replace(REPORT, is_whole=False, trouble="circles"))


@given(NAMES, NAMES, AMOUNTS, st.sampled_from(["JPY", "USD", "BHD", ""]))
def test_it_fits_and_every_number_is_whole(name: str, kind: str, minor: int, currency: str) -> None:
    line = TotalLine(name=name, kind=kind, currency=currency, count=abs(minor), minor=minor, core_minor=minor + 1, why=kind)
    far = StatedLine(
        line=name, party=kind, source=name, name=name, currency=currency, count=7, minor=minor, own_minor=1, why=name
    )
    totals = DayTotals(kinds=(line,), partners=(line,), terminals=(line,), stated=(far,), silent=(name,), silent_count=1)
    text = as_text(msgspec.structs.replace(REPORT, totals=totals))
    assert max(map(len, text.splitlines())) <= WIDTH_MAX
    assert f"{abs(minor):,}" in text, "the count is there in whole"


@pytest.mark.parametrize("width", [15, 16, 17, 200])
def test_a_name_is_shortened_before_a_row_is_broken(width: int) -> None:
    line = TotalLine(name="n" * width, kind="withdrawal", currency="JPY", count=1_000, minor=10**11, core_minor=10**11)
    text = as_text(msgspec.structs.replace(REPORT, totals=DayTotals(terminals=(line,), has_core=True)))
    (row,) = [shown for shown in text.splitlines() if shown.startswith("nnn")]
    assert "100,000,000,000" in row
    assert ("~" in row) is (width > 16)
