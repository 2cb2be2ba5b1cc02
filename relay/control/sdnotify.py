"""What systemd is told: ready, status, reloading, stopping, and that the daemon still does its work.

Owns the datagrams to $NOTIFY_SOCKET and the decision to feed the watchdog. It must never stop the daemon: without systemd
every call does nothing. The traps: a leading "@" of the address stands for a NUL byte; RELOADING needs the kernel's
monotonic clock in the same datagram, in microseconds; and a watchdog fed by a bare timer proves only that timers run, so it
is fed after a check that the loop is on time and that the journal gets on with what waits for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, MutableMapping

from prometheus_client import Counter, Gauge

from relay.clock import Cancellable, Clock, Timers
from relay.telemetry.log import get_log

_log = get_log("systemd")

LAG_MS_MAX = 2_000  # the loop was this late, or later: it does not serve terminals as it should
JOURNAL_STILL_MS_MAX = 10_000  # records wait, and none was answered for so long


class Notifier:
    """Sends to the supervisor's socket; `address` None or empty means that nobody listens."""

    def __init__(self, address: str | None) -> None:
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Notifier:
        """Take $NOTIFY_SOCKET out of the environment, so that no child process speaks in our name."""
        return cls(environ.pop("NOTIFY_SOCKET", None))

    def tell(self, *lines: str) -> bool:
        """One datagram of NAME=value lines; False when it was not sent. A full or missing socket is not our end."""
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            _log.warning("the supervisor could not be told", what=lines[0], why=error.strerror)
            return False
        return True

    def ready(self, status: str) -> bool:
        return self.tell("READY=1", f"STATUS={_one_line(status)}")

    def status(self, text: str) -> bool:
        return self.tell(f"STATUS={_one_line(text)}")

    def reloading(self, monotonic_ms: int) -> bool:
        """Say `ready` again when the reload has ended, however it ended."""
        return self.tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_ms * 1_000}")

    def stopping(self, status: str) -> bool:
        return self.tell("STOPPING=1", f"STATUS={_one_line(status)}")

    def watchdog(self) -> bool:
        return self.tell("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def watchdog_interval_ms(environ: MutableMapping[str, str], pid: int | None = None) -> int | None:
    """How often to feed: a third of $WATCHDOG_USEC. None where there is no watchdog, or it watches another process."""
    microseconds, watched = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if watched and watched != str(os.getpid() if pid is None else pid):
        return None
    return max(1, int(microseconds) // 3_000)


class HealthCheck:
    """Pure: is the daemon at work? Says why not, in one word for a metric.

    Args:
        lag_ms_max: lateness of the loop that is still health, milliseconds.
        journal_still_ms_max: how long records may wait while none is answered, milliseconds.
    """

    def __init__(self, lag_ms_max: int = LAG_MS_MAX, journal_still_ms_max: int = JOURNAL_STILL_MS_MAX) -> None:
        self._lag_ms_max = lag_ms_max
        self._journal_still_ms_max = journal_still_ms_max
        self._answered = 0
        self._still_since_ms: int | None = None

    def judge(self, now_ms: int, lag_ms: int, waiting_count: int, answered_count: int) -> str:
        """ "" for healthy, else "loop-late" or "journal-still".

        Args:
            now_ms: monotonic milliseconds.
            lag_ms: how much later than asked for this check runs.
            waiting_count: records given to the journal and not answered yet.
            answered_count: records answered since the start, durable or failed; it only has to change.
        """
        if waiting_count == 0:
            self._still_since_ms = None
        elif self._still_since_ms is None or answered_count != self._answered:
            self._still_since_ms = now_ms  # from when we saw it wait; it may have come this very moment
        self._answered = answered_count
        if self._still_since_ms is not None and now_ms - self._still_since_ms >= self._journal_still_ms_max:
            return "journal-still"
        return "loop-late" if lag_ms >= self._lag_ms_max else ""


class Watchdog:
    """Checks at every interval and feeds systemd's watchdog when the check passes; else systemd restarts the daemon.

    Args:
        interval_ms: between checks, milliseconds; see `watchdog_interval_ms`.
        waiting_count, answered_count: the journal's, as in `HealthCheck.judge`.
        lag_seconds: gauge of the loop's lateness. held: counter by reason.
    """

    def __init__(
        self,
        notifier: Notifier,
        clock: Clock,
        timers: Timers,
        interval_ms: int,
        waiting_count: Callable[[], int],
        answered_count: Callable[[], int],
        lag_seconds: Gauge,
        held: Counter,
        check: HealthCheck | None = None,
    ) -> None:
        self._notifier, self._clock, self._timers, self._interval_ms = notifier, clock, timers, interval_ms
        self._waiting_count, self._answered_count = waiting_count, answered_count
        self._lag_seconds, self._held = lag_seconds, held
        self._check = check or HealthCheck()
        self._timer: Cancellable | None = None
        self._due_ms = 0

    def start(self) -> None:
        self._due_ms = self._clock.monotonic_ms() + self._interval_ms
        self._timer = self._timers.after(self._interval_ms, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        now_ms = self._clock.monotonic_ms()
        lag_ms = max(0, now_ms - self._due_ms)
        self._lag_seconds.set(lag_ms / 1000)
        reason = self._check.judge(now_ms, lag_ms, self._waiting_count(), self._answered_count())
        if reason:
            self._held.labels(reason).inc()
            _log.error("watchdog not fed", reason=reason, lag_ms=lag_ms, waiting=self._waiting_count())
        else:
            self._notifier.watchdog()
        self.start()
