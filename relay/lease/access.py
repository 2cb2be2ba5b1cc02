"""How the lease database is reached, and as whom: the one place that makes its door from the configuration.

Owns the values. It must never connect. The trap: asyncpg is installed only where it is wanted (extra `postgresql`), so nothing
that needs it is imported until a line is exclusive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from protocols.vocabulary import Secret
from relay.errors import ConfigurationError

if TYPE_CHECKING:
    from relay.handoversettings import LeaseSettings
    from relay.lease.store import LeaseStore


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Times in milliseconds."""

    dsn: str
    schema: str
    password: Secret | None
    request_timeout_ms: int


class Numbers(msgspec.Struct, frozen=True):
    """A range that a line gives its numbers from, within `scope`."""

    resource: str
    scope: str
    first: int
    last: int


class Mine(msgspec.Struct, frozen=True):
    """Who asks: the holder is a center's one life, and `numbers` are what its lines give away."""

    center: str
    incarnation: int
    numbers: tuple[Numbers, ...] = ()


def access_of(settings: LeaseSettings, secret: Callable[[str], Secret]) -> Access:
    """`secret` reads a credential. Raises ConfigurationError."""
    if settings.dsn is None:
        raise ConfigurationError("a line is exclusive, and no lease database is named.", "Set lease.dsn; see docs/lease.md.")
    return Access(
        dsn=settings.dsn,
        schema=settings.schema_name,
        password=None if settings.password_credential is None else secret(settings.password_credential),
        request_timeout_ms=settings.request_timeout_ms,
    )


def open_store(access: Access, mine: Mine, ttl_ms: int, boot_ms: Callable[[], int]) -> LeaseStore:
    """Not connected yet. Raises ConfigurationError."""
    try:
        from relay.lease.store import LeaseStore
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "leases need the package asyncpg, which is not installed.", "pip install 'relay-center[postgresql]'"
        ) from error
    return LeaseStore(access, mine, ttl_ms, boot_ms)
