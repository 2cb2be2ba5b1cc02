"""The lab's change in DNS: one RFC 2136 update that compares and swaps, sent to each name server by itself.

Owns the message and its answer in words. It must never decide that a region changes: a script says so, as the failover run
will. The trap: the two servers are two primaries, so one that was away keeps the old record until it is told; the relay has
the epoch to know which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

from relay.loopback.lab.names import ALIAS, KEY_NAME, RECORD, TTL_S, ZONE, target_of

PATIENCE_S = 5.0  # a name server on a busy machine
Exchange = Callable[[dns.message.Message, str], dns.message.Message]


def by_tcp(message: dns.message.Message, server: str) -> dns.message.Message:
    """Raises OSError or DNSException."""
    return dns.query.tcp(message, server, timeout=PATIENCE_S)


def swap(
    servers: Sequence[str], secret: str, old_text: str, new_text: str, region: str, exchange: Exchange = by_tcp
) -> dict[str, str]:
    """Where the record still is `old_text`, make it `new_text` for `region`; what each server said, "NOERROR" where it did."""
    said: dict[str, str] = {}
    for server in servers:
        update = dns.update.UpdateMessage(
            ZONE, keyring=dns.tsigkeyring.from_text({KEY_NAME: secret}), keyalgorithm=dns.tsig.HMAC_SHA256
        )
        update.present(_inside(RECORD), "TXT", f'"{old_text}"')
        update.replace(_inside(ALIAS), TTL_S, "CNAME", f"{target_of(region)}.")
        update.replace(_inside(RECORD), TTL_S, "TXT", f'"{new_text}"')
        try:
            said[server] = dns.rcode.to_text(exchange(update, server).rcode())
        except (OSError, dns.exception.DNSException) as error:
            said[server] = type(error).__name__
    return said


def serial(server: str, exchange: Exchange = by_tcp) -> int:
    """The zone's serial there, which each update makes larger by one; -1 where the server does not say it."""
    try:
        answer = exchange(dns.message.make_query(ZONE, dns.rdatatype.SOA), server)
        return int(answer.answer[0][0].serial)
    except (OSError, IndexError, AttributeError, dns.exception.DNSException):
        return -1


def _inside(name: str) -> str:
    return name.removesuffix(f".{ZONE}")
