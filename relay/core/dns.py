"""The one door to dnspython: all IPv4 and IPv6 addresses of a name, from the configured name servers.

Owns the questions on the wire. It must never keep an answer: how long one serves is relay/core/discovery.py's. The traps: a
truncated UDP answer holds half a truth and is asked again over TCP; a forged datagram must not end the wait for the real
one, nor a clock that is set back meanwhile put that end off; NXDOMAIN is an answer, so the next server is not asked, while
SERVFAIL, REFUSED and silence only mean that this server does not know.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import msgspec

from relay.bridge import spawn
from relay.core.discovery import DnsResult, Found, Unheard
from relay.errors import ConfigurationError
from relay.telemetry.log import get_log

_log = get_log("core.dns")
UDP_PAYLOAD_BYTES = 1_232  # what fits one packet anywhere; a longer answer is asked for over TCP
_FAMILIES = {4: dns.rdatatype.A, 6: dns.rdatatype.AAAA}


class NameServer(msgspec.Struct, frozen=True):
    ip: str
    port: int = 53


def parse_name_server(text: str) -> NameServer:
    """`10.0.0.53:53`, `10.0.0.53`, `[2001:db8::53]:53` or `2001:db8::53`. Raises ConfigurationError."""
    host, port = text, "53"
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        host += "" if bracket else "["  # never closed: no address
        port = rest.removeprefix(":") or "53"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        ip = str(ipaddress.ip_address(host))
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(port)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no name server.", "Write an IP address and a port, like 10.0.0.53:53.") from None
    return NameServer(ip, int(port))


def system_name_servers() -> tuple[NameServer, ...]:
    """Those of /etc/resolv.conf. Raises ConfigurationError when there are none."""
    try:
        found = dns.resolver.Resolver(configure=True).nameservers
    except dns.resolver.NoResolverConfiguration:
        found = []
    servers = tuple(NameServer(str(server)) for server in found)
    if not servers:
        raise ConfigurationError("The system names no name server.", "Set core.name_servers, or mend /etc/resolv.conf.")
    return servers


async def ask_server(query: dns.message.Message, server: NameServer, timeout_s: float) -> dns.message.Message:
    """The answer to `query`, over UDP, and over TCP where that is cut short; `timeout_s` for each of the two. Datagrams that do
    not answer it are passed over. Raises DNSException, OSError and EOFError."""
    async with asyncio.timeout(2 * timeout_s):  # dnspython's own limit follows the wall clock, which may be set back
        response, _ = await dns.asyncquery.udp_with_fallback(
            query,
            server.ip,
            timeout=timeout_s,
            port=server.port,
            ignore_unexpected=True,
            ignore_errors=True,
            backend=dns.asyncbackend.get_backend("asyncio"),
        )
    return response


class DnsDoor:
    """Args: `name_servers` as in the settings, empty for the system's; `timeout_ms` per server and question."""

    def __init__(self, name_servers: Sequence[str] = (), timeout_ms: int = 1_000) -> None:
        self._servers = tuple(parse_name_server(s) for s in name_servers) if name_servers else system_name_servers()
        self._timeout_s = timeout_ms / 1_000

    def resolve(self, name: str, done: Callable[[DnsResult], None]) -> None:
        """Fulfils discovery's `Resolve`: `done` is called exactly once, later."""

        async def resolving() -> None:
            result: DnsResult = Unheard("failed")
            try:
                result = await self.lookup(name)
            finally:
                done(result)  # also when we are wrong ourselves: a question without an answer would be the last one

        spawn(f"resolve {name}", resolving())

    async def lookup(self, name: str) -> DnsResult:
        """All addresses of `name`. Never raises for anything a server can say."""
        try:
            qname = dns.name.from_text(name)
        except dns.exception.DNSException:
            return Unheard("nxdomain")
        results = await asyncio.gather(*(self._family(qname, kind) for kind in _FAMILIES.values()))
        heard = {family: result for family, result in zip(_FAMILIES, results, strict=True) if not isinstance(result, Unheard)}
        addresses = tuple(address for found, _ in heard.values() for address in sorted(found))
        if addresses:
            ttl_ms = min(ttl_ms for found, ttl_ms in heard.values() if found)
            return Found(addresses, ttl_ms, frozenset(_FAMILIES.keys() - heard.keys()))
        unheard = [result.why for result in results if isinstance(result, Unheard)]
        return Unheard(unheard[0] if unheard else "empty")

    async def _family(self, qname: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[list[str], int] | Unheard:
        """The addresses of one family with their time to live in milliseconds; none is an answer too."""
        why = "silent"
        for server in self._servers:
            query = dns.message.make_query(qname, kind, use_edns=0, payload=UDP_PAYLOAD_BYTES)
            try:
                response = await ask_server(query, server, self._timeout_s)
                if response.rcode() == dns.rcode.NXDOMAIN:
                    return Unheard("nxdomain")
                if response.rcode() != dns.rcode.NOERROR:
                    why = "servfail"
                    continue
                if not isinstance(response, dns.message.QueryMessage):
                    continue
                chain = response.resolve_chaining()
            except (dns.exception.DNSException, OSError, EOFError) as error:
                _log.debug("name server did not answer", server=server.ip, name=str(qname), error=type(error).__name__)
                continue
            if chain.answer is None:
                return [], 0
            return [rdata.address for rdata in chain.answer], chain.minimum_ttl * 1_000
        return Unheard(why)
