"""What `[announce]` must be, from the file alone.

Owns the checks, and which listeners are on the service address. It must never look at the host (servicehost.py does). The
traps: a listener that systemd binds goes on listening when the role is lost, for systemd holds its socket; and one on every
address takes terminals whatever the role.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from relay.configuration.regions import Wrong
from relay.servicesettings import AnnounceSettings
from relay.settings import Settings

_INTERFACE = re.compile(r":interface=((?:\\.|[^:])*)")
_KEPT_BY_NONE = frozenset(
    {"adapter", "addresses", "text_host", "text_port", "without_region", "settle_ms"}
    | {"look_ms", "rise_count", "fall_count", "region_silent_ms", "stay_ms", "stay_ms_max", "calm_ms", "changes_per_minute_max"}
)
_ONLY_BIRD = frozenset({"holding_protocol", "standby_protocol", "ask_ms"})
_ONLY_EXABGP = frozenset({"holding_med", "standby_med"})


def interface_of(endpoint: str) -> str:
    """The address that a Twisted endpoint string binds to; "" where it names none."""
    found = _INTERFACE.search(endpoint)
    return found[1].replace("\\", "") if found else ""


def service_listeners(settings: Settings) -> tuple[str, ...]:
    """The listeners that serve on the service address."""
    return tuple(each.name for each in settings.listener if is_on_service_address(each.endpoint, settings.announce))


def is_on_service_address(endpoint: str, settings: AnnounceSettings) -> bool:
    wanted = {_canonical(address) for address in settings.addresses} - {""}
    return _canonical(interface_of(endpoint)) in wanted


def check_announce(settings: Settings) -> Iterator[Wrong]:
    """Everything that follows from the file alone."""
    announce = settings.announce
    yield from _addresses(announce)
    yield from _listeners(settings)
    if announce.adapter == "none":
        kept = _KEPT_BY_NONE
    else:
        kept = frozenset(AnnounceSettings.model_fields) - (_ONLY_EXABGP if announce.adapter == "bird" else _ONLY_BIRD)
    unused = sorted(announce.model_fields_set - kept)
    if unused:
        yield Wrong(("announce", unused[0]), f"adapter {announce.adapter} has no use for it", "take it out", is_warning=True)
    if announce.adapter != "none" and not announce.addresses:
        yield Wrong(("announce", "addresses"), "there is nothing to announce", 'addresses = ["198.18.0.10"]')
    if announce.adapter == "bird" and announce.holding_protocol == announce.standby_protocol:
        yield Wrong(("announce", "standby_protocol"), "the same protocol for both: no preference could be told", "svc_standby")
    if announce.adapter == "exabgp":
        if announce.standby_med <= announce.holding_med:
            yield Wrong(
                ("announce", "standby_med"), f"not above holding_med ({announce.holding_med}): it would be preferred", "1010"
            )
        if announce.control_socket == AnnounceSettings().control_socket:
            yield Wrong(("announce", "control_socket"), "this is BIRD's", "/run/relay/exabgp.sock")
    if announce.stay_ms > announce.stay_ms_max:
        yield Wrong(
            ("announce", "stay_ms"), f"more than stay_ms_max ({announce.stay_ms_max})", f"{announce.stay_ms_max} at most"
        )
    if announce.addresses and announce.region_silent_ms < 2 * settings.core.region_probe_ms:
        yield Wrong(
            ("announce", "region_silent_ms"),
            "one lost probe of the region would make it ill",
            f"{2 * settings.core.region_probe_ms} or more",
        )


def _addresses(announce: AnnounceSettings) -> Iterator[Wrong]:
    families: list[int] = []
    for n, text in enumerate(announce.addresses):
        where = ("announce", "addresses", n)
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            yield Wrong(where, f'"{text}" is no address', "one host's address, without a prefix length: 198.18.0.10")
            continue
        if address.version in families:
            yield Wrong(where, f"a second address of IPv{address.version}", "one of each family; a relay per service address")
        if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
            yield Wrong(where, f"{text} cannot be announced to anybody", "an address that the routers know as the service's")
        families.append(address.version)


def _listeners(settings: Settings) -> Iterator[Wrong]:
    if not settings.announce.addresses:
        return
    names = service_listeners(settings)
    if settings.listener and not names:
        yield Wrong(
            ("announce", "addresses"),
            "no listener is on the service address: a change of role would move nobody",
            f'endpoint = "tcp:8583:interface={settings.announce.addresses[0]}"',
            is_warning=True,
        )
    families = {ipaddress.ip_address(each).version for each in settings.announce.addresses if _canonical(each)}
    for n, each in enumerate(settings.listener):
        interface = interface_of(each.endpoint)
        kind = each.endpoint.partition(":")[0]
        if each.name in names and kind not in ("tcp", "tcp6"):
            yield Wrong(
                ("listener", n, "endpoint"), f"{kind}: cannot follow the role of this center", "tcp:PORT:interface=ADDRESS"
            )
        if kind in ("tcp", "tcp6") and not interface:
            yield Wrong(
                ("listener", n, "endpoint"),
                "it listens on every address, the service address too, whatever the role",
                f"interface={settings.announce.addresses[0]} for what follows the role",
                is_warning=True,
            )
        if kind == "tcp6" and each.name in names and 6 not in families:
            yield Wrong(("listener", n, "endpoint"), "IPv6, and the service address is IPv4", "tcp:")


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
