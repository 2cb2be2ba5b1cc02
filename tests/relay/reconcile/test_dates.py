"""Which bank day a message belongs to."""

from __future__ import annotations

import pytest

from relay.reconcile.dates import DAY_MS, Cutover, days_apart

MIDNIGHT_JST_MS = 1_764_082_800_000  # 2025-11-26 00:00 in Tokyo


def test_a_day_begins_at_the_cut_over_and_not_a_millisecond_before() -> None:
    cutover = Cutover()
    assert cutover.date_at(MIDNIGHT_JST_MS) == "2025-11-26"
    assert cutover.date_at(MIDNIGHT_JST_MS - 1) == "2025-11-25"
    assert cutover.begins_ms("2025-11-26") == MIDNIGHT_JST_MS
    late = Cutover(minute=90)
    assert late.date_at(MIDNIGHT_JST_MS + 90 * 60_000 - 1) == "2025-11-25"
    assert late.begins_ms("2025-11-26") == MIDNIGHT_JST_MS + 90 * 60_000


def test_what_the_message_carries_wins() -> None:
    assert Cutover().date_of("2025-11-24", MIDNIGHT_JST_MS) == "2025-11-24"
    assert Cutover().date_of("", MIDNIGHT_JST_MS) == "2025-11-26"


def test_a_day_is_closed_after_it_has_settled() -> None:
    assert Cutover().closed_date(MIDNIGHT_JST_MS + 1_000, 1_000) == "2025-11-25"
    assert Cutover().closed_date(MIDNIGHT_JST_MS + 999, 1_000) == "2025-11-24"
    assert Cutover().closed_date(MIDNIGHT_JST_MS + DAY_MS, 1_000) == "2025-11-25"


@pytest.mark.parametrize(("one", "other", "days"), [("2025-11-01", "2025-12-01", 30), ("2025-13-01", "2025-12-01", None)])
def test_distance(one: str, other: str, days: int | None) -> None:
    assert days_apart(one, other) == days
