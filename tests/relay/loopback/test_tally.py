"""Counting: whose word an answer was, and what lay outside the fault windows."""

from __future__ import annotations

import pytest

from relay.loopback.tally import VIOLATIONS_KEPT, Tally


@pytest.mark.parametrize(
    ("code", "counter", "is_core"),
    [
        ("00", "approved", True),
        ("51", "declined", True),
        ("91", "refused", False),
        ("96", "refused", False),
        ("68", "doubted", False),
    ],
)
def test_whose_word_it_was(code: str, counter: str, is_core: bool) -> None:
    tally = Tally()
    tally.ended(code, 0, 10)
    assert getattr(tally, counter) == tally.answered == 1
    assert (tally.outside_requests, tally.outside_core_outcomes) == (1, int(is_core))
    assert tally.outside_misses == ({} if is_core else {f"code {code}": 1})


def test_a_request_that_touches_a_window_or_its_tail_is_inside() -> None:
    tally = Tally()
    tally.open_window(1_000, "storm")
    tally.ended("91", 500, 1_200)  # began before, ended inside
    tally.ended("91", 5_000, 5_100)  # the window is still open
    tally.close_window(6_000, "storm")
    tally.gave_up(7_000, 17_000)  # in its tail
    assert (tally.outside_requests, tally.outside_ratio) == (0, 1.0)
    tally.gave_up(8_001, 18_000)
    tally.ended("00", 9_000, 9_001)
    assert (tally.outside_requests, tally.outside_ratio) == (2, 0.5)
    assert tally.outside_misses == {"no reply": 1}


def test_closing_a_window_that_is_not_open_does_nothing_and_the_youngest_is_closed_first() -> None:
    tally = Tally()
    tally.close_window(1, "kill")
    tally.open_window(10, "kill")
    tally.open_window(20, "kill")
    tally.close_window(30, "kill")
    assert [(w.start_ms, w.end_ms) for w in tally.windows] == [(10, float("inf")), (20, 30)]


def test_violations_are_counted_beyond_what_is_kept() -> None:
    tally = Tally()
    for n in range(VIOLATIONS_KEPT + 3):
        tally.violation(str(n))
    assert (tally.violation_count, len(tally.violations)) == (VIOLATIONS_KEPT + 3, VIOLATIONS_KEPT)
