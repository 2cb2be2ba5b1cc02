"""Japanese years without an era and days without a year, against another library's assertions."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zengin.format.dates import from_month_day, from_wareki, to_wareki, wareki_candidates

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "zengin.json").read_text(encoding="utf-8"))["vectors"]
DIVA = [vector for vector in VECTORS if vector["id"].startswith("diva-wareki")]
TODAY = date(2026, 11, 25)


@pytest.mark.parametrize("vector", DIVA, ids=lambda vector: str(vector["id"]))
def test_vectors(vector: dict[str, str]) -> None:
    assert from_wareki(vector["text"], TODAY) == date.fromisoformat(vector["expected"])
    assert to_wareki(date.fromisoformat(vector["expected"])) == vector["text"]


def test_what_is_certain_and_what_is_not() -> None:
    assert wareki_candidates("010108") == [date(1989, 1, 8)]
    assert wareki_candidates("310430") == [date(1956, 4, 30), date(2019, 4, 30), date(2049, 4, 30)]
    assert wareki_candidates("010501") == [date(1989, 5, 1), date(2019, 5, 1)]
    assert from_wareki("010501", date(1990, 1, 1)) == date(1989, 5, 1)


@pytest.mark.parametrize("text", ["", "0101", "000101", "011301", "010230", "01050a", "０１０５０１"])
def test_no_date(text: str) -> None:
    assert from_wareki(text, TODAY) is None


@given(st.dates(date(1926, 12, 25), date(2090, 1, 1)))
def test_a_date_is_among_its_candidates(day: date) -> None:
    assert day in wareki_candidates(to_wareki(day))
    assert from_wareki(to_wareki(day), day) == day


def test_before_the_first_era() -> None:
    with pytest.raises(ValueError, match="before the first era"):
        to_wareki(date(1900, 1, 1))


@pytest.mark.parametrize(
    ("text", "today", "found"),
    [
        ("1231", date(2027, 1, 2), date(2026, 12, 31)),
        ("0104", date(2026, 12, 28), date(2027, 1, 4)),
        ("1125", TODAY, TODAY),
        ("0229", date(2027, 6, 1), date(2028, 2, 29)),
        ("0229", date(2026, 3, 1), None),
        ("1301", TODAY, None),
        ("12a1", TODAY, None),
    ],
)
def test_a_day_takes_the_year_that_is_nearest(text: str, today: date, found: date | None) -> None:
    assert from_month_day(text, today) == found
