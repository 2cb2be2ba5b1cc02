"""Reads the metrics for the ring: a handful of sums every few seconds, whoever looks.

Owns the reading. It must never be on the path of a message. The trap: histograms are read as their children are, per listener
and verb, of which there are a handful; a label with many values here would be read many times.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric

from relay.clock import Cancellable, Clock, Timers
from relay.console.ring import FINE_MS, Reading, Ring
from relay.telemetry.metrics import LATENCY_S, Metrics


class Sampler:
    """`ring` is filled from `start` on."""

    def __init__(self, metrics: Metrics, clock: Clock, timers: Timers) -> None:
        self._metrics = metrics
        self._clock = clock
        self._timers = timers
        self._timer: Cancellable | None = None
        self.ring = Ring([bound * 1_000 for bound in LATENCY_S])

    def start(self) -> None:
        self.ring.add(reading(self._metrics, self._clock.wall_ms()))
        self._timer = self._timers.after(FINE_MS, self.start)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def reading(metrics: Metrics, at_ms: int) -> Reading:
    """As of now; `at_ms` is the wall clock."""
    endings: dict[str, int] = {}
    for name, labels, value in _samples(metrics.exchanges.collect()):
        if name.endswith("_total"):
            ending = labels["ending"]
            endings[ending] = endings.get(ending, 0) + int(value)
    refused = sum(value for name, _, value in _samples(metrics.refusals.collect()) if name.endswith("_total"))
    endings["refused"] = int(refused)
    return Reading(
        at_ms=at_ms,
        endings=endings,
        reply=_buckets(metrics.exchange_seconds.collect()),
        core=_buckets(metrics.core_call_seconds.collect()),
        sessions=int(sum(value for _, _, value in _samples(metrics.sessions_signed_on.collect()))),
        queue=int(sum(value for _, _, value in _samples(metrics.core_queue.collect()))),
    )


def _samples(families: Iterable[Metric]) -> Iterable[tuple[str, dict[str, str], float]]:
    for family in families:
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def _buckets(families: Iterable[Metric]) -> list[int]:
    """Counts per bucket, summed over the children; the registry tells them summed up from below."""
    summed: dict[str, float] = {}
    for name, labels, value in _samples(families):
        if name.endswith("_bucket"):
            summed[labels["le"]] = summed.get(labels["le"], 0) + value
    counts: list[int] = []
    below = 0
    for value in summed.values():
        counts.append(int(value) - below)
        below = int(value)
    return counts
