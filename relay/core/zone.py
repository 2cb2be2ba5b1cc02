"""What one authoritative name server says of the region record: the TXT and the CNAME of one moment, as raw as they came.

Owns the two questions on the wire. It must never judge an answer, nor compare servers: relay/region/agreement.py does. Both
questions go out together, so that one update is seen whole or not at all; without recursion; nothing is ever kept. The traps: a
forged datagram (another address, port, id, question) must not end the wait for the true one; a truncated answer is asked again
over TCP; a server that is not authoritative answers from a cache, which is nothing said; and to a signed question (TSIG)
dnspython takes no answer that is unsigned or signed by another, so that a wrong key here or there looks like silence.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import msgspec

from relay.bridge import spawn
from relay.core.dns import UDP_PAYLOAD_BYTES, NameServer, ask_server
from relay.errors import ConfigurationError
from relay.telemetry.log import get_log

_log = get_log("core.zone")
_TROUBLE: Final = {dns.rcode.NXDOMAIN: "nxdomain", dns.rcode.SERVFAIL: "servfail", dns.rcode.REFUSED: "refused"}
RECORD_COUNT_MAX: Final = 4  # of one name; more are passed on as so many: any number but one is wrong


class ZoneAnswer(msgspec.Struct, frozen=True):
    """Fulfils agreement's `ZoneWord`. `trouble`: silent, nxdomain, servfail, refused, other-rcode, not-authoritative,
    malformed, failed; empty where both questions were answered."""

    trouble: str = ""
    texts: tuple[tuple[bytes, ...], ...] = ()
    target: str = ""


class TsigKey(msgspec.Struct, frozen=True):
    """`secret` is base64, as name servers write it."""

    name: str
    secret: str
    algorithm: str


class ZoneDoor:
    """Args: `record_name` holds the TXT, `alias_name` the CNAME ("" for none). Raises ConfigurationError for names or a key
    that are none."""

    def __init__(
        self, servers: tuple[NameServer, ...], record_name: str, alias_name: str, timeout_ms: int, tsig: TsigKey | None = None
    ) -> None:
        self._servers = servers
        self._timeout_s = timeout_ms / 1_000
        try:
            self._record = dns.name.from_text(record_name)
            self._alias = dns.name.from_text(alias_name) if alias_name else None
            if tsig is not None:
                base64.b64decode(tsig.secret, validate=True)  # dnspython drops what is no base64 and takes the rest
            self._keyring = None if tsig is None else dns.tsigkeyring.from_text({tsig.name: (tsig.algorithm, tsig.secret)})
        except (dns.exception.DNSException, ValueError) as error:
            raise ConfigurationError("a DNS name or the TSIG key of [region] cannot be used.", f"{error}.") from error

    def ask(self, index: int, done: Callable[[ZoneAnswer], None]) -> None:
        """Ask server number `index`; `done` is called exactly once, later, within the timeout."""

        async def asking() -> None:
            answer = ZoneAnswer("failed")
            try:
                answer = await self.look(index)
            finally:
                done(answer)

        spawn(f"ask {self._servers[index].ip} for the region", asking())

    async def look(self, index: int) -> ZoneAnswer:
        """Never raises for anything that a server can say."""
        server = self._servers[index]
        try:
            async with asyncio.timeout(self._timeout_s):
                text, alias = await asyncio.gather(
                    self._question(server, self._record, dns.rdatatype.TXT),
                    self._question(server, self._alias, dns.rdatatype.CNAME),
                )
        except (TimeoutError, OSError, EOFError, dns.exception.Timeout):
            return ZoneAnswer("silent")
        except dns.exception.DNSException as error:
            _log.debug("answer not understood", server=server.ip, error=type(error).__name__)
            return ZoneAnswer("malformed")
        trouble = self._trouble(text) or self._trouble(alias)
        if trouble or text is None:
            return ZoneAnswer(trouble or "malformed")
        found = text.get_rrset(text.answer, self._record, dns.rdataclass.IN, dns.rdatatype.TXT)
        texts = () if found is None else tuple(tuple(rdata.strings) for rdata in list(found)[:RECORD_COUNT_MAX])
        return ZoneAnswer("", texts, self._target(alias))

    def _target(self, alias: dns.message.Message | None) -> str:
        """One step, whatever else the answer holds: a chain or a loop behind it is nobody's business."""
        if alias is None or self._alias is None:
            return ""
        found = alias.get_rrset(alias.answer, self._alias, dns.rdataclass.IN, dns.rdatatype.CNAME)
        return "" if found is None or len(found) != 1 else str(found[0].target)

    async def _question(
        self, server: NameServer, name: dns.name.Name | None, kind: dns.rdatatype.RdataType
    ) -> dns.message.Message | None:
        if name is None:
            return None
        query = dns.message.make_query(name, kind, use_edns=0, payload=UDP_PAYLOAD_BYTES)
        query.flags &= ~dns.flags.RD
        if self._keyring is not None:
            query.use_tsig(self._keyring)
        return await ask_server(query, server, self._timeout_s)

    def _trouble(self, response: dns.message.Message | None) -> str:
        if response is None:
            return ""
        rcode = response.rcode()
        if rcode != dns.rcode.NOERROR:
            return _TROUBLE.get(rcode, "other-rcode")
        return "" if response.flags & dns.flags.AA else "not-authoritative"
