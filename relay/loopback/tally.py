"""What the terminals count: requests, how each ended, how long it took, and everything that must never happen.

Owns the counters of one room of terminals, and the question whether a request lay outside every fault window. It must never
know a wire format. The trap: a refusal by the relay is an answer, but not the core's own outcome; only the latter counts
outside the windows, so that refusing everything fails the check.
"""

from __future__ import annotations

from enum import Enum

from relay.loopback.faults import Window, is_outside
from relay.loopback.histogram import Histogram

VIOLATIONS_KEPT = 50

# DE 39 of 1987 that only the core's decision gives; everything else is the relay speaking for itself.
CORE_CODES = frozenset({"00", "10", "04", "05", "13", "14", "41", "43", "51", "52", "54", "55", "57", "59"}) | frozenset(
    {"61", "62", "63", "65", "75"}
)


class Ending(Enum):
    """How a request ended, in no dialect's words."""

    APPROVED = "approved"
    DECLINED = "declined"  # by the core
    REFUSED = "refused"  # by the relay, for itself
    DOUBTED = "doubted"  # the relay said that it does not know


CORES_OWN = frozenset({Ending.APPROVED, Ending.DECLINED})


class Tally:
    def __init__(self) -> None:
        self.requests = 0
        self.approved = 0
        self.declined = 0  # by the core
        self.refused = 0  # by the relay
        self.doubted = 0  # the relay said that it does not know
        self.timed_out = 0
        self.repeats_sent = 0
        self.reversals_sent = 0
        self.reversals_acknowledged = 0
        self.duplicate_replies = 0
        self.late_replies = 0
        self.late_approvals = 0
        self.not_taken = 0
        self.unresolved_deposits = 0
        self.links_opened = 0
        self.links_lost = 0
        self.links_failed = 0
        self.signed_on = 0
        self.totals_in_balance = 0
        self.totals_out_of_balance = 0
        self.unserved = 0  # orders that no terminal was free for
        self.outside_requests = 0
        self.outside_core_outcomes = 0
        self.codes: dict[str, int] = {}
        self.outside_misses: dict[str, int] = {}  # why a request outside all windows did not get the core's outcome
        self.violation_count = 0
        self.violations: list[str] = []
        self.windows: list[Window] = []
        self.latency = Histogram()  # of everything answered in time
        self.recent = Histogram()  # the same since somebody last cleared it, for a line per second

    @property
    def answered(self) -> int:
        return self.approved + self.declined + self.refused + self.doubted

    def ended(self, code: str, asked_ms: float, now_ms: float) -> None:
        """A request got DE 39 `code` in time."""
        if code in ("00", "10"):
            ending = Ending.APPROVED
        elif code in CORE_CODES:
            ending = Ending.DECLINED
        else:
            ending = Ending.DOUBTED if code == "68" else Ending.REFUSED
        self.ended_as(ending, asked_ms, now_ms, code)

    def ended_as(self, ending: Ending, asked_ms: float, now_ms: float, code: str, who_is_known: bool = True) -> None:
        """A request got its answer in time; `code` is the dialect's own word. `who_is_known`: it tells whether the core spoke
        or the relay; where it does not, it counts neither for nor against the calm."""
        self.codes[code] = self.codes.get(code, 0) + 1
        self._timed(asked_ms, now_ms)
        self.approved += ending is Ending.APPROVED
        self.declined += ending is Ending.DECLINED
        self.doubted += ending is Ending.DOUBTED
        self.refused += ending is Ending.REFUSED
        if who_is_known:
            self._outside(asked_ms, now_ms, ending in CORES_OWN, f"code {code}")

    def taken(self, count: int, asked_ms: float, now_ms: float) -> None:
        """`count` messages were taken over together: durable at the relay, which is all their sender waits for."""
        self.approved += count
        self._timed(asked_ms, now_ms)

    def _timed(self, asked_ms: float, now_ms: float) -> None:
        latency_us = round((now_ms - asked_ms) * 1_000)
        self.latency.record(latency_us)
        self.recent.record(latency_us)

    def gave_up(self, asked_ms: float, now_ms: float) -> None:
        """A request got no word in time."""
        self.timed_out += 1
        self._outside(asked_ms, now_ms, False, "no reply")

    def _outside(self, asked_ms: float, now_ms: float, is_core: bool, why: str) -> None:
        if is_outside(self.windows, asked_ms, now_ms):
            self.outside_requests += 1
            self.outside_core_outcomes += is_core
            if not is_core:
                self.outside_misses[why] = self.outside_misses.get(why, 0) + 1

    @property
    def outside_ratio(self) -> float:
        """Share of the requests outside all fault windows that got the core's own outcome; 1.0 when there were none."""
        return self.outside_core_outcomes / self.outside_requests if self.outside_requests else 1.0

    def violation(self, what: str) -> None:
        """Something that must never happen did. `what` holds no card data."""
        self.violation_count += 1
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(what)

    # ---- windows ---------------------------------------------------------------------------------------------------------
    def open_window(self, now_ms: float, what: str) -> None:
        self.windows.append(Window(now_ms, float("inf"), what))

    def close_window(self, now_ms: float, what: str) -> None:
        """End the youngest open window named `what`; nothing happens when none is open."""
        for place in range(len(self.windows) - 1, -1, -1):
            window = self.windows[place]
            if window.what == what and window.end_ms == float("inf"):
                self.windows[place] = Window(window.start_ms, now_ms, what)
                return
