"""Core time, month-end and More Time as windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zengin.session.calendar import Calendar
from protocols.zengin.session.profile import CalendarRules
from tests.support.zrcline import wall_of

CORE = Calendar(CalendarRules())


def at(calendar: Calendar, text: str) -> str:
    window = calendar.at(wall_of(text))
    return "" if window is None else window.business_date


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-11-26 08:29:59", ""),
        ("2026-11-26 08:30", "20261126"),
        ("2026-11-26 15:29:59", "20261126"),
        ("2026-11-26 15:30", ""),
        ("2026-11-30 07:30", "20261130"),  # the last bank day of the month
        ("2026-11-30 16:29", "20261130"),
        ("2026-11-30 16:30", ""),
        ("2026-11-27 07:45", ""),
        ("2026-11-28 10:00", ""),  # Saturday
        ("2026-11-23 10:00", ""),  # 勤労感謝の日
        ("2026-12-30 07:30", "20261230"),
        ("2026-12-31 10:00", ""),
    ],
)
def test_core_time(moment: str, day: str) -> None:
    assert at(CORE, moment) == day


def test_the_next_window() -> None:
    following = CORE.next_after(wall_of("2026-11-27 16:00"))
    assert following is not None
    assert following.opens_ms == wall_of("2026-11-30 07:30")
    before = CORE.next_after(wall_of("2026-11-26 08:00"))
    assert before is not None
    assert before.opens_ms == wall_of("2026-11-26 08:30")


def more_time(**rules: object) -> Calendar:
    hours = [
        {"opens": "15:30", "closes": "08:30", "days": "bank-days"},
        {"opens": "00:00", "closes": "24:00", "days": "rest-days"},
    ]
    return Calendar(CalendarRules.model_validate({"service": "more-time", "more_time": hours, **rules}))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-11-26 15:29", ""),
        ("2026-11-26 15:30", "20261127"),
        ("2026-11-27 03:00", "20261127"),  # over midnight, still of the 26th
        ("2026-11-27 08:30", ""),
        ("2026-11-27 23:00", "20261130"),
        ("2026-11-28 12:00", "20261130"),  # Saturday
        ("2026-11-29 23:59", "20261130"),
    ],
)
def test_more_time_is_booked_on_the_next_bank_day(moment: str, day: str) -> None:
    assert at(more_time(), moment) == day


def test_more_time_on_the_same_day_by_setting_and_none_by_default() -> None:
    assert at(more_time(more_time_date="same-day"), "2026-11-28 12:00") == "20261128"
    nothing = Calendar(CalendarRules(service="more-time"))
    assert at(nothing, "2026-11-26 20:00") == ""
    assert nothing.next_after(wall_of("2026-11-26 20:00")) is None


def test_always_and_stamps_and_settings() -> None:
    always = Calendar(CalendarRules(service="always"))
    assert at(always, "2026-11-29 00:00") == "20261129"
    assert CORE.stamp(wall_of("2026-11-26 23:59:58")) == "20261126235958"
    shut = Calendar(CalendarRules.model_validate({"extra_holidays": ["2026-11-26"]}))
    assert at(shut, "2026-11-26 10:00") == ""
    early = Calendar(CalendarRules.model_validate({"month_end": {"opens": "06:00", "closes": "17:00"}}))
    assert at(early, "2026-11-30 06:00") == "20261130"


@given(st.integers(wall_of("2026-01-01 00:00"), wall_of("2030-12-31 00:00")))
def test_windows_hold_their_moments(wall_ms: int) -> None:
    window, following = CORE.at(wall_ms), CORE.next_after(wall_ms)
    assert window is None or window.opens_ms <= wall_ms < window.closes_ms
    assert following is not None
    assert following.opens_ms > wall_ms
    assert CORE.at(following.opens_ms) == following


def test_windows_of_one_business_date_that_follow_each_other_are_one() -> None:
    """From Friday afternoon to the end of Sunday, booked on Monday: nobody closes on Saturday morning."""
    calendar = more_time()
    for moment in ("2026-11-27 16:00", "2026-11-28 04:00", "2026-11-28 12:00", "2026-11-29 12:00"):
        window = calendar.at(wall_of(moment))
        assert window is not None
        assert window.closes_ms == wall_of("2026-11-30 00:00"), moment
    night = calendar.at(wall_of("2026-11-25 16:00"))
    assert night is not None
    assert night.closes_ms == wall_of("2026-11-26 08:30")
