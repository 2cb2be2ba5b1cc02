"""One listener: its endpoint, its admission, the links that came through it.

Owns the start, the stop of accepting (apart from the closing of links: a drain does one long before the other) and its part
of a reload, in two steps: what can fail (`bind`, `prepared`), and what cannot (`begin`, what `prepared` returned). It must
never look into a link. The trap: settings replaced by a reload hold for links accepted from then on; a link that is open keeps
the dialect and the deadlines it began with.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory

from relay.bridge import as_future
from relay.errors import ConfigurationError, ListenFailed
from relay.exchange.ports import ListenerFacts
from relay.settings import LinkSettings, ListenerSettings
from relay.telemetry.log import get_log
from relay.wire.admission import Admission, AdmissionLimits, Networks, Refused
from relay.wire.counters import LinkCounters
from relay.wire.endpoint import ConnectionSettings, HotPort, HotServerEndpoint
from relay.wire.foreign import ForeignFactory
from relay.wire.link import Link
from relay.wire.ports import LinkServices, WireParts, link_services
from relay.wire.sockets import Tuning, listening_sockets, parse_endpoint, speak_without_address
from relay.wire.tls import server_context
from relay.wire.waitingroom import Ticket

_log = get_log("listener")
HOT_KINDS = frozenset({"tcp", "tcp6", "systemd"})
STORM_LOG_MS = 10_000  # at most one line per reason in that time
_OF_A_STORM = frozenset({Refused.ROOM_FULL, Refused.OUTRANKED, Refused.WAITED, Refused.RATE})


class LinkFactory(Factory):
    """Builds the links of one listener or dialer."""

    noisy = False

    def __init__(self, services: LinkServices) -> None:
        self.services = services

    def buildProtocol(self, addr: Any) -> Link:
        return Link(self.services)


class ListenerGate:
    """Admission with what it needs of the world: the relay's door, the time, the counters, a log line."""

    def __init__(self, name: str, channel: str, admission: Admission, parts: WireParts, counters: LinkCounters) -> None:
        self._name = name
        self._channel = channel
        self._door = parts.door
        self.admission = admission
        self._now_ms = parts.clock.monotonic_ms
        self._counters = counters
        self._storm_logged_ms: dict[Refused, int] = {}

    def wait_ms(self) -> int:
        return max(self.admission.wait_ms(self._now_ms()), self._door.wait_ms())

    def admit(self, host: str) -> bool:
        reason = self.admission.admit(host, self._now_ms())
        if reason is None:
            return True
        self.refused(reason, host)
        return False

    def release(self, host: str) -> None:
        self.admission.release(host)

    def knock(
        self, host: str, needs_handshake: bool, enter: Callable[[Ticket], None], refuse: Callable[[Refused], None]
    ) -> None:
        self._door.knock(self._channel, host, needs_handshake, enter, refuse)

    def enters_now(self, host: str) -> bool:
        """`admit` and `knock` for a link that cannot be kept waiting."""
        if not self.admit(host):
            return False
        if self._door.may_enter_now(self._channel):
            return True
        self.refused(Refused.RATE, host)
        self.release(host)
        return False

    def handshake_ended(self, ticket: Ticket) -> None:
        self._door.handshake_ended(ticket)

    def refused(self, reason: Refused, host: str, cause: str = "") -> None:
        self._counters.not_admitted(reason)
        if reason in _OF_A_STORM:  # thousands a second; the counter has them all
            now_ms = self._now_ms()
            if now_ms < self._storm_logged_ms.get(reason, now_ms):
                return
            self._storm_logged_ms[reason] = now_ms + STORM_LOG_MS
        more = {"cause": cause} if cause else {}
        _log.warning("link refused", listener=self._name, reason=reason, host=host, **more)


class Listener:
    """One `[[listener]]` at work.

    Args:
        settings: its part of the configuration.
        facts: what its links have in common for the desk; the dialect is compiled already.
        parts: what all listeners and dialers share.
        reactor: Twisted's, for endpoints other than tcp:, tcp6: and systemd:.
        environ: the environment that the process was started with, where systemd announces the sockets that it hands over.
            Never os.environ: Twisted takes the announcement out of it.
        outlives_address: links accepted here may still say good-bye when their address has left this host, which it does first
            where a center loses its role, whoever opens the door. Needs CAP_NET_ADMIN; without it they fall silent.

    Raises ConfigurationError for settings that cannot work.
    """

    def __init__(
        self,
        settings: ListenerSettings,
        facts: ListenerFacts,
        parts: WireParts,
        reactor: Any,
        environ: Mapping[str, str],
        outlives_address: bool = False,
    ) -> None:
        self._parts = parts
        self._reactor = reactor
        self._environ = environ
        self._outlives_address = outlives_address
        self._counters = LinkCounters(parts.metrics, settings.name, parts.timers)
        self._port: Any = None
        self._bound: list[socket.socket] = []  # bound and not accepted from yet
        self._settings = settings
        self._description = parse_endpoint(settings.endpoint)
        self._connections = self._connection_settings(settings)
        admission = Admission(admission_limits(settings), parts.clock.monotonic_ms())
        self._gate = ListenerGate(settings.name, settings.channel, admission, parts, self._counters)
        self._factory = LinkFactory(self._services(facts))

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def facts(self) -> ListenerFacts:
        """What its links have in common; another after a reload."""
        return self._factory.services.listener

    @property
    def endpoint(self) -> str:
        return self._settings.endpoint

    @property
    def address(self) -> Any:
        """Where it listens, as a Twisted address (`host` and `port`), after `start`."""
        return self._port.getHost()

    @property
    def expected_count(self) -> int:
        """Sessions that are here on a usual day; 0 where nobody said."""
        return self._settings.expected_sessions

    @property
    def signed_on_count(self) -> int:
        return self._counters.signed_on_count

    @property
    def is_accepting(self) -> bool:
        return self._port is not None

    async def start(self) -> None:
        """Listen. Raises ListenFailed when the system says no."""
        if self._description.kind in HOT_KINDS:
            self.bind()
            self.begin()
        else:
            self._port = await self._listen_by_twisted()
            self._log_listening()

    def bind(self, forebear: Listener | None = None) -> None:
        """Take the port, and accept nothing yet: who dials waits in the backlog. With a `forebear` that listens there now, its
        sockets are shared until it stops. Raises ListenFailed; also ConfigurationError where Twisted would have to listen."""
        if self._description.kind not in HOT_KINDS:
            raise ConfigurationError(f"{self._settings.endpoint} cannot be bound without listening.", "Restart the relay.")
        try:
            if forebear is not None and isinstance(forebear._port, HotPort):
                self._bound = forebear._port.duplicates()
            else:
                self._bound = listening_sockets(self._description, self._settings.backlog_count, self._environ)
        except OSError as error:  # no file descriptor left
            raise ListenFailed(f"Listener {self.name} cannot listen on {self.endpoint}: {error}.") from error

    def unbind(self) -> None:
        """What `bind` took and `begin` did not use is let go."""
        for sock in self._take_bound():
            sock.close()

    def begin(self) -> None:
        """Accept on what `bind` took. Runs inside the loop. An exclusive line without its lease is left alone: whoever
        holds the lease starts it."""
        guard = self._factory.services.guard
        if guard is not None and not guard.may_speak():
            self.unbind()
            return
        for sock in self._bound if self._outlives_address else ():
            with contextlib.suppress(OSError):
                speak_without_address(sock)
        loop = asyncio.get_running_loop()
        endpoint = HotServerEndpoint(loop, self._take_bound, self._connections, self._gate, self._parts.timers)
        self._port = endpoint.listen_now(self._factory)
        self._replace_backlog(self._port)  # a forebear's was its own
        self._log_listening()

    async def _listen_by_twisted(self) -> Any:
        settings = self._settings
        factory: Any = ForeignFactory(self._factory, self._gate, self._connections.tuning, settings.write_buffer_bytes_max)
        try:
            endpoint: Any = serverFromString(self._reactor, settings.endpoint)  # type: ignore[no-untyped-call]  # not annotated
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"Endpoint {settings.endpoint!r}: {error}.", "See Twisted's endpoint strings.") from error
        try:
            return await as_future(endpoint.listen(factory))
        except (CannotListenError, OSError) as error:
            raise ListenFailed(f"Listener {self.name} cannot listen on {settings.endpoint}: {error}.") from error

    def _log_listening(self) -> None:
        _log.info("listening", listener=self.name, endpoint=self._settings.endpoint, address=str(self.address))

    async def stop_accepting(self) -> None:
        """Close the listening socket; links stay."""
        port, self._port = self._port, None
        if port is not None:
            await as_future(port.stopListening())
            _log.info("stopped accepting", listener=self.name)

    def retire(self) -> list[Link]:
        """Close the listening socket before this returns, and name the links that are left."""
        port, self._port = self._port, None
        if port is not None:
            as_future(port.stopListening())  # done at once, or when Twisted has said good-bye to its own port
            _log.info("stopped accepting", listener=self.name)
        return self.links()

    def links(self) -> list[Link]:
        """The open links of this listener, oldest first."""
        return [link for link in self._parts.roster.links() if link.listener.name == self.name]

    def drain(self) -> None:
        """Let every link finish what it owes and close."""
        for link in self.links():
            link.drain()

    def close_links(self, why: str, abort: bool = False) -> None:
        """Close every link now. `why` is a label of relay_links_closed_total."""
        for link in self.links():
            link.close(why, abort)

    def prepared(self, settings: ListenerSettings, facts: ListenerFacts) -> Callable[[], None]:
        """A reload's new settings, read and checked: what is returned puts them to work, and cannot fail. The endpoint and the
        name stay what they are. Raises ConfigurationError.
        """
        if (settings.name, settings.endpoint) != (self._settings.name, self._settings.endpoint):
            raise ConfigurationError("Name and endpoint of a listener do not change by a reload.", "Restart the relay.")
        connections = self._connection_settings(settings)
        limits = admission_limits(settings)
        Networks(limits.allow_networks)  # raises for what is no network

        def put_to_work() -> None:
            self._gate.admission.replace_limits(limits, self._parts.clock.monotonic_ms())
            self._settings, self._connections = settings, connections
            self._factory.services = self._services(facts)
            if isinstance(self._port, HotPort):
                self._port.replace_settings(connections)
                self._replace_backlog(self._port)

        return put_to_work

    def _services(self, facts: ListenerFacts) -> LinkServices:
        return link_services(self._parts, facts, self._counters, self._settings.pipelined_count_max, is_dialled=False)

    def _replace_backlog(self, port: HotPort) -> None:
        """Where the backlog is ours to say: an endpoint string may say it, and systemd's socket unit does."""
        if self._description.kind != "systemd" and not self._description.value("backlog", 2, ""):
            port.replace_backlog(self._settings.backlog_count)

    def _take_bound(self) -> list[socket.socket]:
        bound, self._bound = self._bound, []
        return bound

    def _connection_settings(self, settings: ListenerSettings) -> ConnectionSettings:
        if settings.tls is None:
            return connection_settings(settings, None)
        if self._description.kind not in HOT_KINDS:
            raise ConfigurationError(
                f"Listener {settings.name}: tls does not go with {self._description.kind}:.", "Use tcp:, tcp6: or systemd:."
            )
        return connection_settings(settings, server_context(settings.tls, self._parts.credential_path))


def connection_settings(settings: LinkSettings, tls: ssl.SSLContext | None) -> ConnectionSettings:
    """What the connections of one listener or dialer have in common, out of its settings."""
    return ConnectionSettings(
        tuning=Tuning(
            keepalive_idle_s=settings.keepalive_idle_s,
            keepalive_interval_s=settings.keepalive_interval_s,
            keepalive_count=settings.keepalive_count,
            user_timeout_ms=settings.user_timeout_ms,
        ),
        tls=tls,
        tls_handshake_timeout_ms=settings.tls_handshake_timeout_ms,
        write_buffer_bytes_max=settings.write_buffer_bytes_max,
    )


def admission_limits(settings: ListenerSettings) -> AdmissionLimits:
    return AdmissionLimits(
        allow_networks=settings.allow_networks,
        connection_count_max=settings.connection_count_max,
        connection_count_per_host_max=settings.connection_count_per_host_max,
        accept_per_second_max=settings.accept_per_second_max,
    )
