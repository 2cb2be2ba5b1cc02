"""Hours of service: how they are written, when they hold, until when; on the bank's own clock and calendar."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.hours import (
    CLASSES,
    DAY_MS,
    NEVER,
    Days,
    Hours,
    Span,
    always_open,
    hours_of,
    parse_days,
    parse_line,
    parse_span,
)
from relay.hourssettings import HoursSettings
from relay.standing import Standing

JAPAN_MINUTES = 540
JST = timezone(timedelta(minutes=JAPAN_MINUTES))


def at(text: str) -> int:
    """A moment of Japan's wall clock, as UTC epoch milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=JST).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("07:00-21:00", Span(Days.ALL, 420, 1_260)),
        ("00:00-24:00", Span(Days.ALL, 0, 1_440)),
        ("bank-days 09:00-15:00", Span(Days.BANK, 540, 900)),
        ("rest-days 23:59-24:00", Span(Days.REST, 1_439, 1_440)),
    ],
)
def test_a_span_as_it_is_written(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write 07:00-21:00"),
        ("7:00-21:00", "write 07:00-21:00"),
        ("07:00 - 21:00", "write 07:00-21:00"),
        ("07:60-21:00", "write 07:00-21:00"),
        ("sundays 07:00-21:00", "write 07:00-21:00"),
        ("bank-days  07:00-21:00", "write 07:00-21:00"),
        ("07:00-21:00\n", "write 07:00-21:00"),
        ("٠٧:٠٠-21:00", "write 07:00-21:00"),
        ("07:00-24:01", "ends at 24:00"),
        ("25:00-26:00", "ends at 24:00"),
        ("07:00-07:00", "no time at all"),
        ("21:00-02:00", 'two, "21:00-24:00" and "00:00-02:00"'),
        ("bank-days 21:00-02:00", 'two, "bank-days 21:00-24:00" and "bank-days 00:00-02:00"'),
    ],
)
def test_what_is_no_span_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_span(text)


def test_lines_and_days() -> None:
    assert parse_line("convenience=rest-days 09:00-17:00") == ("convenience", Span(Days.REST, 540, 1_020))
    for text in ("convenience", "=07:00-21:00"):
        with pytest.raises(ValueError, match="names no line"):
            parse_line(text)
    assert parse_days(("2026-12-31",)) == {date(2026, 12, 31)}
    with pytest.raises(ValueError, match="is no day"):
        parse_days(("31.12.2026",))


CYCLE = HoursSettings(
    atm=("bank-days 07:00-21:00", "rest-days 09:00-17:00"),
    branch=("bank-days 09:00-15:00",),
    lines=("convenience=00:00-24:00", "night=22:00-24:00", "night=00:00-06:00"),
    extra_holidays=("2026-11-30",),
    extra_bank_days=("2026-11-28",),
)


@pytest.mark.parametrize(
    ("line", "message_class", "when", "is_open"),
    [
        ("atm", "atm", "2026-11-27 06:59:59.999", False),  # a Friday
        ("atm", "atm", "2026-11-27 07:00", True),
        ("atm", "atm", "2026-11-27 20:59:59.999", True),
        ("atm", "atm", "2026-11-27 21:00", False),
        ("atm", "branch", "2026-11-27 08:00", False),
        ("atm", "branch", "2026-11-27 09:00", True),
        ("atm", "branch", "2026-11-28 09:00", True),  # a Saturday that the bank works
        ("atm", "branch", "2026-11-29 12:00", False),  # Sunday
        ("atm", "atm", "2026-11-29 08:59", False),
        ("atm", "atm", "2026-11-29 09:00", True),
        ("atm", "branch", "2026-11-30 12:00", False),  # a Monday that it does not
        ("atm", "branch", "2026-11-23 12:00", False),  # Labour Thanksgiving Day, by law
        ("atm", "branch", "2026-12-31 12:00", False),  # by the Banking Act's order
        ("atm", "partner", "2026-11-29 03:00", True),  # has no hours
        ("atm", "inquiry", "2026-11-29 03:00", True),
        ("convenience", "atm", "2026-11-29 03:00", True),  # the line's own hours win
        ("night", "branch", "2026-11-27 23:00", True),
        ("night", "branch", "2026-11-28 05:59", True),
        ("night", "inquiry", "2026-11-28 06:00", False),
    ],
)
def test_when_it_is_open(line: str, message_class: str, when: str, is_open: bool) -> None:
    hours = hours_of(CYCLE, JAPAN_MINUTES)
    assert hours.is_open(line, message_class, at(when)) is is_open


def test_until_when() -> None:
    told = {each.name: each for each in hours_of(CYCLE, JAPAN_MINUTES).standings(at("2026-11-27 21:30"))}
    assert list(told) == ["atm", "branch", "convenience", "night"]
    assert told["atm"] == Standing(name="atm", is_open=False, changes_ms=at("2026-11-28 07:00"), changes_at="2026-11-28 07:00")
    assert told["branch"].changes_ms == at("2026-11-28 09:00")
    assert told["convenience"] == Standing(name="convenience", is_line=True, changes_ms=NEVER)
    assert (told["night"].is_open, told["night"].changes_ms) == (False, at("2026-11-27 22:00"))
    late = {each.name: each for each in hours_of(CYCLE, JAPAN_MINUTES).standings(at("2026-11-27 23:00"))}
    assert (late["night"].is_open, late["night"].changes_ms) == (True, at("2026-11-28 06:00")), "midnight is no change"


def test_the_longest_row_of_rest_days_is_looked_over() -> None:
    """From the last bank day of 2026 to the first of 2027."""
    told = hours_of(HoursSettings(branch=("bank-days 09:00-15:00",)), JAPAN_MINUTES).standings(at("2026-12-30 15:00"))
    assert [each.changes_ms for each in told] == [at("2027-01-04 09:00")]


def test_a_line_may_be_called_as_a_class_is() -> None:
    hours = hours_of(HoursSettings(atm=("00:00-24:00",), lines=("atm=00:00-00:01",)), JAPAN_MINUTES)
    noon_ms = at("2026-11-27 12:00")
    assert hours.open_now(noon_ms) == {("atm", ""): True, ("", "atm"): False}
    assert [each.is_open for each in hours.standings(noon_ms)] == [True, False]


def test_without_hours_everything_is_open() -> None:
    for hours in (always_open(), hours_of(HoursSettings(), 0)):
        assert all(hours.is_open("atm", each, at("2026-11-29 03:00")) for each in CLASSES)
        assert hours.standings(0) == ()


MINUTES = st.integers(0, 1_439)
SPANS = st.lists(
    st.tuples(st.sampled_from(Days), MINUTES, MINUTES).map(lambda t: Span(t[0], min(t[1:]), max(t[1:]) + 1)),
    min_size=1,
    max_size=4,
).map(tuple)


@given(SPANS, st.lists(st.integers(0, 20 * DAY_MS), min_size=1, max_size=30), st.integers(-720, 840))
def test_what_is_kept_between_questions_never_shows(spans: tuple[Span, ...], moments: list[int], offset: int) -> None:
    """The same as a clock that counts, asked in any order; and a change that is told is the first one."""

    def is_bank_day(day: date) -> bool:
        return day.toordinal() % 3 != 0

    def plainly(wall_ms: int) -> bool:
        local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms, minutes=offset)
        minute = local.hour * 60 + local.minute
        kinds = {Days.ALL, Days.BANK if is_bank_day(local.date()) else Days.REST}
        return any(span.days in kinds and span.from_minute <= minute < span.to_minute for span in spans)

    hours = Hours({"atm": spans}, {}, is_bank_day, offset)
    for wall_ms in moments:
        assert hours.is_open("a", "atm", wall_ms) is plainly(wall_ms)
        (standing,) = hours.standings(wall_ms)
        assert standing.is_open is plainly(wall_ms)
        if standing.changes_ms != NEVER:
            assert standing.changes_ms > wall_ms
            assert plainly(standing.changes_ms) is not standing.is_open
            assert plainly(standing.changes_ms - 1) is standing.is_open
