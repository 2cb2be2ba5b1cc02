"""The region record changed on its primary name server: one DNS UPDATE, compare-and-swap, signed by TSIG.

Owns the message on the wire (RFC 2136, RFC 8945) and what its answer means. It must never decide which record. The traps: the
comparison is the server's own prerequisite on the old text, so of two who change it at once the second one gets NXRRSET and
nothing has changed; TXT and CNAME go in one message, which a server applies whole or not at all; an answer that does not
come means that nobody knows, and the next look decides; and Knot says BADKEY for what its access list refuses, so a key's
trouble is told as both.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal, TypeAlias

import dns.asyncquery
import dns.exception
import dns.name
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import msgspec

from relay.core.dns import NameServer
from relay.core.zone import TsigKey
from relay.errors import ConfigurationError

Swapped: TypeAlias = Literal["changed", "not-as-expected", "refused", "unclear"]
_SURELY_NOT: Final = {dns.rcode.REFUSED, dns.rcode.NOTAUTH, dns.rcode.NOTZONE, dns.rcode.FORMERR, dns.rcode.NOTIMP}
_RACED: Final = {dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN}


class ZoneChange(msgspec.Struct, frozen=True, kw_only=True):
    """From the text `old_text` to `new_text` at `record_name`, and the alias at `alias_name` to `target`. Names are
    absolute."""

    zone: str
    record_name: str
    alias_name: str
    old_text: str
    new_text: str
    target: str
    ttl_s: int


class ChangeAnswer(msgspec.Struct, frozen=True):
    result: Swapped
    detail: str = ""


async def change_zone(change: ZoneChange, server: NameServer, key: TsigKey, timeout_s: float) -> ChangeAnswer:
    """Never raises for anything that a server can say. Raises ConfigurationError for names or a key that are none."""
    try:
        keyring = dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)})
        zone = dns.name.from_text(change.zone)
        record = dns.name.from_text(change.record_name).relativize(zone)
        alias = dns.name.from_text(change.alias_name).relativize(zone)
        update = dns.update.UpdateMessage(zone, keyring=keyring, keyalgorithm=key.algorithm)
        update.present(record, "TXT", f'"{change.old_text}"')
        update.replace(record, change.ttl_s, "TXT", f'"{change.new_text}"')
        update.replace(alias, change.ttl_s, "CNAME", dns.name.from_text(change.target).to_text())
    except (dns.exception.DNSException, ValueError) as error:
        raise ConfigurationError("the names or the TSIG key of a DNS update cannot be used.", f"{error}.") from error
    try:
        async with asyncio.timeout(2 * timeout_s):  # to connect, and to be answered; dnspython's limit follows the wall clock
            answer = await dns.asyncquery.tcp(update, server.ip, timeout=timeout_s, port=server.port)
    except dns.tsig.PeerError as error:
        return ChangeAnswer(
            "refused", f"the server does not take the key, or its access list refuses it: {type(error).__name__}"
        )
    except (OSError, EOFError, dns.exception.DNSException) as error:
        return ChangeAnswer("unclear", str(error) or type(error).__name__)
    rcode = answer.rcode()
    if rcode == dns.rcode.NOERROR:
        return ChangeAnswer("changed")
    if rcode in _RACED:
        return ChangeAnswer("not-as-expected", "the record is not what it was")
    kind: Swapped = "refused" if rcode in _SURELY_NOT else "unclear"
    return ChangeAnswer(kind, dns.rcode.to_text(rcode))
