"""Counters and histograms of the hot path: plain numbers, made into samples only when somebody scrapes.

Owns `Counts` and `Spreads`, which the registry collects like any metric, and their children `Count` and `Spread`, bound once
and raised for each message. Why they exist: an increment of a prometheus_client child takes a lock and costs as much as a tenth
of a parse, and six of them went into each message. The trap: without a lock a child belongs to one thread, the one that
raises it; a scrape on another thread may read a histogram between its sum and its count, and is one observation behind.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

ChildT = TypeVar("ChildT")


class Count:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        self.value += amount


class Spread:
    """One series of a histogram of seconds; a bucket holds what is at most its bound."""

    __slots__ = ("bounds_s", "counts", "sum_s")

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self.bounds_s = bounds_s
        self.counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds_s, seconds)] += 1
        self.sum_s += seconds


class _Family(Collector, Generic[ChildT]):
    """The children of one name, by label values in the order of the label names."""

    def __init__(self, name: str, documentation: str, labelnames: Sequence[str], registry: CollectorRegistry) -> None:
        self.name = name
        self.documentation = documentation
        self.labelnames = tuple(labelnames)
        self._children: dict[tuple[str, ...], ChildT] = {}
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def labels(self, *values: str) -> ChildT:
        """The child with these label values, made at first use. Raises ValueError for a wrong number of them."""
        if len(values) != len(self.labelnames):
            raise ValueError(f"{self.name} has {len(self.labelnames)} labels, not {len(values)}")
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._make()
        return child

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        for values, child in list(self._children.items()):
            self._add(family, values, child)
        yield family

    @abstractmethod
    def _family(self) -> Metric: ...

    @abstractmethod
    def _make(self) -> ChildT: ...

    @abstractmethod
    def _add(self, family: Metric, values: tuple[str, ...], child: ChildT) -> None: ...


class Counts(_Family[Count]):
    """A counter; `name` ends in _total."""

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self.name, self.documentation, labels=self.labelnames)

    def _make(self) -> Count:
        return Count()

    def _add(self, family: Metric, values: tuple[str, ...], child: Count) -> None:
        family.add_sample(self.name, dict(zip(self.labelnames, values, strict=True)), child.value)


class Spreads(_Family[Spread]):
    """A histogram of seconds with the upper bounds `buckets_s`."""

    def __init__(
        self, name: str, documentation: str, labelnames: Sequence[str], registry: CollectorRegistry, buckets_s: Sequence[float]
    ) -> None:
        self._bounds_s = tuple(buckets_s)
        self._names = [floatToGoString(bound) for bound in (*buckets_s, float("inf"))]  # type: ignore[no-untyped-call]  # no annotations in the library
        super().__init__(name, documentation, labelnames, registry)

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self.name, self.documentation, labels=self.labelnames)

    def _make(self) -> Spread:
        return Spread(self._bounds_s)

    def _add(self, family: Metric, values: tuple[str, ...], child: Spread) -> None:
        labels = dict(zip(self.labelnames, values, strict=True))
        total = 0
        for bound, count in zip(self._names, list(child.counts), strict=True):
            total += count
            family.add_sample(self.name + "_bucket", labels | {"le": bound}, total)
        family.add_sample(self.name + "_count", labels, total)
        family.add_sample(self.name + "_sum", labels, child.sum_s)
