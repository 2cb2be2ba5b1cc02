"""Dates without a year or a century, whole again: nearness decides, and what is no date stays none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.dates import check_date, clock_text, dashed, date_part, day_of, expand_month_day, expand_year


def day(year: int, month: int, of_month: int) -> int:
    return (date(year, month, of_month) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("mmdd", "today", "expected"),
    [
        ("1105", (2026, 11, 5), "20261105"),
        ("1231", (2027, 1, 1), "20261231"),  # last year's message, received after midnight
        ("0101", (2026, 12, 31), "20270101"),  # a terminal whose clock is ahead, or east of us
        ("0508", (2026, 11, 5), "20260508"),
        ("0506", (2026, 11, 5), "20270506"),  # half a year: the nearer side
        ("0229", (2028, 3, 1), "20280229"),
        ("0229", (2027, 12, 31), "20280229"),
        ("0229", (2026, 3, 1), None),  # no such day near
        ("0229", (2027, 3, 1), None),  # a year off is a mistake
        ("0230", (2026, 3, 1), None),
        ("1301", (2026, 3, 1), None),
        ("0000", (2026, 3, 1), None),
        ("11", (2026, 3, 1), None),
        ("11a5", (2026, 3, 1), None),
        ("١١٠٥", (2026, 11, 5), None),
    ],
)
def test_month_and_day(mmdd: str, today: tuple[int, int, int], expected: str | None) -> None:
    assert expand_month_day(mmdd, day(*today)) == expected


@given(st.dates(date(1971, 1, 1), date(2200, 1, 1)), st.integers(-180, 180))
def test_every_date_within_half_a_year_comes_back(today: date, offset: int) -> None:
    then = today + timedelta(days=offset)
    if (then.month, then.day) != (2, 29):
        assert expand_month_day(f"{then:%m%d}", (today - date(1970, 1, 1)).days) == f"{then:%Y%m%d}"


def test_century_and_parts() -> None:
    assert expand_year("991231", day(2000, 1, 1)) == "19991231"
    assert expand_year("000101", day(1999, 12, 31)) == "20000101"
    assert expand_year("261105", day(2026, 11, 5)) == "20261105"
    assert expand_year("261305", day(2026, 11, 5)) is None
    assert date_part("261105100203", day(2026, 11, 5)) == "20261105"
    assert date_part("20261105100203", day(2026, 11, 5)) == "20261105"
    assert date_part("100203", day(2026, 11, 5)) is None
    assert check_date("20260230") is None
    assert check_date("2026023") is None
    assert dashed("20261105") == "2026-11-05"


def test_clock() -> None:
    wall_ms = int(datetime(2026, 11, 5, 1, 2, 3, tzinfo=UTC).timestamp() * 1000) + 999
    assert clock_text(wall_ms) == "20261105010203"
    assert day_of(wall_ms) == day(2026, 11, 5)
