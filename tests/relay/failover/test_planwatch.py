"""The plans between two failovers: good, not good, changed, unreadable, and when each was last exercised."""

from __future__ import annotations

import msgspec
import pytest

from relay.failover.plancheck import Finding
from relay.failover.planwatch import (
    DAY_MS,
    EVERY_S,
    EXERCISE_DAYS,
    LOOK_MS_MAX,
    Exercise,
    PlanBook,
    PlanView,
    WatchSettings,
    warning_of,
)
from tests.support.failoverworld import sample_plan

NOW_MS = 1_795_482_000_000
TEXT = sample_plan()
REGIONS = frozenset(("tokyo", "osaka"))


def one(book: PlanBook) -> PlanView:
    return next(view for view in book.views() if view.file == "a.toml")


def test_a_look_that_is_old_or_found_something_warns_and_a_young_good_one_does_not() -> None:
    book = PlanBook()
    book.read({"a.toml": TEXT})
    version = one(book).version
    assert "no look at this plan has ended" in warning_of(book.views(), version, NOW_MS)
    book.looked("a.toml", (), 9, NOW_MS)
    assert warning_of(book.views(), version, NOW_MS + LOOK_MS_MAX) == ""
    assert "24 h before the run was declared" in warning_of(book.views(), version, NOW_MS + LOOK_MS_MAX + 1)
    assert "no look" in warning_of(book.views(), "another version", NOW_MS), "a text that was changed was never looked at"
    book.looked("a.toml", (Finding("seal-tokyo", "nobody listens"),), 8, NOW_MS)
    assert warning_of(book.views(), version, NOW_MS) == "the last look at this plan found 1 wrong: seal-tokyo: nobody listens"


def test_a_plan_is_good_once_a_look_found_nothing() -> None:
    book = PlanBook()
    book.read({"a.toml": TEXT})
    assert not one(book).is_good  # nobody has looked
    book.looked("a.toml", (), 9, NOW_MS)
    assert (one(book).is_good, one(book).plan, one(book).looked) == (True, "tokyo-lost", 9)
    book.looked("a.toml", (Finding("seal-tokyo", "nobody listens"),), 8, NOW_MS + 1)
    seen = one(book)
    assert (seen.is_good, seen.good_ms, seen.checked_ms) == (False, NOW_MS, NOW_MS + 1)
    assert seen.trouble == ("seal-tokyo: nobody listens",)


def test_a_plan_whose_text_has_changed_was_never_good() -> None:
    book = PlanBook()
    book.read({"a.toml": TEXT})
    book.looked("a.toml", (), 9, NOW_MS)
    book.read({"a.toml": TEXT})
    assert one(book).is_good
    book.read({"a.toml": TEXT + "# one word more\n"})
    assert (one(book).is_good, one(book).good_ms) == (False, 0)


def test_what_cannot_be_read_stands_in_its_row_and_hides_no_other() -> None:
    book = PlanBook()
    assert set(book.read({"a.toml": "[[", "b.toml": TEXT})) == {"b.toml"}
    assert "not TOML" in one(book).trouble[0]
    assert not one(book).is_good
    book.read({"b.toml": TEXT})
    assert [view.file for view in book.views()] == ["b.toml"]


def test_it_is_exercised_by_its_own_runs_and_by_drills_between_the_same_regions() -> None:
    book = PlanBook([Exercise("tokyo-lost", "unplanned", REGIONS, NOW_MS)])
    book.read({"a.toml": TEXT, "drill.toml": sample_plan("drill")})
    assert one(book).exercised_ms == NOW_MS
    for other in (
        Exercise("another", "unplanned", REGIONS, NOW_MS + 1),  # another plan
        Exercise("drill", "drill", frozenset(("tokyo", "nagoya")), NOW_MS + 2),  # elsewhere
    ):
        book.exercised(other)
    assert one(book).exercised_ms == NOW_MS
    book.exercised(Exercise("any", "drill", REGIONS, NOW_MS + 3))
    assert {view.exercised_ms for view in book.views()} == {NOW_MS + 3}


def test_how_long_without_a_drill_has_a_limit() -> None:
    view = PlanView(file="a.toml", exercised_ms=NOW_MS)
    assert not view.is_unexercised(NOW_MS + 90 * DAY_MS, 90)
    assert view.is_unexercised(NOW_MS + 90 * DAY_MS + 1, 90)
    assert PlanView(file="a.toml").is_unexercised(NOW_MS, 3_650)  # never


def test_the_pace_has_limits() -> None:
    assert (
        WatchSettings()
        == WatchSettings(every_s=EVERY_S, exercise_days=EXERCISE_DAYS)
        == WatchSettings(every_s=900, exercise_days=90)
    )
    for good in ({"every_s": 10}, {"every_s": 86_400}, {"exercise_days": 1}):
        msgspec.convert(good, WatchSettings)
    for bad in ({"every_s": 9}, {"every_s": 86_401}, {"exercise_days": 0}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(bad, WatchSettings)
