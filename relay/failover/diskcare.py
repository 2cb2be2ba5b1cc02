"""A disk that refused a copy: when it is tried again, and what is said of it meanwhile.

Owns the pace. It must never touch a file. The traps: the other center sends its lines again every few seconds, and not
each may become a try of a disk that is sick; a disk that is full for three hours is well in the fourth, so the tries go on, a
minute apart; and whoever keeps no copy says so, for the other center sees only that there is none.
"""

from __future__ import annotations

from typing import Final

from relay.clock import Clock
from relay.errors import RelayError
from relay.telemetry.log import get_log

_log = get_log("failover")
AGAIN_MS: Final = 1_000
AGAIN_MS_MAX: Final = 60_000


class DiskCare:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._again_ms = 0
        self._before = 0  # tries of the sickness before, and until when another failure is the same one
        self._relapse_ms = 0
        self.tries = 0  # that went wrong, one after the other
        self.why = ""
        self.since_ms = 0  # wall clock
        self.is_log_lost = False  # the file of the run that is kept here is the one that was refused

    @property
    def is_sick(self) -> bool:
        return self.tries > 0

    def failed(self, error: RelayError, is_log_lost: bool) -> None:
        if not self.tries:
            self.tries = self._before if self._clock.monotonic_ms() < self._relapse_ms else 0
            self.since_ms = self._clock.wall_ms()
            _log.error("the disk keeps no copy of the other center's run", why=error.problem, next="mend it; it is tried again")
        self.why = error.problem
        self.is_log_lost = self.is_log_lost or is_log_lost
        self._again_ms = self._clock.monotonic_ms() + min(AGAIN_MS_MAX, AGAIN_MS << min(self.tries, 10))
        self.tries += 1

    def is_to_be_tried(self) -> bool:
        return self.is_sick and self._clock.monotonic_ms() >= self._again_ms

    def mended(self) -> None:
        if self.is_sick:
            _log.info("the disk keeps copies again", tries=self.tries, since_ms=self.since_ms)
            self._before, self._relapse_ms = self.tries, self._clock.monotonic_ms() + AGAIN_MS_MAX
        self.tries, self.why, self.since_ms, self.is_log_lost = 0, "", 0, False

    def trouble(self) -> str:
        """What people are told; "" where copies are kept."""
        if not self.is_sick:
            return ""
        in_s = max(0, self._again_ms - self._clock.monotonic_ms()) // 1_000
        return f"{self.why} {self.tries} tries, the next in {in_s} s"
