"""What a transport has seen of its connections, as numbers and as metrics.

Owns the counts of one transport. It must never decide anything by them. The trap: a connection counts until its socket is
closed, not until nobody uses it any more.
"""

from __future__ import annotations

from enum import StrEnum

from relay.core.door import Why
from relay.telemetry.metrics import Metrics


class Held(StrEnum):
    """Why a call waits although no connection is free, as a metric label."""

    ADDRESS = "address"  # the address has all it may have
    ALL = "all"  # all addresses together have
    PACE = "pace"  # the address does not answer: opened seldom


class Counts:
    """What the transport has seen since it was made, here and in the metrics."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self.opened = 0
        self.open = 0  # sockets, until they are closed
        self.unrequested = 0
        self.stale = 0
        self.connect_failures = 0
        self.held = dict.fromkeys(Held, 0)
        self._metrics = metrics
        if metrics is not None:
            for held in Held:
                metrics.core_connections_held.labels(held.value)
            metrics.core_connections.set_function(lambda: self.open)

    def was_opened(self) -> None:
        self.opened += 1
        self.open += 1
        if self._metrics is not None:
            self._metrics.core_connections_opened.inc()

    def was_closed(self) -> None:
        self.open -= 1

    def was_held(self, held: Held) -> None:
        """A call waits for a connection that may not be opened now."""
        self.held[held] += 1
        if self._metrics is not None:
            self._metrics.core_connections_held.labels(held.value).inc()

    def was_unrequested(self) -> None:
        self.unrequested += 1
        if self._metrics is not None:
            self._metrics.core_unrequested_bytes.inc()

    def connect_failed(self, why: Why) -> None:
        self.connect_failures += 1
        if self._metrics is not None:
            self._metrics.core_connect_failures.labels(why.value).inc()
