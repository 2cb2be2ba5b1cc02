"""What `[console]` must be like: an endpoint that browsers can open, and nothing that shows passwords to the network.

Owns the checks that need only the file. It must never look at the machine. The trap: a console without TLS on an address of the
network sends passwords and session cookies in clear, and it works, so nobody notices; it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from relay.configuration.regions import Wrong
from relay.consolesettings import ConsoleSettings

_ENDPOINT = re.compile(r"^(tcp6?|systemd):")
_ON_LOOPBACK = re.compile(r"interface=(127\.[0-9.]+|\\:\\:1)(:|$)")


def check_console(console: ConsoleSettings) -> Iterator[Wrong]:
    """All findings that follow from the table alone."""
    endpoint, where = console.endpoint, ("console", "endpoint")
    if endpoint is None:
        if console.model_fields_set:
            yield Wrong(where, "there is no console without an endpoint", "tcp:8443:interface=10.20.0.11", is_warning=True)
        return
    if not _ENDPOINT.match(endpoint):
        yield Wrong(where, f'"{endpoint}" is not an endpoint for this', "tcp:PORT:interface=ADDRESS, tcp6: or systemd:")
    elif console.tls is None and not _ON_LOOPBACK.search(endpoint):
        yield Wrong(
            where, "passwords would travel without TLS", "add [console.tls] with certificate and key, or interface=127.0.0.1"
        )
    if console.session_idle_minutes > console.session_hours * 60:
        yield Wrong(
            ("console", "session_idle_minutes"),
            f"longer than a whole session, {console.session_hours} hours",
            f"{console.session_hours * 60} at most",
        )
