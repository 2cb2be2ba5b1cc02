"""Plain numbers against prometheus_client's own metrics: the same observations give the same text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from relay.telemetry.numbers import Counts, Spreads

BUCKETS_S = (0.001, 0.005, 0.01, 1.0)


@given(st.lists(st.tuples(st.sampled_from(["atm", "branch", 'a"b\\n']), st.integers(0, 5)), max_size=30))
def test_a_counter_reads_as_the_librarys_own(raised: list[tuple[str, int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    plain = Counts("relay_things_total", "Things", ["listener"], ours)
    library = Counter("relay_things_total", "Things", ["listener"], registry=theirs)
    for listener, amount in raised:
        plain.labels(listener).inc(amount)
        library.labels(listener).inc(amount)
    assert generate_latest(ours) == generate_latest(theirs)


@given(st.lists(st.sampled_from([0.0, 0.001, 0.0011, 0.005, 0.25, 1.0, 1.5, 900.0]), max_size=30))
def test_a_histogram_reads_as_the_librarys_own_at_and_beside_each_bound(observed: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    plain = Spreads("relay_thing_seconds", "A thing", ["verb"], ours, BUCKETS_S).labels("ask")
    library = Histogram("relay_thing_seconds", "A thing", ["verb"], buckets=BUCKETS_S, registry=theirs).labels("ask")
    for seconds in observed:
        plain.observe(seconds)
        library.observe(seconds)
    assert generate_latest(ours) == generate_latest(theirs)


def test_a_child_is_made_once_and_read_by_name() -> None:
    registry = CollectorRegistry()
    family = Counts("relay_things_total", "Things", ["listener", "ending"], registry)
    assert family.labels("atm", "done") is family.labels("atm", "done")
    family.labels("atm", "done").inc()
    assert registry.get_sample_value("relay_things_total", {"listener": "atm", "ending": "done"}) == 1


def test_a_wrong_number_of_labels_is_refused() -> None:
    family = Counts("relay_things_total", "Things", ["listener"], CollectorRegistry())
    with pytest.raises(ValueError, match="1 labels, not 2"):
        family.labels("atm", "done")


def test_two_metrics_of_one_name_are_refused() -> None:
    registry = CollectorRegistry()
    Counts("relay_things_total", "Things", ["listener"], registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counts("relay_things_total", "Things", ["listener"], registry)
