"""Percentiles never look better than what was measured, and are close to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.loopback.histogram import Histogram


@given(st.lists(st.integers(0, 60_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 0.999, 1.0]))
def test_a_percentile_is_at_least_the_true_one_and_within_a_bucket(latencies: list[int], share: float) -> None:
    histogram = Histogram()
    for latency in latencies:
        histogram.record(latency)
    rank = max(1, -int(-share * len(latencies) // 1))
    true = sorted(latencies)[rank - 1]
    said = histogram.percentile_ms(share) * 1_000
    assert true <= said + 1e-6
    assert said <= true * 1.04 + 1


def test_nothing_measured_is_zero_and_cleared_is_nothing() -> None:
    histogram = Histogram()
    assert histogram.percentile_ms(0.99) == 0.0
    histogram.record(-5)
    histogram.record(1_500)
    assert histogram.percentiles().p999 == 1.5
    histogram.clear()
    assert (histogram.count, histogram.percentile_ms(0.5)) == (0, 0.0)
