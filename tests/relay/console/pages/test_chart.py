"""Lines with gaps where there was nothing, and a scale that people read."""

from __future__ import annotations

import pytest

from relay.console.pages.chart import Series, chart, line, round_up, spark
from tests.support.consoleroom import tags_of


@pytest.mark.parametrize(("value", "top"), [(0, 4), (4, 4), (4.1, 8), (9, 10), (11, 20), (81, 100), (100, 100), (101, 200)])
def test_the_scale_ends_at_a_round_number(value: float, top: float) -> None:
    assert round_up(value) == top


def test_a_gap_is_a_gap() -> None:
    values = [(0, 1.0), (5, 2.0), (10, None), (15, 3.0), (40, 4.0), (45, 5.0)]
    drawn = line(values, 10, float, float)
    assert drawn == "M0.0 1.0L5.0 2.0M15.0 3.0M40.0 4.0L45.0 5.0"
    assert line([], 10, float, float) == ""


def test_a_chart_has_its_values_in_it() -> None:
    made = chart([Series("a", "p50", [(0, 10.0), (50, 40.0), (900, 3.0)])], 0, 100, 60, str, str, 'T"<')
    tags_of(made)
    assert 'aria-label="T&quot;&lt;"' in made
    assert made.count('class="line p50"') == 1
    assert "900" not in made, "outside the span"
    tags_of(chart([Series("a", "p50", [])], 0, 0, 60, str, str, "T"))


def test_a_spark_needs_two_points() -> None:
    assert spark([(0, 1.0)], 10, "t") is None
    assert spark([(0, 1.0), (5, None)], 10, "t") is None
    assert spark([(0, 0.0), (5, 0.0)], 10, "t") is not None
