"""Charts of half an hour and of a day, whatever is known."""

from __future__ import annotations

import pytest

from relay.console.pages.traffic import SPANS_MS, traffic
from relay.console.ring import SHARES, Point
from tests.support.consoleroom import assert_page, frame, words_of
from tests.support.virtualtime import WALL_START_MS


def point(ago_ms: int, p99_ms: float | None = 20.0) -> Point:
    return Point(at_ms=WALL_START_MS - ago_ms, per_s=dict.fromkeys(SHARES, 2.5), p50_ms=5.0, p99_ms=p99_ms, sessions=7, queue=1)


@pytest.mark.parametrize("span", list(SPANS_MS))
def test_every_span(span: str) -> None:
    points = [point(ago_ms) for ago_ms in range(600_000, 0, -5_000)]
    made = traffic(frame("/traffic"), points, span, WALL_START_MS, 5_000)
    assert_page(made)
    assert made.count('class="chart"') == 4
    assert "approved 2.5" in words_of(made)
    assert "99 % are faster 20" in words_of(made)
    assert made.count('aria-current="true"') == 1


def test_nothing_yet_and_nobody_was_answered() -> None:
    assert "first point" in words_of(traffic(frame("/traffic"), [], "half-hour", WALL_START_MS, 5_000))
    made = traffic(frame("/traffic"), [point(5_000, None), point(0, None)], "half-hour", WALL_START_MS, 5_000)
    assert "99 % are faster –" in words_of(made)
