"""For how long the active region has not answered, and when that is worth a line in the log.

Owns one number, and the two lines about it. It must never take a permit away: silence changes nothing about which region is
the active one (law 5), but a person has to hear of it. The trap: a probe that is refused comes back at once and one that hangs
takes seconds, so the time counts from when the first unanswered probe was *asked*, not from when it failed.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.clock import Clock
from relay.telemetry.log import get_log

_log = get_log("region")
FIRST_WORD_MS = 5_000  # a probe or two may be lost without a word
NEXT_WORD_MS = 60_000


class Silence:
    """Args: `detail` says what is known of the addresses behind the silence, in words, for the log line."""

    def __init__(self, clock: Clock, detail: Callable[[], str]) -> None:
        self._now_ms = clock.monotonic_ms
        self._detail = detail
        self._since_ms: int | None = None
        self._next_word_ms = FIRST_WORD_MS
        self._is_told = False

    @property
    def ms(self) -> int:
        """Milliseconds since the first probe that nobody has answered; 0 while they are answered."""
        return 0 if self._since_ms is None else self._now_ms() - self._since_ms

    def unanswered(self, asked_ms: int) -> None:
        """The probe asked at `asked_ms` (monotonic) got no answer, or one that is nobody's word."""
        if self._since_ms is None:
            self._since_ms = asked_ms
        if self.ms >= self._next_word_ms:
            self._is_told = True
            self._next_word_ms = self.ms + NEXT_WORD_MS
            _log.error("the core does not answer", silent_s=self.ms // 1_000, addresses=self._detail())

    def answered(self) -> None:
        if self._is_told:
            _log.info("the core answers again", silent_s=self.ms // 1_000)
        self._since_ms = None
        self._next_word_ms = FIRST_WORD_MS
        self._is_told = False
