"""The pool of one address on connections without sockets: bounds hold, every call ends once, in whatever order."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.clock import Clock, Timers
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.http1 import AnswerLimits, Connection
from relay.core.pool import PendingCall, Pool, PoolLimits
from relay.core.poolcounts import Counts, Held
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

ADDRESS = Address("10.0.0.1", 443)
CALL = HttpCall(b"POST", b"/", b"Host: core.test\r\n", b"{}")
LIMITS = PoolLimits(connections_max=3, waiting_count_max=4)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """What a connection writes to."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed, "written after the close"
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close


class Bench:
    """Fulfils the pool's `Host`; connections open when the test says so."""

    def __init__(self, sock: socket.socket) -> None:
        self.time = VirtualTime()
        self.clock: Clock = self.time
        self.timers: Timers = self.time
        self.random = Random(7)
        self.room = 1_000
        self.metrics = Metrics()
        self.counts = Counts(self.metrics)
        self.opening = 0
        self.pool = Pool(self, ADDRESS, LIMITS)
        self.wires: list[tuple[Wire, Connection]] = []
        self.results: dict[int, list[HttpResult]] = {}
        self.calls: dict[int, PendingCall] = {}
        self._sock = sock  # open and silent for ever: what `is_usable` looks at

    def open(self, pool: Pool) -> None:
        self.opening += 1

    def became_idle(self) -> None:
        pass

    def has_room(self, pool: Pool) -> bool:
        return pool.open_count < self.room

    def must_yield(self, pool: Pool) -> bool:
        return False

    def freed(self) -> bool:
        return False

    def made(self, connection: Connection) -> None:
        pass

    def lost(self, connection: Connection) -> None:
        pass

    def connected(self) -> None:
        self.opening -= 1
        connection = Connection(self.pool, AnswerLimits(), self._sock, False, self.pool.generation)
        wire = Wire()
        connection.connection_made(wire)
        self.wires.append((wire, connection))
        self.pool.connected(connection)

    def refused(self) -> None:
        self.opening -= 1
        self.pool.connect_failed(Why.REFUSED)

    def call(self, then: Callable[[], None] | None = None) -> int:
        number = len(self.calls)
        self.results[number] = []

        def done(result: HttpResult) -> None:
            self.results[number].append(result)
            if then is not None:
                then()

        self.calls[number] = PendingCall(self.pool, CALL, done)
        self.pool.submit(self.calls[number])
        return number

    def settle(self) -> None:
        """The sockets of closed connections are closed."""
        while (closed := next((pair for pair in self.wires if pair[0].is_closed), None)) is not None:
            self.wires.remove(closed)
            closed[1].connection_lost(None)

    def live(self) -> list[tuple[Wire, Connection]]:
        return [(wire, connection) for wire, connection in self.wires if not wire.is_closed]

    def busy(self) -> list[Connection]:
        carrying = {id(call.connection) for number, call in self.calls.items() if not call.is_finished}
        return [connection for _, connection in self.live() if id(connection) in carrying]


@contextmanager
def bench() -> Iterator[Bench]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Bench(ours)


def test_a_waiting_call_gets_the_first_connection_that_is_free() -> None:
    with bench() as b:
        numbers = [b.call() for _ in range(4)]
        assert b.opening == 3
        b.connected()
        b.busy()[0].data_received(OK)
        b.busy()[0].data_received(OK)
        assert [len(b.results[n]) for n in numbers] == [1, 1, 0, 0]
        assert len(b.live()) == 1


def test_refused_without_a_living_connection_fails_all_who_wait() -> None:
    with bench() as b:
        numbers = [b.call() for _ in range(4)]
        b.refused()
        assert [b.results[n] for n in numbers] == [[NotSent(Why.REFUSED)]] * 4


def test_refused_beside_a_living_connection_fails_one() -> None:
    with bench() as b:
        numbers = [b.call() for _ in range(4)]
        b.connected()
        b.refused()
        assert [b.results[n] for n in numbers] == [[], [NotSent(Why.REFUSED)], [], []]


def test_the_youngest_connection_is_used_first_and_the_others_age() -> None:
    with bench() as b:
        for _ in range(3):
            b.call()
        for _ in range(3):
            b.connected()
        for connection in b.busy():
            b.time.run(100)
            connection.data_received(OK)
        assert b.pool.idle_count == 3
        b.call()
        assert b.busy() == [b.wires[2][1]]
        b.pool.close_idle(b.time.monotonic_ms() - 50)
        assert [wire.is_closed for wire, _ in b.wires] == [True, True, False]
        assert b.counts.open == 3, "until the sockets are closed"
        b.settle()
        assert b.counts.open == 1


def test_beyond_the_waiting_places_a_call_is_refused_at_once() -> None:
    with bench() as b:
        for _ in range(LIMITS.connections_max + LIMITS.waiting_count_max):
            assert b.results[b.call()] == []
        assert b.results[b.call()] == [NotSent(Why.FULL)]
        for _ in range(3):
            b.connected()
        assert b.results[b.call()] == [NotSent(Why.FULL)]
        b.busy()[0].data_received(OK)
        assert b.results[b.call()] == []


def test_figures() -> None:
    with bench() as b:
        b.call()
        b.connected()
        b.busy()[0].data_received(OK + b"surplus")
        b.settle()
        b.call()
        b.refused()
        sample = b.metrics.registry.get_sample_value
        assert sample("relay_core_connections_opened_total") == 1
        assert sample("relay_core_connections") == 0
        assert sample("relay_core_unrequested_answers_total") == 1
        assert sample("relay_core_connect_failures_total", {"why": "refused"}) == 1


def test_a_callback_that_calls_again_is_served() -> None:
    with bench() as b:
        b.call(then=b.call)
        b.refused()
        assert b.opening == 0, "an address that refuses is not asked again in the same moment"
        b.time.run(LIMITS.dial_first_ms)
        assert b.opening == 1
        b.connected()
        b.busy()[0].data_received(OK)
        assert isinstance(b.results[1][0], HttpAnswer)


def test_a_connection_counts_until_its_socket_is_closed() -> None:
    """The limit at its edge: three calls are answered, their connections close, and the sockets are still open."""
    with bench() as b:
        for _ in range(3):
            b.call()
        for _ in range(3):
            b.connected()
        for connection in b.busy():
            connection.data_received(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        b.call()
        assert (b.opening, b.pool.open_count) == (0, LIMITS.connections_max)
        assert b.counts.held == {Held.ADDRESS: 1, Held.ALL: 0, Held.PACE: 0}
        b.settle()
        assert (b.opening, b.counts.open) == (1, 0)


def test_where_all_addresses_have_what_they_may_have_a_call_waits() -> None:
    with bench() as b:
        b.room = 1
        b.call()
        number = b.call()
        assert (b.opening, b.counts.held[Held.ALL]) == (1, 1)
        b.room = 2
        b.pool.wake()
        assert (b.opening, b.results[number]) == (2, [])


def test_who_does_not_answer_gets_one_connection_after_the_other_and_who_answers_all() -> None:
    with bench() as b:
        silent = [b.call() for _ in range(3)]
        for _ in range(3):
            b.connected()
        for number in silent:
            b.calls[number].expire()
        b.settle()
        waiting = [b.call() for _ in range(3)]
        assert (b.opening, b.counts.held[Held.PACE]) == (0, 3)
        b.time.run(LIMITS.dial_first_ms)
        assert b.opening == 1
        b.time.run(LIMITS.dial_max_ms)
        assert b.opening == 1, "one at a time"
        b.connected()
        b.busy()[0].data_received(OK)
        assert [len(b.results[n]) for n in waiting] == [0, 0, 1], "the youngest: it has time left"
        assert b.opening + len(b.busy()) == 2, "one for each who waits"


def test_connections_to_who_never_answers_are_opened_less_and_less_often() -> None:
    with bench() as b:
        for _ in range(1_000):
            b.call()
            b.time.run(10)
            if b.opening:
                b.connected()
            for call in list(b.calls.values()):
                call.expire()
            b.settle()
        assert len(b.results) == 1_000
        assert b.counts.opened <= 4 + 10_000 // (LIMITS.dial_max_ms // 2)


STEPS = ["call", "connected", "refused", "answer", "surplus", "closed", "expire", "sweep", "renew", "unwanted", "settle"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=80))
def test_in_any_order_bounds_hold_and_every_call_ends_once(steps: list[tuple[str, int]]) -> None:
    with bench() as b:
        for what, number in steps:
            b.time.run(10)
            busy = b.busy()
            match what:
                case "call":
                    b.call()
                case "connected" if b.opening:
                    b.connected()
                case "refused" if b.opening:
                    b.refused()
                case "answer" if busy:
                    busy[number % len(busy)].data_received(OK)
                case "surplus" if busy:
                    busy[number % len(busy)].data_received(OK + OK)
                case "closed" if b.live():
                    b.live()[number % len(b.live())][1].eof_received()
                case "expire" if b.calls:
                    b.calls[number % len(b.calls)].expire()
                case "sweep":
                    b.pool.close_idle(b.time.monotonic_ms() - number * 10)
                case "renew":
                    b.pool.generation += 1
                case "unwanted":
                    b.pool.is_unwanted = number > 3
                case "settle":
                    b.settle()
            assert b.pool.open_count <= LIMITS.connections_max, "sockets that are not closed yet among them"
            b.settle()
            waiting = [n for n, call in b.calls.items() if not call.is_finished and call.connection is None]
            assert len(waiting) <= LIMITS.waiting_count_max + LIMITS.connections_max
            assert len(b.live()) + b.opening <= LIMITS.connections_max
            assert len(b.live()) == b.counts.open
            # Nobody waits for ever: somebody who waits has a connection coming, or one that will be free.
            assert not waiting or b.opening or b.busy() or b.pool._dial_timer is not None
        b.pool.shut_down()
        b.settle()
        assert all(len(results) == 1 for results in b.results.values())
        assert b.counts.open == 0
        for number, results in b.results.items():
            if isinstance(results[0], NotSent):
                assert b.calls[number].connection is None
            if isinstance(results[0], Lost):
                assert b.calls[number].connection is not None


@pytest.mark.parametrize(("idle_ms", "is_asked"), [(0, False), (LIMITS.fresh_ms - 1, False), (LIMITS.fresh_ms, True)])
def test_the_kernel_is_asked_about_a_connection_that_is_not_fresh_any_more(idle_ms: int, is_asked: bool) -> None:
    """The peer closed it and the loop has not looked yet: written to while fresh, found out and replaced afterwards."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        bench = Bench(ours)
        bench.call()
        bench.connected()
        wire, connection = bench.wires[0]
        connection.data_received(OK)
        theirs.close()
        bench.time.run(idle_ms)
        bench.call()
        assert wire.is_closed is is_asked
        assert (wire.written.count(b"POST") == 1) is is_asked
        assert bench.counts.stale == is_asked


def test_a_fresh_connection_that_the_loop_knows_to_be_closed_is_not_used() -> None:
    with bench() as pool:
        pool.call()
        pool.connected()
        wire, connection = pool.wires[0]
        connection.data_received(OK)
        wire.close()
        pool.call()
        assert wire.written.count(b"POST") == 1
