"""When the next connection to one address may be opened: at once while it answers, seldom while it does not. Pure.

Owns the pace of one address. It must never know a socket or a call. The essay: a core that is starved of CPU still has a kernel
that accepts; each call that times out there leaves behind a request in some queue, and a connection that replaces it at once
adds the next one, without an end, until the core finds thousands when it wakes. So from the first call that nobody answered,
or the first connection that could not be made, one connection is opened at a time, with a pause between two that doubles; the
first answer ends it. The traps: a hundred calls that time out together are one trouble, not a hundred; and silence shows only
after a call's whole timeout, so each connection that is opened in trouble counts as one more try before anything came of it.
"""

from __future__ import annotations

from random import Random

from relay.core.retry import backoff_ms


class DialPace:
    """`first_ms` is the first pause, milliseconds, doubling up to `max_ms`; `random` takes up to half of each away. `now_ms` of
    the methods is monotonic milliseconds."""

    __slots__ = ("_at_ms", "_first_ms", "_max_ms", "_random", "_tries")

    def __init__(self, first_ms: int, max_ms: int, random: Random) -> None:
        self._first_ms = first_ms
        self._max_ms = max_ms
        self._random = random
        self._tries = 0  # since the last answer
        self._at_ms = 0

    @property
    def is_troubled(self) -> bool:
        """Nothing was answered since a call or a connection failed."""
        return self._tries > 0

    def answered(self) -> None:
        self._tries = 0

    def troubled(self, now_ms: int) -> None:
        """A call was given up unanswered, or a connection was not made."""
        if self._tries == 0 or now_ms >= self._at_ms:
            self._pause(now_ms)

    def opened(self, now_ms: int) -> None:
        """One is being opened now."""
        if self._tries:
            self._pause(now_ms)

    def wait_ms(self, now_ms: int) -> int:
        """How long to wait before another one is opened, milliseconds; 0 is now."""
        return max(0, self._at_ms - now_ms) if self._tries else 0

    def _pause(self, now_ms: int) -> None:
        self._tries += 1
        self._at_ms = now_ms + backoff_ms(self._tries, self._first_ms, self._max_ms, self._random)
