"""Twisted endpoints on an asyncio loop's own connections: the listening one and the dialling one.

Owns the accept loop: it asks the gate before a byte is read or a TLS handshake is paid for, tunes the socket and hands it to
the loop. Over a rate the gate keeps a connection waiting or has it reset; where it says that looking costs too much, the
backlog is left alone, and so it is for a second without file descriptors. The trap: who waits, and a handshake under way,
outlive `stopListening`; such a link is reset, or a stopped listener would still open sessions.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, cast

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from zope.interface import implementer  # type: ignore[import-untyped]  # zope.interface ships no types

from relay.bridge import as_deferred, spawn
from relay.clock import Cancellable, Timers
from relay.telemetry.log import get_log
from relay.wire.admission import Refused
from relay.wire.connection import Address, Connection, twisted_address
from relay.wire.sockets import Tuning, reset_on_close, tune
from relay.wire.tls import handshake_cause
from relay.wire.waitingroom import Ticket

_log = get_log("endpoint")
ACCEPT_BATCH_COUNT_MAX = 64  # accepts in a row before the links already open get their turn
OUT_OF_RESOURCES_PAUSE_MS = 1_000
TLS_SHUTDOWN_S = 5.0  # how long a far end may take to answer our close
_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Gate(Protocol):
    """Who decides about each link at accept; relay.wire.listener.ListenerGate fulfils it."""

    def wait_ms(self) -> int: ...

    def admit(self, host: str) -> bool: ...

    def release(self, host: str) -> None: ...

    def refused(self, reason: Refused, host: str, cause: str = "") -> None: ...

    def knock(
        self, host: str, needs_handshake: bool, enter: Callable[[Ticket], None], refuse: Callable[[Refused], None]
    ) -> None:
        """An admitted connection asks to be let in: `enter` or `refuse` follows, now or soon."""
        ...

    def handshake_ended(self, ticket: Ticket) -> None: ...


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the connections of one listener or dialer have in common."""

    tuning: Tuning = Tuning()
    tls: ssl.SSLContext | None = None
    tls_handshake_timeout_ms: int = 10_000
    write_buffer_bytes_max: int = 262_144


@implementer(IListeningPort)
class HotPort:
    """Listening sockets being accepted from."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: Sequence[socket.socket],
        factory: Factory,
        settings: ConnectionSettings,
        gate: Gate,
        timers: Timers,
    ) -> None:
        self._loop = loop
        self._sockets = tuple(sockets)
        self._address = twisted_address(self._sockets[0].getsockname())
        self._factory = factory
        self._settings = settings
        self._gate = gate
        self._timers = timers
        self._pause: Cancellable | None = None
        self.is_listening = False

    def replace_settings(self, settings: ConnectionSettings) -> None:
        """For links accepted from now on."""
        self._settings = settings

    def replace_backlog(self, backlog_count: int) -> None:
        """The kernel's backlog changes where it is."""
        for sock in self._sockets:
            sock.listen(backlog_count)

    def duplicates(self) -> list[socket.socket]:
        """The same listening sockets for an heir: closing ours does not end them, and the backlog is theirs, too."""
        return [sock.dup() for sock in self._sockets]

    def startListening(self) -> None:
        self._factory.doStart()  # type: ignore[no-untyped-call]  # Twisted's Factory has no annotations here
        self.is_listening = True
        self._watch()

    def stopListening(self) -> Deferred[None]:
        if self.is_listening:
            self.is_listening = False
            self._unwatch()
            for sock in self._sockets:
                sock.close()
            self._factory.doStop()  # type: ignore[no-untyped-call]  # as above
        return succeed(None)

    def getHost(self) -> Address:
        return self._address

    def _watch(self) -> None:
        self._pause = None
        for sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock)

    def _unwatch(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
            return
        for sock in self._sockets:
            self._loop.remove_reader(sock)

    def _wait(self, pause_ms: int) -> None:
        self._unwatch()
        self._pause = self._timers.after(pause_ms, self._watch)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPT_BATCH_COUNT_MAX):
            pause_ms = self._gate.wait_ms()
            if pause_ms:
                self._wait(pause_ms)
                return
            try:
                accepted, name = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._gate.refused(Refused.NO_DESCRIPTORS, "")
                    self._wait(OUT_OF_RESOURCES_PAUSE_MS)
                    return
                continue  # the far end gave up while it waited in the backlog (accept(2) lists a dozen ways)
            host = name[0] if isinstance(name, tuple) else ""
            if not self._gate.admit(host):
                reset_on_close(accepted)
                accepted.close()
                continue
            self._gate.knock(
                host,
                self._settings.tls is not None,
                partial(self._enter, accepted, host),
                partial(self._turn_away, accepted, host),
            )

    def _enter(self, accepted: socket.socket, host: str, ticket: Ticket) -> None:
        if not self.is_listening:
            self._turn_away(accepted, host, Refused.STOPPED)
        elif self._is_tuned(accepted):
            spawn("accept", self._open(accepted, host, ticket))
            return
        else:
            accepted.close()
            self._gate.release(host)
        if ticket.needs_handshake:
            self._gate.handshake_ended(ticket)

    def _is_tuned(self, accepted: socket.socket) -> bool:
        """Only now: of a connection that is turned away nobody needs these ten system calls. False: it is gone already."""
        try:
            accepted.setblocking(False)
            tune(accepted, self._settings.tuning)
        except OSError:
            return False
        return True

    def _turn_away(self, accepted: socket.socket, host: str, reason: Refused) -> None:
        """At once and by a reset, so that its terminal can try again soon."""
        reset_on_close(accepted)
        accepted.close()
        self._gate.refused(reason, host)
        self._gate.release(host)

    async def _open(self, accepted: socket.socket, host: str, ticket: Ticket) -> None:
        settings = self._settings
        connection = Connection(self, host)
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=settings.tls,
                ssl_handshake_timeout=None if settings.tls is None else settings.tls_handshake_timeout_ms / 1000,
                ssl_shutdown_timeout=None if settings.tls is None else TLS_SHUTDOWN_S,
            )
        except OSError as error:  # the handshake failed or took too long; ssl.SSLError and TimeoutError are OSErrors
            self._gate.refused(Refused.TLS, host, handshake_cause(error))
        finally:
            if not connection.is_made:
                accepted.close()
                self._gate.release(host)
            if ticket.needs_handshake:
                self._gate.handshake_ended(ticket)

    # ---- the connections' side: relay.wire.connection.Owner ----------------------------------------------------------
    @property
    def factory(self) -> Factory:
        return self._factory

    @property
    def write_buffer_bytes_max(self) -> int:
        return self._settings.write_buffer_bytes_max

    def may_open(self, transport: asyncio.Transport, host: str) -> bool:
        if not self.is_listening:
            self._gate.refused(Refused.STOPPED, host)
        return self.is_listening

    def opened(self, protocol: TwistedProtocol) -> None:
        """Nobody waits for it."""

    def lost(self, host: str) -> None:
        self._gate.release(host)


@implementer(IStreamServerEndpoint)
class HotServerEndpoint:
    """Listens on the sockets that `make_sockets` gives, made when `listen` is called."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make_sockets: Callable[[], Sequence[socket.socket]],
        settings: ConnectionSettings,
        gate: Gate,
        timers: Timers,
    ) -> None:
        self._loop = loop
        self._make_sockets = make_sockets
        self._settings = settings
        self._gate = gate
        self._timers = timers

    def listen(self, protocolFactory: Factory) -> Deferred[IListeningPort]:
        """Fails with what `make_sockets` raises."""
        return maybeDeferred(lambda: cast(IListeningPort, self.listen_now(protocolFactory)))

    def listen_now(self, protocolFactory: Factory) -> HotPort:
        """As `listen`, and done when it returns. Raises what `make_sockets` raises."""
        port = HotPort(self._loop, self._make_sockets(), protocolFactory, self._settings, self._gate, self._timers)
        port.startListening()
        return port


@implementer(IStreamClientEndpoint)
class HotClientEndpoint:
    """Dials `host`:`port`, from `source_address` where one is given; TLS checks the certificate against `server_name`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        settings: ConnectionSettings,
        connect_timeout_ms: int,
        source_address: str | None = None,
        server_name: str | None = None,
    ) -> None:
        self._loop = loop
        self._host = host
        self._port = port
        self._settings = settings
        self._connect_timeout_ms = connect_timeout_ms
        self._source = None if source_address is None else (source_address, 0)
        self._server_name = None if settings.tls is None else server_name or host

    def connect(self, protocolFactory: Factory) -> Deferred[TwistedProtocol]:
        """Fires inside `connection_made`: a link that is lost at once must not be lost before it was there."""
        connected: Deferred[TwistedProtocol] = Deferred(lambda _: task.cancel())
        task = as_deferred(self._connect(protocolFactory, connected), "dial")
        task.addErrback(lambda failure: None if connected.called else connected.errback(failure))
        return connected

    async def _connect(self, factory: Factory, connected: Deferred[TwistedProtocol]) -> None:
        settings = self._settings
        connection = Connection(_Dialling(factory, settings, connected), self._host)
        try:
            async with asyncio.timeout(self._connect_timeout_ms / 1000):
                await self._loop.create_connection(
                    lambda: connection,
                    self._host,
                    self._port,
                    ssl=settings.tls,
                    server_hostname=self._server_name,
                    local_addr=self._source,
                    ssl_shutdown_timeout=None if settings.tls is None else TLS_SHUTDOWN_S,
                )
        except OSError as error:
            _log.warning("dial failed", host=self._host, port=self._port, error=f"{type(error).__name__}: {error}")
            raise
        if not connected.called:
            raise ConnectionAbortedError("the link is not wanted any more")


class _Dialling:
    """The owner of one dialled connection: tunes its socket, and tells who waits for it that it stands."""

    def __init__(self, factory: Factory, settings: ConnectionSettings, connected: Deferred[TwistedProtocol]) -> None:
        self.factory = factory
        self.write_buffer_bytes_max = settings.write_buffer_bytes_max
        self._tuning = settings.tuning
        self._connected = connected

    def may_open(self, transport: asyncio.Transport, host: str) -> bool:
        tune(transport.get_extra_info("socket"), self._tuning)
        return True

    def opened(self, protocol: TwistedProtocol) -> None:
        if not self._connected.called:
            self._connected.callback(protocol)

    def lost(self, host: str) -> None:
        """Nothing is counted per host."""
