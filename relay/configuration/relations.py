"""What settings must be to each other: the relations that no single setting can break alone.

Owns the checks that need only the file. It must never look at the machine (environment.py does). The trap: a relation is
judged on values that are valid by themselves; where one of them was a mistake already, its default must not be blamed, so
each finding names everything it read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from relay.configuration.acks import check_acks
from relay.configuration.announce import check_announce
from relay.configuration.console import check_console
from relay.configuration.hours import check_hours
from relay.configuration.leases import check_leases
from relay.configuration.lines import Path, dotted
from relay.configuration.pair import check_pair
from relay.configuration.regions import Wrong, check_regions, check_tail
from relay.configuration.takeover import check_takeover, takeover_credentials
from relay.configuration.workers import check_workers
from relay.settings import CoreSettings, DialerSettings, LinkSettings, ListenerSettings, OutboundSettings, Settings

_LOOKS_SECRET = re.compile(r"[0-9A-Fa-f]{32,}|[A-Za-z0-9+/_=.-]{40,}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_LOOPBACK_NAMES = re.compile(r"^(localhost|.*\.localhost|127\.[0-9.]+|::1)$")
_HOST_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?"
)  # RFC 1123, and _
_OUTBOUND_ENDPOINT = re.compile(r"^(tcp6?|systemd):")
_ON_LOOPBACK = re.compile(r"interface=(127\.[0-9.]+|\\:\\:1)(:|$)")
_BOUND_TWICE = re.compile(r"^(?:tcp6?|ssl):(?:port=)?(\d+)((?::.*)?)$")


_POSTGRESQL_ONLY = frozenset({"dsn", "schema_name", "password_credential", "connect_timeout_ms", "commit_timeout_ms"})


class Finding(msgspec.Struct, frozen=True):
    """Something wrong at `path`. `also` names what else was read to find it; a warning does not stop the relay."""

    path: Path
    problem: str
    suggestion: str = ""
    also: tuple[Path, ...] = ()
    is_warning: bool = False


def links(settings: Settings) -> Iterator[tuple[Path, LinkSettings]]:
    """Every listener and dialer with its path."""
    for n, listener in enumerate(settings.listener):
        yield ("listener", n), listener
    for n, dialer in enumerate(settings.dialer):
        yield ("dialer", n), dialer


def check_relations(settings: Settings) -> Iterator[Finding]:
    """All findings that follow from the file alone."""
    yield from _journal(settings)
    yield from _reconcile(settings)
    yield from _core(settings.core)
    yield from _outbound(settings.outbound)
    for wrong in (
        *check_regions(settings.region),
        *check_tail(settings.region, settings.journal),
        *_pair(settings),
        *check_announce(settings),
        *check_leases(settings),
        *check_takeover(settings),
        *check_hours(settings),
        *check_console(settings.console),
    ):
        yield Finding(wrong.path, wrong.problem, wrong.suggestion, is_warning=wrong.is_warning)
    yield from _credentials(settings)
    yield from _endpoints(settings)
    yield from _deadlines(settings)
    for path, link in links(settings):
        yield from _link(path, link)
    if not settings.listener and not settings.dialer:
        yield Finding(
            (), "no listener and no dialer: there is nothing to serve", "add a [[listener]] with a name", is_warning=True
        )


def _journal(settings: Settings) -> Iterator[Finding]:
    journal = settings.journal
    for where, problem, suggestion in check_workers(settings):
        yield Finding(where, problem, suggestion, (("relay", "workers"),))
    if journal.archive_directory is not None and journal.archive_after_days > journal.body_window_days:
        yield Finding(
            ("journal", "archive_after_days"),
            f"bodies stay until they are archived, {journal.archive_after_days} days, longer than body_window_days allows",
            f"{journal.body_window_days} at most",
            (("journal", "body_window_days"), ("journal", "archive_directory")),
        )
    if journal.engine == "sqlite":
        unused = sorted(_POSTGRESQL_ONLY & journal.model_fields_set)
        if unused:
            yield Finding(
                ("journal", unused[0]), "this is for PostgreSQL, and the engine is SQLite", 'engine = "postgresql"', (), True
            )
        return
    where = ("journal", "dsn")
    parts = urlsplit(journal.dsn)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    named = [each for each in parts.netloc.rpartition("@")[2].split(",") if each]
    if parts.scheme not in ("postgresql", "postgres") or not named:
        yield Finding(where, "not the address of a PostgreSQL server", "postgresql://relay@db1:5432,db2:5432/relay")
    if password or re.search(r"(^|&)(ssl)?password=", parts.query):
        yield Finding(
            where,
            "a password does not belong into this file",
            "put it into a credential and name that in journal.password_credential; then replace the password",
        )
    if not user and "user=" not in parts.query:
        yield Finding(where, "no user is named: whoever starts the relay would be taken", "postgresql://relay@...", (), True)
    if not parts.path.strip("/"):
        yield Finding(where, "no database is named", "postgresql://relay@db1:5432,db2:5432/relay")
    if len(named) == 1 and settings.pair.journal_standby is None:  # in a pair the other center promotes its standby
        yield Finding(
            where,
            "one server only: when it is away, money messages are refused",
            "name its standby, too: db1:5432,db2:5432",
            (),
            True,
        )


def _pair(settings: Settings) -> Iterator[Wrong]:
    yield from check_pair(settings.pair, settings.relay.center, settings.core.tls is not None)
    yield from check_acks(settings.pair, settings.journal)


def _reconcile(settings: Settings) -> Iterator[Finding]:
    """What is in work at its terminal must not be compared yet."""
    margin_ms = settings.reconcile.margin_ms
    for path, link in links(settings) if settings.reconcile.enabled else ():
        work_ms = link.reply_deadline_ms + settings.core.call_timeout_ms
        if margin_ms < work_ms:
            why = f"{margin_ms} ms, and a message of {link.name} may be in work for {work_ms} ms: correction runs pass over it"
            where = ("reconcile", "margin_ms")
            yield Finding(where, why, f"margin_ms = {work_ms}", ((*path, "reply_deadline_ms"),), is_warning=True)


def _core(core: CoreSettings) -> Iterator[Finding]:
    for low, high in (
        ("inflight_count_min", "inflight_count_max"),
        ("connections_per_address_max", "connections_max"),
        ("retry_first_ms", "retry_max_ms"),
        ("connect_timeout_ms", "call_timeout_ms"),
        ("ttl_floor_ms", "serve_stale_ms"),
    ):
        yield from _ordered(("core",), core, low, high)
    if not _HOST_NAME.fullmatch(core.name) and not _is_address(core.name):
        yield Finding(("core", "name"), f'"{core.name}" is no host name', "such as core.bank.internal, or an IP address")
    elif core.tls is None and not _LOOPBACK_NAMES.match(core.name):
        yield Finding(
            ("core", "name"),
            f"card data would travel to {core.name} without TLS",
            "add [core.tls]; without it the core may only be on this machine",
            also=(("core", "tls"),),
            is_warning=True,
        )
    for n, server in enumerate(core.name_servers):
        problem = _host_port_problem(server)
        if problem:
            yield Finding(("core", "name_servers", n), f'"{server}": {problem}', 'write "10.0.0.53:53" or "[2001:db8::53]:53"')


def _outbound(outbound: OutboundSettings) -> Iterator[Finding]:
    """Whoever can post can speak to terminals in the bank's name: by certificate, or from this machine only."""
    yield from _ordered(("outbound",), outbound, "deferred_first_ms", "deferred_max_ms")
    endpoint, where = outbound.endpoint, ("outbound", "endpoint")
    if outbound.body_bytes_max > outbound.open_bytes_max:
        yield Finding(("outbound", "body_bytes_max"), "one body may be larger than all of them", f"{outbound.open_bytes_max}")
    if endpoint is None:
        if outbound.tls is not None or outbound.clients:
            yield Finding(where, "nothing is served without an endpoint", "tcp:9443:interface=10.20.0.11", is_warning=True)
        return
    if not _OUTBOUND_ENDPOINT.match(endpoint):
        yield Finding(where, f'"{endpoint}" is not an endpoint for this', "tcp:PORT:interface=ADDRESS, tcp6: or systemd:")
    tls = outbound.tls
    if tls is None and not _ON_LOOPBACK.search(endpoint):
        yield Finding(
            where,
            "anybody who reaches this endpoint could send messages to terminals",
            "add [outbound.tls] with require_peer_certificate = true, or interface=127.0.0.1",
            also=(("outbound", "tls"),),
        )
    elif tls is not None and not tls.require_peer_certificate:
        yield Finding(
            ("outbound", "tls", "require_peer_certificate"),
            "callers are not asked for a certificate",
            "true, with the authorities that issue the core's certificates",
            also=(("outbound", "tls"),),
        )
    if outbound.clients and tls is None:
        yield Finding(("outbound", "clients"), "names come from certificates, and there is no TLS", "add [outbound.tls]")


def _deadlines(settings: Settings) -> Iterator[Finding]:
    """A call has to end while there is time to inquire. Blames the call once for all links that name no deadline."""
    call_ms, is_call_blamed = settings.core.call_timeout_ms, False
    for path, link in links(settings):
        call, deadline = ("core", "call_timeout_ms"), (*path, "reply_deadline_ms")
        is_named = "reply_deadline_ms" in link.model_fields_set
        if call_ms < link.reply_deadline_ms or (is_call_blamed and not is_named):
            continue
        is_call_blamed |= not is_named
        yield Finding(
            deadline if is_named else call,
            f"one call to the core may take {call_ms} ms, but the terminals of {link.name} are answered within "
            f"{link.reply_deadline_ms} ms: no time is left to inquire",
            f"more than {call_ms}" if is_named else f"less than {link.reply_deadline_ms}",
            also=(call, deadline),
        )


def _link(path: Path, link: LinkSettings) -> Iterator[Finding]:
    if isinstance(link, ListenerSettings):
        for n, network in enumerate(link.allow_networks):
            suggestion = _network_problem(network)
            if suggestion is not None:
                yield Finding((*path, "allow_networks", n), f'"{network}" is not a network', suggestion)
        if link.certificate_names == "terminal" and (link.tls is None or not link.tls.require_peer_certificate):
            yield Finding(
                (*path, "certificate_names"),
                "far ends are not asked for a certificate, so that none would be served",
                "add [listener.tls] with authorities and require_peer_certificate = true",
                also=((*path, "tls"),),
            )
        if len(set(link.terminals)) < len(link.terminals):
            twice = sorted({t for t in link.terminals if link.terminals.count(t) > 1})
            yield Finding((*path, "terminals"), f"named twice: {', '.join(twice)}", is_warning=True)
        if link.expected_sessions > link.connection_count_max:
            yield Finding(
                (*path, "expected_sessions"),
                f"{link.expected_sessions} sessions are expected and {link.connection_count_max} links allowed",
                f"connection_count_max = {link.expected_sessions + link.expected_sessions // 10}, a tenth above",
                also=((*path, "connection_count_max"),),
            )
        if link.connection_count_per_host_max > link.connection_count_max:
            per_host, total = (*path, "connection_count_per_host_max"), (*path, "connection_count_max")
            if "connection_count_per_host_max" in link.model_fields_set:
                yield Finding(
                    per_host,
                    f"{link.connection_count_per_host_max} per source address is more than {link.connection_count_max} in all",
                    also=(total,),
                    is_warning=True,
                )
    if isinstance(link, DialerSettings):
        yield from _ordered(path, link, "backoff_first_ms", "backoff_max_ms")
        if link.source_address is not None and not _is_address(link.source_address):
            yield Finding(
                (*path, "source_address"), f'"{link.source_address}" is not an IP address', "an address of this host, no name"
            )


def _ordered(path: Path, table: CoreSettings | LinkSettings | OutboundSettings, low: str, high: str) -> Iterator[Finding]:
    least, most = getattr(table, low), getattr(table, high)
    if least > most:
        yield Finding((*path, low), f"{least} is more than {high} ({most})", f"{most} at most", also=((*path, high),))


def _credentials(settings: Settings) -> Iterator[Finding]:
    for path, name in credential_names(settings):
        if _LOOKS_SECRET.fullmatch(name):
            yield Finding(
                path,
                "this looks like the secret itself, not like the name of a credential",
                "put it into a file of the credentials directory and write that file's name here; then replace the secret",
            )
        elif not _CREDENTIAL_NAME.fullmatch(name):
            yield Finding(path, "not a credential's name", "letters, digits, dashes, dots and underscores; no slash")


def credential_names(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Every credential that the file names, with the path of the setting."""
    yield ("journal", "key_credential"), settings.journal.key_credential
    for number, older in enumerate(settings.journal.older_key_credentials):
        yield ("journal", "older_key_credentials", number), older
    if settings.journal.password_credential is not None:
        yield ("journal", "password_credential"), settings.journal.password_credential
    if settings.lease.password_credential is not None:
        yield ("lease", "password_credential"), settings.lease.password_credential
    if settings.takeover.dsn is not None:
        yield from takeover_credentials(settings.takeover)
    if settings.core.bearer_credential is not None:
        yield ("core", "bearer_credential"), settings.core.bearer_credential
    for number, key in enumerate(settings.region.mac_credentials):
        yield ("region", "mac_credentials", number), key
    if settings.region.tsig_credential is not None:
        yield ("region", "tsig_credential"), settings.region.tsig_credential
    for number, key in enumerate(settings.pair.mac_credentials):
        yield ("pair", "mac_credentials", number), key
    if settings.pair.key is not None and settings.pair.key.startswith("credential:"):
        yield ("pair", "key"), settings.pair.key.removeprefix("credential:")
    if settings.console.tls is not None and settings.console.tls.key.startswith("credential:"):
        yield ("console", "tls", "key"), settings.console.tls.key.removeprefix("credential:")
    tables = [
        (("core", "tls"), settings.core.tls),
        (("outbound", "tls"), settings.outbound.tls),
        *(((*path, "tls"), link.tls) for path, link in links(settings)),
    ]
    for path, tls in tables:
        if tls is not None and tls.key is not None and tls.key.startswith("credential:"):
            yield (*path, "key"), tls.key.removeprefix("credential:")


def _endpoints(settings: Settings) -> Iterator[Finding]:
    """Two listeners on one port. Interfaces are compared as written: all (none named) clashes with each."""
    taken: dict[tuple[int, str], Path] = {}
    wanted: list[tuple[Path, int, str]] = []
    endpoints: list[tuple[Path, str]] = [(("listener", n, "endpoint"), ls.endpoint) for n, ls in enumerate(settings.listener)]
    if settings.outbound.endpoint is not None:
        endpoints.append((("outbound", "endpoint"), settings.outbound.endpoint))
    if settings.console.endpoint is not None:
        endpoints.append((("console", "endpoint"), settings.console.endpoint))
    for where, endpoint in endpoints:
        match = _BOUND_TWICE.match(endpoint)
        if match and match[1] != "0":
            named = re.search(r":interface=((?:\\.|[^:])*)", match[2])
            wanted.append((where, int(match[1]), named[1].replace("\\", "") if named else ""))
    if settings.telemetry.metrics_port:
        wanted.append((("telemetry", "metrics_port"), settings.telemetry.metrics_port, settings.telemetry.metrics_host))
    for path, port, interface in wanted:
        anywhere = {"", "0.0.0.0", "::"}
        for (other_port, other_interface), other in taken.items():
            if port == other_port and (interface == other_interface or {interface, other_interface} & anywhere):
                yield Finding(path, f"port {port} is taken by {dotted(other)}", "choose another port", also=(other,))
        taken.setdefault((port, interface), path)


def _network_problem(text: str) -> str | None:
    """A suggestion when `text` is not a network in CIDR form, else None."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            return f'did you mean "{ipaddress.ip_network(text, strict=False)}"?'
        except ValueError:
            return 'write it as "10.20.0.0/16"'
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _host_port_problem(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65_536:
        return "a name server is written with its port"
    if not _is_address(host.removeprefix("[").removesuffix("]")):
        return "a name server is given by its IP address"
    return ""
