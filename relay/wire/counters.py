"""The metrics of one listener's or dialer's links, children bound once.

Owns the small sets of label values: reasons and notes come from dialects, so only the first `NAMES_COUNT_MAX` are told apart.
It must never be handed a terminal, an address or anything a peer chose. The trap: an increment of a prometheus child costs
as much as a quarter of a parse, so bytes are summed as plain numbers and passed on twice a second.
"""

from __future__ import annotations

from prometheus_client import Counter

from protocols.vocabulary import Refusal
from relay.clock import Timers
from relay.telemetry.metrics import Metrics
from relay.wire.admission import Refused

NAMES_COUNT_MAX = 64
OTHER = "other"
FLUSH_MS = 500


class LinkCounters:
    def __init__(self, metrics: Metrics, listener: str, timers: Timers) -> None:
        self._timers = timers
        self._received = metrics.received_bytes.labels(listener)
        self._sent = metrics.sent_bytes.labels(listener)
        self._open = metrics.links_open.labels(listener)
        self._opened = metrics.links_opened.labels(listener)
        self._signed_on = metrics.sessions_signed_on.labels(listener)
        self._accept_refusals = {reason: metrics.links_refused.labels(listener, reason) for reason in Refused}
        self._refusals = {reason: metrics.refusals.labels(listener, reason) for reason in Refusal}
        self._closed = _Named(metrics.links_closed, listener)
        self._notes = _Named(metrics.link_notes, listener)
        self._received_bytes = 0
        self._sent_bytes = 0
        self._is_flush_due = False
        self.signed_on_count = 0

    def received(self, byte_count: int) -> None:
        self._received_bytes += byte_count
        if not self._is_flush_due:
            self._flush_later()

    def sent(self, byte_count: int) -> None:
        self._sent_bytes += byte_count
        if not self._is_flush_due:
            self._flush_later()

    def opened(self) -> None:
        self._open.inc()
        self._opened.inc()

    def closed(self, reason: str) -> None:
        self._open.dec()
        self._closed.inc(reason)

    def signed(self, on: bool) -> None:
        change = 1 if on else -1
        self.signed_on_count += change
        self._signed_on.inc(change)

    def noted(self, name: str) -> None:
        self._notes.inc(name)

    def refused(self, reason: Refusal) -> None:
        """A dialogue refused a message."""
        self._refusals[reason].inc()

    def not_admitted(self, reason: Refused) -> None:
        """A link was refused at accept."""
        self._accept_refusals[reason].inc()

    def flush(self) -> None:
        """Pass on what was summed. Called by a timer; a stop may call it once more."""
        self._is_flush_due = False
        self._received.inc(self._received_bytes)
        self._sent.inc(self._sent_bytes)
        self._received_bytes = self._sent_bytes = 0

    def _flush_later(self) -> None:
        self._is_flush_due = True
        self._timers.after(FLUSH_MS, self.flush)


class _Named:
    """Children of one metric by a name that code chose, bound at first use, bounded in number."""

    def __init__(self, metric: Counter, listener: str) -> None:
        self._metric = metric
        self._listener = listener
        self._children: dict[str, Counter] = {}

    def inc(self, name: str) -> None:
        child = self._children.get(name)
        if child is None:
            if len(self._children) >= NAMES_COUNT_MAX:
                name = OTHER
            child = self._children.setdefault(name, self._metric.labels(self._listener, name))
        child.inc()
