"""One verb under way: from the first address tried to the one outcome, inside one deadline.

Owns the rule of what is tried again: a call of which nothing was sent goes to the next address at once; a call that was lost
is never sent again by itself (law 3); a 202 is polled, and polling, being harmless, may be repeated. It must never know the
contract's bodies: a `read` function turns an answer into a `Reading`. The traps: the first byte sent is a point of no
return for the whole verb, so after a 202 even "not sent" can only mean Unknown; and a call of an epoch that is over is sent
nowhere any more, to no other address and not by a poll.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from protocols.vocabulary import NotProcessed, Unknown
from relay.clock import Cancellable, Clock, Timers
from relay.core.balance import Balance
from relay.core.door import Address, HttpAnswer, HttpCall, HttpDoor, HttpResult, Lost, NotSent, Why
from relay.core.mapping import NOT_THE_CORE, Asked, Reading, Remark, read_poll

POLL_MS_MIN: Final = 20
_UNREACHABLE: Final = NotProcessed(reason="unreachable")
_FULL: Final = NotProcessed(reason="overloaded", retry_after_ms=100)
_CANCELLED: Final = NotProcessed(reason="cancelled")
_EPOCH_OVER: Final = NotProcessed(reason="wrong-region")
_LOST: Final = {why: Unknown(why=f"lost: {why.value}") for why in Why}
_LOST_REMARKS: Final = {Why.CLOSED: Remark.CLOSED, Why.MALFORMED: Remark.MALFORMED, Why.TOO_LARGE: Remark.TOO_LARGE}
_UNDECIDED: Final = Unknown(why="accepted, not decided")

Read = Callable[[Asked, HttpAnswer, int], Reading]


class Verb:
    """What all calls of one verb share: its name, its reader, and what counts them."""

    __slots__ = ("count", "name", "number", "observe_seconds", "read")

    def __init__(
        self, name: str, number: int, read: Read, count: Callable[[object], None], observe_seconds: Callable[[float], None]
    ) -> None:
        self.name = name
        self.number = number
        self.read = read
        self.count = count
        self.observe_seconds = observe_seconds


class Ground(Protocol):
    """What an asking stands on; the client fulfils it."""

    door: HttpDoor
    balance: Balance
    clock: Clock
    timers: Timers
    inflight: int
    epoch_floor: Callable[[], int]
    asking: dict[Asking, None]  # those under way that carry an epoch, oldest first

    def remarked(self, verb: Verb, remark: Remark, address: Address) -> None: ...

    def poll_call(self, location: str, first: HttpCall) -> HttpCall | None:
        """The call that asks `location` with the headers of `first`; None when it leads out of the contract."""
        ...


class Asking:
    """Fulfils `Cancellable`. `done` gets the value of the reading, or NotProcessed or Unknown; exactly once."""

    __slots__ = (
        "_address",
        "_asked",
        "_call",
        "_deadline_ms",
        "_done",
        "_epoch",
        "_ground",
        "_is_full",
        "_pending",
        "_poll_timer",
        "_polling",
        "_read",
        "_started_ms",
        "_tried",
        "_verb",
    )

    def __init__(
        self, ground: Ground, verb: Verb, asked: Asked, call: HttpCall, epoch: int, timeout_ms: int, done: Callable[[Any], None]
    ) -> None:
        self._ground = ground
        self._verb = verb
        self._read = verb.read
        self._asked = asked
        self._call = call
        self._epoch = epoch
        self._done: Callable[[Any], None] | None = done
        self._tried: tuple[Address, ...] = ()
        self._is_full = False
        self._polling = False
        self._pending: Cancellable | None = None
        self._poll_timer: Cancellable | None = None
        self._address: Address | None = None
        now_ms = self._started_ms = ground.clock.monotonic_ms()
        self._deadline_ms = now_ms + timeout_ms
        ground.inflight += 1
        if epoch:
            ground.asking[self] = None
        self._send(now_ms)

    @property
    def epoch(self) -> int:
        """The region epoch that the call carries; 0 for one that belongs to none."""
        return self._epoch

    def cancel(self) -> None:
        if self._poll_timer is not None:
            self._poll_timer.cancel()
            self._finish(_UNDECIDED)
        elif self._pending is not None:
            self._pending.cancel()  # comes back through _result, with CANCELLED

    def _send(self, now_ms: int) -> None:
        ground = self._ground
        if 0 < self._epoch < ground.epoch_floor():
            self._finish(_UNDECIDED if self._polling else _EPOCH_OVER)
            return
        address = ground.balance.choose(now_ms, self._tried)
        if address is None:
            self._nowhere(now_ms)
            return
        self._address = address
        pending = ground.door.call(address, self._call, self._deadline_ms - now_ms, self._result)
        # The result may have come before the call returned, and begun another one: that one's handle stands.
        if self._address is address and self._done is not None and self._pending is None:
            self._pending = pending

    def _result(self, result: HttpResult) -> None:
        address = self._address
        self._pending = None
        self._address = None
        if self._done is None or address is None:
            return
        if isinstance(result, HttpAnswer):
            self._answered(result, address)
        elif isinstance(result, Lost):
            self._lost(result, address)
        else:
            self._not_sent(result, address)

    def _answered(self, answer: HttpAnswer, address: Address) -> None:
        ground = self._ground
        reading = self._read(self._asked, answer, max(self._epoch, ground.epoch_floor()))
        remark = reading.remark
        if remark is not Remark.NONE:
            ground.remarked(self._verb, remark, address)
        if remark in NOT_THE_CORE:
            ground.balance.failed(address, ground.clock.monotonic_ms())
        else:
            ground.balance.answered(address)
        if reading.poll is None:
            self._finish(reading.value)
        else:
            self._poll(*reading.poll)

    def _lost(self, lost: Lost, address: Address) -> None:
        balance = self._ground.balance
        remark = _LOST_REMARKS.get(lost.why)
        if remark is not None:
            self._ground.remarked(self._verb, remark, address)
        if lost.why is Why.CANCELLED or lost.why is Why.SHUTDOWN:
            balance.returned(address)
        else:
            balance.failed(address, self._ground.clock.monotonic_ms())
        if self._polling and lost.why is not Why.CANCELLED and lost.why is not Why.SHUTDOWN:
            self._poll("", 0)
        else:
            self._finish(_LOST[lost.why])

    def _not_sent(self, not_sent: NotSent, address: Address) -> None:
        ground, why = self._ground, not_sent.why
        now_ms = ground.clock.monotonic_ms()
        if why is Why.FULL:
            self._is_full = True
            ground.balance.returned(address)
        elif why is Why.CANCELLED or why is Why.SHUTDOWN:
            ground.balance.returned(address)
            self._finish(_UNDECIDED if self._polling else _CANCELLED)
            return
        elif why is Why.RENEWED:
            ground.balance.returned(address)
            self._send(now_ms)
            return
        else:
            ground.balance.failed(address, now_ms)
        self._tried += (address,)
        if now_ms >= self._deadline_ms:
            self._finish(_UNDECIDED if self._polling else _UNREACHABLE)
        else:
            self._send(now_ms)

    def _nowhere(self, now_ms: int) -> None:
        """Every address was tried, or none is known."""
        if self._polling:
            self._poll("", 0)
        else:
            self._finish(_FULL if self._is_full else _UNREACHABLE)

    # ---- 202 ---------------------------------------------------------------------------------------------------------

    def _poll(self, location: str, after_ms: int) -> None:
        ground = self._ground
        if not self._polling or location:
            call = ground.poll_call(location, self._call)
            if call is None:
                ground.remarked(self._verb, Remark.CONTRADICTION, Address("", 0))
                self._finish(_UNDECIDED)
                return
            self._call = call
            self._read = read_poll
            self._polling = True
        self._tried = ()
        after_ms = max(after_ms, POLL_MS_MIN)
        left_ms = self._deadline_ms - ground.clock.monotonic_ms()
        if left_ms <= 0:
            self._finish(_UNDECIDED)
        else:
            self._poll_timer = ground.timers.after(min(after_ms, left_ms), self._poll_now)

    def _poll_now(self) -> None:
        self._poll_timer = None
        now_ms = self._ground.clock.monotonic_ms()
        if now_ms >= self._deadline_ms:
            self._finish(_UNDECIDED)
        else:
            self._send(now_ms)

    def _finish(self, value: Any) -> None:
        done = self._done
        if done is None:
            return
        self._done = None
        self._pending = None
        self._poll_timer = None
        ground, verb = self._ground, self._verb
        ground.inflight -= 1
        ground.asking.pop(self, None)
        verb.observe_seconds((ground.clock.monotonic_ms() - self._started_ms) / 1_000)
        verb.count(value)
        done(value)
