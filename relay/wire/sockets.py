"""Sockets made and tuned: endpoint strings read, listening sockets bound or inherited from systemd, TCP options set.

Owns the few system calls around a socket before a loop has it. It must never accept, read or write. The traps: an inherited
socket is duplicated, so that a listener may be closed and opened again within one process; and TCP_USER_TIMEOUT is what
notices a peer that died with our reply unacknowledged, keepalive only what notices a peer that died in silence.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from relay.configuration.workers import WORKER_VARIABLE
from relay.errors import ConfigurationError, ListenFailed

_FIRST_INHERITED = 3  # sd_listen_fds(3)
_NEXT_STEPS = {
    errno.EADDRINUSE: "Another process holds the port: `ss -ltnp` names it.",
    errno.EACCES: "Ports below 1024 need CAP_NET_BIND_SERVICE or a systemd socket.",
    errno.EADDRNOTAVAIL: "The address is not on this host: `ip address` lists those that are.",
}


class Description(msgspec.Struct, frozen=True):
    """A Twisted endpoint string taken apart: `tcp:8583:interface=127.0.0.1`."""

    kind: str
    values: tuple[str, ...]
    options: Mapping[str, str]

    def value(self, name: str, position: int, default: str | None = None) -> str:
        """The option `name`, or the value at `position`. Raises ConfigurationError when neither is there."""
        if name in self.options:
            return self.options[name]
        if position < len(self.values):
            return self.values[position]
        if default is None:
            raise ConfigurationError(f"Endpoint {self.kind}: {name} is missing.", f"Write {self.kind}:{name}=...")
        return default

    def number(self, name: str, position: int, highest: int, default: str | None = None) -> int:
        text = self.value(name, position, default)
        if not (text.isascii() and text.isdigit()) or int(text) > highest:
            raise ConfigurationError(f"Endpoint {self.kind}: {name} is {text!r}.", f"It is a number from 0 to {highest}.")
        return int(text)


def parse_endpoint(text: str) -> Description:
    r"""Colons part, the first `=` names an option, a backslash takes the next character as it is (`interface=\:\:1`)."""
    parts: list[tuple[str | None, str]] = []
    name: str | None = None
    word = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            word += next(characters, "")
        elif character == ":":
            parts.append((name, word))
            name, word = None, ""
        elif character == "=" and name is None:
            name, word = word, ""
        else:
            word += character
    parts.append((name, word))
    kind = parts[0][1] if parts[0][0] is None else ""
    if not kind:
        raise ConfigurationError(f"Endpoint {text!r} has no kind.", "Begin it with tcp:, tcp6: or systemd:.")
    values = tuple(word for name, word in parts[1:] if name is None)
    return Description(kind, values, {name: word for name, word in parts[1:] if name is not None})


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """TCP options of a link. Seconds and milliseconds as the kernel takes them."""

    keepalive_idle_s: int = 60
    keepalive_interval_s: int = 10
    keepalive_count: int = 3
    user_timeout_ms: int = 30_000


def tune(sock: socket.socket, tuning: Tuning) -> None:
    """Set the options of one TCP link; other families are left alone. Raises OSError when the peer is gone already."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    tcp = socket.IPPROTO_TCP
    sock.setsockopt(tcp, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(tcp, socket.TCP_KEEPIDLE, tuning.keepalive_idle_s)
    sock.setsockopt(tcp, socket.TCP_KEEPINTVL, tuning.keepalive_interval_s)
    sock.setsockopt(tcp, socket.TCP_KEEPCNT, tuning.keepalive_count)
    sock.setsockopt(tcp, socket.TCP_USER_TIMEOUT, tuning.user_timeout_ms)


def reset_on_close(sock: Any) -> None:
    """Closing `sock` (or what asyncio shows of it) sends a reset and drops what is unsent."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def speak_without_address(sock: socket.socket) -> None:
    """What `sock` and those accepted from it send keeps its source address, whether or not this host still has it: ip(7),
    IP_TRANSPARENT; ipv6(7) has 75 for it. Raises OSError without the right to."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, 75, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1)


def listening_sockets(description: Description, backlog_count: int, environ: Mapping[str, str]) -> list[socket.socket]:
    """The non-blocking listening sockets of a `tcp:`, `tcp6:` or `systemd:` endpoint.

    Raises ConfigurationError for an impossible description, ListenFailed when the system says no.
    """
    if description.kind == "systemd":
        return _inherited(description, environ)
    port = description.number("port", 0, 65535)
    interface = description.value("interface", 1, "::" if description.kind == "tcp6" else "0.0.0.0")
    backlog_count = description.number("backlog", 2, 65535, str(backlog_count))
    try:
        address = ipaddress.ip_address(interface)
    except ValueError as error:
        raise ConfigurationError(f"Endpoint interface {interface!r} is not an address.", "Write the IP address.") from error
    sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if WORKER_VARIABLE in environ:  # one socket per worker on one port: the kernel spreads who dials
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((interface, port))
        sock.listen(backlog_count)
    except OSError as error:
        sock.close()
        next_step = _NEXT_STEPS.get(error.errno or 0, "")
        raise ListenFailed(f"Cannot listen on {interface} port {port}: {error.strerror}.", next_step) from error
    return [sock]


def _inherited(description: Description, environ: Mapping[str, str]) -> list[socket.socket]:
    """The sockets systemd passed, by `name=` (all that bear it) or `index=`."""
    here = environ.get("LISTEN_PID") == str(os.getpid())
    count_text = environ.get("LISTEN_FDS", "0") if here else "0"
    count = int(count_text) if count_text.isdigit() else 0
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    if "name" in description.options:
        wanted = description.options["name"]
        indices = [index for index, name in enumerate(names[:count]) if name == wanted]
        label = f"named {wanted!r}"
    else:
        index = description.number("index", 0, 1023)
        indices = [index] if index < count else []
        label = f"number {index}"
    if not indices:
        raise ListenFailed(
            f"systemd passed no socket {label} ({count} in all).", "Check FileDescriptorName= in the socket unit and start it."
        )
    found = [socket.socket(fileno=os.dup(_FIRST_INHERITED + index)) for index in indices]
    for sock in found:
        sock.setblocking(False)
        os.set_inheritable(sock.fileno(), False)
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            for each in found:
                each.close()
            raise ListenFailed(f"The socket {label} that systemd passed does not listen.", "Use ListenStream= and Accept=no.")
    return found
