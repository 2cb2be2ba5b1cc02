"""The only reader of time. Everything that decides gets `now_ms` as an argument.

Owns the `Clock` and `Timers` ports and the real clock. Deadlines and leases use monotonic milliseconds; wall time (UTC epoch
milliseconds) is for records and dates only. The trap: the asyncio reactor's `seconds()` follows the wall clock, so an NTP
step would move every `callLater`; a timer is a hint to look at the clock again, never proof that time has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    def monotonic_ms(self) -> int: ...

    def wall_ms(self) -> int: ...


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """Calls back on the loop's thread, never before `delay_ms` (milliseconds) has passed on the monotonic clock."""

    def after(self, delay_ms: int, callback: Callable[[], None]) -> Cancellable: ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_ms(self) -> int:
        """Monotonic, and it goes on while the machine sleeps: for leases that others count on meanwhile."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def monotonic_us(self) -> int:
        """For measuring only: uvloop's own clock has whole milliseconds."""
        return time.monotonic_ns() // 1_000
