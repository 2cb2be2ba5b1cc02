"""What `[region]` must be to find the active region in DNS, and what a line of `region.regions` says.

Owns the checks that need only the file. It must never ask a name server. The traps: one server named twice would agree with
itself and be a quorum; a region that the alias leads to must be a name, not an address; and a question that may last longer
than the pause between questions would pile up.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import msgspec

from relay.configuration.lines import Path
from relay.errors import ConfigurationError
from relay.settings import JournalSettings, RegionSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DNS_NAME = re.compile(r"(?=.{1,253}\.?\Z)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_ENDPOINT = re.compile(r"(?:(?P<four>[0-9.]+)|\[(?P<six>[0-9A-Fa-f:.]+)\]):(?P<port>[0-9]{1,5})")
_TAIL = frozenset(name for name in RegionSettings.model_fields if name.startswith("tail_"))
_KEPT_BY_CORE = frozenset({"source", "shadow_probe_ms"}) | _TAIL


class Wrong(msgspec.Struct, frozen=True):
    """Something wrong at `path`; relations.py tells it with its other findings."""

    path: Path
    problem: str
    suggestion: str = ""
    is_warning: bool = False


def parse_region(text: str) -> tuple[str, str]:
    """`tokyo=tyo.core.example` -> ("tokyo", "tyo.core.example"). Raises ConfigurationError."""
    name, equals, address = text.partition("=")
    if not equals or not _NAME.fullmatch(name) or not (_DNS_NAME.fullmatch(address) or is_address(address)):
        raise ConfigurationError(f'"{text}" is no region.', "Write its name and its DNS name, like tokyo=tyo.core.example.")
    return name, address


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_regions(region: RegionSettings) -> Iterator[Wrong]:
    """Everything that keeps the region from being found, worst first."""
    if region.source == "core":
        unused = sorted(region.model_fields_set - _KEPT_BY_CORE)
        if unused:
            yield Wrong(("region", unused[0]), "this is for a region found in DNS", 'source = "dns"', is_warning=True)
        return
    yield from _names(region)
    yield from _servers(region)
    if not region.mac_credentials:
        yield Wrong(
            ("region", "mac_credentials"),
            "whoever can answer for a name server could move the relay to another region",
            "name a credential with 64 hexadecimal digits: openssl rand -hex 32",
        )
    if (region.tsig_name is None) != (region.tsig_credential is None):
        yield Wrong(("region", "tsig_name"), "tsig_name and tsig_credential come together")
    if region.poll_timeout_ms >= region.poll_ms:
        yield Wrong(
            ("region", "poll_timeout_ms"), f"not less than poll_ms ({region.poll_ms})", f"{max(20, region.poll_ms // 2)}"
        )
    if region.stale_after_ms < 3 * region.poll_ms:
        yield Wrong(("region", "stale_after_ms"), "a lost question or two would make it stale", f"{3 * region.poll_ms} or more")


def check_tail(region: RegionSettings, journal: JournalSettings) -> Iterator[Wrong]:
    """What is said again to a new region needs its body."""
    where, hours = ("region", "tail_replay_window_hours"), region.tail_replay_window_hours
    is_default = where[1] not in region.model_fields_set
    if hours > journal.body_window_days * 24:
        why = f"bodies are kept for {journal.body_window_days} days (journal.body_window_days), and {hours} hours are promised"
        yield Wrong(where, why, f"{journal.body_window_days * 24} at most", is_warning=is_default)
    if journal.archive_directory is not None and hours > journal.archive_after_days * 24:
        why = f"bodies leave the journal {journal.archive_after_days} days after their date (journal.archive_after_days)"
        why = f"{why}, and {hours} hours are promised"
        yield Wrong(where, why, f"{journal.archive_after_days * 24} at most", is_warning=is_default)
    asked_ms = region.tail_lag_assumed_ms + region.tail_margin_ms
    if asked_ms > hours * 3_600_000:
        yield Wrong(("region", "tail_lag_assumed_ms"), f"with its margin longer than tail_replay_window_hours ({hours})")


def _names(region: RegionSettings) -> Iterator[Wrong]:
    for setting, name in (("record_name", region.record_name), ("alias_name", region.alias_name)):
        if name is not None and not _DNS_NAME.fullmatch(name):
            yield Wrong(("region", setting), f'"{name}" is no DNS name', "such as _active.core.example")
    if not region.regions:
        yield Wrong(("region", "regions"), "no region is named", 'regions = ["tokyo=tyo.core.example", ...]')
    seen: list[str] = []
    for n, text in enumerate(region.regions):
        try:
            name, address = parse_region(text)
        except ConfigurationError as error:
            yield Wrong(("region", "regions", n), error.problem.removesuffix("."), error.next_step)
            continue
        address = address.lower().removesuffix(".")
        if name in seen or address in seen:
            yield Wrong(("region", "regions", n), f'"{text}" names something twice', "each region once, each with its own name")
        if region.alias_name is not None and is_address(address):
            yield Wrong(
                ("region", "regions", n), "an alias leads to a name, not to an address", "the CNAME's target for this region"
            )
        seen += [name, address]


def _servers(region: RegionSettings) -> Iterator[Wrong]:
    servers = region.name_servers
    if not servers:
        yield Wrong(
            ("region", "name_servers"), "the authoritative name servers are not named", "each as host:port, no resolver"
        )
    seen: list[tuple[str, int]] = []
    for n, server in enumerate(servers):
        endpoint = _endpoint(server)
        if endpoint is None:
            yield Wrong(
                ("region", "name_servers", n), f'"{server}" is no name server', 'write "10.0.0.53:53" or "[2001:db8::53]:53"'
            )
            continue
        if endpoint in seen:
            yield Wrong(("region", "name_servers", n), "named twice: it would agree with itself", "each server once")
        seen.append(endpoint)
    if len(servers) == 1:
        yield Wrong(
            ("region", "name_servers"),
            "one name server only: no second one can confirm it",
            "name its secondary, too",
            is_warning=True,
        )
    if region.notify_endpoint is not None and _endpoint(region.notify_endpoint) is None:
        yield Wrong(("region", "notify_endpoint"), "not an address and a port", 'write "10.20.0.11:53"')


def _endpoint(text: str) -> tuple[str, int] | None:
    """Address and port, in one spelling each: another one of the same server would agree with it. An IPv6 address stands in
    brackets, or its port would be taken for the end of it."""
    match = _ENDPOINT.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65_536:
        return None
    try:
        address = ipaddress.IPv4Address(match["four"]) if match["four"] else ipaddress.IPv6Address(match["six"])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(match["port"])
