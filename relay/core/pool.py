"""The connections to one address: who is idle, who waits, when another one is opened.

Owns the bounded pool of one address and the calls that pass through it. It must never know other addresses, DNS or the
contract. The traps: a waiting call has sent nothing and must end as NotSent whatever happens; when the address refuses and
no connection lives there, every waiting call is failed at once, so that it can still try another address in time; an idle
connection that the peer closed is found out before the request is written to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from relay.clock import Cancellable, Clock
from relay.core.door import Address, HttpCall, HttpResult, NotSent, Why
from relay.core.http1 import Connection
from relay.telemetry.metrics import Metrics

_BODY_METHODS = frozenset({b"POST", b"PUT", b"PATCH"})  # a length is said even of nothing


class PoolLimits(msgspec.Struct, frozen=True):
    """Per address. `waiting_count_max` counts those for whom no connection can be made; `idle_ms_max` stays below the 5 s
    after which common servers close an idle connection. `fresh_ms` after its last answer the kernel is asked about a
    connection before it is used again: no server closes one sooner without having said so, and asking is a system call."""

    connections_max: int = 64
    waiting_count_max: int = 1_024
    idle_ms_max: int = 4_000
    fresh_ms: int = 20


class Counts:
    """What the transport has seen since it was made, here and in the metrics."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self.opened = 0
        self.open = 0
        self.unrequested = 0
        self.stale = 0
        self.connect_failures = 0
        self._metrics = metrics
        if metrics is not None:
            metrics.core_connections.set_function(lambda: self.open)

    def was_opened(self) -> None:
        self.opened += 1
        self.open += 1
        if self._metrics is not None:
            self._metrics.core_connections_opened.inc()

    def was_unrequested(self) -> None:
        self.unrequested += 1
        if self._metrics is not None:
            self._metrics.core_unrequested_bytes.inc()

    def connect_failed(self, why: Why) -> None:
        self.connect_failures += 1
        if self._metrics is not None:
            self._metrics.core_connect_failures.labels(why.value).inc()


class Host(Protocol):
    """What a pool needs of the transport."""

    clock: Clock
    counts: Counts

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
        self._host = host
        self._limits = limits
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._connecting = 0
        self._waiting: deque[PendingCall] = deque()

    @property
    def is_empty(self) -> bool:
        return not (self._idle or self._busy or self._connecting or self._waiting)

    @property
    def idle_count(self) -> int:
        return len(self._idle)

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
        self._open_more()

    def forget(self, call: PendingCall) -> None:
        """A waiting call was given up."""
        if call in self._waiting:
            self._waiting.remove(call)

    # ---- connections -----------------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        if not connection.is_alive():  # closed, or spoken on, before it carried anything
            connection.close()
            self.connect_failed(Why.REFUSED)
            return
        self._connecting -= 1
        self._host.counts.was_opened()
        self._serve(connection)

    def connect_failed(self, why: Why) -> None:
        self._connecting -= 1
        self._host.counts.connect_failed(why)
        # With no living connection nobody here will be served soon; with one, the queue still moves.
        failing = 1 if self._busy or self._idle else len(self._waiting)
        for _ in range(min(failing, len(self._waiting))):
            self._waiting.popleft().finish(NotSent(why))
        self._open_more()

    def connect_cancelled(self) -> None:
        self._connecting -= 1
        self._open_more()  # another way is taken, and somebody waits; at a shutdown nobody does

    def released(self, connection: Connection) -> None:
        self._busy.discard(connection)
        self._serve(connection)

    def gone(self, connection: Connection) -> None:
        if connection in self._busy:
            self._busy.discard(connection)
        elif connection in self._idle:
            self._idle.remove(connection)
        else:
            return
        self._host.counts.open -= 1
        self._open_more()

    def made(self, connection: Connection) -> None:
        self._host.made(connection)

    def lost(self, connection: Connection) -> None:
        self._host.lost(connection)

    def count_unrequested(self) -> None:
        self._host.counts.was_unrequested()

    def close_idle(self, before_ms: int) -> None:
        """Close connections idle since before `before_ms` (monotonic milliseconds) or of an older generation."""
        keep: list[Connection] = []
        for connection in self._idle:
            if connection.idle_since_ms < before_ms or connection.generation != self.generation:
                self._drop(connection)
            else:
                keep.append(connection)
        self._idle = keep

    def renew(self, generation: int) -> None:
        """Nothing of an older generation takes a call any more, and no call made before waits on."""
        self.generation = generation
        self.close_idle(0)
        for call in list(self._waiting):
            call.give_up(Why.RENEWED)

    def shut_down(self) -> None:
        for call in list(self._waiting):
            call.give_up(Why.SHUTDOWN)
        for connection in list(self._busy):
            connection.abandon(Why.SHUTDOWN)
        for connection in self._idle:
            self._drop(connection)
        self._idle = []

    def _serve(self, connection: Connection) -> None:
        if connection.generation != self.generation:
            self._drop(connection)
            self._open_more()
        elif self._waiting:
            self._send(connection, self._waiting.popleft())
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
        self._host.counts.open -= 1
        connection.close()

    def _open_more(self) -> None:
        open_count = len(self._busy) + len(self._idle) + self._connecting
        wanted = min(len(self._waiting) - self._connecting, self._limits.connections_max - open_count)
        for _ in range(wanted):
            self._connecting += 1
            self._host.open(self)
