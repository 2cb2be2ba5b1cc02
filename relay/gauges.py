"""Numbers that nobody counts as they change: read once a second and written to the metrics page.

Owns the reading. It must never be on the path of a message. The trap: the person's list is read from the disk, so it is read
ten times less often.
"""

from __future__ import annotations

from contextlib import suppress

from relay.clock import Cancellable, Clock, Timers
from relay.errors import JournalUnusable
from relay.exchange.desk import Desk
from relay.exchange.exchange import TERMINAL, UNKNOWN, State
from relay.exchange.hotspots import Scope
from relay.journal.port import Journal
from relay.telemetry.metrics import Metrics

INTERVAL_MS = 1_000
LISTED_EVERY = 10


class Gauges:
    def __init__(self, metrics: Metrics, desk: Desk, journal: Journal, clock: Clock, timers: Timers) -> None:
        self._metrics = metrics
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._timers = timers
        self._timer: Cancellable | None = None
        self._round = 0
        self._hours_seen: set[tuple[str, str]] = set()
        self.listed_count = 0
        metrics.incarnation.set(journal.incarnation)  # once: it is this life's number
        open_states = [state for state in State if state not in TERMINAL]
        self._open = {s.name.lower(): metrics.exchanges_open.labels(s.name.lower()) for s in open_states}

    def start(self) -> None:
        self._read()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def oldest_owed_ms(self) -> int:
        """Age of the oldest message owed to the core, milliseconds; 0 when nothing is owed."""
        since_ms = self._desk.saf.oldest_since_ms()
        return 0 if since_ms is None else max(0, self._clock.wall_ms() - since_ms)

    def oldest_unknown_ms(self) -> int:
        """Age of the oldest exchange in doubt, milliseconds; 0 when nothing is."""
        entries = self._desk.register.by_key.values()
        since_ms = min((entry.owed_since_ms for entry in entries if entry.state in UNKNOWN), default=None)
        return 0 if since_ms is None else max(0, self._clock.wall_ms() - since_ms)

    def _read(self) -> None:
        metrics, desk = self._metrics, self._desk
        counts = desk.register.count_open()
        for name, child in self._open.items():
            child.set(counts.get(name, 0))
        metrics.core_inflight_target.set(desk.target.target)
        metrics.core_queue.set(desk.lanes.waiting_count)
        self._read_hot()
        self._read_hours()
        metrics.saf_owed.set(desk.saf.owed_count)
        metrics.saf_oldest_seconds.set(self.oldest_owed_ms() / 1000)
        metrics.unknown_oldest_seconds.set(self.oldest_unknown_ms() / 1000)
        metrics.journal_waiting.set(self._journal.waiting_count())
        if self._round % LISTED_EVERY == 0:
            with suppress(JournalUnusable):  # a server that is away: as last seen
                self.listed_count = sum(1 for _ in self._journal.listed())
            metrics.listed.set(self.listed_count)
        self._round += 1
        self._timer = self._timers.after(INTERVAL_MS, self._read)

    def _read_hours(self) -> None:
        now = self._desk.gate.hours.open_now(self._clock.wall_ms())
        for gone in self._hours_seen - set(now):  # a reload took its hours away
            self._metrics.hours_open.remove(*gone)
        self._hours_seen = set(now)
        for labels, is_open in now.items():
            self._metrics.hours_open.labels(*labels).set(int(is_open))

    def _read_hot(self) -> None:
        """Also where rates are judged while nothing arrives, so that a hot lane ends in a quiet hour."""
        metrics, desk, now_ms = self._metrics, self._desk, self._clock.monotonic_ms()
        traffic = desk.traffic
        if traffic.look(now_ms):
            desk.pump(now_ms)
        hot = list(traffic.spots.lanes.values())
        for scope in Scope:
            metrics.hot_lanes.labels(scope.value).set(sum(1 for lane in hot if lane.scope is scope))
        metrics.hot_lane_oldest_seconds.set(max((now_ms - lane.entered_ms for lane in hot), default=0) / 1000)
        metrics.hot_queue.set(desk.lanes.waiting_count - desk.lanes.waiting_of(""))
        metrics.hot_inflight.set(traffic.hot_calls)
        metrics.hot_inflight_max.set(traffic.budget.slots if hot else 0)
