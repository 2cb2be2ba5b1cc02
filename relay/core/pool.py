"""The connections to one address: who is idle, who waits, when another one is opened.

Owns the bounded pool of one address and the calls that pass through it. It must never know other addresses, DNS or the
contract. The traps: a waiting call has sent nothing and must end as NotSent whatever happens; when the address refuses and
no connection lives there, every waiting call is failed at once, so that it can still try another address in time; an idle
connection that the peer closed is found out before the request is written to it; a connection counts from before it is
opened until its socket is closed, or a bound on connections would be none; and to an address that does not answer connections
are opened seldom (dialing.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Protocol

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.core.dialing import DialPace
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.http1 import Connection
from relay.core.poolcounts import Counts, Held

_BODY_METHODS = frozenset({b"POST", b"PUT", b"PATCH"})  # a length is said even of nothing


class PoolLimits(msgspec.Struct, frozen=True):
    """Per address. `waiting_count_max` counts those for whom no connection can be made; `idle_ms_max` stays below the 5 s
    after which common servers close an idle connection. `fresh_ms` after its last answer the kernel is asked about a
    connection before it is used again: no server closes one sooner without having said so, and asking is a system call.
    `dial_first_ms` doubles up to `dial_max_ms`: the pause between two connections while nothing is answered."""

    connections_max: int = 64
    waiting_count_max: int = 1_024
    idle_ms_max: int = 4_000
    fresh_ms: int = 20
    dial_first_ms: int = 50
    dial_max_ms: int = 500


class Host(Protocol):
    """What a pool needs of the transport."""

    clock: Clock
    timers: Timers
    random: Random
    counts: Counts

    def has_room(self, pool: Pool) -> bool:
        """Whether all pools together may have one more connection; where not, `pool.wake` follows when it may be so."""
        ...

    def must_yield(self, pool: Pool) -> bool:
        """Whether `pool`, with a connection in hand that its count does not have, gives it up: another one waits for room, and
        `pool` has no use for it, or would still not have fewer than that one."""
        ...

    def freed(self) -> bool:
        """A connection of some pool is closed, or was never made; whether all were woken, those with the fewest first."""
        ...

    def open(self, pool: Pool) -> None:
        """Begin one connection; `pool.connected` or `pool.connect_failed` follows."""
        ...

    def became_idle(self) -> None: ...

    def made(self, connection: Connection) -> None: ...

    def lost(self, connection: Connection) -> None: ...


class PendingCall:
    """One call on its way: waiting, sent, finished. `finish` passes on the first result and drops every later one."""

    __slots__ = ("_done", "connection", "is_head", "pool", "source", "streams_body", "timer", "wire")

    def __init__(
        self,
        pool: Pool,
        call: HttpCall,
        done: Callable[[HttpResult], None],
        source: Callable[[Connection], None] | None = None,
    ) -> None:
        body = call.body
        if source is None and (body or call.method in _BODY_METHODS):
            head = b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (call.method, call.target, call.head, len(body))
        else:
            head = b"%b %b HTTP/1.1\r\n%b\r\n" % (call.method, call.target, call.head)
        self.wire = head + body if body else head
        self.is_head = call.method == b"HEAD"
        self.pool = pool
        self.source = source
        self.streams_body = source is not None
        self.connection: Connection | None = None
        self.timer: Cancellable | None = None
        self._done: Callable[[HttpResult], None] | None = done

    @property
    def is_finished(self) -> bool:
        return self._done is None

    def started(self, connection: Connection) -> None:
        if self.source is not None:
            self.source(connection)

    def finish(self, result: HttpResult) -> None:
        done = self._done
        if done is None:
            return
        self._done = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.pool.pace.is_troubled or not isinstance(result, HttpAnswer):
            self.pool.heard(result)
        done(result)

    def expire(self) -> None:
        self.give_up(Why.DEADLINE)

    def cancel(self) -> None:
        self.give_up(Why.CANCELLED)

    def give_up(self, why: Why) -> None:
        if self._done is None:
            return
        if self.connection is not None:
            self.connection.abandon(why)  # finishes us with Lost
        else:
            self.pool.forget(self)
            self.finish(NotSent(why))


class Pool:
    """`idle` is a stack: the youngest connection is used first, so that the others age and are closed."""

    def __init__(self, host: Host, address: Address, limits: PoolLimits) -> None:
        self.address = address
        self.is_unwanted = False  # DNS no longer names the address
        self.generation = 0
        self.pace = DialPace(limits.dial_first_ms, limits.dial_max_ms, host.random)
        self._host = host
        self._limits = limits
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._closing: set[Connection] = set()  # of no use any more, and its socket is not closed yet
        self._connecting = 0
        self._waiting: deque[PendingCall] = deque()
        self._dial_timer: Cancellable | None = None

    @property
    def is_empty(self) -> bool:
        return not (self._idle or self._busy or self._closing or self._connecting or self._waiting)

    @property
    def idle_count(self) -> int:
        return len(self._idle)

    @property
    def waiting_count(self) -> int:
        """Calls for whom no connection is being opened."""
        return max(0, len(self._waiting) - self._connecting)

    @property
    def is_closing(self) -> bool:
        return bool(self._closing)

    @property
    def open_count(self) -> int:
        """Connections from the attempt to the closed socket: what the limits count."""
        return len(self._busy) + len(self._idle) + len(self._closing) + self._connecting

    def submit(self, call: PendingCall) -> None:
        idle = self._idle
        fresh_since_ms = self._host.clock.monotonic_ms() - self._limits.fresh_ms if idle else 0
        while idle:
            connection = idle.pop()
            is_fresh = connection.idle_since_ms > fresh_since_ms
            if connection.is_open if is_fresh else connection.is_usable():
                self._send(connection, call)
                return
            self._host.counts.stale += 1
            self._drop(connection)
        will_open = self._limits.connections_max - len(self._busy) - len(self._idle)
        if len(self._waiting) >= self._limits.waiting_count_max + will_open:
            call.finish(NotSent(Why.FULL))
            return
        self._waiting.append(call)
        held = self._open_more()
        if held is not None:
            self._host.counts.was_held(held)

    def forget(self, call: PendingCall) -> None:
        """A waiting call was given up."""
        if call in self._waiting:
            self._waiting.remove(call)

    def heard(self, result: HttpResult) -> None:
        """A call ended: with an answer, or without any."""
        if isinstance(result, HttpAnswer):
            self.pace.answered()
            self._open_more()
        elif isinstance(result, Lost) and (result.why is Why.DEADLINE or result.why is Why.CANCELLED):
            self.pace.troubled(self._host.clock.monotonic_ms())

    # ---- connections -----------------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        self._connecting -= 1
        self._host.counts.was_opened()
        if not connection.is_alive():  # closed, or spoken on, before it carried anything
            self._drop(connection)
            self._connect_failed(Why.REFUSED)
            return
        self._serve(connection)

    def connect_failed(self, why: Why) -> None:
        self._connecting -= 1
        self._connect_failed(why)

    def connect_cancelled(self) -> None:
        self._connecting -= 1
        self._room_again()  # another way is taken, and somebody waits; at a shutdown nobody does

    def released(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if self._host.must_yield(self):
            self._drop(connection)
        else:
            self._serve(connection)

    def gone(self, connection: Connection) -> None:
        if connection in self._busy:
            self._busy.discard(connection)
        elif connection in self._idle:
            self._idle.remove(connection)
        else:
            return
        self._closing.add(connection)

    def made(self, connection: Connection) -> None:
        self._host.made(connection)

    def lost(self, connection: Connection) -> None:
        if connection in self._closing:
            self._closing.discard(connection)
            self._host.counts.was_closed()
            self._room_again()
        self._host.lost(connection)

    def count_unrequested(self) -> None:
        self._host.counts.was_unrequested()

    def close_idle(self, before_ms: int) -> None:
        """Close connections idle since before `before_ms` (monotonic milliseconds) or of an older generation."""
        keep: list[Connection] = []
        closed: list[Connection] = []
        for connection in self._idle:
            is_over = connection.idle_since_ms < before_ms or connection.generation != self.generation
            (closed if is_over else keep).append(connection)
        self._idle = keep
        for connection in closed:
            self._drop(connection)

    def give_up_idle(self) -> None:
        """Close the oldest idle connection: another address needs its place."""
        if self._idle:
            self._drop(self._idle.pop(0))

    def renew(self, generation: int) -> None:
        """Nothing of an older generation takes a call any more, and no call made before waits on."""
        self.generation = generation
        self.pace.answered()  # another epoch or another way: what was silent before says nothing about it
        self.close_idle(0)
        for call in list(self._waiting):
            call.give_up(Why.RENEWED)

    def wake(self) -> None:
        """There may be room for another connection."""
        self._open_more()

    def shut_down(self) -> None:
        self._stop_waiting_to_dial()
        for call in list(self._waiting):
            call.give_up(Why.SHUTDOWN)
        for connection in list(self._busy):
            connection.abandon(Why.SHUTDOWN)
        idle, self._idle = self._idle, []
        for connection in idle:
            self._drop(connection)

    def _serve(self, connection: Connection) -> None:
        if connection.generation != self.generation:
            self._drop(connection)
        elif self._waiting:
            # Where nothing is answered, the call with the most time left: the oldest has none, and would prove nothing.
            self._send(connection, self._waiting.pop() if self.pace.is_troubled else self._waiting.popleft())
        elif self.is_unwanted:
            self._drop(connection)
        else:
            connection.idle_since_ms = self._host.clock.monotonic_ms()
            self._idle.append(connection)
            self._host.became_idle()

    def _send(self, connection: Connection, call: PendingCall) -> None:
        self._busy.add(connection)
        call.connection = connection
        connection.send(call)

    def _drop(self, connection: Connection) -> None:
        self._closing.add(connection)
        connection.close()

    def _connect_failed(self, why: Why) -> None:
        self._host.counts.connect_failed(why)
        self.pace.troubled(self._host.clock.monotonic_ms())
        # With no living connection nobody here will be served soon; with one, the queue still moves.
        failing = 1 if self._busy or self._idle else len(self._waiting)
        for _ in range(min(failing, len(self._waiting))):
            self._waiting.popleft().finish(NotSent(why))
        self._room_again()

    # ---- opening ---------------------------------------------------------------------------------------------------

    def _open_more(self) -> Held | None:
        """As many as wait, within the address's limit, the limit of all, and the pace of an address that does not answer; what
        kept another one from being opened."""
        host = self._host
        while len(self._waiting) > self._connecting:
            if self.open_count >= self._limits.connections_max:
                return Held.ADDRESS
            if self.pace.is_troubled and not self._may_dial():
                return Held.PACE
            if not host.has_room(self):
                return Held.ALL
            self.pace.opened(host.clock.monotonic_ms())
            self._connecting += 1
            host.open(self)
        return None

    def _room_again(self) -> None:
        if not self._host.freed():
            self._open_more()

    def _may_dial(self) -> bool:
        if self._connecting:
            return False
        wait_ms = self.pace.wait_ms(self._host.clock.monotonic_ms())
        if wait_ms and self._dial_timer is None:
            self._dial_timer = self._host.timers.after(wait_ms, self._dial_due)
        return not wait_ms

    def _dial_due(self) -> None:
        self._dial_timer = None
        self._open_more()

    def _stop_waiting_to_dial(self) -> None:
        if self._dial_timer is not None:
            self._dial_timer.cancel()
            self._dial_timer = None
