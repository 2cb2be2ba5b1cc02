"""The parts of the daemon that only some configurations have, each imported when the configuration names it.

Owns those imports: no other module that every daemon has may import these parts, or a restart after a crash waits for the
console's pages, dnspython and Twisted's application framework where nobody wants them (tests/live/test_starts.py). It must
never decide whether a part is wanted. The trap: a module that is imported long after the start comes from the files as they are
then; so what a reload cannot change is asked for at the start only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocols.vocabulary import Secret
    from relay.consoling import Consoling
    from relay.control.server import Handler
    from relay.core.discovery import Resolve
    from relay.core.notify import NotifyEar
    from relay.core.zone import ZoneDoor
    from relay.daemon import Daemon
    from relay.settings import DialerSettings, RegionSettings
    from relay.wire.dialer import Dialer


def new_consoling(daemon: Daemon, handlers: Mapping[str, Handler], endpoint: str) -> Consoling:
    """The web console, not open yet."""
    from relay.consoling import Consoling

    return Consoling(daemon, handlers, endpoint)


def new_dialer(daemon: Daemon, settings: DialerSettings) -> Dialer:
    """Not started. Raises ConfigurationError."""
    from relay.wire.dialer import Dialer

    return Dialer(settings, daemon.facts(settings), daemon.parts, daemon.reactor, daemon.chance)


def name_door(name_servers: tuple[str, ...]) -> Resolve:
    """Whoever resolves the core's name. Raises ConfigurationError."""
    from relay.core.dns import DnsDoor

    return DnsDoor(name_servers).resolve


def zone_door(settings: RegionSettings, secret: Callable[[str], Secret]) -> ZoneDoor:
    """Whoever asks for the active region's record. Raises ConfigurationError, CredentialUnusable."""
    from relay.core.dns import parse_name_server
    from relay.core.zone import TsigKey, ZoneDoor

    tsig = None
    if settings.tsig_name is not None and settings.tsig_credential is not None:
        tsig = TsigKey(settings.tsig_name, secret(settings.tsig_credential).reveal(), settings.tsig_algorithm)
    servers = tuple(map(parse_name_server, settings.name_servers))
    return ZoneDoor(servers, settings.record_name, settings.alias_name or "", settings.poll_timeout_ms, tsig)


def notify_ear(daemon: Daemon, endpoint: str, hint: Callable[[], None]) -> NotifyEar:
    """Whoever hears the name servers' NOTIFY. Raises ConfigurationError."""
    from relay.core.dns import parse_name_server
    from relay.core.notify import NotifyEar

    heard = {parse_name_server(server).ip for server in daemon.settings.region.name_servers}
    return NotifyEar(parse_name_server(endpoint), heard, hint, daemon.clock, daemon.metrics)
