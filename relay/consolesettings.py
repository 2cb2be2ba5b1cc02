"""The settings of `[console]` and `[control]`: the operator's web page, who may sign in, and for how long; the unix socket for
people and tools, and who signs second there.

Owns the model, beside relay/settings.py, whose rules for models hold here too.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from relay.places import CONTROL_SOCKET


class ConsoleTlsSettings(BaseModel):
    """TLS of the console."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    certificate: str = Field(description="PEM file with the certificate chain.")
    key: str = Field(description="PEM file with the private key, or credential:NAME.")
    minimum_version: Literal["1.2", "1.3"] = Field("1.2", description="Lowest TLS version accepted.")


class ConsoleSettings(BaseModel):
    """The operator's web console: pages about this relay, read-only but for whoever may do more."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    endpoint: str | None = Field(
        None, description="Twisted endpoint string (tcp, tcp6, systemd) that browsers open; absent means no console."
    )
    tls: ConsoleTlsSettings | None = Field(
        None, description="TLS on the endpoint; without it, it may only be on this machine's loopback."
    )
    accounts_path: str = Field(
        "/var/lib/relay/console-accounts.json", description="File with the accounts, which `relay console user` writes."
    )
    failover_socket: str | None = Field(
        None, description="The failover orchestrator's control socket; where it is set, the console has a failover room."
    )
    language: Literal["en", "ja"] = Field("en", description="Language for browsers that ask for neither English nor Japanese.")
    session_idle_minutes: int = Field(15, ge=1, le=1_440, description="Who does nothing for so long is signed out, minutes.")
    session_hours: int = Field(12, ge=1, le=168, description="After so long everybody signs in again, hours.")
    session_count_max: int = Field(64, ge=1, le=10_000, description="Sessions at once; the one idle for longest makes room.")
    connection_count_max: int = Field(64, ge=1, le=1_000, description="Open connections of browsers.")
    tls_handshakes_count_max: int = Field(
        32, ge=1, le=1_000, description="TLS handshakes with browsers at once; a quarter of them for one address at most."
    )


class ControlSettings(BaseModel):
    """The unix socket for relay status and its relatives."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    path: str = Field(CONTROL_SOCKET, description="Unix socket; mode 0660.")
    two_signatures: Literal["accounts", "names"] = Field(
        "accounts",
        description="Who signs second where two sign (pin, lease take, take-over): somebody from another account, or a name "
        "that the first one types. The latter only where people share an account.",
    )
