"""Bank days: the law's rest days, the library's holidays, and what a setting changes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from protocols.zengin.bankdays import SEARCH_DAYS_MAX, BankDays

DAYS = BankDays()


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-11-28", "Saturday"),
        ("2026-11-29", "Sunday"),
        ("2026-11-23", "勤労感謝の日"),
        ("2026-05-06", "substitute holiday"),
        ("2026-09-22", "between two holidays"),
        ("2026-12-31", "banks only"),
        ("2027-01-02", "banks only"),
        ("2028-01-03", "banks only, a Monday"),
    ],
)
def test_rest_days(day: str, why: str) -> None:
    assert not DAYS.is_bank_day(date.fromisoformat(day)), why


def test_bank_days_and_the_next_one() -> None:
    assert DAYS.is_bank_day(date(2026, 12, 30))
    assert DAYS.next_bank_day(date(2026, 12, 30)) == date(2027, 1, 4)
    assert DAYS.next_bank_day(date(2026, 11, 26)) == date(2026, 11, 27)


def test_last_of_the_month() -> None:
    assert DAYS.is_last_of_month(date(2026, 11, 30))
    assert DAYS.is_last_of_month(date(2026, 10, 30)), "the 31st is a Saturday"
    assert DAYS.is_last_of_month(date(2026, 12, 30))
    assert not DAYS.is_last_of_month(date(2026, 10, 31))
    assert not DAYS.is_last_of_month(date(2026, 11, 27))


def test_settings_go_before_the_calendar() -> None:
    days = BankDays([date(2026, 11, 26)], [date(2026, 11, 28)])
    assert not days.is_bank_day(date(2026, 11, 26))
    assert days.is_bank_day(date(2026, 11, 28))


def test_no_bank_day_at_all_is_said() -> None:
    start = date(2026, 11, 26)
    closed = BankDays([start + timedelta(days=n) for n in range(SEARCH_DAYS_MAX + 1)])
    with pytest.raises(ValueError, match="no bank day"):
        closed.next_bank_day(start)
