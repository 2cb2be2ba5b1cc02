"""One outbound link, dialled and kept up: Twisted's ClientService over our own dialling endpoint.

Owns the pauses between attempts, jittered so that a hundred relays do not return in step. It must never look into the link.
The trap: a far end that accepts and hangs up at once looks like a success to ClientService, which would then dial without
end at the shortest pause; so a link that did not live as long as the longest pause counts as one more failure.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, cast

from twisted.application.internet import ClientService
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Factory

from relay.bridge import as_future
from relay.errors import ConfigurationError
from relay.exchange.ports import ListenerFacts
from relay.settings import DialerSettings
from relay.telemetry.log import get_log
from relay.wire.counters import LinkCounters
from relay.wire.endpoint import HotClientEndpoint
from relay.wire.foreign import prepare_transport
from relay.wire.link import Link
from relay.wire.listener import connection_settings
from relay.wire.ports import LinkServices, WireParts, link_services
from relay.wire.sockets import parse_endpoint
from relay.wire.tls import client_context

_log = get_log("dialer")
DOUBLINGS_MAX = 30


class BackOff:
    """How long to wait before the next attempt. Pure.

    Args:
        first_ms, max_ms: bounds of the pause, milliseconds; it doubles with each failure.
        chance: takes up to half of each pause off.
    """

    def __init__(self, first_ms: int, max_ms: int, chance: Random) -> None:
        self._first_ms = first_ms
        self._max_ms = max_ms
        self._chance = chance
        self._short_lives = 0

    def lost(self, lived_ms: int) -> None:
        """A link that stood is gone."""
        self._short_lives = self._short_lives + 1 if lived_ms < self._max_ms else 0

    def pause_ms(self, failures: int) -> int:
        """The pause after `failures` failed attempts in a row."""
        doublings = min(DOUBLINGS_MAX, max(0, failures - 1) + max(0, self._short_lives - 1))
        pause_ms = min(self._max_ms, self._first_ms << doublings)
        return max(1, round(pause_ms * self._chance.uniform(0.5, 1.0)))


class DialledFactory(Factory):
    """Builds the one link at a time, and remembers it."""

    noisy = False

    def __init__(self, services: LinkServices) -> None:
        self.services = services
        self.link: Link | None = None
        self.since_ms = 0
        self.is_wanted = True

    def buildProtocol(self, addr: Any) -> Link | None:
        if not self.is_wanted:
            return None
        self.link = Link(self.services)
        self.since_ms = self.services.clock.monotonic_ms()
        return self.link


class Dialer:
    """One `[[dialer]]` at work. Raises ConfigurationError for settings that cannot work."""

    def __init__(self, settings: DialerSettings, facts: ListenerFacts, parts: WireParts, reactor: Any, chance: Random) -> None:
        self._settings = settings
        self._parts = parts
        self._reactor = reactor
        self._backoff = BackOff(settings.backoff_first_ms, settings.backoff_max_ms, chance)
        self._counters = LinkCounters(parts.metrics, settings.name, parts.timers)
        self._factory = DialledFactory(
            link_services(parts, facts, self._counters, settings.pipelined_count_max, is_dialled=True)
        )
        self._tls = None if settings.tls is None else client_context(settings.tls, parts.credential_path)
        self._description = parse_endpoint(settings.endpoint)
        if self._description.kind == "tcp":
            self._host = self._description.value("host", 0)
            self._port = self._description.number("port", 1, 65535)
        elif settings.tls is not None or settings.source_address is not None:
            raise ConfigurationError(
                f"Dialer {settings.name}: tls and source_address do not go with {self._description.kind}:.", "Use tcp:."
            )
        self._service: ClientService | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def facts(self) -> ListenerFacts:
        """What its links have in common."""
        return self._factory.services.listener

    @property
    def link(self) -> Link | None:
        """The link that stands, if one does."""
        link = self._factory.link
        return link if link is not None and link.is_open else None

    def start(self) -> None:
        """Begin to dial, and dial again for ever. Runs inside the loop. An exclusive line without its lease is left alone:
        whoever holds the lease starts it."""
        guard = self._factory.services.guard
        if guard is not None and not guard.may_speak():
            return
        if self._service is not None:  # it was to dial no more, and its link or its pause is not over yet
            self._factory.is_wanted = True
            return
        prepare = None if self._description.kind == "tcp" else self._prepare
        service = ClientService(self._endpoint(), cast(Any, self._factory), self._pause_s, self._reactor, prepare)
        self._service = service
        self._factory.is_wanted = True
        service.startService()

    async def stop(self, why: str = "stopped") -> None:
        """Dial no more, close the link, and wait until it is closed."""
        service, self._service = self._service, None
        if service is None:
            return
        link = self.link
        self._factory.is_wanted = False
        if link is not None:
            link.close(why)
        stopped = service.stopService()
        if stopped is not None:
            await as_future(stopped)

    def dial_no_more(self) -> None:
        """The link that stands stays. `stop` follows when it is gone, or `start` takes it back."""
        self._factory.is_wanted = False

    def drain(self) -> None:
        """Dial no more; let the link finish what it owes and close. `stop` follows."""
        self._factory.is_wanted = False
        if self.link is not None:
            self.link.drain()

    def _endpoint(self) -> Any:
        settings = self._settings
        if self._description.kind != "tcp":
            return clientFromString(self._reactor, settings.endpoint)  # type: ignore[no-untyped-call]  # not annotated
        return HotClientEndpoint(
            asyncio.get_running_loop(),
            self._host,
            self._port,
            connection_settings(settings, self._tls),
            settings.connect_timeout_ms,
            settings.source_address,
            settings.tls_server_name,
        )

    def _prepare(self, protocol: Any) -> None:
        settings = connection_settings(self._settings, None)
        prepare_transport(protocol.transport, settings.tuning, settings.write_buffer_bytes_max)

    def _pause_s(self, failures: int) -> float:
        """ClientService asks this after each failed attempt and after each link lost."""
        if not self._factory.is_wanted:
            return self._settings.backoff_max_ms / 1000  # draining: `stop` comes before that
        lost, self._factory.link = self._factory.link, None
        if lost is None:
            self._counters.noted("dial-failed")
        else:
            self._backoff.lost(self._parts.clock.monotonic_ms() - self._factory.since_ms)
        pause_ms = self._backoff.pause_ms(failures)
        _log.info("dialling again", dialer=self.name, failures=failures, pause_ms=pause_ms)
        return pause_ms / 1000
