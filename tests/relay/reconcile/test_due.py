"""Which date is swept next: the newest that closed, then those that were missed, and none that nobody wanted."""

from __future__ import annotations

from datetime import date, timedelta

from relay.reconcile.dates import DAY_MS, Cutover
from relay.reconcile.due import CATCH_UP_DAYS_MAX, Due
from relay.reconcile.report import Layer, Report

CUTOVER = Cutover()
SETTLE_MS = 600_000
NEWEST = date(2026, 11, 26)
NOW_MS = CUTOVER.begins_ms("2026-11-27") + SETTLE_MS


def day(back: int) -> str:
    """So many days before the newest that has closed."""
    return (NEWEST - timedelta(days=back)).isoformat()


def report(back: int, made_after_ms: int = SETTLE_MS, layer: Layer = Layer.DAILY) -> Report:
    made_ms = CUTOVER.begins_ms(day(back)) + DAY_MS + made_after_ms
    return Report(number=1, layer=layer, business_date=day(back), center="tokyo", made_ms=made_ms, is_whole=True)


def due(*reports: Report, now_ms: int = NOW_MS) -> tuple[str, tuple[str, ...]]:
    found = Due(reports, CUTOVER, now_ms, SETTLE_MS)
    return found.newest, found.missed


def test_the_first_report_ever_is_of_the_newest_date_and_nothing_before_it_is_made_up() -> None:
    assert due() == (day(0), ())
    assert due(report(0)) == ("", ())


def test_what_was_missed_is_made_up_for_the_latest_first() -> None:
    assert due(report(4)) == (day(0), (day(1), day(2), day(3)))
    assert due(report(4), report(0), report(2)) == ("", (day(1), day(3)))
    assert due(*map(report, range(5))) == ("", ())


def test_a_report_of_a_day_that_still_ran_does_not_count() -> None:
    assert due(report(0, SETTLE_MS - 1)) == (day(0), ())
    assert due(report(3), report(1, SETTLE_MS - 1), report(0)) == ("", (day(1), day(2)))


def test_another_layers_report_of_the_date_is_none() -> None:
    assert due(report(2), report(1, layer=Layer.CORRECTION), report(0, layer=Layer.TAIL)) == (day(0), (day(1),))


def test_a_day_closes_when_it_has_settled() -> None:
    assert due(report(1), now_ms=NOW_MS - 1) == ("", ())
    assert due(report(1), now_ms=NOW_MS) == (day(0), ())


def test_further_back_than_the_limit_a_person_asks() -> None:
    first, missed = due(report(CATCH_UP_DAYS_MAX), report(0))
    assert first == ""
    assert missed == tuple(day(back) for back in range(1, CATCH_UP_DAYS_MAX)), "the last of the days that the limit allows"
    assert len(due(report(100))[1]) == CATCH_UP_DAYS_MAX - 1
