"""One timing wheel for all session and deadline timers: insert and cancel in constant time, one loop timer in all.

Owns the slots: a slot is the ring of timers that fall due in one tick. Slots exist only while something waits in them, and a
heap of their tick numbers says when to wake, so an empty wheel sleeps and a quiet one is not woken at every tick. Promises:
never early; late by at most one tick plus 1/256 of the delay (far timers share coarser slots, which bounds the number of
slots by a few thousand whatever the number of timers); never more than `batch_count_max` callbacks without the loop
getting its turn. The trap: the loop's own clock may jump, so being woken proves nothing; only the monotonic clock does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from relay.clock import Cancellable, Clock
from relay.telemetry.log import get_log

_log = get_log("wheel")

TICK_MS = 50
BATCH_COUNT_MAX = 1_000
# Delays of at least 2**9 ticks are rounded up to a coarser tick: 2**8 slots per doubling of the delay.
_FINE_BITS = 9


class WheelTimer:
    """A waiting callback: one node of its slot's ring. An empty slot is a node linked to itself."""

    __slots__ = ("_after", "_before", "_callback")

    def __init__(self, callback: Callable[[], None] | None) -> None:
        self._callback = callback
        self._before: WheelTimer = self
        self._after: WheelTimer = self

    def cancel(self) -> None:
        """Never call back. Harmless when it already has, or was cancelled."""
        self._callback = None
        self._before._after = self._after
        self._after._before = self._before
        self._before = self._after = self

    @property
    def is_waiting(self) -> bool:
        return self._callback is not None


class TimingWheel:
    """Fulfils relay.clock.Timers.

    Args:
        clock: says what time it is; only its monotonic milliseconds are used.
        call_later: asks the loop to call back after so many seconds (`loop.call_later` or `reactor.callLater`).
        tick_ms: the width of a slot, milliseconds.
        batch_count_max: callbacks in a row before the loop gets its turn.
    """

    def __init__(
        self,
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], Cancellable],
        tick_ms: int = TICK_MS,
        batch_count_max: int = BATCH_COUNT_MAX,
    ) -> None:
        if tick_ms < 1 or batch_count_max < 1:
            raise ValueError("tick_ms and batch_count_max must be at least 1")
        self._now_ms = clock.monotonic_ms
        self._call_later = call_later
        self._tick_ms = tick_ms
        self._batch_count_max = batch_count_max
        self._slots: dict[int, WheelTimer] = {}  # tick number -> the slot's ring
        self._ticks: list[int] = []  # heap of the keys of _slots
        self._wake_up: Cancellable | None = None
        self._wake_up_tick = 0

    @property
    def is_asleep(self) -> bool:
        """True when no wake-up is asked of the loop."""
        return self._wake_up is None

    def slot_count(self) -> int:
        return len(self._slots)

    def after(self, delay_ms: int, callback: Callable[[], None]) -> WheelTimer:
        """Call `callback` once, not before `delay_ms` milliseconds have passed; a delay below 1 counts as 1."""
        now_ms = self._now_ms()
        width = self._tick_ms
        tick = -(-(now_ms + max(1, delay_ms)) // width)
        away = tick - now_ms // width
        if away >> _FINE_BITS:
            grain = away.bit_length() - _FINE_BITS
            tick = -(-tick >> grain) << grain
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = WheelTimer(None)
            heapq.heappush(self._ticks, tick)
            if self._wake_up is None or tick < self._wake_up_tick:
                self._arm(tick, now_ms)
        timer = WheelTimer(callback)
        last = slot._before
        timer._before, timer._after = last, slot
        last._after = slot._before = timer
        return timer

    def _arm(self, tick: int, now_ms: int) -> None:
        if self._wake_up is not None:
            self._wake_up.cancel()
        self._wake_up_tick = tick
        self._wake_up = self._call_later(max(0, tick * self._tick_ms - now_ms) / 1000, self._turn)

    def _turn(self) -> None:
        """Fire what is due, oldest tick first and in the order of insertion, then ask to be woken for the next slot."""
        self._wake_up = None
        now_ms = self._now_ms()
        budget = self._batch_count_max
        ticks, slots = self._ticks, self._slots
        while ticks and budget:
            slot = slots[ticks[0]]
            if slot._after is slot:  # empty: fired to the end, or everything in it was cancelled
                del slots[heapq.heappop(ticks)]
                continue
            if ticks[0] * self._tick_ms > now_ms:
                break
            while slot._after is not slot and budget:
                budget -= 1
                self._fire(slot._after)
        # A callback may have armed us for a nearer tick than the next one here; then that stands.
        if ticks and (self._wake_up is None or ticks[0] < self._wake_up_tick):
            self._arm(ticks[0], now_ms)

    def _fire(self, timer: WheelTimer) -> None:
        callback = timer._callback
        timer.cancel()
        if callback is None:
            return
        try:
            callback()
        except Exception:  # noqa: BLE001  our own bug, in one callback: the timers of all other sessions must still fire
            _log.exception("timer callback failed")
