"""What `[lease]` must be for exclusive lines: a database that can be found, and times that fit each other.

Owns the checks that need only the file. It must never ask the database. The traps: the holder stops `clock_drift_ms` and one
request before its lease ends, so the time that it has for renewals is shorter than the lease, and a second try must fit into
it, or one lost answer takes the line down; and a lease database without a standby is one disk that stops every line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from relay.configuration.lines import Path
from relay.configuration.regions import Wrong
from relay.settings import LinkSettings, ListenerSettings, Settings


def check_leases(settings: Settings) -> Iterator[Wrong]:
    """Everything that keeps exclusive lines from being held, or from being held by one alone."""
    lease = settings.lease
    links: tuple[LinkSettings, ...] = (*settings.listener, *settings.dialer)
    exclusive = [link.name for link in links if link.exclusive]
    yield from _lines(settings)
    if not exclusive:
        unused = sorted(lease.model_fields_set)
        if unused:
            yield Wrong(
                ("lease", unused[0]), "no line is exclusive, so that nobody asks it", "exclusive = true", is_warning=True
            )
        return
    if lease.dsn is None:
        yield Wrong(
            ("lease", "dsn"),
            f"{exclusive[0]} is exclusive, and no database says who has it",
            "postgresql://relay@db1:5432,db2:5432/relay",
        )
    else:
        yield from _dsn(lease.dsn)
    needed_ms = lease.renew_ms + 2 * lease.request_timeout_ms
    hold_ms = lease.ttl_ms - lease.clock_drift_ms - lease.request_timeout_ms
    if needed_ms > hold_ms:
        yield Wrong(
            ("lease", "ttl_ms"),
            f"one lost answer would take the line down: renew_ms + 2 * request_timeout_ms is {needed_ms} ms, and a lease is "
            f"held for ttl_ms - clock_drift_ms - request_timeout_ms = {hold_ms} ms",
            f"at least {lease.ttl_ms + needed_ms - hold_ms}",
        )


def _lines(settings: Settings) -> Iterator[Wrong]:
    for kind, group in (("listener", settings.listener), ("dialer", settings.dialer)):
        for n, link in enumerate(group):
            path: Path = (kind, n)
            if link.lease_name is not None and not link.exclusive:
                yield Wrong((*path, "lease_name"), f"{link.name} is not exclusive", "exclusive = true", is_warning=True)
            if link.exclusive and isinstance(link, ListenerSettings) and not re.match(r"tcp6?:", link.endpoint):
                yield Wrong((*path, "endpoint"), "an exclusive line listens only while it is held", "tcp: or tcp6:")


def _dsn(dsn: str) -> Iterator[Wrong]:
    where = ("lease", "dsn")
    parts = urlsplit(dsn)
    named = [each for each in parts.netloc.rpartition("@")[2].split(",") if each]
    if parts.scheme not in ("postgresql", "postgres") or not named or not parts.path.strip("/"):
        yield Wrong(where, "not the address of a PostgreSQL database", "postgresql://relay@db1:5432,db2:5432/relay")
    if ":" in parts.netloc.rpartition("@")[0] or re.search(r"(^|&)(ssl)?password=", parts.query):
        yield Wrong(
            where,
            "a password does not belong into this file",
            "put it into a credential and name that in lease.password_credential; then replace the password",
        )
    if len(named) == 1:
        yield Wrong(
            where,
            "one server only: when it is away, every exclusive line stops",
            "name its standby, too: db1:5432,db2:5432",
            is_warning=True,
        )
