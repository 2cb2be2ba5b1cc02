"""What one probe of a region met on the wire, beside the answer itself: why there is none, and what time it is over there.

Owns a door that watches another one. It must never change a call or an outcome. The trap: the client tells "no answer" and
nothing more, which is right for money and useless for whoever has to call somebody in office hours; a certificate that ran
out, a token that was never copied and a server that is off are three duties. The other side's clock is the Date of its answer
(RFC 9110, section 6.6.1), which has whole seconds, so that a difference below one second is none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from email.utils import parsedate_to_datetime
from typing import Final

from relay.clock import Cancellable, Clock
from relay.core.door import Address, HttpAnswer, HttpCall, HttpDoor, HttpResult, Lost, Why

DATE: Final = b"date"
HALF_SECOND_MS: Final = 500  # the Date was cut off, half a second in the middle
SILENT: Final = "silent"
DENIED: Final = "not-authorised"
STRANGE: Final = "not-the-contract"
_SILENT: Final = frozenset({Why.DEADLINE, Why.CANCELLED, Why.SHUTDOWN, Why.RENEWED, Why.FULL, Why.CONNECT_TIMEOUT})


class ProbeDoor:
    """Fulfils HttpDoor over `door`. `why` is what the last call met that was no good answer, `skew_ms` the other side's clock
    less ours (milliseconds), None where it did not say."""

    def __init__(self, door: HttpDoor, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self.why = SILENT
        self.skew_ms: int | None = None

    def forget(self) -> None:
        """A new probe: one that finds no address to ask met silence, whatever the one before met."""
        self.why, self.skew_ms = SILENT, None

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> Cancellable:
        asked_ms = self._clock.wall_ms()

        def heard(result: HttpResult) -> None:
            self._note(result, asked_ms)
            done(result)

        return self._door.call(address, call, timeout_ms, heard)

    def keep_only(self, addresses: Collection[Address]) -> None:
        self._door.keep_only(addresses)

    def renew(self) -> None:
        self._door.renew()

    def _note(self, result: HttpResult, asked_ms: int) -> None:
        if isinstance(result, HttpAnswer):
            self.why = DENIED if result.status in (401, 403) else STRANGE
            self.skew_ms = skew_ms(result.headers.get(DATE, b""), asked_ms, self._clock.wall_ms())
        else:
            is_silence = result.why in _SILENT or (isinstance(result, Lost) and result.why is Why.CLOSED)
            self.why = SILENT if is_silence else result.why.value
            self.skew_ms = None


def skew_ms(date: bytes, asked_ms: int, heard_ms: int) -> int | None:
    """The clock that wrote `date` (the value of a Date header) less ours, milliseconds; `asked_ms` and `heard_ms` are our wall
    clock. None where it is no date. What the whole second and the way there and back may explain is left out."""
    try:
        theirs_ms = round(parsedate_to_datetime(date.decode("ascii")).timestamp() * 1_000) + HALF_SECOND_MS
    except (ValueError, OverflowError):
        return None
    least, most = asked_ms - HALF_SECOND_MS, heard_ms + HALF_SECOND_MS
    return theirs_ms - most if theirs_ms > most else theirs_ms - least if theirs_ms < least else 0
