"""The bank's day at every boundary, on holidays by the law, and what it asks for at each gate."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from protocols.zengin.bankdays import BankDays
from relay.failover.bankday import JST, BankClock, DayPhase, latest_start, parts_at, rules_at
from relay.failover.evidence import Evidence

DAY = BankClock()


def ms(text: str) -> int:
    """A moment of Japan's wall clock as UTC epoch milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=JST).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        ("2026-11-24T00:00:00", DayPhase.BATCH),
        ("2026-11-24T05:59:59", DayPhase.BATCH),
        ("2026-11-24T06:00:00", DayPhase.PRE_OPEN),
        ("2026-11-24T06:59:59", DayPhase.PRE_OPEN),
        ("2026-11-24T07:00:00", DayPhase.ATM),
        ("2026-11-24T08:59:59", DayPhase.ATM),
        ("2026-11-24T09:00:00", DayPhase.CORE),
        ("2026-11-24T14:59:59", DayPhase.CORE),
        ("2026-11-24T15:00:00", DayPhase.ATM),
        ("2026-11-24T20:59:59", DayPhase.ATM),
        ("2026-11-24T21:00:00", DayPhase.CLOSE),
        ("2026-11-24T23:59:59", DayPhase.CLOSE),
        ("2026-11-23T10:00:00", DayPhase.ATM),  # Labour Thanksgiving Day: no core hours
        ("2026-11-28T10:00:00", DayPhase.ATM),  # a Saturday
        ("2026-12-31T10:00:00", DayPhase.ATM),  # the banks' own rest day
    ],
)
def test_each_phase_begins_and_ends_on_the_second(at: str, phase: DayPhase) -> None:
    assert DAY.phase(ms(at)) is phase


# The Cabinet Office's list for 2026 and 2027: Monday holidays, both equinoxes, substitutes (6 May 2026, 22 March 2027), and
# the day between two holidays (22 September 2026).
HOLIDAYS = {
    2026: "1-1 1-12 2-11 2-23 3-20 4-29 5-3 5-4 5-5 5-6 7-20 8-11 9-21 9-22 9-23 10-12 11-3 11-23",
    2027: "1-1 1-11 2-11 2-23 3-21 3-22 4-29 5-3 5-4 5-5 7-19 8-11 9-20 9-23 10-11 11-3 11-23",
}


@pytest.mark.parametrize("year", HOLIDAYS)
def test_holidays_are_those_of_the_law(year: int) -> None:
    holidays = {date(year, *map(int, text.split("-"))) for text in HOLIDAYS[year].split()}
    rest = {date(year, 1, 2), date(year, 1, 3), date(year, 12, 31)}
    days, day = BankDays(), date(year, 1, 1)
    while day.year == year:
        expected = day.weekday() < 5 and day not in holidays and day not in rest
        assert days.is_bank_day(day) is expected, day
        day += timedelta(days=1)


def test_boundaries_are_the_next_of_each_kind_nearest_first() -> None:
    found = [
        (boundary.what, boundary.at_ms - ms("2026-11-24T00:00:00")) for boundary in DAY.boundaries(ms("2026-11-24T10:00:00"))
    ]
    hour = 3_600_000
    assert found == [
        ("core hours end", 15 * hour),
        ("ATMs close", 21 * hour),
        ("batch starts", 24 * hour),
        ("batch ends", 30 * hour),
        ("ATMs open", 31 * hour),
        ("core hours begin", 33 * hour),
    ]


def test_core_hours_wait_over_a_long_holiday() -> None:
    friday = ms("2026-05-01T16:00:00")
    core = next(one for one in DAY.boundaries(friday) if one.what == "core hours begin")
    assert core.at_ms == ms("2026-05-07T09:00:00")  # 2 to 6 May: weekend, three holidays and a substitute
    assert DAY.view(friday).next_bank_day == "2026-05-07"


def test_a_boundary_of_this_very_moment_has_passed() -> None:
    nearest = DAY.boundaries(ms("2026-11-24T06:00:00"))[0]
    assert (nearest.what, nearest.in_ms) == ("ATMs open", 3_600_000)


def test_the_latest_start_is_the_boundary_less_what_remains() -> None:
    boundary = DAY.boundaries(ms("2026-11-24T10:00:00"))[0]
    assert latest_start(boundary, 600_000) == ms("2026-11-24T14:50:00")
    crossing = rules_at(DAY, "unplanned", 1, ms("2026-11-24T14:50:01"), None, 600_000)
    assert [(rule.stops, "core hours end" in rule.text) for rule in crossing] == [(False, True)]
    assert rules_at(DAY, "unplanned", 1, ms("2026-11-24T14:50:00"), None, 600_000) == ()


def test_in_the_batch_gate_1_wants_its_checkpoint() -> None:
    night, noon = ms("2026-11-24T02:00:00"), ms("2026-11-24T12:00:00")
    known = Evidence(batch_checkpoint="step 14 of 30 at 01:52")
    assert [rule.stops for rule in rules_at(DAY, "unplanned", 1, night, Evidence(), 0)] == [True]
    assert rules_at(DAY, "unplanned", 1, night, known, 0) == ()
    assert rules_at(DAY, "unplanned", 2, night, Evidence(), 0) == ()
    assert rules_at(DAY, "unplanned", 1, noon, Evidence(), 0) == ()


@pytest.mark.parametrize(
    ("at", "is_allowed"),
    [("07:59:59", True), ("08:00:00", False), ("12:00:00", False), ("20:59:59", False), ("21:00:00", True), ("03:00:00", True)],
)
def test_no_fail_back_in_the_day(at: str, is_allowed: bool) -> None:
    moment = ms(f"2026-11-24T{at}")
    known = Evidence(batch_checkpoint="known")
    for gate in (0, 1, 2):
        stops = [rule for rule in rules_at(DAY, "failback", gate, moment, known, 0) if rule.stops]
        assert bool(stops) is not is_allowed
    assert not [rule for rule in rules_at(DAY, "failback", 3, moment, known, 0) if rule.stops]  # half-way is no place to stay
    assert not [rule for rule in rules_at(DAY, "unplanned", 1, moment, known, 0) if rule.stops]


def test_at_night_the_release_is_split() -> None:
    assert parts_at(DAY, ms("2026-11-24T03:00:00"), True) == ("batch", "online")
    assert parts_at(DAY, ms("2026-11-24T03:00:00"), False) == ("",)
    assert parts_at(DAY, ms("2026-11-24T06:00:00"), True) == ("",)
