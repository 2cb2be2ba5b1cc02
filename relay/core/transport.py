"""Our own HTTP/1.1 transport: a door to one named server behind many addresses.

Owns the pools, the connecting and the limits of one upstream name. It must never know DNS, health or the contract: which
address to use is the caller's choice. The traps: we connect to an address, but the certificate must be that of the *name*,
so the name is fixed for the transport's life and connections are never shared between names; uvloop hides its socket, so
we make the socket ourselves and keep it for a last look before each reuse, and to reset it; one timer per call, and no task
per call; and where all addresses together have what they may have, an idle connection of one makes room for another.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from random import Random, SystemRandom

import msgspec

from relay.bridge import spawn
from relay.clock import Cancellable, Clock, Timers
from relay.core.closing import close_in_order, reset_on_close
from relay.core.door import Address, HttpCall, HttpResult, NotSent, Why
from relay.core.http1 import AnswerLimits, Connection
from relay.core.pool import PendingCall, Pool, PoolLimits
from relay.core.poolcounts import Counts
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("core.transport")
_SWEEP_MS = 1_000
_CLOSE_MS = 1_000  # how long a peer may take to answer the close of a TLS connection

Dial = Callable[[Address], Awaitable[socket.socket]]


class TransportLimits(msgspec.Struct, frozen=True):
    """Every limit of the transport in one place. `user_timeout_ms` is TCP_USER_TIMEOUT: how long written bytes may stay
    unacknowledged before the kernel gives the connection up. `connections_max` counts those of all addresses, from the attempt
    to the closed socket; `dial_first_ms` doubles up to `dial_max_ms`: the pause between two connections to an address that
    does not answer."""

    connections_max: int = 512
    connections_per_address_max: int = 64
    waiting_per_address_max: int = 1_024
    connect_timeout_ms: int = 1_000
    user_timeout_ms: int = 3_000
    idle_ms_max: int = 4_000
    fresh_ms: int = 20
    dial_first_ms: int = 50
    dial_max_ms: int = 500
    answer_bytes_max: int = 1_048_576
    head_bytes_max: int = 32_768
    header_count_max: int = 100


class Transport:
    """Fulfils `HttpDoor` for the server called `server_name`, over TLS when `tls` is given.

    Must be made and used on the thread of the running asyncio loop; `aclose` ends it.
    """

    def __init__(
        self,
        server_name: str,
        *,
        timers: Timers,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        limits: TransportLimits | None = None,
        metrics: Metrics | None = None,
        random: Random | None = None,
    ) -> None:
        limits = TransportLimits() if limits is None else limits
        self.clock = clock
        self.timers = timers
        self.random = SystemRandom() if random is None else random
        self.counts = Counts(metrics)
        self._name = server_name
        self._tls = tls
        self._limits = limits
        self._pool_limits = PoolLimits(
            limits.connections_per_address_max,
            limits.waiting_per_address_max,
            limits.idle_ms_max,
            limits.fresh_ms,
            limits.dial_first_ms,
            limits.dial_max_ms,
        )
        self._answer_limits = AnswerLimits(limits.answer_bytes_max, limits.head_bytes_max, limits.header_count_max)
        self._pools: dict[Address, Pool] = {}
        self._is_short = False  # somebody waits because all have what they may have
        self._generation = 0
        self._dial: Dial | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._sockets: set[Connection] = set()  # every connection whose socket is not closed yet
        self._all_closed: asyncio.Future[None] | None = None
        self._sweep: Cancellable | None = None
        self._closed = False

    # ---- the door --------------------------------------------------------------------------------------------------

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> Cancellable:
        return self._start(address, call, timeout_ms, done, None)

    def stream(
        self,
        address: Address,
        call: HttpCall,
        timeout_ms: int,
        done: Callable[[HttpResult], None],
        source: Callable[[Connection], None],
    ) -> Cancellable:
        """As `call`, but the body follows by `write_body` on the connection that `source` is given once the head is
        written; `call.head` must then frame the body itself (Content-Length or chunked)."""
        return self._start(address, call, timeout_ms, done, source)

    @staticmethod
    def is_sent(call: Cancellable) -> bool:
        """Whether a call that `call` or `stream` returned has a connection, and so may have been written."""
        return isinstance(call, PendingCall) and call.connection is not None

    def dial_by(self, dial: Dial | None) -> None:
        """From now on `dial` makes the connections: it gives a connected stream socket that leads to the address, or raises
        OSError; None is directly. Connections made another way take no new call, as after `renew`."""
        self._dial = dial
        for task in self._opening:
            task.cancel()  # who waits for one of these would wait for a way that is given up
        self.renew()

    def keep_only(self, addresses: Collection[Address]) -> None:
        wanted = set(addresses)
        for address, pool in list(self._pools.items()):
            pool.is_unwanted = address not in wanted
            if pool.is_unwanted:
                pool.close_idle(self.clock.monotonic_ms() + 1)
                self._prune(address, pool)

    def renew(self) -> None:
        self._generation += 1
        for pool in list(self._pools.values()):
            pool.renew(self._generation)

    async def aclose(self) -> None:
        """Close everything; calls still under way end as NotSent or Lost with SHUTDOWN."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for pool in list(self._pools.values()):
            pool.shut_down()
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        self._pools.clear()
        if self._sockets:
            self._all_closed = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._all_closed], timeout=_CLOSE_MS / 1_000)
            for connection in list(self._sockets):
                connection.abort()
            await asyncio.wait([self._all_closed], timeout=_CLOSE_MS / 1_000)

    def _start(
        self,
        address: Address,
        call: HttpCall,
        timeout_ms: int,
        done: Callable[[HttpResult], None],
        source: Callable[[Connection], None] | None,
    ) -> PendingCall:
        pool = self._pools.get(address)
        if pool is None:
            pool = Pool(self, address, self._pool_limits)
            pool.generation = self._generation
            self._pools[address] = pool
        pending = PendingCall(pool, call, done, source)
        if self._closed:
            pending.finish(NotSent(Why.SHUTDOWN))
        elif timeout_ms <= 0:
            pending.finish(NotSent(Why.DEADLINE))
        else:
            pending.timer = self.timers.after(timeout_ms, pending.expire)
            pool.submit(pending)
        return pending

    # ---- what the pools need ---------------------------------------------------------------------------------------

    @property
    def open_count(self) -> int:
        """Connections of all addresses, from the attempt to the closed socket."""
        return sum(pool.open_count for pool in self._pools.values())

    def has_room(self, pool: Pool) -> bool:
        if self.open_count < self._limits.connections_max:
            return True
        self._is_short = True
        lender = max((p for p in self._pools.values() if p is not pool), key=lambda p: p.idle_count, default=pool)
        lender.give_up_idle()  # its place is free when its socket is closed
        return False

    def must_yield(self, pool: Pool) -> bool:
        if not self._is_short:
            return False
        others = [other.open_count for other in self._pools.values() if other is not pool and other.waiting_count]
        return bool(others) and (not pool.waiting_count or min(others) < pool.open_count)

    def freed(self) -> bool:
        if not self._is_short or self._closed:
            return False
        self._is_short = False
        for pool in sorted(self._pools.values(), key=lambda p: p.open_count):
            pool.wake()
        return True

    def open(self, pool: Pool) -> None:
        # A task per connection, never per call; cancelled and awaited in aclose.
        task = spawn(f"connect {pool.address.ip}", self._open(pool))
        self._opening.add(task)
        task.add_done_callback(partial(self._opened, pool))

    def _opened(self, pool: Pool, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if task.cancelled():  # told here: one that is cancelled before its first step never comes to any line of its own
            pool.connect_cancelled()

    def became_idle(self) -> None:
        if self._sweep is None and not self._closed:
            self._sweep = self.timers.after(_SWEEP_MS, self._sweep_idle)

    def made(self, connection: Connection) -> None:
        self._sockets.add(connection)

    def lost(self, connection: Connection) -> None:
        self._sockets.discard(connection)
        if not self._sockets and self._all_closed is not None and not self._all_closed.done():
            self._all_closed.set_result(None)

    async def _open(self, pool: Pool) -> None:
        try:
            connection = await self._connect(pool)
        except (OSError, ValueError) as error:  # ssl.SSLError and TimeoutError are OSErrors; CertificateError is a ValueError
            why = _why(error)
            # A wrong certificate is an operator's business at once; an address that is down is told by its health.
            tell = _log.warning if why in (Why.CERTIFICATE, Why.TLS) else _log.debug
            tell("connect failed", address=pool.address.ip, port=pool.address.port, why=why.value, error=str(error))
            pool.connect_failed(why)
        except Exception:  # a mistake of ours, or of the loop's; told by the bridge, and the place is given back all the same
            pool.connect_failed(Why.REFUSED)
            raise
        else:
            pool.connected(connection)

    async def _connect(self, pool: Pool) -> Connection:
        loop = asyncio.get_running_loop()
        generation = self._generation
        async with asyncio.timeout(self._limits.connect_timeout_ms / 1_000):
            sock = await (self._dial or self._dial_directly)(pool.address)
            connection = Connection(pool, self._answer_limits, sock, self._tls is not None, generation)
            try:
                await loop.create_connection(
                    lambda: connection,
                    sock=sock,
                    ssl=self._tls,
                    server_hostname=self._name if self._tls is not None else None,
                    ssl_shutdown_timeout=_CLOSE_MS / 1_000 if self._tls is not None else None,
                )
            except BaseException:
                # The handshake may have ended in the very turn in which its time did, as after a pause of the whole process:
                # then the loop watches this socket, and would take the next one of the same number for it.
                connection.abort()
                sock.close()
                raise
            close_in_order(sock)
        return connection

    async def _dial_directly(self, address: Address) -> socket.socket:
        family = socket.AF_INET6 if ":" in address.ip else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            reset_on_close(sock)  # until the handshake is done: one that is given up is over for both sides, whoever closes
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._limits.user_timeout_ms)
            await asyncio.get_running_loop().sock_connect(sock, (address.ip, address.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _sweep_idle(self) -> None:
        self._sweep = None
        before_ms = self.clock.monotonic_ms() - self._limits.idle_ms_max
        idle = False
        for address, pool in list(self._pools.items()):
            pool.close_idle(before_ms)
            idle = idle or pool.idle_count > 0 or pool.is_closing
            self._prune(address, pool)
        if idle:
            self.became_idle()

    def _prune(self, address: Address, pool: Pool) -> None:
        if pool.is_empty and self._pools.get(address) is pool:
            del self._pools[address]


def _why(error: Exception) -> Why:
    if isinstance(error, ssl.CertificateError):
        return Why.CERTIFICATE
    if isinstance(error, ssl.SSLError):
        return Why.TLS
    if isinstance(error, TimeoutError):
        return Why.CONNECT_TIMEOUT
    return Why.REFUSED
