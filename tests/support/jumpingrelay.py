"""The relay on a machine whose wall clock is set while it runs: `python -m tests.support.jumpingrelay run CONFIG`.

Owns the jumps: AHEAD sets the clock a day ahead, BACK a day back; both are real-time signals, because the daemon has a meaning
for every one with a name of its own; DAYS_AHEAD in the environment sets it before the start. It must never touch the monotonic
clock, which nobody can set. The trap: the clock of this process only is set; the far ends keep the real day, as a machine with
a broken NTP would see it.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from relay.clock import SystemClock
from relay.main import main

DAY_MS = 86_400_000
AHEAD, BACK = signal.SIGRTMIN, signal.SIGRTMIN + 1


class Jumps:
    """By how much the clock is wrong now, milliseconds."""

    ahead_ms = int(os.environ.get("DAYS_AHEAD", "0")) * DAY_MS

    @classmethod
    def jump(cls, number: int, _: object) -> None:
        cls.ahead_ms += DAY_MS if number == AHEAD else -DAY_MS


def wall_ms(_: SystemClock) -> int:
    return time.time_ns() // 1_000_000 + Jumps.ahead_ms


if __name__ == "__main__":
    SystemClock.wall_ms = wall_ms  # type: ignore[method-assign]
    for wanted in (AHEAD, BACK):
        signal.signal(wanted, Jumps.jump)
    sys.exit(main(sys.argv[1:]))
