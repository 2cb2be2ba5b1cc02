"""The exchange floor's metrics, children bound once per listener.

Owns the binding only. The trap: `labels()` on the hot path costs more than the increment.
"""

from __future__ import annotations

from prometheus_client import Counter

from protocols.vocabulary import Answer, Refusal
from relay.exchange.ports import ListenerFacts
from relay.telemetry.metrics import Metrics
from relay.telemetry.numbers import Count, Spread


class Counters:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._endings: dict[tuple[str, str], Count] = {}
        self._seconds: dict[str, Spread] = {}
        self._refusals: dict[tuple[str, str], Counter] = {}

    def ended(self, listener: str, ending: str, elapsed_ms: int) -> None:
        key = (listener, ending)
        child = self._endings.get(key)
        if child is None:
            child = self._endings[key] = self._metrics.exchanges.labels(listener, ending)
        child.inc()
        seconds = self._seconds.get(listener)
        if seconds is None:
            seconds = self._seconds[listener] = self._metrics.exchange_seconds.labels(listener)
        seconds.observe(elapsed_ms / 1000)

    def refused(self, listener: str, reason: Refusal) -> None:
        key = (listener, reason.value)
        child = self._refusals.get(key)
        if child is None:
            child = self._refusals[key] = self._metrics.refusals.labels(listener, reason.value)
        child.inc()

    def decided(self, facts: ListenerFacts | None, answer: Answer | None) -> None:
        """An answer with a record: among the refusals where it is the relay's, and not the core's own word."""
        if facts is not None and isinstance(answer, Refusal):
            self.refused(facts.name, answer)

    def duplicate(self, listener: str, how: str) -> None:
        self._metrics.duplicates.labels(listener, how).inc()
