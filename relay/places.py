"""Where an installed host has the sockets that people's tools ask, unless somebody says otherwise.

Owns the paths, beside the models of the configuration: a tool that asks a running process reads no configuration, and must not
wait for the libraries that do.
"""

from __future__ import annotations

from typing import Final

CONTROL_SOCKET: Final = "/run/relay/control.sock"
FAILOVER_SOCKET: Final = "/run/relay-failover/control.sock"
