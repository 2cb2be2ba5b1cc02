"""Counts of connections, here and in the metrics."""

from __future__ import annotations

from relay.core.door import Why
from relay.core.poolcounts import Counts, Held
from relay.telemetry.metrics import Metrics


def test_what_is_counted_is_shown() -> None:
    metrics = Metrics()
    counts = Counts(metrics)
    sample = metrics.registry.get_sample_value
    assert sample("relay_core_connections_held_total", {"why": "all"}) == 0, "there before it happens"
    counts.was_opened()
    counts.was_opened()
    counts.was_closed()
    counts.was_held(Held.ALL)
    counts.connect_failed(Why.REFUSED)
    counts.was_unrequested()
    assert (counts.opened, counts.open, counts.held[Held.ALL], counts.connect_failures) == (2, 1, 1, 1)
    assert sample("relay_core_connections") == 1
    assert sample("relay_core_connections_opened_total") == 2
    assert sample("relay_core_connections_held_total", {"why": "all"}) == 1
    assert sample("relay_core_connect_failures_total", {"why": "refused"}) == 1


def test_without_metrics_it_counts_all_the_same() -> None:
    counts = Counts()
    counts.was_held(Held.PACE)
    assert counts.held == {Held.ADDRESS: 0, Held.ALL: 0, Held.PACE: 1}
