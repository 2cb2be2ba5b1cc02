"""The web console in the running daemon: its sources are the control socket's own handlers, its port is opened and shut here.

Owns the wiring. It must never decide who may do what (relay/console does). The traps: a search in the journal is a question to
a file or a server, so it is asked in a thread, one at a time, and a second person waits rather than a message; and a daemon
without a console does not import this module (relay/parts.py).
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from relay.clock import SystemClock
from relay.console.accounts import LocalAccounts
from relay.console.audit import Book
from relay.console.ring import Point
from relay.console.roll import RollLink
from relay.console.sampler import Sampler
from relay.console.searching import Searching
from relay.console.sessions import Limits, Sessions
from relay.console.site import Manner, Site
from relay.console.sources import Shared
from relay.control.failoverclient import FailoverClient
from relay.control.server import Handler
from relay.credentials import CredentialUnusable
from relay.errors import RelayError
from relay.journal.engines import open_source
from relay.journal.reader import ExchangeDetail, ExchangeView, JournalReader, Query
from relay.outbound.server import HttpServer, ServerLimits
from relay.reconcile.report import Report
from relay.settings import TlsSettings
from relay.telemetry.log import get_log
from relay.wire.sockets import listening_sockets, parse_endpoint
from relay.wire.tls import server_context

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("console")

T = TypeVar("T")

BACKLOG_COUNT: Final = 64
FORM_BYTES_MAX: Final = 65_536  # a checklist with what was seen, in Japanese: nine bytes a character
SHARES: Final = 4  # one address has that part of the connections, and of the handshakes
FIRST_MS: Final = 5_000  # a connection that says nothing for so long is closed
REQUEST_MS: Final = 5_000  # from a request's first byte to its last; and for the handshake of TLS
IDLE_MS: Final = 15_000  # a page asks again within five seconds
ANSWER_MS: Final = 130_000  # a deed may take two minutes


class DaemonSources:
    """Fulfils `Sources` with a running daemon. `handlers` are the control socket's."""

    def __init__(self, daemon: Daemon, handlers: Mapping[str, Handler], sampler: Sampler) -> None:
        self._daemon = daemon
        self._handlers = handlers
        self._sampler = sampler
        self._searching = Searching()

    async def ask(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        socket = self._daemon.settings.console.failover_socket
        if command.startswith("failover-"):
            if socket is None:
                raise RelayError("no orchestrator is configured here.", "See console.failover_socket.")
            return await asyncio.to_thread(FailoverClient(socket).told, command, args)  # another process's, which may be slow
        result = self._handlers[command](args)
        return result if isinstance(result, msgspec.Struct) else await result

    def links(self) -> Sequence[RollLink]:
        return self._daemon.roster.links()

    def dialects(self) -> Mapping[str, str]:
        settings = self._daemon.settings
        return {each.name: each.dialect for each in (*settings.listener, *settings.dialer)}

    def points(self, span: str) -> Sequence[Point]:
        ring = self._sampler.ring
        return ring.coarse() if span == "day" else ring.fine()

    async def search(self, query: Query) -> Sequence[ExchangeView]:
        return await self._in_a_thread(lambda reader: reader.search(query))

    async def show(self, key: str) -> ExchangeDetail | None:
        return await self._in_a_thread(lambda reader: reader.show(key))

    def reports(self) -> Sequence[Report]:
        return self._daemon.reconciler.shelf.reports()

    def report(self, number: int) -> Report | None:
        return self._daemon.reconciler.shelf.report(number)

    async def turn(self) -> None:
        await asyncio.sleep(0)

    async def _in_a_thread(self, look: Callable[[JournalReader], T]) -> T:
        return await self._searching.run(lambda: self._look(look))

    def _look(self, look: Callable[[JournalReader], T]) -> T:
        d = self._daemon
        journal = d.settings.journal
        try:
            key = d.credentials.journal_key(journal.key_credential)
            older = [d.credentials.journal_key(name) for name in journal.older_key_credentials]
        except CredentialUnusable:
            key, older = None, []
        reader = JournalReader(open_source(journal, d.credentials.secret), key, older)
        try:
            return look(reader)
        finally:
            reader.close()


class Consoling:
    def __init__(self, daemon: Daemon, handlers: Mapping[str, Handler], endpoint: str) -> None:
        self._daemon = daemon
        self._handlers = handlers
        self._endpoint = endpoint
        self._sampler = Sampler(daemon.metrics, daemon.clock, daemon.timers)
        self._server: HttpServer | None = None

    async def start(self) -> None:
        """Open the port. Raises ListenFailed, ConfigurationError."""
        d = self._daemon
        settings = d.settings.console
        m, tls = d.metrics, settings.tls
        context = None
        if tls is not None:
            wanted = TlsSettings(certificate=tls.certificate, key=tls.key, minimum_version=tls.minimum_version)
            context = server_context(wanted, d.credentials.path)
        limits = ServerLimits(
            connection_count_max=settings.connection_count_max,
            share_count_max=max(1, settings.connection_count_max // SHARES),
            body_bytes_max=FORM_BYTES_MAX,
            request_ms=REQUEST_MS,
            answer_ms=ANSWER_MS,
            first_ms=FIRST_MS,
            idle_ms=IDLE_MS,
            tls_handshake_ms=REQUEST_MS,
            tls_handshake_count_max=settings.tls_handshakes_count_max,
            tls_handshake_share_count_max=max(1, settings.tls_handshakes_count_max // SHARES),
        )
        server = HttpServer(
            self._site(context is not None).handle,
            limits,
            d.timers,
            m.console_connections,
            m.console_connections_refused,
            m.console_requests,
        )
        await server.start(listening_sockets(parse_endpoint(self._endpoint), BACKLOG_COUNT, os.environ), context)
        self._server = server
        self._sampler.start()
        log.info("the console is open", endpoint=self._endpoint, port=server.port, tls=context is not None)

    async def stop(self) -> None:
        self._sampler.stop()
        if self._server is not None:
            await self._server.stop()

    def _site(self, is_tls: bool) -> Site:
        d = self._daemon
        settings = d.settings.console
        book = Book(d.journal)
        limits = Limits(
            idle_ms=settings.session_idle_minutes * 60_000,
            whole_ms=settings.session_hours * 3_600_000,
            count_max=settings.session_count_max,
        )
        sessions = Sessions(limits, lambda: secrets.token_urlsafe(32), book.keep_session, book.sessions())
        sessions.expire(d.clock.wall_ms())
        d.metrics.console_sessions.set_function(lambda: sessions.count)
        sources = DaemonSources(d, self._handlers, self._sampler)
        shared = Shared(sources.ask, SystemClock().monotonic_us, d.metrics.console_busy_seconds.inc)
        manner = Manner(
            center=d.settings.relay.center,
            is_tls=is_tls,
            language=settings.language,
            offset_minutes=d.settings.reconcile.utc_offset_minutes,
            has_failover=settings.failover_socket is not None,
        )
        return Site(manner, LocalAccounts(settings.accounts_path), sessions, book, sources, shared, d.clock, d.metrics)
