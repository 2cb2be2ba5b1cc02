"""What `[pair]` must be to hear the other center and to lead calls through it, and what a line of `pair.paths` says.

Owns the checks that need only the file. It must never look at the other center. The traps: a peer with our own name is
ourselves; two paths over one address are one path; and whatever goes through the other center must be hidden from whoever taps
the link, so there is no forwarding without certificates on both sides.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import msgspec

from relay.configuration.regions import Wrong
from relay.errors import ConfigurationError
from relay.pairsettings import PairSettings

_PATH = re.compile(r"([a-z0-9][a-z0-9-]{0,31})=([0-9A-Fa-f:.]+)>([0-9A-Fa-f:.]+)")
SENT_KEPT_BEATS = 60  # whose time is remembered (relay/pair/hearing.py keeps a few more)
READ_BYTES_MAX = 262_144  # what asyncio and uvloop read from a socket at once


def held_bytes_max(buffer_bytes_max: int) -> int:
    """The most bytes that one forwarded connection keeps in this process, both directions together, where no more than
    `buffer_bytes_max` is kept of a direction before reading stops."""
    return 2 * (buffer_bytes_max + READ_BYTES_MAX)


class PairPath(msgspec.Struct, frozen=True):
    """One way to the other center: `own` and `peer` are IP addresses."""

    name: str
    own: str
    peer: str


def parse_path(text: str) -> PairPath:
    """`link=10.30.0.11>10.30.0.12` -> PairPath("link", "10.30.0.11", "10.30.0.12"). Raises ConfigurationError."""
    match = _PATH.fullmatch(text)
    example = "Write its name and both addresses, like link=10.30.0.11>10.30.0.12."
    if match is None:
        raise ConfigurationError(f'"{text}" is no path.', example)
    try:
        own, peer = ipaddress.ip_address(match[2]), ipaddress.ip_address(match[3])
    except ValueError as error:
        raise ConfigurationError(f'"{text}" is no path: {error}.', example) from error
    if own.version != peer.version:
        raise ConfigurationError(f'"{text}" begins in IPv{own.version} and ends in IPv{peer.version}.', example)
    return PairPath(match[1], str(own), str(peer))


def check_pair(pair: PairSettings, center: str, is_core_tls: bool) -> Iterator[Wrong]:
    """Everything that keeps the pair from working, worst first; `center` is our own, `is_core_tls`: calls to the core are in
    TLS.
    """
    if pair.peer is None:
        unused = sorted(name for name in pair.model_fields_set if name != "peer" and not name.startswith("ack_needs_"))
        if unused:
            yield Wrong(("pair", unused[0]), "no other center is named", 'peer = "osaka"', is_warning=True)
        return
    if pair.peer == center:
        yield Wrong(("pair", "peer"), f"this center is called {center} itself", "the other center's relay.center")
    yield from _paths(pair)
    if not pair.mac_credentials:
        yield Wrong(
            ("pair", "mac_credentials"),
            "whoever reaches the port could speak for the other center",
            "name a credential with 64 hexadecimal digits, the same at both centers: openssl rand -hex 32",
        )
    yield from _times(pair)
    yield from _forwarding(pair)
    if pair.use_peer and not is_core_tls:
        yield Wrong(("pair", "use_peer"), "without TLS to the core the other center could read the calls", "add [core.tls]")


def _paths(pair: PairSettings) -> Iterator[Wrong]:
    if not pair.paths:
        yield Wrong(("pair", "paths"), "no way to the other center is named", 'paths = ["link=10.30.0.11>10.30.0.12", ...]')
    seen: list[PairPath] = []
    for n, text in enumerate(pair.paths):
        where = ("pair", "paths", n)
        try:
            path = parse_path(text)
        except ConfigurationError as error:
            yield Wrong(where, error.problem.removesuffix("."), error.next_step)
            continue
        if path.own == path.peer:
            yield Wrong(where, f"{path.own} is at both ends", "our own address before the >, the other center's behind it")
        for other in seen:
            if path.name == other.name:
                yield Wrong(where, f'two paths are called "{path.name}"', "a name of its own")
            if path.own == other.own or path.peer == other.peer:
                yield Wrong(where, "it shares an address with another path: both would be lost together", "another network")
        seen.append(path)
    if len(pair.paths) == 1:
        yield Wrong(
            ("pair", "paths"),
            "one path only: a cut link cannot be told from a lost center",
            "a second one over another network",
            is_warning=True,
        )


def _times(pair: PairSettings) -> Iterator[Wrong]:
    if pair.lost_after_ms < 2 * pair.beat_ms:
        yield Wrong(("pair", "lost_after_ms"), "one late heartbeat would lose a path", f"{3 * pair.beat_ms}")
    elif pair.lost_after_ms > SENT_KEPT_BEATS * pair.beat_ms:
        yield Wrong(
            ("pair", "lost_after_ms"),
            f"more than {SENT_KEPT_BEATS} heartbeats long",
            f"{SENT_KEPT_BEATS * pair.beat_ms} at most",
        )
    if pair.probe_timeout_ms > pair.probe_ms:
        yield Wrong(
            ("pair", "probe_timeout_ms"), f"more than probe_ms ({pair.probe_ms}): looks would pile up", f"{pair.probe_ms}"
        )
    if pair.return_after_ms > pair.return_max_ms:
        yield Wrong(("pair", "return_after_ms"), f"more than return_max_ms ({pair.return_max_ms})", f"{pair.return_max_ms}")


def _forwarding(pair: PairSettings) -> Iterator[Wrong]:
    named = (pair.certificate, pair.key, pair.authorities)
    if pair.use_peer or pair.serve_peer:
        setting = "use_peer" if pair.use_peer else "serve_peer"
        if None in named:
            yield Wrong(
                ("pair", setting),
                "core calls are led through the other center only with certificates on both sides",
                "add certificate, key and authorities to [pair]",
            )
        fit_count = pair.forward_bytes_max // held_bytes_max(pair.forward_buffer_bytes_max)
        if fit_count < pair.forward_count_max:
            yield Wrong(
                ("pair", "forward_bytes_max"),
                f"{fit_count} connections fit into it, fewer than pair.forward_count_max",
                f"forward_bytes_max = {pair.forward_count_max * held_bytes_max(pair.forward_buffer_bytes_max)}",
                is_warning=fit_count > 0,
            )
    elif named != (None, None, None):
        yield Wrong(
            ("pair", "use_peer"), "certificates are named, and nothing is forwarded", "use_peer = true", is_warning=True
        )
